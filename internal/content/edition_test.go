package content

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/content/olx"
)

func problemBlock(name string, attempts int, release event.ReleasePolicy) olx.Block {
	return olx.Block{
		ID: uuid.NewSHA1(uuid.Nil, []byte(name)), Kind: olx.KindProblem, Type: "problem", URLName: name,
		Problem: &olx.Problem{
			Item:        event.ItemV1{ItemID: uuid.NewSHA1(uuid.Nil, []byte("item "+name)), Weight: "1"},
			MaxAttempts: attempts, Release: release,
		},
	}
}

func htmlBlock(name string) olx.Block {
	return olx.Block{ID: uuid.NewSHA1(uuid.Nil, []byte(name)), Kind: olx.KindHTML, HTML: "<p>" + name + "</p>"}
}

func unitOf(name string, blocks ...olx.Block) olx.Unit {
	return olx.Unit{ID: uuid.NewSHA1(uuid.Nil, []byte(name)), URLName: name, Title: "Unit " + name, Blocks: blocks}
}

// arranged is the edition and the report of a course with one chapter.
func arranged(subsections ...olx.Subsection) (*edition, *olx.Report) {
	report := &olx.Report{}
	c := &olx.Course{
		ID: uuid.New(), Org: "O", Number: "N", Run: "R", Key: "O/N/R", Title: "Course",
		Chapters: []olx.Chapter{{Title: "Chapter", Subsections: subsections}},
	}
	return newEdition(c, uuid.New(), report, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), report
}

func TestProblemsOfAUnitAreOneSet(t *testing.T) {
	t.Parallel()
	due := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	p1, p2 := problemBlock("p1", 3, event.ReleaseSubmitted), problemBlock("p2", 3, event.ReleaseSubmitted)
	e, report := arranged(olx.Subsection{
		URLName: "s", Title: "Sub", Format: "Homework", Graded: true, Due: &due,
		Units: []olx.Unit{unitOf("a", htmlBlock("before"), p1, htmlBlock("between"), p2), unitOf("b", htmlBlock("only text"))},
	})
	require.Empty(t, report.Entries, "nothing was simplified")
	require.Len(t, e.Sets, 1)
	set := e.Sets[0]
	require.Equal(t, "Unit a", set.Title)
	require.Equal(t, "Homework", set.Category)
	require.Equal(t, &due, set.DueAt)
	require.Equal(t, 3, set.MaxAttempts)
	require.Equal(t, []uuid.UUID{p1.Problem.Item.ItemID, p2.Problem.Item.ItemID}, []uuid.UUID{set.Items[0].ItemID, set.Items[1].ItemID})

	a := e.Units[0]
	require.Equal(t, []blockKind{blockHTML, blockProblemSet, blockHTML},
		[]blockKind{a.Blocks[0].Kind, a.Blocks[1].Kind, a.Blocks[2].Kind}, "the set stands where its first problem did")
	require.Equal(t, []uuid.UUID{set.ProblemSetID}, a.ProblemSetIDs)
	require.Len(t, a.Blocks[1].ProblemSet.ItemIDs, 2)
	require.Empty(t, e.Units[1].ProblemSetIDs)
}

func TestUngradedWorkHasNoCategory(t *testing.T) {
	t.Parallel()
	e, _ := arranged(olx.Subsection{Format: "Homework", Units: []olx.Unit{unitOf("a", problemBlock("p", 0, event.ReleaseSubmitted))}})
	require.Empty(t, e.Sets[0].Category)
	require.Zero(t, e.Sets[0].MaxAttempts)
}

