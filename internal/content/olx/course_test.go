package olx

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestCourseSettings(t *testing.T) {
	course, report := parse(t, map[string]string{
		"course/run.xml": `<course display_name="From the XML" language="pt_BR" self_paced="true" start="&quot;2030-05-01T08:00:00Z&quot;" end="2031-01-01"
			enrollment_start="2030-04-01T00:00" course_image="diagram.png" graceperiod="2 days"><chapter url_name="ch"/><wiki slug="w"/></course>`,
		"policies/run/policy.json":         `{"course/run": {"display_name": "From the policy", "enrollment_end": "2030-06-01T00:00:00+02:00"}, "sequential/seq": {"format": "Lab", "graded": true, "due": "2030-07-01T12:00:00Z"}}`,
		"policies/run/grading_policy.json": `{"GRADER": [{"type": "Lab", "short_label": "L", "weight": 0.250, "min_count": 12, "drop_count": "2"}], "GRADE_CUTOFFS": {"B": 0.5, "A": 0.9}}`,
		"about/overview.html":              `<h2>About</h2><script>x()</script>`,
		"about/short_description.html":     "A <b>short</b>\n text",
		"about/syllabus.html":              "week 1",
	})
	when := func(s string) *time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return &v
	}
	if course.Key != "Org/Num/run" || course.Title != "From the policy" || course.Language != "pt-BR" || !course.SelfPaced {
		t.Errorf("got %+v", course)
	}
	for name, pair := range map[string][2]*time.Time{
		"start": {course.Start, when("2030-05-01T08:00:00Z")}, "end": {course.End, when("2031-01-01T00:00:00Z")},
		"enrolment start": {course.EnrolmentStart, when("2030-04-01T00:00:00Z")}, "enrolment end": {course.EnrolmentEnd, when("2030-05-31T22:00:00Z")},
		"due": {course.Chapters[0].Subsections[0].Due, when("2030-07-01T12:00:00Z")},
	} {
		if pair[0] == nil || !pair[0].Equal(*pair[1]) {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
	if want := []Category{{Type: "Lab", ShortLabel: "L", Weight: "0.25", MinCount: 12, DropCount: 2}}; !reflect.DeepEqual(course.GradingPolicy, want) {
		t.Errorf("grading policy %+v", course.GradingPolicy)
	}
	if want := []Cutoff{{"A", "0.9"}, {"B", "0.5"}}; !reflect.DeepEqual(course.GradeCutoffs, want) {
		t.Errorf("cut-offs %+v", course.GradeCutoffs)
	}
	if sub := course.Chapters[0].Subsections[0]; sub.Format != "Lab" || !sub.Graded {
		t.Errorf("the policy does not reach the subsection: %+v", sub)
	}
	if course.DescriptionHTML != "<h2>About</h2>" || course.ShortDescription != "A short text" {
		t.Errorf("descriptions %q and %q", course.DescriptionHTML, course.ShortDescription)
	}
	if course.Image == nil || course.Image.Name != "diagram.png" {
		t.Errorf("image %+v", course.Image)
	}
	wantReported(t, report, Simplified, "graceperiod")
	wantReported(t, report, Info, "about/syllabus.html")
	wantReported(t, report, Simplified, "about/overview.html", "script")
}

func TestIdentityIsKept(t *testing.T) {
	first, _ := parse(t, nil)
	second, _ := parse(t, map[string]string{"chapter/ch.xml": `<chapter display_name="Renamed"><sequential url_name="seq"/></chapter>`})
	if first.ID != second.ID || first.Chapters[0].ID != second.Chapters[0].ID || first.Chapters[0].Title == second.Chapters[0].Title {
		t.Errorf("identity depends on the title")
	}
	seen := map[uuid.UUID]bool{}
	for _, id := range []uuid.UUID{
		BlockID(organisation, "o/c/r", "problem", "a"), BlockID(organisation, "o/c/r", "html", "a"), BlockID(organisation, "o/c/r", "problem", "b"),
		BlockID(organisation, "o/c/s", "problem", "a"), BlockID(uuid.Max, "o/c/r", "problem", "a"),
	} {
		if seen[id] {
			t.Errorf("%s is used twice", id)
		}
		seen[id] = true
	}
	// A change of the derivation would orphan every learner's record.
	if got, want := BlockID(uuid.Nil, "o/c/r", "problem", "a").String(), "e7d814a1-ee04-555f-a503-210778ae908e"; got != want {
		t.Errorf("BlockID is %s, want %s", got, want)
	}
}

func TestOutline(t *testing.T) {
	course, report := parse(t, map[string]string{
		"course/run.xml": `<course display_name="Course" visible_to_staff_only="false"><chapter url_name="ch" start="2030-01-02T00:00:00Z"/>
			<chapter url_name="staff" visible_to_staff_only="true"><sequential url_name="never"><vertical url_name="unread"/></sequential></chapter>
			<sequential url_name="loose" display_name="Loose"/><textbook title="T"/></course>`,
		"chapter/ch.xml": `<chapter display_name="Chapter">
			<sequential url_name="timed" display_name="Timed" is_time_limited="true" default_time_limit_minutes="90" start="2030-01-01T00:00:00Z" group_access="{&quot;1&quot;: [2]}"><vertical url_name="page"/></sequential>
			<sequential url_name="timeless" is_proctored_enabled="true"/>
			<vertical url_name="alone" display_name="Alone"><html url_name="x">text</html></vertical>
			<sequential url_name="mixed"><html url_name="direct" display_name="Direct">text</html><vertical url_name="gone"/></sequential></chapter>`,
		"vertical/unread.xml":   `<vertical/>`,
		"vertical/page.xml":     `<vertical><vertical url_name="inner"><html url_name="deep">deep</html></vertical><html url_name="deep">again</html></vertical>`,
		"drafts/vertical/d.xml": `<vertical/>`, "drafts/html/e.html": `x`, "tabs/extra.html": `x`, "html/orphan.html": `x`, "info/updates.html": `<p>News</p>`, "info/handouts.html": `<ol></ol>`,
	})
	var got []string
	for _, ch := range course.Chapters {
		for _, sub := range ch.Subsections {
			for _, unit := range sub.Units {
				for _, b := range unit.Blocks {
					got = append(got, strings.Join([]string{ch.Title, sub.Title, unit.Title, b.HTML}, "/"))
				}
			}
		}
	}
	want := []string{"Chapter/Timed/Unit/deep", "Chapter/Timed/Unit/again", "Chapter/Alone/Alone/text", "Chapter/Subsection/Direct/text"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	timed := course.Chapters[0].Subsections[0]
	if timed.TimeLimit != 90*time.Minute || timed.Start == nil || timed.Start.Day() != 2 {
		t.Errorf("limit %v, start %v: a subsection opens no earlier than its chapter", timed.TimeLimit, timed.Start)
	}
	blocks := timed.Units[0].Blocks
	if blocks[0].ID == blocks[1].ID {
		t.Error("a block used twice has one id")
	}
	if course.Chapters[1].Title != "Loose" {
		t.Errorf("chapters %+v", course.Chapters)
	}
	for _, e := range []struct {
		severity Severity
		words    []string
	}{
		{Skipped, []string{"chapter/staff", "staff only"}},
		{Simplified, []string{"timed", "group_access", "everyone sees it"}},
		{Simplified, []string{"timeless", "no limit"}}, {Simplified, []string{"timeless", "is_proctored_enabled"}},
		{Simplified, []string{"vertical/alone", "subsection of its own"}}, {Simplified, []string{"html/direct", "unit of its own"}},
		{Missing, []string{"vertical/gone", "there is no vertical/gone.xml"}}, {Simplified, []string{"Loose", "chapter of its own"}},
		{Simplified, []string{"html/deep", "more than once"}}, {Skipped, []string{"textbook"}},
		{Skipped, []string{"drafts/", "2 unpublished files"}}, {Skipped, []string{"tabs/extra.html"}}, {Skipped, []string{"html/orphan.html", "nothing"}},
		{Skipped, []string{"info/updates.html"}},
	} {
		wantReported(t, report, e.severity, e.words...)
	}
	if reported(report, Skipped, "handouts") || reported(report, Skipped, "unread") {
		t.Errorf("an empty page, or a page that is left out on purpose, is reported:\n%s", report.Text())
	}
	if c := report.Counts; c.Hidden != 1 || c.Chapters != 2 {
		t.Errorf("counts %+v", c)
	}
}

func TestContainers(t *testing.T) {
	q := func(name string) string { return `<html url_name="` + name + `">` + name + `</html>` }
	for _, tc := range []struct {
		name, xml string
		want      []string
		severity  Severity
		words     []string
	}{
		{"library", `<library_content url_name="c" max_count="1">` + q("a") + q("b") + `</library_content>`, []string{"a", "b"}, Simplified, []string{"random draw of 1 of 2", "all of them"}},
		{"split test", `<split_test url_name="c" group_id_to_child="{}"><vertical url_name="v1">` + q("a") + `</vertical><vertical url_name="v2">` + q("b") + `</vertical></split_test>`, []string{"a"}, Skipped, []string{"vertical/v2", "first variant"}},
		{"randomize", `<randomize url_name="c">` + q("a") + q("b") + `</randomize>`, []string{"a"}, Skipped, []string{"html/b"}},
		{"conditional", `<conditional url_name="c" sources_tag="x"><show sources="y"/>` + q("a") + `</conditional>`, []string{"a"}, Simplified, []string{"condition", "everyone"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			blocks, report := page(t, tc.xml, nil)
			var got []string
			for _, b := range blocks {
				got = append(got, b.HTML)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			wantReported(t, report, tc.severity, tc.words...)
		})
	}
}

func TestPlaceholders(t *testing.T) {
	for _, kind := range strings.Fields(`lti lti_consumer poll survey word_cloud drag-and-drop-v2 openassessment discussion google-document
		google-calendar edx_sga staffgradedxblock done annotatable scorm h5pxblock recommender invented-by-someone`) {
		block, report := onlyBlock(t, `<`+kind+` url_name="b" display_name="Mine"><secret answer="42"/></`+kind+`>`, nil)
		if block.Kind != KindPlaceholder || block.Type != kind || !strings.Contains(block.Placeholder.Label, "Mine") || report.Counts.Placeholders[kind] != 1 {
			t.Errorf("%s: got %+v, counts %+v", kind, block, report.Counts)
		}
		wantReported(t, report, Skipped, kind+"/b", "placeholder")
	}
}

func TestAnnotatedTextIsStillReadable(t *testing.T) {
	block, _ := onlyBlock(t, `<annotatable url_name="a"><p>The <annotation title="Note" body="It means walk">peregrination</annotation>.</p></annotatable>`, nil)
	if want := "<p>The <mark>peregrination</mark> <small>[Note: It means walk]</small>.</p>"; block.HTML != want {
		t.Errorf("got %q, want %q", block.HTML, want)
	}
}

func TestCyclesAndGrowthAreStopped(t *testing.T) {
	blocks, report := page(t, `<wrapper url_name="loop"/>`, map[string]string{"wrapper/loop.xml": `<wrapper><html url_name="h">x</html><wrapper url_name="loop"/></wrapper>`})
	if len(blocks) != 1 {
		t.Errorf("got %d blocks", len(blocks))
	}
	wantReported(t, report, Skipped, "wrapper/loop", "contains itself")

	files := map[string]string{}
	for i := range 8 {
		var kids strings.Builder
		for range 20 {
			kids.WriteString(`<wrapper url_name="` + string(rune('b'+i)) + `"/>`)
		}
		files["wrapper/"+string(rune('a'+i))+".xml"] = "<wrapper>" + kids.String() + "</wrapper>"
	}
	files["vertical/page.xml"] = `<vertical><wrapper url_name="a"/></vertical>`
	_, _, err := tryParse(t, files)
	if err == nil || !strings.Contains(err.Error(), "more than 20000 blocks") {
		t.Errorf("a course of 20^8 blocks: got %v", err)
	}
}

func TestHTMLFiles(t *testing.T) {
	blocks, report := page(t, `<html url_name="pointer"/><html filename="direct" url_name="d"/><html url_name="inline"><p>a<br/>b</p><p/></html><html url_name="lost"/>`, map[string]string{
		"html/pointer.xml": `<html filename="body" display_name="Pointer"/>`, "html/body.html": `<p>1 < 2 & <b>bold</b>`, "html/direct.html": `<p>direct</p>`,
		"html/lost.xml": `<html filename="nowhere" display_name="Lost"/>`,
	})
	var got []string
	for _, b := range blocks {
		got = append(got, b.HTML)
	}
	if want := []string{"<p>1 &lt; 2 &amp; <b>bold</b></p>", "<p>direct</p>", "<p>a<br/>b</p><p></p>", ""}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if blocks[0].Title != "Pointer" || blocks[3].Kind != KindPlaceholder {
		t.Errorf("got %+v", blocks)
	}
	wantReported(t, report, Missing, "html/lost", "html/nowhere.html")
}

func TestVideo(t *testing.T) {
	block, report := onlyBlock(t, `<video url_name="v"/>`, map[string]string{
		"video/v.xml": `<video display_name="V" youtube="0.75:aaaaaaaaaaa,1.00:bbbbbbbbbbb" start_time="00:01:30" end_time="120" download_video="true" sub="OldSub"
			html5_sources="[&quot;https://cdn.example.org/v.mp4&quot;, &quot;javascript:alert(1)&quot;]" transcripts="{&quot;en&quot;: &quot;v en.srt&quot;, &quot;es&quot;: &quot;gone.srt&quot;}" track="/static/notes_1_.pdf">
			<source src="https://cdn.example.org/v.mp4"/><source src="/static/v.webm"/><video_asset duration="90.5"/></video>`,
		"static/v en.srt": "1\n", "static/v.webm": "x",
	})
	v := block.Video
	if v == nil {
		t.Fatalf("got %+v", block)
	}
	if v.YouTubeID != "bbbbbbbbbbb" || v.Start != 90*time.Second || v.End != 2*time.Minute || v.Duration != 90500*time.Millisecond || !v.Download {
		t.Errorf("got %+v", v)
	}
	if len(v.Sources) != 2 || v.Sources[0] != "https://cdn.example.org/v.mp4" || !strings.HasSuffix(v.Sources[1], "/v.webm") {
		t.Errorf("sources %q", v.Sources)
	}
	if len(v.Transcripts) != 1 || v.Transcripts[0].Language != "en" || !strings.HasSuffix(v.Transcript, "/notes%281%29.pdf") {
		t.Errorf("transcripts %+v and %q", v.Transcripts, v.Transcript)
	}
	wantReported(t, report, Missing, "gone.srt")
	wantReported(t, report, Simplified, "javascript")

	block, report = onlyBlock(t, `<video url_name="v" edx_video_id="only-in-their-store"/>`, nil)
	if block.Kind != KindPlaceholder {
		t.Errorf("a video without a source: got %+v", block)
	}
	wantReported(t, report, Skipped, "video/v", "no video that can be played")
}

func TestDocument(t *testing.T) {
	block, _ := onlyBlock(t, `<pdf url_name="d" display_name="Notes" url="/static/notes(1).pdf"/>`, nil)
	if block.Kind != KindFile || block.File.MediaType != "application/pdf" || block.Title != "Notes" {
		t.Errorf("got %+v", block)
	}
}

func TestReportForms(t *testing.T) {
	_, report := page(t, `<poll url_name="q" display_name="Which?"/><html url_name="h"><img src="/static/gone.png" alt="x"/></html>`, nil)
	data, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back.Entries, report.Entries) {
		t.Errorf("JSON does not keep the entries: %v", err)
	}
	text := report.Text()
	for _, want := range []string{"Course (Org/Num/run)", "1 chapters, 1 subsections, 1 units", "poll ×1", "Missing from the export (1)", `static file "gone.png"`, "vertical/page.xml:1 (html/h)", "Poll “Which?”"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
}
