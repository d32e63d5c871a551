package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lyceum-lms/platform/internal/mediaurl"
)

// noModules in place of a list of modules makes a process that only forwards.
const noModules = "none"

// mediaURLLifetime is the longest life of a media URL. It is the same in every
// process, so that all sign the same URL for the same file.
const mediaURLLifetime = 12 * time.Hour

// hosted are the modules that run in this process, in the order of start.
func (c Config) hosted() []string {
	return slices.DeleteFunc(slices.Clone(moduleNames), func(m string) bool { return !c.runs(m) })
}

// runs reports whether a module runs in this process.
func (c Config) runs(module string) bool { return slices.Contains(c.Modules, module) }

// runsPart reports whether some modules run in this process and some do not.
func (c Config) runsPart() bool {
	n := len(c.hosted())
	return n > 0 && n < len(moduleNames)
}

// upstreams are the addresses of the modules that run elsewhere, in the order
// in which they are tried.
func (c Config) upstreams() (map[string][]*url.URL, error) {
	all := map[string][]*url.URL{}
	var errs []error
	for _, text := range c.Upstream {
		module, list, ok := strings.Cut(text, "=")
		module = strings.TrimSpace(module)
		switch {
		case !ok:
			// What it is may hold a password: not shown.
			errs = append(errs, fmt.Errorf("is not of the form MODULE=URL, such as content=http://10.0.0.7:8080"))
			continue
		case !slices.Contains(moduleNames, module):
			errs = append(errs, fmt.Errorf("there is no module %q; the modules are %s", module, strings.Join(moduleNames, ", ")))
			continue
		case all[module] != nil:
			errs = append(errs, fmt.Errorf("is given twice for %s: put its URLs into one, with commas between them", module))
			continue
		case c.runs(module):
			errs = append(errs, fmt.Errorf("%s runs here and is not forwarded: take it out of --modules or of --upstream", module))
		}
		for address := range strings.SplitSeq(list, ",") {
			u, err := url.Parse(strings.TrimSpace(address))
			if err != nil || !isWebURL(strings.TrimSpace(address)) {
				errs = append(errs, fmt.Errorf("a URL of %s is not an http or https URL, such as http://10.0.0.7:8080", module))
				continue
			}
			if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
				errs = append(errs, fmt.Errorf("a URL of %s has more than a scheme and a host: requests are forwarded with their own paths and tokens", module))
				continue
			}
			all[module] = append(all[module], u)
		}
	}
	return all, errors.Join(errs...)
}

func (c Config) validateTopology(mistake mistakeFunc) {
	seen := map[string]bool{}
	for _, m := range c.Modules {
		switch {
		case m == noModules && len(c.Modules) > 1:
			mistake("modules", "%s goes with no other name", noModules)
		case m != noModules && !slices.Contains(moduleNames, m):
			mistake("modules", "there is no module %q; the modules are %s", m, strings.Join(moduleNames, ", "))
		case seen[m]:
			mistake("modules", "%s is named twice", m)
		}
		seen[m] = true
	}
	if len(c.Modules) == 0 {
		mistake("modules", "names no module; for a process that only forwards it is %s", noModules)
	}
	if _, err := c.upstreams(); err != nil {
		for _, one := range eachOf(err) {
			mistake("upstream", "%v", one)
		}
	}
	if _, err := c.mediaKey(); err != nil {
		mistake("media-key", "%v", err)
	}
}

// eachOf takes joined errors apart.
func eachOf(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// ValidateServing reports what keeps a process with this configuration from
// running, beyond the mistakes of Validate. Commands that only look at a
// database do without it.
func (c Config) ValidateServing() error {
	var errs []error
	mistake := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: "+format, append([]any{flag}, args...)...))
	}
	if c.runsPart() && c.Bus != busKafka {
		mistake("modules", "%s alone would get no events from the others: run all modules, or set --bus kafka and --kafka-brokers here and "+
			"wherever the others run", strings.Join(c.hosted(), ","))
	}
	if c.runs("content") != c.runs("assessment") && c.MediaKey == "" {
		mistake("media-key", "is needed where content and assessment do not run in one process, the same for both: "+
			"platform media-key prints the one that content uses")
	}
	upstreams, err := c.upstreams()
	if len(c.hosted()) > 0 && !c.runs("users") && len(upstreams["users"]) == 0 && err == nil {
		mistake("upstream", "users does not run here: give its URL (users=http://...), from which come the keys that verify access tokens")
	}
	if len(c.hosted()) == 0 && len(c.Upstream) == 0 {
		mistake("upstream", "is needed with --modules %s: there is nothing to forward to", noModules)
	}
	return errors.Join(errs...)
}

// mediaKey is the configured key that signs media URLs, nil if there is none.
func (c Config) mediaKey() ([]byte, error) {
	if c.MediaKey == "" {
		return nil, nil
	}
	// Both alphabets of base64, with padding or without.
	text := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(strings.TrimSpace(string(c.MediaKey)), "="))
	key, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("is not base64: make one with openssl rand -base64 32, or take what platform media-key prints")
	}
	if len(key) < mediaurl.MinKeyBytes {
		return nil, fmt.Errorf("has %d bytes, fewer than %d: make one with openssl rand -base64 32, or take what platform media-key prints",
			len(key), mediaurl.MinKeyBytes)
	}
	return key, nil
}

// mediaSigner signs with the configured key. It is nil if there is none.
func (c Config) mediaSigner() (*mediaurl.Signer, error) {
	key, err := c.mediaKey()
	if err != nil || key == nil {
		return nil, err
	}
	return mediaurl.New(key, mediaURLLifetime)
}
