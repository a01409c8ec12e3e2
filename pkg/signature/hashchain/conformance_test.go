//go:build conformance

package hashchain_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/testkit"
)

func read(t *testing.T, path string) []byte {
	data, err := os.ReadFile(testkit.Shared(t, path))
	require.NoError(t, err)
	return data
}

func TestConformanceVerdicts(t *testing.T) {
	digest := func(name string) []byte { return signature.SHA256.Sum(read(t, "vectors/hashchain/"+name)) }
	message := func(digest []byte) []hashchain.Input {
		return []hashchain.Input{{Name: "/message.xml", Digest: digest}}
	}
	canonical, err := exec.Command("xmllint", "--c14n", testkit.Shared(t, "vectors/hashchain/hc-verifier3-message.xml")).Output()
	require.NoError(t, err)
	// The vector was made with C14N without comments; xmllint keeps them.
	canonical = bytes.Replace(canonical, []byte("<!-- Some comment that should be removed -->"), nil, 1)

	for name, c := range map[string]struct {
		chain, result string
		inputs        []hashchain.Input
		code          string
	}{
		"message":       {"hc-verifier1-hashchain.xml", "hc-verifier1-hashchainresult.xml", message(digest("hc-verifier1-message.xml")), ""},
		"wrong message": {"hc-verifier1-hashchain.xml", "hc-verifier1-hashchainresult.xml", message(digest("hc-verifier1-hashchain.xml")), "invalid_hash_chain"},
		"unused inputs": {"hc-verifier1-hashchain.xml", "hc-verifier1-hashchainresult.xml",
			append(message(digest("hc-verifier1-message.xml")), hashchain.Input{Name: "/unused1"}, hashchain.Input{Name: "/unused2"}), "hashchain_unused_inputs"},
		"attachments": {"hc-verifier2-hashchain.xml", "hc-verifier2-hashchainresult.xml", []hashchain.Input{
			{Name: "/message.xml", Digest: []byte{11}}, {Name: "/attachment1", Digest: []byte{12}},
			{Name: "/attachment2", Digest: []byte{13}}, {Name: "/attachment3", Digest: []byte{14}},
		}, ""},
		"attachments missing": {"hc-verifier2-hashchain.xml", "hc-verifier2-hashchainresult.xml", message([]byte{11}), "invalid_reference"},
		"transforms":          {"hc-verifier3-hashchain.xml", "hc-verifier3-hashchainresult.xml", message(signature.SHA256.Sum(canonical)), ""},
		// X-Road digests the data itself here and says invalid_hash_chain_ref; our inputs are always digests.
		"transforms left out": {"hc-verifier3-hashchain-invalid.xml", "hc-verifier3-hashchainresult.xml", message(digest("hc-verifier3-message.xml")), "invalid_hash_chain"},
	} {
		t.Run(name, func(t *testing.T) {
			err := hashchain.Verify(read(t, "vectors/hashchain/"+c.chain), read(t, "vectors/hashchain/"+c.result), c.inputs)
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, "malformed_signature."+c.code, fault.CodeOf(err))
		})
	}
}

func TestConformanceBytesOfABatch(t *testing.T) {
	message := []hashchain.Input{{Name: "/message.xml", Digest: signature.SHA512.Sum(read(t, "vectors/made-by-xroad-7.2.2/message.xml"))}}
	chains, result, err := hashchain.BuildBatch(signature.SHA512, [][]hashchain.Input{message, message, message})
	require.NoError(t, err)
	require.Equal(t, string(read(t, "vectors/made-by-xroad-7.2.2/signature-batch.hashchain.xml")), string(chains[0]))
	require.Equal(t, string(read(t, "vectors/made-by-xroad-7.2.2/signature-batch.hashchainresult.xml")), string(result))
	require.NoError(t, hashchain.Verify(chains[0], result, message))
}

func TestConformanceBytesOfAttachments(t *testing.T) {
	parts := []hashchain.Input{
		{Name: "/message.xml", Digest: signature.SHA512.Sum(read(t, "vectors/signatures/message-1.xml"))},
		{Name: "/attachment1", Digest: signature.SHA512.Sum([]byte("blaah"))},
	}
	chain, result, err := hashchain.Build(signature.SHA512, parts)
	require.NoError(t, err)
	require.Equal(t, string(read(t, "vectors/signatures/hash-chain-1.xml")), string(chain))
	require.NotEmpty(t, result)
	require.NoError(t, hashchain.Verify(chain, result, parts))
}

func TestConformanceSchema(t *testing.T) {
	d := signature.SHA384
	chains, result, err := hashchain.BuildBatch(d, [][]hashchain.Input{message(d, 0, 1), message(d, 1, 3), message(d, 2, 1)})
	require.NoError(t, err)
	for _, document := range append(chains, result) {
		cmd := exec.Command("xmllint", "--nonet", "--noout", "--schema", testkit.Shared(t, "schemas/signature/hashchain.xsd"), "-")
		cmd.Stdin = bytes.NewReader(document)
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", output, document)
	}
}
