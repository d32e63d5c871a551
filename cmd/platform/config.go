package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/lyceum-lms/platform/internal/app"
)

type configCmd struct{}

// Run prints each flag with its value, in the order of --help.
func (configCmd) Run(c app.Config) error { return printConfig(os.Stdout, c) }

func printConfig(out io.Writer, c app.Config) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		value := v.Field(i).Interface()
		if text, ok := value.(string); ok {
			value = withoutPassword(text)
		}
		fmt.Fprintf(w, "%s:\t%v\n", flagName(v.Type().Field(i)), value)
	}
	return w.Flush()
}

// withoutPassword hides the password in a URL that has one.
func withoutPassword(text string) string {
	if u, err := url.Parse(text); err == nil && u.User != nil {
		return u.Redacted()
	}
	return text
}

// flagName is the flag of a field of app.Config, as kong spells it.
func flagName(f reflect.StructField) string {
	if name := f.Tag.Get("name"); name != "" {
		return name
	}
	field := f.Name
	var words []string
	start := 0
	upper := func(i int) bool { return field[i] >= 'A' && field[i] <= 'Z' }
	for i := 1; i < len(field); i++ {
		endsAcronym := i+1 < len(field) && upper(i) && !upper(i+1) && upper(i-1)
		if (upper(i) && !upper(i-1)) || endsAcronym {
			words = append(words, field[start:i])
			start = i
		}
	}
	return strings.ToLower(strings.Join(append(words, field[start:]), "-"))
}
