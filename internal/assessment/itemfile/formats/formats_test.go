package formats

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/realfiles"
)

func source(name string, data []byte) itemfile.Source {
	return itemfile.Source{Name: name, Data: bytes.NewReader(data), Size: int64(len(data))}
}

func zipped(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		out, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(out, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	canvasItem = `<questestinterop><item ident="c1"><presentation><material><mattext>Which?</mattext></material><response_lid ident="r"><render_choice><response_label ident="a"><material><mattext>A</mattext></material></response_label><response_label ident="b"><material><mattext>B</mattext></material></response_label></render_choice></response_lid></presentation>` +
		`<resprocessing><outcomes><decvar maxvalue="100"/></outcomes><respcondition><conditionvar><varequal respident="r">a</varequal></conditionvar><setvar>100</setvar></respcondition></resprocessing></item></questestinterop>`
	qtiItem = `<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="q1" title="Q" adaptive="false" timeDependent="false"><responseDeclaration identifier="RESPONSE" cardinality="single" baseType="identifier"><correctResponse><value>A</value></correctResponse></responseDeclaration>` +
		`<outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float"/><itemBody><choiceInteraction responseIdentifier="RESPONSE" maxChoices="1"><prompt>Which?</prompt><simpleChoice identifier="A">A</simpleChoice><simpleChoice identifier="B">B</simpleChoice></choiceInteraction></itemBody>` +
		`<responseProcessing template="http://www.imsglobal.org/question/qti_v2p1/rptemplates/match_correct"/></assessmentItem>`
	moodleQuestion = `<quiz><question type="truefalse"><name><text>T</text></name><questiontext format="html"><text>True?</text></questiontext><answer fraction="100"><text>true</text></answer><answer fraction="0"><text>false</text></answer></question></quiz>`
)

func TestEachFormatGoesToItsReader(t *testing.T) {
	manifest := `<manifest><resources><resource identifier="a" type="imsqti_item_xmlv2p1" href="q.xml"><file href="q.xml"/></resource><resource identifier="b" type="imsqti_xmlv1p2"><file href="c.xml"/></resource></resources></manifest>`
	for _, tc := range []struct {
		name   string
		data   []byte
		format string
		want   int
	}{
		{"a.gift", []byte("::Q:: Who? {=Grant ~Lee}"), "GIFT", 1},
		{"a.xml", []byte(moodleQuestion), "Moodle XML", 1},
		{"b.xml", []byte(canvasItem), "QTI 1.2", 1},
		{"c.xml", []byte(qtiItem), "QTI 2.1", 1},
		{"d.zip", zipped(t, "x/c.xml", canvasItem), "QTI 1.2 files without a manifest", 1},
		{"e.zip", zipped(t, "imsmanifest.xml", manifest, "q.xml", qtiItem, "c.xml", canvasItem), "QTI 1.2 and 2.1 package", 2},
	} {
		detected, questions, err := Open(t.Context(), source(tc.name, tc.data))
		if err != nil || detected.Name != tc.format {
			t.Errorf("%s: %+v %v", tc.name, detected, err)
			continue
		}
		for range 2 { // the questions can be read again
			tally := itemfile.NewTally(tc.name, detected, nil)
			found := 0
			for _, err := range tally.Watch(questions) {
				if found++; err != nil {
					t.Errorf("%s: %v", tc.name, err)
				}
			}
			if r := tally.Report(); found < tc.want || r.Questions != tc.want || r.Skipped > 0 || r.Stopped != "" {
				t.Errorf("%s: %s", tc.name, r.Text())
			}
		}
	}
	_, _, err := Open(t.Context(), source("x.pdf", []byte("%PDF-1.7")))
	var refused *itemfile.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "x.pdf") {
		t.Errorf("got %v", err)
	}
}

// TestEverythingReal reads all files of other systems that are at hand, and packs
// folders that are packages. Each question arrives or is named.
func TestEverythingReal(t *testing.T) {
	dir := realfiles.Path(t, ".")
	sum := itemfile.NewTally("all real files", itemfile.Detected{Name: "several formats"}, nil)
	files := 0
	for _, folder := range []string{"canvas-qti-1.2", "citolab-2x", "gift", "qtiworks"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			switch filepath.Ext(path) {
			case ".xml", ".gift", ".zip":
			default:
				return nil
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			_, questions, err := Open(t.Context(), source(filepath.Base(path), data))
			var refused *itemfile.RefusedError
			if errors.As(err, &refused) {
				t.Logf("%s: refused: %v", path, err)
				return nil
			}
			if err != nil {
				return err
			}
			files++
			for found, err := range sum.Watch(questions) {
				if err != nil {
					t.Logf("%s: %v", path, err)
				}
				if err == nil && found.Item == nil && len(found.Lines) == 0 {
					t.Errorf("%s: %+v is dropped in silence", path, found)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r := sum.Report()
	t.Logf("%d files\n%s", files, r.Text())
	if r.Questions == 0 {
		t.Error("no questions")
	}
}
