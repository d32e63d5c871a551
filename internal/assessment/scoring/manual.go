package scoring

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// The limits of what people mark.
const (
	maxEssayBytes  = 500_000
	maxFiles       = 100
	maxFileName    = 255
	maxWords       = 1_000_000
	maxCriteria    = 100
	maxLevels      = 50
	maxMediaTypes  = 100
	defaultFileCap = 100 << 20 // bytes
)

// rubric is what people mark by; empty if they give a credit as they see fit.
type rubric struct {
	criteria []criterion
	index    map[string]int
	best     Score // points of the best levels together
}

type criterion struct {
	id     string
	html   markup
	levels map[string]Score // points by level id
}

func parseRubric(defs []event.CriterionV1, s *scope) (rubric, error) {
	r := rubric{index: map[string]int{}}
	if err := checkCount("rubric", len(defs), 0, maxCriteria); err != nil {
		return r, err
	}
	for i, d := range defs {
		c, best, err := parseCriterion(d, s)
		if err != nil {
			return r, fmt.Errorf("rubric%s.%w", at(i), err)
		}
		if _, taken := r.index[c.id]; taken {
			return r, fmt.Errorf("rubric%s.criterion_id: %s is used twice", at(i), quote(c.id))
		}
		r.index[c.id] = i
		r.criteria = append(r.criteria, c)
		r.best = r.best.Add(best)
	}
	if len(defs) > 0 && r.best.Sign() <= 0 {
		return r, errors.New("rubric: its best levels earn no points")
	}
	return r, nil
}

// parseCriterion also returns the points of the best level.
func parseCriterion(def event.CriterionV1, s *scope) (c criterion, best Score, err error) {
	c = criterion{id: def.CriterionID, levels: make(map[string]Score, len(def.Levels))}
	c.html, err = parseMarkup("html", def.HTML, s.names)
	if err := cmp.Or(checkID("criterion_id", def.CriterionID), err, checkCount("levels", len(def.Levels), 1, maxLevels)); err != nil {
		return c, best, err
	}
	for i, d := range def.Levels {
		place := "levels" + at(i)
		points, err := ParseSignedScore(d.Points)
		if err != nil {
			err = fmt.Errorf("%s.points: %w", place, err)
		}
		if err := cmp.Or(checkID(place+".level_id", d.LevelID), err, checkText(place+".html", d.HTML, 0, maxMarkupBytes)); err != nil {
			return c, best, err
		}
		if _, taken := c.levels[d.LevelID]; taken {
			return c, best, fmt.Errorf("%s.level_id: %s is used twice", place, quote(d.LevelID))
		}
		c.levels[d.LevelID] = points
		if i == 0 || points.Cmp(best) > 0 {
			best = points
		}
	}
	return c, best, nil
}

func (r *rubric) show(v *PartView, d draw) {
	for i := range r.criteria {
		v.Rubric = append(v.Rubric, CriterionView{CriterionID: r.criteria[i].id, HTML: r.criteria[i].html.render(d)})
	}
}

// marked is implemented by the tasks that people mark.
type marked interface {
	marks() *rubric
}

// waiting is the verdict on what nobody has marked yet.
func waiting(what string) verdict {
	return verdict{needsMarking: true, how: what + " It has yet to be marked."}
}

// essayTask is a part whose response is a text that people mark.
type essayTask struct {
	rubric
	essay    event.EssayV1
	template markup
}

func parseEssayTask(_ *part, def event.PartV1, s *scope) (task, error) {
	t := &essayTask{}
	if def.Essay != nil {
		t.essay = *def.Essay
	}
	switch t.essay.Format {
	case "", "plain", "html", "monospaced":
	default:
		return nil, fmt.Errorf("essay.format: %s is not plain, html or monospaced", quote(t.essay.Format))
	}
	var err error
	t.template, err = parseMarkup("essay.template_html", t.essay.TemplateHTML, s.names)
	if err := cmp.Or(
		err,
		checkText("essay.guidance_html", t.essay.GuidanceHTML, 0, maxMarkupBytes),
		checkCount("essay.min_words", t.essay.MinWords, 0, maxWords),
		checkCount("essay.max_words", t.essay.MaxWords, 0, maxWords),
		checkCount("essay.lines", t.essay.Lines, 0, maxWords),
		checkCount("essay.attachments", t.essay.Attachments, 0, maxFiles),
	); err != nil {
		return nil, err
	}
	if t.essay.MaxWords > 0 && t.essay.MinWords > t.essay.MaxWords {
		return nil, errors.New("essay.min_words: it is above max_words")
	}
	t.rubric, err = parseRubric(def.Rubric, s)
	return t, err
}

