package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/content/olx"
)

func TestAnswersAreRead(t *testing.T) {
	t.Parallel()
	c := &conn{in: bufio.NewReader(strings.NewReader(
		"HTTP/1.1 200 OK\r\nX: y\r\ncontent-length: 5\r\n\r\nhello" +
			"HTTP/1.1 204 No Content\r\n\r\n" +
			"HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n" +
			"nonsense\r\n"))}
	for _, want := range []struct {
		status int
		body   string
	}{{200, "hello"}, {204, ""}, {409, "abc0123456789"}} {
		status, body, err := c.read()
		require.NoError(t, err)
		require.Equal(t, want.status, status)
		require.Equal(t, want.body, string(body))
	}
	_, _, err := c.read()
	require.ErrorContains(t, err, "not an answer")
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	var values []time.Duration
	for i := range 100 {
		values = append(values, time.Duration(100-i))
	}
	m := summarise(values, 10*time.Second)
	require.Equal(t, measured{perSecond: 10, count: 100, p50: 50, p95: 95, p99: 99, max: 100}, m)
	require.Equal(t, measured{perSecond: 1, count: 1, p50: 7, p95: 7, p99: 7, max: 7}, summarise([]time.Duration{7}, time.Second))
}

func TestSavesCountUpwards(t *testing.T) {
	t.Parallel()
	var items []string
	for range itemsOfExam {
		items = append(items, `{"item_id":"`+uuid.NewString()+`","parts":[{"part_id":"1","choices":[{"choice_id":"a"}]}]}`)
	}
	p, err := newPaper([]byte(`{"attempt_id":"`+uuid.NewString()+`","status":"in_progress","items":[`+strings.Join(items, ",")+`]}`), "token")
	require.NoError(t, err)
	for i := range 2*itemsOfExam + 1 {
		head, body, ok := strings.Cut(string(p.nextSave()), "\r\n\r\n")
		require.True(t, ok)
		require.Contains(t, head, "/responses/")
		require.JSONEq(t, mustJSON(t, map[string]any{"sequence": firstSequence + i + 1, "response": map[string]any{"1": map[string]any{"choices": []string{"a"}}}}), body)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func TestStatOfAProcess(t *testing.T) {
	t.Parallel()
	p, err := parseStat("42 (a (strange) name) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 20 10 20 0 9 0 100 1000 10")
	require.NoError(t, err)
	require.Equal(t, process{parent: 7, own: 2 * time.Second, reaped: 300 * time.Millisecond}, p)
	_, err = parseStat("42 (short) S 7")
	require.Error(t, err)
}

func TestDescendantsCount(t *testing.T) {
	t.Parallel()
	all := processes{
		1: {own: time.Hour},
		7: {parent: 1, own: 1, reaped: 20},
		8: {parent: 7, own: 300},
		9: {parent: 8, own: 4000, reaped: 50_000},
		5: {parent: 1, own: time.Minute},
	}
	used, err := all.used(7)
	require.NoError(t, err)
	require.Equal(t, time.Duration(54_321), used)
	_, err = all.used(6)
	require.ErrorContains(t, err, "process 6 has ended")
}

func TestTheReportSaysWhatHasNoGoalAndWhatWasSkipped(t *testing.T) {
	t.Parallel()
	plain := result{What: "without a goal", Figure: 30, Unit: "/s"}
	plain.beside("/s yardstick", 10, 20)
	held := result{What: "with one", Figure: 30, Unit: "/s"}
	held.atLeast(3, "/s yardstick", 15)
	var out strings.Builder
	(&report{Results: []result{plain, held}, Skipped: []string{"split: no broker"}}).print(&out)
	require.Regexp(t, `without a goal +30\.0 /s .* 15\.0 /s yardstick +2\.00 +- +- `, out.String())
	require.Regexp(t, `with one +30\.0 /s .* 15\.0 /s yardstick +2\.00 +>= 3\.0 x +no `, out.String())
	require.Contains(t, out.String(), "skipped: split: no broker")
}

// What is measured must be a course that learners can answer in full.
func TestTheCourseIsWhole(t *testing.T) {
	t.Parallel()
	archive, err := courseArchive()
	require.NoError(t, err)
	src, err := olx.OpenArchive(t.Context(), bytes.NewReader(archive), olx.Limits{})
	require.NoError(t, err)
	defer func() { require.NoError(t, src.Close()) }()
	_, report, err := olx.Parse(t.Context(), src, olx.Options{OrganisationID: uuid.New()})
	require.NoError(t, err)
	require.Empty(t, report.Entries)
	require.Equal(t, itemsOfExam, report.Counts.Items)
}
