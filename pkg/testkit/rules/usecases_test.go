package rules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/testkit"
)

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	// testRoot is the folder of the packages that the tests of a table are in: `centralserver/internal/…`.
	testRoot = regexp.MustCompile("^([a-z/]+)/…$")
	// testReference is package.TestName, or package.TestName/subtest.
	testReference = regexp.MustCompile(`^([a-z]+(?:/[a-z]+)*)\.((?:Test|Fuzz|Benchmark)\w+)(?:/(.+))?$`)
	namesATest    = regexp.MustCompile(`(?:^|\W)(?:Test|Fuzz|Benchmark)[A-Z]\w*`)
)

// TestUseCasesNameTestsThatExist reads docs/use-cases.md: every test that it names is there, under the folder that its table's head gives, and so
// is the name of a subtest.
func TestUseCasesNameTestsThatExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs/use-cases.md"))
	require.NoError(t, err)
	folder, named := "", 0
	known := map[string]testFiles{}
	for number, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "#") {
			folder = ""
		}
		for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
			if root := testRoot.FindStringSubmatch(span[1]); root != nil {
				folder = root[1]
				continue
			}
			reference := testReference.FindStringSubmatch(span[1])
			if reference == nil {
				if namesATest.MatchString(span[1]) {
					t.Errorf("docs/use-cases.md:%d: `%s` is not written package.TestName or package.TestName/subtest", number+1, span[1])
				}
				continue
			}
			if folder == "" {
				t.Errorf("docs/use-cases.md:%d: no head says in which folder %s is", number+1, span[1])
				continue
			}
			named++
			path := folder + "/" + reference[1]
			if _, read := known[path]; !read {
				known[path] = readTests(t, path)
			}
			if !known[path].functions[reference[2]] {
				t.Errorf("docs/use-cases.md:%d: %s has no %s", number+1, path, reference[2])
			}
			if subtest := reference[3]; subtest != "" && !strings.Contains(known[path].text, subtest[strings.LastIndex(subtest, "/")+1:]+`"`) {
				t.Errorf("docs/use-cases.md:%d: nothing in the tests of %s is called %q", number+1, path, subtest)
			}
		}
	}
	require.Greater(t, named, 100, "the references are no longer found")
}

// testFiles are the tests of a package.
type testFiles struct {
	functions map[string]bool
	text      string
}

func readTests(t *testing.T, folder string) testFiles {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testkit.Root(t), folder, "*_test.go"))
	require.NoError(t, err)
	found := testFiles{functions: map[string]bool{}}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		found.text += string(text)
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declaration := range parsed.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil {
				found.functions[f.Name.Name] = true
			}
		}
	}
	return found
}
