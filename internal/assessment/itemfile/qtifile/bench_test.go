package qtifile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lyceum-lms/platform/internal/realfiles"
)

// BenchmarkRead reads a package of items of all our kinds, and compares with a
// bare loop over the tokens of the same XML in the same run.
func BenchmarkRead(b *testing.B) {
	files, _ := filepath.Glob("testdata/items/*.xml")
	var sources []string
	for _, file := range files {
		sources = append(sources, string(readData(b, file)))
	}
	benchmarkRead(b, sources)
}

// BenchmarkReadPrograms is BenchmarkRead for items whose logic is kept.
func BenchmarkReadPrograms(b *testing.B) {
	benchmarkRead(b, []string{
		string(readData(b, "testdata/items/template.xml")), string(readData(b, "testdata/items/all_together.xml")),
	})
}

// BenchmarkReadReal is BenchmarkRead for the items of qtiworks and Citolab, if they
// are there.
func BenchmarkReadReal(b *testing.B) {
	var sources []string
	for _, folder := range []string{"qtiworks", "citolab-2x"} {
		for _, file := range filesIn(b, realfiles.Path(b, folder)) {
			if source := string(readData(b, file)); strings.Contains(source, "<assessmentItem") && !strings.Contains(source, "<assessmentItemRef") {
				sources = append(sources, source)
			}
		}
	}
	benchmarkRead(b, sources)
}

func benchmarkRead(b *testing.B, sources []string) {
	items := max(500/len(sources), 1) * len(sources)
	var files, resources []string
	var all bytes.Buffer
	for i := range items {
		source := sources[i%len(sources)]
		name := fmt.Sprintf("i%04d.xml", i)
		files = append(files, name, source)
		resources = append(resources, resourceOf(fmt.Sprintf("I%d", i), "imsqti_item_xmlv2p1", name, ""))
		all.WriteString(source)
	}
	manifest := manifestOf(resources...)
	all.WriteString(manifest)
	data := zipped(b, append(files, "imsmanifest.xml", manifest)...)

	// The least of each: other work on the machine only ever adds.
	bare, read := time.Hour, time.Hour
	for b.Loop() {
		start := time.Now()
		for i := 0; i < len(files); i += 2 {
			bareTokens(b, files[i+1])
		}
		bareTokens(b, manifest)
		bare = min(bare, time.Since(start))
		start = time.Now()
		n := 0
		for found, err := range Read(b.Context(), bytesSource("x.zip", data)) {
			if err != nil {
				b.Fatal(err)
			}
			if found.Kind != "" {
				n++
			}
		}
		if n != items {
			b.Fatalf("%d items", n)
		}
		read = min(read, time.Since(start))
	}
	megabytes := float64(all.Len()) / 1e6
	b.ReportMetric(megabytes/read.Seconds(), "MB/s-read")
	b.ReportMetric(megabytes/bare.Seconds(), "MB/s-tokens")
	b.ReportMetric(bare.Seconds()/read.Seconds(), "ratio")
}

// bareTokens is the loop that reading is compared with.
func bareTokens(b *testing.B, source string) {
	d := xml.NewDecoder(strings.NewReader(source))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}