func (t *essayTask) marks() *rubric { return &t.rubric }

func (t *essayTask) check(r PartResponse) *FieldError {
	if fault := checkAnswer(r.Text, maxEssayBytes); fault != nil {
		return fault
	}
	if len(r.Files) > t.essay.Attachments {
		return &FieldError{"files", fmt.Sprintf("at most %d can be attached", t.essay.Attachments)}
	}
	return checkFiles(r.Files, nil)
}

func (t *essayTask) judge(r PartResponse, _ draw) verdict {
	words := 0
	for range strings.FieldsSeq(r.Text) {
		words++
	}
	how := fmt.Sprintf("The essay has %d words.", words)
	switch {
	case words < t.essay.MinWords:
		how = fmt.Sprintf("The essay has %d words; at least %d are asked for.", words, t.essay.MinWords)
	case t.essay.MaxWords > 0 && words > t.essay.MaxWords:
		how = fmt.Sprintf("The essay has %d words; at most %d are asked for.", words, t.essay.MaxWords)
	}
	return waiting(how)
}

func (t *essayTask) show(v *PartView, d draw) {
	v.Essay = &EssayView{
		Format: t.essay.Format, MinWords: t.essay.MinWords, MaxWords: t.essay.MaxWords, Lines: t.essay.Lines,
		TemplateHTML: t.template.render(d), Attachments: t.essay.Attachments,
	}
	t.rubric.show(v, d)
}

func (t *essayTask) answers(draw) []Answer { return nil }

func (t *essayTask) full(draw) (PartResponse, bool) { return PartResponse{}, false }

// uploadTask is a part whose response is files that people mark.
type uploadTask struct {
	rubric
	upload  event.UploadV1
	endings []string // that a file's name must have; nil: any
}

func parseUploadTask(_ *part, def event.PartV1, s *scope) (task, error) {
	t := &uploadTask{}
	if def.Upload != nil {
		t.upload = *def.Upload
		t.upload.MediaTypes = append([]string(nil), def.Upload.MediaTypes...)
	}
	if t.upload.MaxBytes < 0 {
		return nil, errors.New("upload.max_bytes: it is negative")
	}
	if t.upload.MaxBytes == 0 {
		t.upload.MaxBytes = defaultFileCap
	}
	if err := checkCount("upload.media_types", len(t.upload.MediaTypes), 0, maxMediaTypes); err != nil {
		return nil, err
	}
	for i, m := range t.upload.MediaTypes {
		if err := checkID("upload.media_types"+at(i), m); err != nil {
			return nil, err
		}
		if strings.HasPrefix(m, ".") {
			t.endings = append(t.endings, strings.ToLower(m))
		}
	}
	// Whether a file is of a media type is known to those who have the file.
	if len(t.endings) < len(t.upload.MediaTypes) {
		t.endings = nil
	}
	var err error
	t.rubric, err = parseRubric(def.Rubric, s)
	return t, err
}

func (t *uploadTask) marks() *rubric { return &t.rubric }

func (t *uploadTask) check(r PartResponse) *FieldError { return checkFiles(r.Files, t.endings) }

func (t *uploadTask) judge(r PartResponse, _ draw) verdict {
	return waiting(fmt.Sprintf("Files handed in: %d.", len(r.Files)))
}

func (t *uploadTask) show(v *PartView, d draw) {
	v.Upload = &event.UploadV1{MaxBytes: t.upload.MaxBytes, MediaTypes: append([]string(nil), t.upload.MediaTypes...)}
	t.rubric.show(v, d)
}

func (t *uploadTask) answers(draw) []Answer { return nil }

func (t *uploadTask) full(draw) (PartResponse, bool) { return PartResponse{}, false }

// checkFiles finds files that are named badly or twice.
func checkFiles(files []File, endings []string) *FieldError {
	seen := make(map[string]bool, len(files))
	for i, f := range files {
		place := "files" + at(i)
		if err := cmp.Or(checkID("its file_id", f.FileID), checkText("its name", f.Name, 1, maxFileName)); err != nil {
			return &FieldError{place, err.Error()}
		}
		if seen[f.FileID] {
			return &FieldError{place, "the file is named twice"}
		}
		seen[f.FileID] = true
		if endings != nil && !hasEnding(f.Name, endings) {
			return &FieldError{place, quote(f.Name) + " does not end in " + strings.Join(endings, " or ")}
		}
	}
	return nil
}

func hasEnding(name string, endings []string) bool {
	for _, e := range endings {
		if strings.HasSuffix(strings.ToLower(name), e) {
			return true
		}
	}
	return false
}
