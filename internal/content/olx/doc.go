// Package olx reads an Open edX course export (OLX) into the parts that the
// platform knows: chapters, subsections, units, sanitised rich text, video and
// problems in the item format of the event contract.
//
// The package is pure: it has no database and no network, and it keeps nothing
// between calls. [Open], [OpenArchive] and [OpenFS] make a [Source] within
// [Limits]; [Parse] reads the course from it and reports, in a [Report], each
// thing that was simplified, skipped or missing. Nothing is dropped in silence.
//
// All of the input is hostile. A source that tries path tricks, links or bombs,
// or that has no course in it, is refused with an [*InvalidError]. A broken part
// of an otherwise readable course becomes a placeholder and a line of the report.
//
// Markup that leaves the package is sanitised HTML in which URLs have one of the
// schemes http, https, mailto and two of our own:
//
//   - asset:<sha256 in hex>/<escaped file name> names an [Asset] of the course;
//   - unit:<uuid> names the [Unit] with that ID.
package olx
