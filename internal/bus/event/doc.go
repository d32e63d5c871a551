// Package event is the published language: every fact that one module tells
// the others, one file per producing module. Payloads are flat structs of
// standard types that carry ids, not personal data. Fields are added, never
// renamed or removed; a break is a new version beside the old one. The golden
// files under testdata hold each payload's JSON form.
package event
