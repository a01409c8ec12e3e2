package soap_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/soap"
)

const related = `multipart/related; type="text/xml"; boundary=bb`

func readAll(body string) ([]soap.Part, error) {
	return soap.ReadMultipart(strings.NewReader(body), related, soap.Limits{})
}

func TestReadMultipart(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"two parts":               {"--bb\r\nA: 1\r\n\r\none\r\n--bb\r\nA: 2\r\n\r\ntwo\r\n--bb--\r\n", []string{"one", "two"}},
		"preamble and epilogue":   {"pre\r\n--bb\r\n\r\none\r\n--bb--\r\nepilogue\r\n--bb\r\n", []string{"one"}},
		"line feeds":              {"--bb\nA: 1\n\none\n\n--bb\nA: 2\n\ntwo\r\n--bb--\n", []string{"one\n", "two\r"}},
		"line feed is content":    {"--bb\r\n\r\none\n--bb\r\ntwo\r\n--bb--", []string{"one\n--bb\r\ntwo"}},
		"boundary as prefix":      {"--bb\r\n\r\none\r\n--bbb\r\n--bb-\r\n--bb x\r\n--bb--", []string{"one\r\n--bbb\r\n--bb-\r\n--bb x"}},
		"blanks after a boundary": {"--bb \t\r\n\r\none\r\n--bb  \r\n\r\ntwo\r\n--bb--", []string{"one", "two"}},
		"empty parts":             {"--bb\r\nA: 1\r\n\r\n--bb\r\n\r\n\r\n--bb--", []string{"", ""}},
		"no final hyphens":        {"--bb\r\n\r\none\r\n--bb", []string{"one"}},
		"no parts":                {"--bb--", nil},
		"other boundary":          {"--other\r\n\r\none\r\n--other--\r\n", nil},
		"empty":                   {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.body), iotest.OneByteReader(strings.NewReader(c.body))} {
				parts, err := soap.ReadMultipart(r, related, soap.Limits{})
				require.NoError(t, err)
				var got []string
				for _, p := range parts {
					got = append(got, string(p.Body))
				}
				require.Equal(t, c.want, got)
			}
		})
	}
}

func TestPartHeadersStayAsTheyAre(t *testing.T) {
	parts, err := readAll("--bb\r\nsignature-algorithm-ID: x\r\ncontent-Type:text/xml\r\nX: a\r\n b\r\nX: c\r\n\r\n\r\n--bb--")
	require.NoError(t, err)
	require.Equal(t, soap.Fields{{Name: "signature-algorithm-ID", Value: "x"}, {Name: "content-Type", Value: "text/xml"}, {Name: "X", Value: "a b"},
		{Name: "X", Value: "c"}}, parts[0].Headers)
	require.Equal(t, "x", parts[0].Get("Signature-Algorithm-Id"))
	require.Equal(t, "a b", parts[0].Get("x"))
	require.Empty(t, parts[0].Get("y"))
}

func TestReadMultipartRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"part cut off":           "--bb\r\n\r\none",
		"cut off in a delimiter": "--bb\r\n\r\none\r\n--b",
		"headers cut off":        "--bb\r\nA: 1\r\n",
		"header without colon":   "--bb\r\nA\r\n\r\n\r\n--bb--",
		"header without name":    "--bb\r\n: x\r\n\r\n\r\n--bb--",
		"folded first header":    "--bb\r\n A: x\r\n\r\n\r\n--bb--",
		"endless headers":        "--bb\r\n" + strings.Repeat("A: x\r\n", 6000) + "\r\n\r\n--bb--",
		"endless preamble":       strings.Repeat("x\n", 40000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readAll(body)
			require.Equal(t, "mime_parsing_failed", fault.CodeOf(err))
		})
	}
	for _, contentType := range []string{"", "multipart/related", "multipart/related; boundary=", "multipart/related; boundary=a; boundary=b"} {
		_, err := soap.ReadMultipart(strings.NewReader("--bb--"), contentType, soap.Limits{})
		require.Equal(t, "mime_parsing_failed", fault.CodeOf(err), contentType)
	}
	_, err := soap.ReadMultipart(iotest.ErrReader(io.ErrClosedPipe), related, soap.Limits{})
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestMultipartLimits(t *testing.T) {
	const body = "--bb\r\n\r\n12345\r\n--bb\r\n\r\n123\r\n--bb--"
	_, err := soap.ReadMultipart(strings.NewReader(body), related, soap.Limits{Parts: 2, Part: 5})
	require.NoError(t, err)
	for _, limits := range []soap.Limits{{Parts: 1}, {Part: 4}} {
		_, err = soap.ReadMultipart(strings.NewReader(body), related, limits)
		require.Equal(t, "mime_parsing_failed", fault.CodeOf(err))
		require.Equal(t, fault.TooLarge, fault.From(err).Kind)
	}
}

