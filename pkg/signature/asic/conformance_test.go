//go:build conformance

package asic_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature/asic"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
	"github.com/ristmik/ristmik/pkg/testkit"
)

func TestConformanceContainers(t *testing.T) {
	for name, code := range map[string]string{
		"asic-core/valid-signed-message.asice":                  "",
		"asic-core/valid-signed-message-with-attachments.asice": "",
		"asic-core/no-message.asice":                            "asic_message_not_found",
		"asic-core/no-signature.asice":                          "asic_signature_not_found",
		"asic-core/not-asic.asice":                              "asic_mime_type_not_found",
		"asic-verifier/valid-signed-message.asice":              "",
		"asic-verifier/valid-signed-hashchain.asice":            "",
		"asic-verifier/valid-non-batch-soap-attachments.asice":  "",
	} {
		data, err := os.ReadFile(testkit.Shared(t, "vectors/asic/"+name))
		require.NoError(t, err)
		_, err = asic.Open(data)
		require.Equal(t, code, fault.CodeOf(err), name)
	}
}

// The time-stamp's chain leads from the signature to what was stamped.
func TestConformanceBatchTimestamp(t *testing.T) {
	for _, name := range []string{"valid-batch-ts", "valid-non-batch-soap-attachments"} {
		data, err := os.ReadFile(testkit.Shared(t, "vectors/asic/asic-verifier/"+name+".asice"))
		require.NoError(t, err)
		c, err := asic.Open(data)
		require.NoError(t, err)
		s, err := xades.Parse(c.Signature)
		require.NoError(t, err)
		require.NoError(t, s.Verify(c.HashChain, c.HashChainResult, c.Parts(s.Digest())))
		stamped := []hashchain.Input{{Name: "/META-INF/signatures.xml", Digest: s.Digest().Sum(c.Signature)}}
		require.NoError(t, hashchain.Verify(c.StampChain, c.StampChainResult, stamped))
	}
}
