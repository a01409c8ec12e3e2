//go:build conformance

package transport_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/pkg/transport"
)

// X-Road's own messages, with the verdicts of their index. The signatures inside are older than XAdES as it is now: structure only.
func TestConformanceProxyMessages(t *testing.T) {
	const usual = "xtop1357783211hcn1yiro"
	for _, c := range []struct {
		file, boundary string
		code           string // "" decodes
		ocsp, files    int
		fault          bool
	}{
		{file: "attachment.request", boundary: "xtop569125687hcu8vfma", files: 1},
		{file: "normal.request", boundary: usual},
		{file: "ocsp.request", boundary: usual, ocsp: 1},
		{file: "normal-soapfault.request", boundary: usual, fault: true},
		{file: "extracontent.request", boundary: usual, code: "invalid_message"},
		{file: "invalid-contenttype-signature.request", boundary: usual, code: "invalid_content_type"},
		{file: "invalid-soap-contenttype.request", boundary: usual, code: "invalid_content_type"},
	} {
		t.Run(c.file, func(t *testing.T) {
			body, err := os.ReadFile(testkit.Shared(t, "vectors/proxymessages/"+c.file))
			require.NoError(t, err)
			head, rest, err := decode(body, "multipart/mixed; charset=UTF-8; boundary="+c.boundary, transport.DefaultLimits)
			if c.code != "" {
				require.Equal(t, c.code, fault.CodeOf(err), "%v", err)
				return
			}
			require.NoError(t, err)
			require.Len(t, head.OCSP, c.ocsp)
			require.Equal(t, c.fault, head.Message.Fault != nil)
			require.Len(t, rest.Attachments, c.files)
			require.NotEmpty(t, rest.Signature)
		})
	}
}
