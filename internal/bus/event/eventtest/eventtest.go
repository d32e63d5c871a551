// Package eventtest compares the JSON forms of events between releases. Events
// are only ever extended: a release that publishes runs beside one that reads.
package eventtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Sample is a payload of the type as JSON, in which every field, however deep, has
// a value other than its zero value.
func Sample(payload reflect.Type) ([]byte, error) {
	sample := reflect.New(payload).Elem()
	fill(sample, 1)
	text, err := json.MarshalIndent(sample.Interface(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write a sample of %s: %w", payload, err)
	}
	return append(text, '\n'), nil
}

// fill gives every field a value.
func fill(v reflect.Value, n int) {
	switch v.Interface().(type) {
	case uuid.UUID:
		v.Set(reflect.ValueOf(uuid.MustParse(fmt.Sprintf("01890000-0000-7000-8000-%012d", n))))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, n%60, 0, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n*10+i+1)
		}
	default:
		panic(fmt.Sprintf("event payloads hold no %s", v.Kind()))
	}
}

// Breaks lists what a reader of the released form of an event misses in the
// current one, or finds to be of another kind, each with its place; both are
// samples. A field that only the current form has breaks nobody.
func Breaks(released, current []byte) ([]string, error) {
	var before, after any
	if err := json.Unmarshal(released, &before); err != nil {
		return nil, fmt.Errorf("read the released form: %w", err)
	}
	if err := json.Unmarshal(current, &after); err != nil {
		return nil, fmt.Errorf("read the current form: %w", err)
	}
	return breaks("", before, after), nil
}

func breaks(place string, before, after any) []string {
	if was, is := kind(before), kind(after); was != is {
		return []string{fmt.Sprintf("%s was %s and is %s", orWhole(place), was, is)}
	}
	var found []string
	switch b := before.(type) {
	case map[string]any:
		a := after.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(b)) {
			field := place + "." + name
			if value, ok := a[name]; ok {
				found = append(found, breaks(field, b[name], value)...)
			} else {
				found = append(found, field+" has gone")
			}
		}
	case []any:
		a := after.([]any)
		if len(b) > 0 && len(a) > 0 {
			found = append(found, breaks(place+"[]", b[0], a[0])...)
		}
	}
	return found
}

func orWhole(place string) string {
	if place == "" {
		return "the payload"
	}
	return place
}

// kind is what a reader takes a value for.
func kind(v any) string {
	switch value := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a truth value"
	case float64:
		return "a number"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		if _, err := uuid.Parse(value); err == nil {
			return "an id"
		}
		if _, err := time.Parse(time.RFC3339Nano, value); err == nil {
			return "a time"
		}
	}
	return "a text"
}
