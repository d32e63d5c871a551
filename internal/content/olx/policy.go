package olx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// policies reads policy.json, which overrides attributes of blocks, and the
// grading policy.
func (p *parser) policies(c *Course) error {
	for _, file := range []string{"policies/" + c.Run + "/policy.json", "policies/" + c.Run + ".json"} {
		if !p.src.has(file) {
			continue
		}
		if err := p.json(file, &p.policy); err != nil {
			if !broken(err) {
				return err
			}
			p.report.add(Skipped, Place{File: file}, "the policy of the course", err.Error())
			p.policy = nil
		}
		break
	}
	for _, file := range []string{"policies/" + c.Run + "/grading_policy.json", "grading_policy.json"} {
		if !p.src.has(file) {
			continue
		}
		if err := p.grading(c, file); err != nil {
			if !broken(err) {
				return err
			}
			p.report.add(Skipped, Place{File: file}, "the grading policy", err.Error())
		}
		break
	}
	return nil
}

func (p *parser) json(file string, into any) error {
	data, err := p.markup(file)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return &markupError{line: 1, reason: "it is not the JSON that it should be: " + err.Error()}
	}
	return nil
}

func (p *parser) grading(c *Course, file string) error {
	var policy struct {
		Graders []struct {
			Type       string `json:"type"`
			ShortLabel string `json:"short_label"`
			Weight     any    `json:"weight"`
			MinCount   any    `json:"min_count"`
			DropCount  any    `json:"drop_count"`
		} `json:"GRADER"`
		Cutoffs map[string]any `json:"GRADE_CUTOFFS"`
	}
	if err := p.json(file, &policy); err != nil {
		return err
	}
	at := Place{File: file}
	for _, g := range policy.Graders {
		weight, ok := decimal(scalar(g.Weight))
		if g.Type == "" || !ok {
			p.report.add(Skipped, at, fmt.Sprintf("category %q", g.Type), "it needs a type and a weight")
			continue
		}
		c.GradingPolicy = append(c.GradingPolicy, Category{
			Type: g.Type, ShortLabel: g.ShortLabel, Weight: weight,
			MinCount: count(scalar(g.MinCount)), DropCount: count(scalar(g.DropCount)),
		})
	}
	for grade, least := range policy.Cutoffs {
		d, ok := decimal(scalar(least))
		if !ok {
			p.report.add(Skipped, at, fmt.Sprintf("cut-off for %q", grade), "it is not a number")
			continue
		}
		c.GradeCutoffs = append(c.GradeCutoffs, Cutoff{Grade: grade, Least: d})
	}
	slices.SortFunc(c.GradeCutoffs, func(a, b Cutoff) int {
		return cmp.Or(rational(b.Least).Cmp(rational(a.Least)), strings.Compare(a.Grade, b.Grade))
	})
	return nil
}

// applyPolicy overrides the attributes of n by those of policy.json.
func (p *parser) applyPolicy(n *node, blockType, urlName string) {
	policy := p.policy[blockType+"/"+urlName]
	for _, name := range slices.Sorted(maps.Keys(policy)) {
		kept := n.attrs[:0:0]
		for _, a := range n.attrs {
			if a.Name.Local != name {
				kept = append(kept, a)
			}
		}
		n.attrs = append(kept, xml.Attr{Name: xml.Name{Local: name}, Value: scalar(policy[name])})
	}
}

// scalar writes a JSON value the way attributes do.
func scalar(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}

// decimal normalises a numeral that is not negative: "0.150" becomes "0.15". At
// most nine digits stand before the point and, rounded, six after it.
func decimal(s string) (string, bool) {
	if len(s) > 40 || strings.ContainsAny(s, "/_xXpPbBoO") {
		return "", false
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(s), "e"); ok {
		if n, err := strconv.Atoi(exponent); err != nil || n > 9 || n < -9 {
			return "", false
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || r.Sign() < 0 || r.Cmp(big.NewRat(999_999_999, 1)) > 0 {
		return "", false
	}
	return decimalOf(r), true
}

func decimalOf(r *big.Rat) string {
	s := r.FloatString(6)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// rational is the value of what decimal returned.
func rational(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return new(big.Rat)
	}
	return r
}

// count reads a number of things; it is 0 for what is none.
func count(s string) int {
	n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(s), `"`))
	if err != nil || n < 0 || n > 1_000_000 {
		return 0
	}
	return n
}

// date reads a time; nil when the attribute is absent. Attributes may hold the
// time as a JSON string.
func (p *parser) date(n *node, name string, at Place) *time.Time {
	value := strings.Trim(n.get(name), `"`)
	if value == "" || value == "null" {
		return nil
	}
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02T15:04Z07:00", "2006-01-02",
		"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "January 2, 2006, 15:04", "January 2, 2006",
	} {
		if t, err := time.Parse(layout, value); err == nil {
			t = t.UTC()
			return &t
		}
	}
	p.report.add(Simplified, at, fmt.Sprintf("%s %q", name, value), "it is not a date; none is set")
	return nil
}

