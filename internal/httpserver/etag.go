package httpserver

import (
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/problem"
)

// ETag is the entity tag of something whose changes are counted.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// ParseIfMatch reads an If-Match header with one entity tag of ETag's. Its error
// is a problem about the header; what names the thing in it.
func ParseIfMatch(header, what string) (int64, error) {
	inner, ok := strings.CutPrefix(strings.TrimSpace(header), `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	version, err := strconv.ParseInt(inner, 10, 64)
	if !ok || !closed || err != nil {
		return 0, problem.InvalidField("header.If-Match", `send the ETag of the %s, such as "3"`, what)
	}
	return version, nil
}
