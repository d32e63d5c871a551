// Package xmlstream reads the XML of item files: an element at a time, within
// limits, tolerant of what exporters get wrong, and never further than that.
//
// Met with tolerance, and told: byte order marks, UTF-16 and declared legacy
// charsets, bytes that are not of the charset, control characters, undeclared
// entities, ampersands that are not escaped, attributes without quotation marks.
// Refused: entities that a document declares itself, nesting and texts beyond the
// limits, tags that do not match, an end that comes too early.
package xmlstream
