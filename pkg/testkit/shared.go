// Package testkit is what tests of both servers need: real databases, and the files of X-Road that conformance tests read.
package testkit

import (
	"os"
	"path/filepath"
	"testing"
)

// Shared gives the path of a file of X-Road's published vectors and schemas, which stand beside the repository and are not part of it. The
// folder is RISTMIK_SHARED, or ../shared from the repository's root. A missing file fails the test: conformance is never skipped.
func Shared(t testing.TB, path string) string {
	t.Helper()
	folder := os.Getenv("RISTMIK_SHARED")
	if folder == "" {
		folder = filepath.Join(filepath.Dir(Root(t)), "shared")
	}
	file := filepath.Join(folder, path)
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("conformance needs X-Road's files: %v (set RISTMIK_SHARED to the folder that holds vectors and schemas)", err)
	}
	return file
}

// Root is the repository's root: the folder of go.work.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.work above the working directory")
		}
		dir = parent
	}
}
