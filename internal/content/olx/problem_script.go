package olx

import (
	"regexp"
	"strings"
)

var (
	identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	variable   = regexp.MustCompile(`\$([A-Za-z_][A-Za-z0-9_]*)`)
)

// dependsOnScript reports whether a text or a key of the problem takes its
// value from the problem's program: "$x", where the program mentions x. A
// program that nothing depends on is dropped, with a line in the report. What is
// graded by a program is a matter of the response, not of the problem.
func (r *problemReader) dependsOnScript() bool {
	known := map[string]bool{}
	var script *node
	r.e.walk(func(n *node) bool {
		if n.name != "script" || strings.Contains(n.get("type"), "javascript") {
			return true
		}
		script = n
		for _, name := range identifier.FindAllString(n.rawText(), -1) {
			known[name] = true
		}
		return false
	})
	if script == nil {
		for _, js := range r.e.find("script") {
			r.simplify(js, "a script", "scripts are never run")
		}
		return false
	}
	uses := func(text string) bool {
		for _, found := range variable.FindAllStringSubmatch(text, -1) {
			// "$xs" means the variable x followed by an s when there is no xs.
			for end := len(found[1]); end > 0; end-- {
				if known[found[1][:end]] {
					return true
				}
			}
		}
		return false
	}
	depends := false
	r.e.walk(func(n *node) bool {
		if n.name == "script" {
			return false
		}
		depends = depends || uses(n.text)
		for _, a := range n.attrs {
			// The editor's copy of the problem is no part of it.
			depends = depends || n.name != "problem" && uses(a.Value)
		}
		return !depends
	})
	if !depends {
		graded := false
		for _, resp := range r.responses {
			graded = graded || unsupportedReason(resp.kind) == unsupportedReason("customresponse")
		}
		if !graded {
			r.simplify(script, "a script", "it is not run, and nothing in the problem depends on it")
		}
	}
	return depends
}
