package markup

import (
	"net/url"
	"strings"
)

// Fault is why a reference is no address of the web or of mail.
type Fault string

// The faults.
const (
	NotURL      Fault = "not a URL"
	Relative    Fault = "a relative link"
	OtherScheme Fault = "another scheme"
)

// Web returns the address as it may be served, if it is one of the web or of
// mail, else the fault. scheme is the address's, for a report.
func Web(raw string) (target, scheme string, fault Fault) {
	u, err := url.Parse(strings.ReplaceAll(raw, " ", "%20"))
	if err != nil {
		return "", "", NotURL
	}
	switch {
	case u.Scheme == "" && u.Host != "":
		u.Scheme = "https"
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", u.Scheme == "mailto":
	case u.Scheme == "":
		return "", "", Relative
	default:
		return "", u.Scheme, OtherScheme
	}
	return u.String(), u.Scheme, ""
}

// WithoutControls is the URL without white space around it and without the
// control characters that browsers overlook in it.
func WithoutControls(raw string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.TrimSpace(raw))
}

// link resolves a URL.
func (c *cleaning) link(r Reference) Target {
	r.URL = WithoutControls(r.URL)
	if r.URL == "" {
		return Target{}
	}
	if strings.HasPrefix(r.URL, "#") {
		c.tell(Anchors, r.URL)
		return Target{}
	}
	var to Target
	known := false
	if c.on.Resolve != nil {
		to, known = c.on.Resolve(r)
	}
	if !known {
		var fault Fault
		if to.URL, _, fault = Web(r.URL); fault != "" {
			c.tell(Links, r.URL)
		}
	}
	to.URL = WithoutControls(to.URL)
	scheme, _, ok := strings.Cut(to.URL, ":")
	if !ok || !c.schemes[strings.ToLower(scheme)] {
		to.URL = ""
	}
	return to
}
