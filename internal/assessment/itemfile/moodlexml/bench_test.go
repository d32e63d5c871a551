package moodlexml

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
)

// bank is a file as universities export it: mostly choices, with some images.
func bank(questions int) []byte {
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<quiz>\n")
	picture := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("\x89PNG not really an image"), 200))
	for i := range questions {
		fmt.Fprintf(&b, "<!-- question: %d  -->\n  <question type=\"multichoice\">\n    <name>\n      <text>Question %d</text>\n    </name>\n    <questiontext format=\"html\">\n      <text><![CDATA[<p>Which of these is the number <strong>%d</strong>, of which it is said that it is <em>large</em>?</p>", i, i, i)
		if i%20 == 0 {
			fmt.Fprintf(&b, "<p><img src=\"@@PLUGINFILE@@/p%d.png\" alt=\"A picture\"></p>]]></text>\n<file name=\"p%d.png\" path=\"/\" encoding=\"base64\">%s</file>\n", i, i, picture)
		} else {
			b.WriteString("]]></text>\n")
		}
		b.WriteString("    </questiontext>\n    <generalfeedback format=\"html\">\n      <text><![CDATA[<p>It is worth a thought.</p>]]></text>\n    </generalfeedback>\n    <defaultgrade>1.0000000</defaultgrade>\n    <penalty>0.3333333</penalty>\n    <hidden>0</hidden>\n    <idnumber></idnumber>\n    <single>true</single>\n    <shuffleanswers>true</shuffleanswers>\n    <answernumbering>abc</answernumbering>\n    <correctfeedback format=\"html\">\n      <text>Your answer is correct.</text>\n    </correctfeedback>\n")
		for j := range 4 {
			fraction := 0
			if j == i%4 {
				fraction = 100
			}
			fmt.Fprintf(&b, "    <answer fraction=\"%d\" format=\"html\">\n      <text><![CDATA[<p>It is %d &ndash; or so</p>]]></text>\n      <feedback format=\"html\">\n        <text>See page %d.</text>\n      </feedback>\n    </answer>\n", fraction, i+j, j)
		}
		b.WriteString("  </question>\n\n")
	}
	b.WriteString("</quiz>\n")
	return b.Bytes()
}

func source(data []byte) itemfile.Source {
	return itemfile.Source{Name: "bank.xml", Data: bytes.NewReader(data), Size: int64(len(data))}
}

// tokens is the bare loop that import is measured against.
func tokens(data []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// mixture is a file with questions of all types.
func mixture(b *testing.B, times int) []byte {
	data, err := os.ReadFile("testdata/all_types.xml")
	if err != nil {
		b.Fatal(err)
	}
	head, rest, _ := bytes.Cut(data, []byte("<quiz>"))
	body, _, _ := bytes.Cut(rest, []byte("</quiz>"))
	return slices.Concat(head, []byte("<quiz>"), bytes.Repeat(body, times), []byte("</quiz>"))
}

// BenchmarkImport prints the speed of import as a share of that of a bare
// encoding/xml token loop over the same bytes.
func BenchmarkImport(b *testing.B) {
	b.Run("choices", func(b *testing.B) { measure(b, bank(2000)) })
	b.Run("all types", func(b *testing.B) { measure(b, mixture(b, 100)) })
}

func measure(b *testing.B, data []byte) {
	b.SetBytes(int64(len(data)))
	var bare, read time.Duration
	for b.Loop() {
		start := time.Now()
		if err := tokens(data); err != nil {
			b.Fatal(err)
		}
		bare += time.Since(start)
		start = time.Now()
		for _, err := range Read(b.Context(), source(data)) {
			if err != nil {
				b.Fatal(err)
			}
		}
		read += time.Since(start)
	}
	b.ReportMetric(float64(len(data))*float64(b.N)/read.Seconds()/1e6, "MB/s")
	b.ReportMetric(bare.Seconds()/read.Seconds(), "x-bare-xml")
}