func TestProblemsOfATimedSubsectionAreOneSet(t *testing.T) {
	t.Parallel()
	e, report := arranged(
		olx.Subsection{URLName: "free", Units: []olx.Unit{unitOf("z", problemBlock("p0", 0, event.ReleaseSubmitted))}},
		olx.Subsection{URLName: "exam", Title: "Exam", TimeLimit: 90 * time.Minute, Units: []olx.Unit{
			unitOf("a", problemBlock("p1", 1, event.ReleaseNever)), unitOf("b", htmlBlock("text")),
			unitOf("c", problemBlock("p2", 1, event.ReleaseNever), problemBlock("p3", 1, event.ReleaseNever)),
		}})
	require.Len(t, e.Sets, 2)
	exam := e.Sets[1]
	require.Equal(t, "Exam", exam.Title)
	require.Equal(t, 5400, exam.TimeLimitSeconds)
	require.Equal(t, 2, exam.Position)
	require.Len(t, exam.Items, 3)
	require.Equal(t, []uuid.UUID{exam.ProblemSetID}, e.Units[1].ProblemSetIDs)
	require.Empty(t, e.Units[2].ProblemSetIDs)
	require.Equal(t, []uuid.UUID{exam.ProblemSetID}, e.Units[3].ProblemSetIDs)
	require.Len(t, e.Units[1].Blocks[0].ProblemSet.ItemIDs, 1, "each unit names the items that stand in it")
	require.Len(t, e.Units[3].Blocks[0].ProblemSet.ItemIDs, 2)
	require.Len(t, report.Of(olx.Simplified), 1)
	require.Contains(t, report.Entries[0].What, "2 units")
}

func TestASetTakesTheStrictestPolicyAndTheReportSaysSo(t *testing.T) {
	t.Parallel()
	e, report := arranged(olx.Subsection{Units: []olx.Unit{unitOf("a",
		problemBlock("p1", 0, event.ReleaseSubmitted), problemBlock("p2", 5, event.ReleaseAfterDue),
		problemBlock("p3", 2, event.ReleaseLast))}})
	require.Equal(t, 2, e.Sets[0].MaxAttempts)
	require.Equal(t, event.ReleaseAfterDue, e.Sets[0].Release)
	lines := report.Of(olx.Simplified)
	require.Len(t, lines, 2)
	require.Contains(t, lines[0].Why, "2 times")
	require.Contains(t, lines[1].Why, "after_due")
	require.Equal(t, "vertical/a", lines[0].Place.Block)
}

func TestAUnitOrProblemThatComesTwiceIsTakenOnce(t *testing.T) {
	t.Parallel()
	p := problemBlock("p", 1, event.ReleaseNever)
	e, report := arranged(
		olx.Subsection{Units: []olx.Unit{unitOf("a", p, p)}},
		olx.Subsection{Units: []olx.Unit{unitOf("a", htmlBlock("again")), unitOf("b", htmlBlock("text"))}})
	require.Len(t, e.Units, 2)
	require.Len(t, e.Sets, 1)
	require.Len(t, e.Sets[0].Items, 1)
	require.Len(t, report.Of(olx.Skipped), 2)
}

func TestDigestsTellWhatChanged(t *testing.T) {
	t.Parallel()
	set := event.ProblemSetPublishedV1{Title: "A", CourseVersion: 1, At: time.Unix(1, 0), MaxAttempts: 1}
	first, err := setDigest(set)
	require.NoError(t, err)
	set.CourseVersion, set.At = 2, time.Unix(2, 0)
	same, err := setDigest(set)
	require.NoError(t, err)
	require.Equal(t, first, same, "another version of the course is not another definition")
	set.MaxAttempts = 2
	other, err := setDigest(set)
	require.NoError(t, err)
	require.NotEqual(t, first, other)
}

func TestSlugOf(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"edX/DemoX/2026_T1": "edx-demox-2026-t1", "Ü/ß/ö": "course", "a//-b/c ": "a-b-c", "A/B/C!": "a-b-c",
	} {
		require.Equal(t, want, slugOf(key))
	}
}

func TestClipHoldsTheLimit(t *testing.T) {
	t.Parallel()
	require.Equal(t, "äöü", clip(" äöü\x00 ", 3))
	require.Equal(t, "äö…", clip("äöüß", 3))
}