func TestStreamedPartsAreNotKept(t *testing.T) {
	const size = 5 << 20
	pr, pw := io.Pipe()
	go func() {
		w := soap.NewMultipartWriter(pw, "bb")
		for range 2 {
			part, _ := w.CreatePart(soap.Fields{{Name: "Content-Type", Value: "a/b"}})
			_, _ = io.CopyN(part, zeros{}, size)
		}
		pw.CloseWithError(w.Close())
	}()
	r, err := soap.NewMultipartReader(pr, related, soap.Limits{})
	require.NoError(t, err)
	_, err = r.Next() // passed over without being read
	require.NoError(t, err)
	second, err := r.Next()
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, second)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	_, err = r.Next()
	require.ErrorIs(t, err, io.EOF)
	_, err = r.Next()
	require.ErrorIs(t, err, io.EOF)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestMultipartRoundTrip(t *testing.T) {
	content := rapid.StringMatching(`(\r|\n|-|b|x| |--bb|\r\n--b){0,30}`)
	rapid.Check(t, func(t *rapid.T) {
		var want []soap.Part
		for range rapid.IntRange(0, 5).Draw(t, "parts") {
			body := content.Filter(func(s string) bool { return !strings.Contains("\r\n"+s, "\r\n--bb") }).Draw(t, "body")
			want = append(want, soap.Part{Headers: soap.Fields{{Name: "x-Y", Value: "z"}}, Body: []byte(body)})
		}
		var b bytes.Buffer
		w := soap.NewMultipartWriter(&b, "bb")
		for _, p := range want {
			require.NoError(t, w.WritePart(p.Headers, p.Body))
		}
		require.NoError(t, w.Close())
		got, err := soap.ReadMultipart(iotest.HalfReader(&b), related, soap.Limits{})
		require.NoError(t, err)
		require.Len(t, got, len(want))
		for i := range want {
			require.Equal(t, want[i].Headers, got[i].Headers)
			require.Equal(t, string(want[i].Body), string(got[i].Body))
		}
	})
}

func TestMultipartWriter(t *testing.T) {
	var b bytes.Buffer
	w := soap.NewMultipartWriter(&b, "bb")
	require.NoError(t, w.WritePart(soap.Fields{{Name: "signature-algorithm-id", Value: "SHA512withRSA"}}, []byte("one")))
	require.NoError(t, w.WritePart(nil, []byte("two")))
	require.NoError(t, w.Close())
	require.Equal(t, "--bb\r\nsignature-algorithm-id: SHA512withRSA\r\n\r\none\r\n--bb\r\n\r\ntwo\r\n--bb--\r\n", b.String())
	for _, f := range []soap.Field{{}, {Name: "a:b"}, {Name: "a", Value: "b\r\nc: d"}} {
		require.Error(t, w.WritePart(soap.Fields{f}, nil))
	}

	boundary, err := soap.NewBoundary(rand.Reader)
	require.NoError(t, err)
	require.Regexp(t, `^xroad[a-z0-5]{30}$`, boundary)
	_, err = soap.NewBoundary(strings.NewReader("short"))
	require.Error(t, err)
}

func FuzzReadMultipart(f *testing.F) {
	f.Add([]byte("--bb\r\nA: 1\r\n\r\none\r\n--bb\r\nA: 2\r\n\r\ntwo\r\n--bb--\r\n"))
	f.Add([]byte("--bb\nA: 1\n\none\n--bb--"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parts, err := soap.ReadMultipart(bytes.NewReader(data), related, soap.Limits{Parts: 10, Part: 1000})
		slow, errSlow := soap.ReadMultipart(iotest.OneByteReader(bytes.NewReader(data)), related, soap.Limits{Parts: 10, Part: 1000})
		if len(parts) != len(slow) || !errors.Is(errSlow, err) && (err == nil) != (errSlow == nil) {
			t.Fatalf("%d parts, %v; in single bytes %d parts, %v", len(parts), err, len(slow), errSlow)
		}
		for i := range parts {
			if !bytes.Equal(parts[i].Body, slow[i].Body) {
				t.Fatalf("part %d differs when read in single bytes", i)
			}
		}
	})
}
