package xades_test

import (
	"crypto/rand"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
	"github.com/ristmik/ristmik/pkg/testkit"
)

func TestOurSchemasDescribeWhatWeWrite(t *testing.T) {
	folder := filepath.Join(testkit.Root(t), "schema", "xsd", "signature")
	c := credential(t, ecKey(t))
	single, err := xades.Sign(rand.Reader, now, c, signature.SHA384, parts(signature.SHA384, 1))
	require.NoError(t, err)
	stamped, err := xades.AddTimestamp(single.XML, []byte("token"))
	require.NoError(t, err)
	c.Chain, c.OCSP = append(c.Chain, c.Certificate), append(c.OCSP, c.OCSP[0])
	batch, err := xades.SignBatch(rand.Reader, now, c, signature.SHA512, [][]hashchain.Input{parts(signature.SHA512, 1), parts(signature.SHA512, 3)})
	require.NoError(t, err)

	for _, document := range [][]byte{single.XML, stamped, batch[0].XML} {
		validate(t, filepath.Join(folder, "asic.xsd"), string(document))
	}
	for _, document := range [][]byte{batch[0].HashChain, batch[1].HashChain, batch[0].HashChainResult} {
		validate(t, filepath.Join(folder, "hashchain.xsd"), string(document))
	}
}

func validate(t *testing.T, schema, document string) {
	cmd := exec.Command("xmllint", "--nonet", "--noout", "--schema", schema, "-")
	cmd.Stdin = strings.NewReader(document)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", output, document)
}
