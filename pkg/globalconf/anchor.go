package globalconf

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Anchor tells a consumer where the configuration of an instance is published and which keys sign it.
type Anchor struct {
	GeneratedAt time.Time // zero: unsaid
	Instance    string
	Sources     []AnchorSource // at least one
}

// AnchorSource is one URL of a signed directory with the certificates (DER) its signatures may have; at least one.
type AnchorSource struct {
	DownloadURL  string
	Certificates [][]byte
}

// maxAnchor bounds an anchor file: a dozen central servers with several keys each need some tens of kilobytes.
const maxAnchor = 1 << 20

// ParseAnchor reads an anchor file. The fault is malformed_anchor "Malformed anchor file", with the reason as its cause.
func ParseAnchor(data []byte) (*Anchor, error) {
	a, err := parseAnchor(data)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "malformed_anchor", "Malformed anchor file")
	}
	return a, nil
}

func parseAnchor(data []byte) (*Anchor, error) {
	if len(data) > maxAnchor {
		return nil, fault.New(fault.TooLarge, "malformed_anchor", "Anchor file has more than %d bytes", maxAnchor)
	}
	d, err := root(data, MinVersion, "configurationAnchor")
	if err != nil {
		return nil, err
	}
	a := &Anchor{}
	return a, d.finish(d.anchor(a))
}

// Encode writes the anchor file: the date in UTC, sources in their order.
func (a *Anchor) Encode() []byte {
	w := &writer{}
	w.open("configurationAnchor", "")
	w.anchorContent(a)
	return w.close("configurationAnchor")
}

// AnchorHash is how people compare anchor files: SHA-224 of the bytes in upper-case hex with colons (UC GCONF_05).
func AnchorHash(data []byte) string {
	sum := sha256.Sum224(data)
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	var b strings.Builder
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(digits[i : i+2])
	}
	return b.String()
}

func (w *writer) anchorContent(a *Anchor) {
	if !a.GeneratedAt.IsZero() {
		w.text("generatedAt", a.GeneratedAt.UTC().Format(time.RFC3339Nano))
	}
	w.text("instanceIdentifier", a.Instance)
	for _, s := range a.Sources {
		w.start("source")
		w.text("downloadURL", s.DownloadURL)
		w.binaries("verificationCert", s.Certificates)
		w.end("source")
	}
}
