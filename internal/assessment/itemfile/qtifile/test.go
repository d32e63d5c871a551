package qtifile

import (
	"errors"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/markup"
)

// location is where a test has an item.
type location struct {
	folder []string
	tags   []string
}

// testReader reads the tests of a package: their sections become folders, what
// else they say is reported.
type testReader struct {
	archive *itemfile.Archive
	items   map[string]location // by file
	open    []string            // files of sections that are being read
	notes
	count int
}

// maxReferences bounds the items of all tests of a package.
const maxReferences = 500_000

// readTest reads a test, or a section that stands for itself.
func (t *testReader) readTest(file string) error {
	root, err := t.load(file)
	if root == nil || err != nil {
		return err
	}
	switch root.name {
	case "qti-assessment-test":
		return t.test(file, root)
	case "qti-assessment-section":
		return t.section(file, root, nil)
	}
	t.add(itemfile.Skipped, root.line, "element "+quote(root.raw), "a test was announced")
	return nil
}

// load reads a file; what cannot be read is reported.
func (t *testReader) load(file string) (*node, error) {
	root, tolerated, err := readFile(t.archive, file)
	var fault *xmlstream.Error
	var refused *itemfile.RefusedError
	switch {
	case errors.As(err, &fault), errors.As(err, &refused):
		t.add(itemfile.Skipped, 0, "file "+quote(file), "it cannot be read, so its items are in no folder: "+err.Error())
		return nil, nil
	case err != nil:
		return nil, err
	}
	t.tolerated(tolerated)
	return root, nil
}

func (t *testReader) test(file string, root *node) error {
	t.at.ID = root.get("identifier")
	title := orElse(root.get("title"), root.get("identifier"))
	parts := root.elements("qti-test-part")
	for _, k := range root.elements() {
		if !k.is("qti-test-part", "qti-outcome-declaration") {
			t.dropped(k)
		}
	}
	if len(root.elements("qti-outcome-declaration")) > 0 {
		t.info(root, "outcome variables of the test", "a test's score is made of those of its items")
	}
	for i, p := range parts {
		folder := nonEmpty(markup.Shorten(title, 200))
		if len(parts) > 1 {
			folder = append(folder, orElse(markup.Shorten(p.get("title"), 200), orElse(p.get("identifier"), "Part "+string(rune('1'+i%9)))))
		}
		for _, a := range p.attrs {
			if a.name == "navigation-mode" || a.name == "submission-mode" {
				t.simplified(p, p.raw+" "+a.name, "items are imported into a bank, not the way in which a test is taken")
			}
		}
		if err := t.children(file, p, folder); err != nil {
			return err
		}
	}
	return nil
}

func (t *testReader) section(file string, n *node, parent []string) error {
	folder := append(slices.Clip(parent), markup.Shorten(orElse(n.get("title"), orElse(n.get("identifier"), "Section")), 200))
	return t.children(file, n, folder)
}

func (t *testReader) children(file string, n *node, folder []string) error {
	for _, k := range n.elements() {
		var err error
		switch k.name {
		case "qti-assessment-section":
			err = t.section(file, k, folder)
		case "qti-assessment-section-ref":
			err = t.sectionRef(file, k, folder)
		case "qti-assessment-item-ref":
			t.itemRef(file, k, folder)
		default:
			t.dropped(k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *testReader) sectionRef(file string, n *node, folder []string) error {
	other, ok := t.archive.Beside(file, n.get("href"))
	switch {
	case !ok || n.get("href") == "":
		t.add(itemfile.Missing, n.line, "section "+quote(n.get("href")), "the package does not contain it")
		return nil
	case slices.Contains(t.open, other) || other == file || len(t.open) > 20:
		t.add(itemfile.Skipped, n.line, "section "+quote(n.get("href")), "it contains itself")
		return nil
	}
	root, err := t.load(other)
	if root == nil || err != nil {
		return err
	}
	t.open = append(t.open, file)
	defer func() { t.open = t.open[:len(t.open)-1] }()
	return t.section(other, root, folder)
}

func (t *testReader) itemRef(file string, n *node, folder []string) {
	if t.count++; t.count > maxReferences {
		t.add(itemfile.Skipped, n.line, "further items", "there are more than can be put into folders")
		return
	}
	for _, k := range n.elements() {
		t.dropped(k)
	}
	item, ok := t.archive.Beside(file, n.get("href"))
	if !ok || n.get("href") == "" {
		t.add(itemfile.Missing, n.line, "item "+quote(orElse(n.get("href"), n.get("identifier"))), "the package does not contain it")
		return
	}
	if _, placed := t.items[item]; placed {
		t.info(n, "item "+quote(n.get("href")), "it is in several places; it is put into the folder of the first")
		return
	}
	t.items[item] = location{folder: folder, tags: strings.Fields(n.get("category"))}
}

// dropped reports what a test says and a bank does not hold.
func (t *testReader) dropped(n *node) {
	why := "items are imported into a bank, not the way in which a test is taken"
	switch n.name {
	case "qti-outcome-processing":
		why = "a test's score is made of those of its items"
	case "qti-weight":
		why = "what an item is worth is decided where it is used"
	case "qti-rubric-block", "qti-test-rubric-block", "qti-test-feedback":
		why = "texts of a test are not kept: put them where the items are used"
	}
	t.simplified(n, n.raw, why)
}
