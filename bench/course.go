package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
)

// itemsOfExam is how many items the exam has, and so how many saves a flow makes.
const itemsOfExam = 10

// courseArchive is the course that is measured, as an Open edX export: a unit to
// be read, of about the size of a page of a textbook, and an exam of ten items
// that may be taken any number of times.
func courseArchive() ([]byte, error) {
	files := map[string]string{
		"course.xml":                 `<course url_name="bench" org="Lyceum" course="BENCH1"/>`,
		"course/bench.xml":           `<course display_name="Bench" language="en" self_paced="true" start="2024-01-01T00:00:00Z"><chapter url_name="only"/></course>`,
		"chapter/only.xml":           `<chapter display_name="Only"><sequential url_name="text"/><sequential url_name="exam"/></chapter>`,
		"sequential/text.xml":        `<sequential display_name="Text"><vertical url_name="reading"/></sequential>`,
		"sequential/exam.xml":        `<sequential display_name="Exam" format="Exam" graded="true"><vertical url_name="questions"/></sequential>`,
		"vertical/reading.xml":       `<vertical display_name="Reading"><html url_name="page"/></vertical>`,
		"html/page.xml":              `<html filename="page" display_name="Page"/>`,
		"html/page.html":             page(),
		"policies/bench/policy.json": `{"course/bench": {"display_name": "Bench"}}`,
		"policies/bench/grading_policy.json": `{"GRADER": [{"type": "Exam", "short_label": "Ex", "weight": 1.0, "min_count": 1, "drop_count": 0}],
			"GRADE_CUTOFFS": {"Pass": 0.5}}`,
	}
	var questions strings.Builder
	for i := range itemsOfExam {
		fmt.Fprintf(&questions, `<problem url_name="q%d"/>`, i)
		files[fmt.Sprintf("problem/q%d.xml", i)] = problem(i)
	}
	files["vertical/questions.xml"] = `<vertical display_name="Questions">` + questions.String() + `</vertical>`

	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	entries := tar.NewWriter(zipped)
	for name, text := range files {
		if err := entries.WriteHeader(&tar.Header{Name: "course/" + name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return nil, fmt.Errorf("pack the course: %w", err)
		}
		if _, err := entries.Write([]byte(text)); err != nil {
			return nil, fmt.Errorf("pack the course: %w", err)
		}
	}
	if err := entries.Close(); err != nil {
		return nil, fmt.Errorf("pack the course: %w", err)
	}
	if err := zipped.Close(); err != nil {
		return nil, fmt.Errorf("pack the course: %w", err)
	}
	return archive.Bytes(), nil
}

// page is six kilobytes of text.
func page() string {
	var b strings.Builder
	for i := range 12 {
		fmt.Fprintf(&b, "<h3>Section %d</h3><p>%s</p>\n", i+1, strings.Repeat(
			"A star keeps its place among the others, while the whole sky turns about the pole once a day. ", 5))
	}
	return b.String()
}

// problem is the i-th item: choices and numbers by turns.
func problem(i int) string {
	if i%2 == 0 {
		return fmt.Sprintf(`<problem display_name="Question %d"><multiplechoiceresponse><label>Which one is a planet?</label>
			<choicegroup type="MultipleChoice"><choice correct="false">The Moon</choice><choice correct="true">Venus</choice>
			<choice correct="false">Vega</choice><choice correct="false">The Sun</choice></choicegroup></multiplechoiceresponse></problem>`, i+1)
	}
	return fmt.Sprintf(`<problem display_name="Question %d"><numericalresponse answer="%d"><label>What is %d times 15?</label>
		<responseparam type="tolerance" default="1%%"/><formulaequationinput/></numericalresponse></problem>`, i+1, i*15, i)
}
