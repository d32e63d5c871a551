// Package moodlexml reads and writes questions in Moodle XML, the format in which
// Moodle exports its question bank (Moodle documentation: "Moodle XML format";
// the question types' own documentation for what their elements mean).
//
// The file is read once from its beginning, with one question in memory. It is
// scanned here and not by encoding/xml, because real files have what no strict
// parser passes: HTML that is not escaped, ampersands and entities of HTML,
// control characters, bytes of another encoding than the declared one. Within
// texts all of that is understood and told. The structure must be sound: an
// element of Moodle's that is not closed, a file that ends too early or a
// document type with declarations is refused with the line.
//
// Questions of types that are not known, and those that cannot be scored by what
// is in the file, are told with their type and are not imported. A description
// becomes an item of weight 0, which asks nothing.
package moodlexml