// settings are attributes that blocks inherit from those above them.
type settings map[string]string

// inheritable are the attributes that are passed down.
func inheritable() []string {
	return []string{"showanswer", "max_attempts", "rerandomize", "due", "graded", "format", "show_correctness", "attempts_before_showanswer_button"}
}

// with returns what the children of n inherit.
func (s settings) with(n *node) settings {
	out := maps.Clone(s)
	if out == nil {
		out = settings{}
	}
	for _, name := range inheritable() {
		if v, ok := n.attr(name); ok {
			if v = strings.Trim(strings.TrimSpace(v), `"`); v == "null" {
				v = ""
			}
			out[name] = v
		}
	}
	return out
}

// attributes reports those of n that are neither among the handled ones nor
// about authoring only.
func (p *parser) attributes(n *node, at Place, handled []string) {
	for _, a := range n.attrs {
		name := a.Name.Local
		if slices.Contains(handled, name) || authoringOnly(name) {
			continue
		}
		if slices.Contains(inheritable(), name) && name != "due" && name != "graded" && name != "format" {
			continue // whatever inherits it takes it into account
		}
		switch strings.Trim(strings.TrimSpace(a.Value), `"`) {
		case "", "null", "false", "False", "[]", "{}", "0", "none":
			continue // as if it were not there
		}
		why := attributeReason(name)
		p.report.add(Simplified, at, "setting "+name, why)
	}
}

// authoringOnly are attributes without a meaning for learners.
func authoringOnly(name string) bool {
	switch name {
	case "url_name", "slug", "name", "display_name", "xblock-family", "editor", "markdown", "markdown_edited", "use_markdown_editor",
		"source_code", "use_latex_compiler", "xml_attributes", "parent_sequential", "parent_url", "index_in_children_list",
		"upstream", "upstream_version", "upstream_display_name", "upstream_data", "downstream_customized", "copied_from_block",
		"top_level_downstream_parent_key", "edited_on", "edited_by", "tags-v1", "license", "data_dir", "static_asset_path",
		"course_edit_method", "edxnotes", "edxnotes_visibility", "video_speed_optimizations", "default_tab", "chrome", "rerandomize",
		"matlab_api_key", "icon_class", "show_title", "show_reset_button", "force_save_button":
		return true
	}
	return false
}

func attributeReason(name string) string {
	switch name {
	case "group_access", "user_partitions", "cohort_config":
		return "there are no content groups; everyone sees it"
	case "start":
		return "only chapters and subsections open at a time of their own"
	case "due":
		return "work is due with its subsection"
	case "graded", "format":
		return "it is graded as its subsection is"
	case "graceperiod":
		return "work is due when it is due"
	case "hide_from_toc":
		return "it is in the outline like any other"
	case "hide_after_due":
		return "it stays readable after the due time"
	case "is_proctored_enabled", "is_proctored_exam", "is_practice_exam", "is_onboarding_exam", "exam_review_rules":
		return "nobody supervises it; only the time limit is applied"
	case "prereq_min_score", "prereq_min_completion", "required_prereq", "enable_subsection_gating", "pre_requisite_courses":
		return "nothing has to be done first"
	case "is_prereq", "entrance_exam_enabled", "entrance_exam_id", "entrance_exam_minimum_score_pct", "is_entrance_exam", "in_entrance_exam":
		return "nothing depends on it"
	case "relative_weeks_due":
		return "there are only fixed due times"
	case "submission_wait_seconds":
		return "the next answer need not wait"
	case "certificates", "cert_html_view_enabled", "certificates_display_behavior", "certificate_available_date", "minimum_grade_credit":
		return "there are no certificates"
	case "discussions_settings", "discussion_topics", "discussion_blackouts", "discussion_link", "allow_anonymous", "allow_anonymous_to_peers":
		return "there are no discussions"
	case "teams_configuration":
		return "there are no teams"
	case "pdf_textbooks", "html_textbooks":
		return "there are no textbooks"
	case "lti_passports":
		return "there are no external tools"
	case "invitation_only", "max_student_enrollments_allowed", "enrollment_domain", "catalog_visibility":
		return "enrolment is set up in the platform"
	case "tabs", "hide_progress_tab", "wiki_slug":
		return "the platform has its own pages"
	}
	return "it has no counterpart"
}

// courseAttributes are those of a course that are taken over, or that concern
// only its appearance in the studio and catalogue.
func courseAttributes() []string {
	return []string{
		"org", "course", "start", "end", "due", "graded", "format", "enrollment_start", "enrollment_end", "self_paced", "language", "course_image",
		"advanced_modules", "banner_image", "video_thumbnail_image", "instructor_info", "learning_info", "mobile_available",
		"display_coursenumber", "display_organization", "advertised_start", "announcement", "show_calculator",
	}
}
