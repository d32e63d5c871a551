package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFile resolves flags from a YAML file, as text, exactly as it is written
// there: a password 0123 is not a number. The environment goes before the file.
// A key that is no flag, or a value that is neither a scalar nor a list of
// them, is an error.
type configFile map[string]fileValue

// fileValue is a value of the file: a text, or a list of them.
type fileValue struct {
	text string
	list []string // nil for a text
}

func yamlFile(r io.Reader) (kong.Resolver, error) {
	var nodes map[string]yaml.Node
	decoder := yaml.NewDecoder(r)
	if err := decoder.Decode(&nodes); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the configuration file: %w", err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the configuration file has more than one document")
	}
	values := configFile{}
	for key, node := range nodes {
		value, err := valueOf(node)
		if err != nil {
			return nil, fmt.Errorf("the configuration file, line %d: %s %w", node.Line, key, err)
		}
		values[key] = value
	}
	return values, nil
}

func valueOf(node yaml.Node) (fileValue, error) {
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag != "!!null":
		return fileValue{text: node.Value}, nil
	case node.Kind == yaml.SequenceNode:
		list := make([]string, len(node.Content))
		for i, item := range node.Content {
			if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
				return fileValue{}, errors.New("is not a list of plain values")
			}
			list[i] = item.Value
		}
		return fileValue{list: list}, nil
	}
	return fileValue{}, errors.New("has no plain value")
}

// joined is the value as the flag would be given: kong splits it where the
// flag's separator is.
func (v fileValue) joined(separator rune) string {
	if v.list == nil {
		return v.text
	}
	items := make([]string, len(v.list))
	for i, item := range v.list {
		items[i] = strings.ReplaceAll(item, string(separator), `\`+string(separator))
	}
	return strings.Join(items, string(separator))
}

// Validate implements kong.Resolver.
func (f configFile) Validate(application *kong.Application) error {
	known := map[string]bool{}
	for _, flag := range application.Flags {
		known[flag.Name] = flag.Name != "help" && flag.Name != "config-file"
	}
	var unknown []string
	for key := range f {
		if !known[key] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("the configuration file has unknown keys: %s", strings.Join(unknown, ", "))
	}
	return nil
}

// Resolve implements kong.Resolver.
func (f configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	if value, ok := f[flag.Name]; ok {
		return value.joined(flag.Tag.Sep), nil
	}
	return nil, nil
}
