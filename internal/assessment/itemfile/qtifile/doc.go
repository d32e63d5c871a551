// Package qtifile reads and writes the items of 1EdTech's Question and Test
// Interoperability, versions 2.0, 2.1, 2.2 and 3.0: single items, and packages
// with a manifest, tests, shared stimuli and media. What is written is QTI 3.0.
//
// # How an item arrives
//
// Each interaction becomes a part whose id is the identifier of its response. If
// the response processing is one of the standard templates or computes the same
// as the native key of the parts can, the item arrives with native keys: it can
// be edited as any other. Where that is not certain, the logic is kept as it is,
// as a program (event.ProgramV1), and the parts carry only what the learner sees.
// Either way the scores are those that the item had.
//
// # How an item leaves
//
// The XML of an item is as complete as QTI allows, with response processing that
// gives the same scores. What QTI has no word for (formulas, units, hints, rows
// of data) is in a companion file of the package, lyceum/NUMBER.json, which holds
// the native item and the digest of its XML. Reading such a package back takes
// the native item as long as the digest is that of the XML beside it, so nothing
// is lost; once another system has changed the XML, the XML counts.
//
// # Sources
//
// 1EdTech, "Question and Test Interoperability (QTI): Assessment, Section and
// Item (ASI) Information Model", version 3.0, and "Best Practices and
// Implementation Guide"; IMS, "Question and Test Interoperability Assessment
// Test, Section and Item Information Model", versions 2.1 and 2.2; IMS, "Content
// Packaging Information Model", version 1.1.4; IEEE 1484.12.1, "Learning Object
// Metadata".
package qtifile
