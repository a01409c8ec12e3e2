package globalconf_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
)

func sampleAnchor() *globalconf.Anchor {
	return &globalconf.Anchor{GeneratedAt: now, Instance: "TEST", Sources: []globalconf.AnchorSource{
		{DownloadURL: "http://cs.example.org/internalconf?a=1&b=2", Certificates: [][]byte{[]byte("one"), []byte("two")}},
		{DownloadURL: "https://cs.example.org/internalconf", Certificates: [][]byte{[]byte("one"), []byte("two")}},
	}}
}

func TestAnchor(t *testing.T) {
	data := sampleAnchor().Encode()
	golden(t, "anchor.xml", data)
	validate(t, ownSchema(t, "anchor.xsd"), data)
	read, err := globalconf.ParseAnchor(data)
	require.NoError(t, err)
	require.Equal(t, sampleAnchor(), read)

	undated := sampleAnchor()
	undated.GeneratedAt = time.Time{}
	read, err = globalconf.ParseAnchor(undated.Encode())
	require.NoError(t, err)
	require.True(t, read.GeneratedAt.IsZero())
}

func TestAnchorHashIsWhatOpenSSLPrints(t *testing.T) {
	data := sampleAnchor().Encode()
	command := exec.CommandContext(t.Context(), "openssl", "dgst", "-sha224", "-c")
	command.Stdin = bytes.NewReader(data)
	out, err := command.Output()
	require.NoError(t, err)
	_, digits, _ := strings.Cut(strings.TrimSpace(string(out)), "= ")
	require.Equal(t, strings.ToUpper(digits), globalconf.AnchorHash(data))
}

func TestAnchorRefuses(t *testing.T) {
	good := string(sampleAnchor().Encode())
	for name, data := range map[string]string{
		"empty":          "",
		"not XML":        "anchor",
		"DOCTYPE":        "<!DOCTYPE a>" + good,
		"no source":      good[:strings.Index(good, "<source>")] + good[strings.LastIndex(good, "</source>")+len("</source>"):],
		"no certificate": strings.ReplaceAll(strings.ReplaceAll(good, "<verificationCert>b25l</verificationCert>\n", ""), "<verificationCert>dHdv</verificationCert>\n", ""),
		"bad date":       strings.Replace(good, "2026-05-04", "yesterday ", 1),
		"no instance":    strings.Replace(good, "<instanceIdentifier>TEST</instanceIdentifier>", "", 1),
		"other root":     strings.ReplaceAll(good, "configurationAnchor", "conf"),
		"truncated":      good[:len(good)/2],
		"huge":           good + strings.Repeat(" ", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := globalconf.ParseAnchor([]byte(data))
			require.Nil(t, a)
			require.Equal(t, "malformed_anchor", fault.CodeOf(err))
		})
	}
}
