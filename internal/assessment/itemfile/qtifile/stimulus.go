package qtifile

import (
	"errors"
	"fmt"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
)

// stimulus reads a text that several items share into each of them.
func (it *item) stimulus(ref *node) {
	href := ref.get("href")
	what := "shared stimulus " + quote(orElse(href, ref.get("identifier")))
	if it.archive == nil {
		it.add(itemfile.Missing, ref.line, what, "an item alone brings no files: import the package that it is from")
		return
	}
	file, ok := it.archive.Beside(it.file, href)
	if !ok || href == "" {
		it.add(itemfile.Missing, ref.line, what, "the package does not contain it")
		return
	}
	root, tolerated, err := readFile(it.archive, file)
	var fault *xmlstream.Error
	var refused *itemfile.RefusedError
	switch {
	case errors.As(err, &fault), errors.As(err, &refused):
		it.skipped(ref, what, "it cannot be read: "+err.Error())
		return
	case err != nil:
		it.fail(err)
		return
	}
	it.tolerated(tolerated)
	body := root.child("qti-stimulus-body")
	if body == nil {
		it.skipped(ref, what, "there is no stimulus body in it")
		return
	}
	// Its references are relative to its own place.
	outer := it.file
	it.file = file
	for _, k := range root.kids {
		switch {
		case k.is("qti-stylesheet"):
			it.stylesheet(k)
		case k.is("qti-catalog-info"):
			it.skipped(k, k.raw, "alternative content is not kept")
		}
	}
	w := &htmlWriter{it: it}
	w.children(body)
	text := it.clean(w.String())
	it.file = outer
	if text == "" {
		return
	}
	it.stimuli = append(it.stimuli, "<section>"+text+"</section>")
	it.info(ref, what, "each item has it at its beginning")
}

// readFile reads an XML file of a package.
func readFile(a *itemfile.Archive, file string) (_ *node, _ []xmlstream.Note, err error) {
	if a.Bytes(file) > maxItemBytes {
		return nil, nil, itemfile.Refuse(itemfile.Place{File: file}, "it is larger than the %d bytes that an item may have", maxItemBytes)
	}
	r, err := a.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	root, notes, err := readTreeOf(r, a.Bytes(file))
	if err != nil {
		return nil, nil, fmt.Errorf("%w", err)
	}
	return root, notes, nil
}
