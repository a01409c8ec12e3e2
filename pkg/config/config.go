// Package config reads a daemon's one YAML file into its own struct: strictly, with the line of what is wrong, and without secrets. A
// secret is named by a field whose YAML name ends in _file and stands in that file.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Validator is a configuration that can say what is wrong with it.
type Validator interface{ Validate() error }

// Load reads file into the struct that target points to; what the file does not mention keeps the value that target has. An unknown key,
// a key given twice and a second document are refused. When target has a Validate method, it has the last word.
func Load(file string, target any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	if err := Parse(data, target); err != nil {
		return fmt.Errorf("configuration %s: %w", file, err)
	}
	return nil
}

// Parse is Load for what is already read.
func Parse(data []byte, target any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(target); err != nil && !errors.Is(err, io.EOF) { // an empty file is all defaults
		return plain(err)
	}
	var more yaml.Node
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one document")
	}
	if v, ok := target.(Validator); ok {
		return v.Validate()
	}
	return nil
}

// plain keeps the lines and drops the names of Go types, which mean nothing to an administrator.
func plain(err error) error {
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	for i, text := range wrong.Errors {
		if before, _, found := strings.Cut(text, " not found in type "); found {
			wrong.Errors[i] = strings.Replace(before, "field ", "unknown key ", 1)
		}
	}
	return errors.New(strings.Join(wrong.Errors, "; "))
}

// Secret reads a secret from its file; line ends at the end are not part of it. An empty file is an error, and so is one that others than
// its owner and group can read.
func Secret(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("the secret in %s can be read by everybody: chmod o= it", file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	secret := strings.TrimRight(string(data), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("the secret in %s is empty", file)
	}
	return secret, nil
}

// Under gives path as it is when it is absolute, and under the data directory when it is not.
func Under(directory, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(directory, path)
}

// Redacted prints a configuration as YAML for "config print". There are no secrets in it by construction; should a field be called
// password, pin, secret, token or dsn all the same, its value is hidden.
func Redacted(config any) (string, error) {
	var node yaml.Node
	if err := node.Encode(deref(config)); err != nil {
		return "", fmt.Errorf("printing the configuration: %w", err)
	}
	hide(&node)
	out, err := yaml.Marshal(&node)
	return string(out), err
}

func deref(v any) any {
	r := reflect.ValueOf(v)
	for r.Kind() == reflect.Pointer && !r.IsNil() {
		r = r.Elem()
	}
	return r.Interface()
}

var secretNames = []string{"password", "pin", "secret", "token", "dsn"}

func hide(node *yaml.Node) {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 && child.Kind == yaml.ScalarNode && child.Value != "" && isSecret(node.Content[i-1].Value) {
			child.Value, child.Tag, child.Style = "(hidden)", "!!str", 0
			continue
		}
		hide(child)
	}
}

func isSecret(key string) bool {
	key = strings.ReplaceAll(strings.ToLower(key), "-", "_")
	for _, name := range secretNames {
		if key == name || strings.HasSuffix(key, "_"+name) {
			return true
		}
	}
	return false
}
