package itemfile

import (
	"reflect"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// EachMarkup changes every text of an item that is markup: those whose names end
// in HTML.
func EachMarkup(item *event.ItemV1, change func(html string) string) {
	eachMarkup(reflect.ValueOf(item).Elem(), change)
}

func eachMarkup(v reflect.Value, change func(string) string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachMarkup(v.Elem(), change)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachMarkup(v.Index(i), change)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			if !strings.HasSuffix(v.Type().Field(i).Name, "HTML") {
				eachMarkup(f, change)
				continue
			}
			switch f.Kind() {
			case reflect.String:
				f.SetString(change(f.String()))
			case reflect.Slice:
				for j := range f.Len() {
					f.Index(j).SetString(change(f.Index(j).String()))
				}
			}
		}
	}
}
