package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/lyceum-lms/platform/internal/app"
)

type configCmd struct{}

// Run prints each flag with its value, in the order of --help.
func (configCmd) Run(c app.Config) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		fmt.Fprintf(w, "%s:\t%v\n", flagName(v.Type().Field(i).Name), v.Field(i).Interface())
	}
	return w.Flush()
}

// flagName is the flag of a field of app.Config, as kong spells it.
func flagName(field string) string {
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
