package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads the file at path and checks it. Every fault is reported, each with its line where it has one.
func Load(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	c, err := Parse(data)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse reads a configuration and checks it.
func Parse(data []byte) (Config, error) {
	c := Default()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := dec.Decode(&document); errors.Is(err, io.EOF) {
		return c, c.Validate()
	} else if err != nil {
		return Config{}, err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("found a second YAML document, expected one")
	}
	root := document.Content[0]
	if err := errors.Join(unknownKeys(root, reflect.TypeFor[Config](), "")...); err != nil {
		return Config{}, err
	}
	if err := root.Decode(&c); err != nil {
		return Config{}, readable(err)
	}
	return c, c.Validate()
}

// readable drops the library's heading and indentation from its list of errors.
func readable(err error) error {
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		return errors.New(strings.Join(typed.Errors, "\n"))
	}
	return err
}

// unknownKeys finds the keys under node that type t has no field for.
func unknownKeys(node *yaml.Node, t reflect.Type, path string) []error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]()) && t != reflect.TypeFor[TLS]() {
		return nil
	}
	var errs []error
	switch {
	case t.Kind() == reflect.Struct && node.Kind != yaml.MappingNode && node.Tag != "!!null" && t != reflect.TypeFor[TLS]():
		return []error{wrongShape(node, path, "keys with values")}
	case t.Kind() == reflect.Slice && node.Kind != yaml.SequenceNode && node.Tag != "!!null":
		return []error{wrongShape(node, path, "a list")}
	case t.Kind() == reflect.Struct && node.Kind == yaml.MappingNode:
		fields := fieldsOf(t)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			field, known := fields[key.Value]
			if !known {
				errs = append(errs, unknownKey(key, path, fields))
				continue
			}
			errs = append(errs, unknownKeys(value, field, join(path, key.Value))...)
		}
	case t.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode:
		for i, item := range node.Content {
			errs = append(errs, unknownKeys(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return errs
}

func wrongShape(node *yaml.Node, path, expected string) error {
	found := map[yaml.Kind]string{yaml.ScalarNode: fmt.Sprintf("the value %q", node.Value), yaml.SequenceNode: "a list",
		yaml.MappingNode: "keys with values"}[node.Kind]
	return fmt.Errorf("line %d: %s: found %s, expected %s", node.Line, path, found, expected)
}

// fieldsOf returns the YAML names of a struct's fields with their types.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		switch name := t.Field(i).Tag.Get("yaml"); name {
		case "-", "":
		case ",inline":
			maps.Copy(fields, fieldsOf(t.Field(i).Type))
		default:
			fields[name] = t.Field(i).Type
		}
	}
	return fields
}

func unknownKey(key *yaml.Node, path string, fields map[string]reflect.Type) error {
	nearest, best := "", len(key.Value)/2+1
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
		if d := distance(strings.ToLower(key.Value), strings.ToLower(name)); d < best || d == best && name < nearest {
			nearest, best = name, d
		}
	}
	slices.Sort(names)
	advice := "known here: " + strings.Join(names, ", ")
	if nearest != "" {
		advice = fmt.Sprintf("did you mean %q?", nearest)
	}
	return fmt.Errorf("line %d: unknown key %q; %s", key.Line, join(path, key.Value), advice)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// distance is the number of single-character edits between two texts.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := previous
			if a[i] != b[j] {
				cost++
			}
			previous, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
