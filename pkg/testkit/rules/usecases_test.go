package rules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	// subtestOfUseCase is a subtest that the model numbers: it stands in the named test itself, word for word.
	subtestOfUseCase = regexp.MustCompile(`^\d\d(?: [0-9-]+[a-z]?)?$`)
	namesATest       = regexp.MustCompile(`(?:^|\W)(?:Test|Fuzz|Benchmark)[A-Z]\w*`)
)

// useCases are those of the member management model, each with its extensions.
var useCases = map[string]string{
	"01": "", "02": "", "03": "", "04": "", "05": "", "06": "", "07": "", "08": "", "09": "",
	"10": "3a 4a", "11": "3a", "12": "5a 6a 6b 7a 8a 9a", "13": "1a", "14": "3a 4a", "15": "3a 4a 5a 6a 8a", "16": "3a", "17": "", "18": "", "19": "",
	"20": "", "21": "", "22": "3a 4a", "23": "3a 4a 5a", "24": "3a", "25": "3a 4a 5a", "26": "3a 4a 5a 6a", "27": "3a",
	"28": "1a 1b 1c 1d 1e 1f 1g 1h 1i 2a 3a 4a 5a 6a 7a 8a 9a 10a", "29": "1a 2a 3a 5a 7a",
	"30": "1a 2a 3a 4a 5a", "31": "1a 2a 3a 4a 6a 8a", "32": "", "33": "", "34": "", "35": "", "36": "3a 4a", "37": "3a", "38": "3a", "39": "3a",
	"40": "", "41": "3a 4a 4b", "42": "3a 4a", "43": "2a", "44": "", "45": "", "46": "", "47": "1a 1b 2a 3a 4a", "48": "2a 3-5a", "49": "",
	"50": "3a 4a", "51": "3a", "52": "3a 4-6a", "53": "3a 4a 5a", "54": "2a 3a", "55": "", "56": "3a 4a", "57": "3a",
}

// decisions are the extensions in which a person decides against it: the server never hears of them, and no test can.
var decisions = strings.Split("12 5a,14 3a,15 3a,16 3a,23 3a,24 3a,25 3a,26 3a,36 3a,37 3a,38 3a,39 3a,47 4a,51 3a,52 3a,53 3a,57 3a", ",")

// useCaseRow is a row of a table of use cases: its first cell is a use case, or a use case and an extension.
var useCaseRow = regexp.MustCompile(`^\| (\d\d(?: [0-9-]+[a-z])?) \|.*\| ([^|]*) ?\|$`)

// reference is a test that docs/use-cases.md names.
type reference struct {
	line                  int
	folder, test, subtest string
}

// TestEveryUseCaseHasATest reads docs/use-cases.md: every use case and every extension of the model has a row, every row a test, unless a
// person's decision is all there is to it.
func TestEveryUseCaseHasATest(t *testing.T) {
	wanted := map[string]bool{}
	for useCase, extensions := range useCases {
		wanted[useCase] = true
		for _, extension := range strings.Fields(extensions) {
			wanted[useCase+" "+extension] = true
		}
	}
	require.Len(t, useCases, 57)
	for _, id := range decisions {
		require.True(t, wanted[id], id)
	}
	seen := map[string]bool{}
	for number, line := range useCaseLines(t) {
		row := useCaseRow.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		id, tests := row[1], row[2]
		seen[id] = true
		decided := slices.Contains(decisions, id)
		switch named := namesATest.MatchString(tests); {
		case !wanted[id]:
			t.Errorf("docs/use-cases.md:%d: the model has no %s", number+1, id)
		case decided && (named || !strings.Contains(line, "nothing is sent")):
			t.Errorf("docs/use-cases.md:%d: %s is a person's decision: nothing is sent", number+1, id)
		case !decided && !named:
			t.Errorf("docs/use-cases.md:%d: %s has no test", number+1, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		if !seen[id] {
			t.Errorf("docs/use-cases.md: UC MEMBER_%s has no row", id)
		}
	}
}

func useCaseLines(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs/use-cases.md"))
	require.NoError(t, err)
	return strings.Split(string(text), "\n")
}

// TestUseCasesNameTestsThatExist reads docs/use-cases.md: every test that it names is there, under the folder that its table's head gives, and so
// is the name of a subtest.
func TestUseCasesNameTestsThatExist(t *testing.T) {
	references := referencesIn(t)
	require.Greater(t, len(references), 100, "the references are no longer found")
	known := map[string]testFiles{}
	for _, r := range references {
		if _, read := known[r.folder]; !read {
			known[r.folder] = readTests(t, r.folder)
		}
		body, there := known[r.folder].functions[r.test]
		if !there {
			t.Errorf("docs/use-cases.md:%d: %s has no %s", r.line, r.folder, r.test)
		}
		name := r.subtest[strings.LastIndex(r.subtest, "/")+1:]
		called := strings.Contains(known[r.folder].text, name+`"`)
		if subtestOfUseCase.MatchString(name) {
			called = strings.Contains(body, `"`+name+`"`)
		}
		if name != "" && !called {
			t.Errorf("docs/use-cases.md:%d: nothing in the tests of %s is called %q", r.line, r.folder, r.subtest)
		}
	}
}

func referencesIn(t *testing.T) (found []reference) {
	t.Helper()
	folder := ""
	for number, line := range useCaseLines(t) {
		if strings.HasPrefix(line, "#") {
			folder = ""
		}
		for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
			if root := testRoot.FindStringSubmatch(span[1]); root != nil {
				folder = root[1]
				continue
			}
			name := testReference.FindStringSubmatch(span[1])
			switch {
			case name == nil && namesATest.MatchString(span[1]):
				t.Errorf("docs/use-cases.md:%d: `%s` is not written package.TestName or package.TestName/subtest", number+1, span[1])
			case name != nil && folder == "":
				t.Errorf("docs/use-cases.md:%d: no head says in which folder %s is", number+1, span[1])
			case name != nil:
				found = append(found, reference{number + 1, folder + "/" + name[1], name[2], name[3]})
			}
		}
	}
	return found
}

// testFiles are the tests of a package.
type testFiles struct {
	functions map[string]string // name and source
	text      string
}

func readTests(t *testing.T, folder string) testFiles {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testkit.Root(t), folder, "*_test.go"))
	require.NoError(t, err)
	found := testFiles{functions: map[string]string{}}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		found.text += string(text)
		positions := token.NewFileSet()
		parsed, err := parser.ParseFile(positions, file, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declaration := range parsed.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil {
				found.functions[f.Name.Name] = string(text[positions.Position(f.Pos()).Offset:positions.Position(f.End()).Offset])
			}
		}
	}
	return found
}
