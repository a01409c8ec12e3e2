// Package rules_test keeps the repository's own rules: who may import whom, and what every package says of itself.
package rules_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/testkit"
)

const module = "github.com/ristmik/ristmik/"

type goPackage struct {
	ImportPath string
	Dir        string
	Imports    []string
	Deps       []string
}

var modules = []string{"schema", "pkg", "centralserver", "securityserver", "deploy/local"}

func packages(t *testing.T) []goPackage {
	t.Helper()
	args := []string{"list", "-json=ImportPath,Dir,Imports,Deps"}
	for _, m := range modules {
		args = append(args, "./"+m+"/...")
	}
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = testkit.Root(t)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, stderr.String())
	var found []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return found
		} else {
			require.NoError(t, err)
		}
		found = append(found, p)
	}
}

// rule says that packages matching who must not import what, directly or, if deep, through others; except lists those that may.
type rule struct {
	who, what, except string
	deep              bool
	reason            string
}

var layers = []rule{
	{who: `^(schema|pkg)(/|$)`, what: `^` + module + `(centralserver|securityserver|deploy)/`, deep: true,
		reason: "the library knows no daemon"},
	{who: `^centralserver/`, what: `^` + module + `(securityserver|deploy)/`, deep: true, reason: "the daemons know each other by wire formats only"},
	{who: `^securityserver/`, what: `^` + module + `(centralserver|deploy)/`, deep: true, reason: "the daemons know each other by wire formats only"},
	{who: `.`, what: `^gorm\.io/|^github\.com/glebarez/`, except: `^pkg/database(/|$)|^(centralserver|securityserver)/internal/store$`,
		reason: "rows are the business of the stores; everything else speaks of members and clients"},
	{who: `.`, what: `^github\.com/labstack/`, except: `^pkg/httpapi$|^(centralserver|securityserver)/internal/(api|api/gen|intake|ui)$`,
		reason: "the web framework stays at the edge, so that its next version is a small step"},
	{who: `^pkg/(identifier|fault|xmlsafe|signature|signature/.*)$`, what: `^` + module + `pkg/`,
		except: ``, reason: "leaves know leaves only"},
	{who: `^pkg/(request|globalconf|soap|transport|certificate|token)$`, what: `^net/http$|^gorm\.io/|^` + module + `pkg/(database|httpapi|auth|audit|config|observe|daemon)(/|$)`,
		reason: "protocols and keys know no machinery"},
	{who: `^centralserver/internal/(registry|management|trust|confgen)$`, what: `^net/http$|^database/sql$|^` + module + `(pkg/(httpapi)|centralserver/internal/(store|api|intake|app))(/|$)`,
		reason: "rules know no transport and no storage"},
	{who: `^securityserver/internal/(client|keys|service)$`, what: `^database/sql$|^` + module + `(pkg/(httpapi)|securityserver/internal/(store|api|app|proxy))(/|$)`,
		reason: "rules know no transport and no storage"},
	{who: `.`, what: `^` + module + `(centralserver|securityserver)/internal/app$`, except: `/cmd/|^deploy/`, reason: "the wiring is imported by nobody"},
}

// leafMayImport are the leaves themselves.
var leafMayImport = regexp.MustCompile(`^` + module + `pkg/(identifier|fault|xmlsafe|signature)(/|$)`)

// protocolMayUseHTTP are the protocol packages that speak HTTP by nature, as a client.
var protocolMayUseHTTP = regexp.MustCompile(`^pkg/(globalconf|certificate)$`)

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		for _, r := range layers {
			if !regexp.MustCompile(r.who).MatchString(path) || r.except != "" && regexp.MustCompile(r.except).MatchString(path) {
				continue
			}
			imports := p.Imports
			if r.deep {
				imports = p.Deps
			}
			for _, i := range imports {
				if !regexp.MustCompile(r.what).MatchString(i) || r.reason == "leaves know leaves only" && leafMayImport.MatchString(i) ||
					i == "net/http" && protocolMayUseHTTP.MatchString(path) {
					continue
				}
				t.Errorf("%s imports %s: %s", path, i, r.reason)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		require.NoError(t, err)
		documented, code := false, false
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
			require.NoError(t, err)
			code, documented = true, documented || parsed.Doc != nil
		}
		if code && !documented {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestRulesCarryNoStorageOrWireTags(t *testing.T) {
	root := testkit.Root(t)
	for _, folder := range []string{"centralserver/internal/registry", "centralserver/internal/management", "centralserver/internal/trust",
		"securityserver/internal/client", "securityserver/internal/keys", "securityserver/internal/service"} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files, folder)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NotRegexp(t, "`(gorm|json):", string(text), file)
		}
	}
}

func TestEveryDependencyIsExplained(t *testing.T) {
	root := testkit.Root(t)
	explained, err := os.ReadFile(filepath.Join(root, "docs/dependencies.md"))
	require.NoError(t, err)
	direct := regexp.MustCompile(`(?m)^\t([a-z0-9.]+/[^\s]+) v\S+$`)
	for _, m := range modules {
		text, err := os.ReadFile(filepath.Join(root, m, "go.mod"))
		require.NoError(t, err)
		for _, match := range direct.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(match[1], module) {
				require.Contains(t, string(explained), "`"+match[1]+"`", "%s needs a line in docs/dependencies.md (%s/go.mod)", match[1], m)
			}
		}
	}
}

func TestDecisionsAreNumbered(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(testkit.Root(t), "docs/decisions"))
	require.NoError(t, err)
	seen := map[string]string{}
	for _, e := range entries {
		require.Regexp(t, `^\d{4}-[a-z0-9-]+\.md$`, e.Name())
		number := e.Name()[:4]
		require.Empty(t, seen[number], "%s and %s share a number", e.Name(), seen[number])
		seen[number] = e.Name()
	}
}

// make conformance runs the tests whose names say so.
func TestConformanceTestsAreNamedSo(t *testing.T) {
	root := testkit.Root(t)
	name := regexp.MustCompile(`(?m)^func (Test\w+)`)
	for _, m := range modules {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, m), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil || !strings.HasPrefix(string(text), "//go:build conformance") {
				return err
			}
			for _, match := range name.FindAllStringSubmatch(string(text), -1) {
				require.True(t, strings.HasPrefix(match[1], "TestConformance"), "%s in %s would never run", match[1], path)
			}
			return nil
		}))
	}
}
