package transport

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every state meets every kind of part; what the table does not list is refused with the code of its place.
func TestEveryStateAndKind(t *testing.T) {
	allowed := map[string]state{
		"start/ocsp": start, "start/soap": attachments,
		"attachments/nested": chainResult, "attachments/chainResult": chain, "attachments/signature": end, "attachments/soap": end,
		"chainResult/chainResult": chain, "chainResult/signature": end, "chainResult/soap": end,
		"chain/chain":      signed,
		"signed/signature": end, "signed/soap": end,
	}
	stateNames := [states]string{"start", "attachments", "chainResult", "chain", "signed", "end"}
	kindNames := [kinds]string{"ocsp", "soap", "nested", "chainResult", "chain", "signature", "other"}
	seen := 0
	for s := range states {
		for k := range kinds {
			name := fmt.Sprintf("%s/%s", stateNames[s], kindNames[k])
			to, err := s.advance(k, "x/y; a=b")
			if want, ok := allowed[name]; ok {
				seen++
				require.NoError(t, err, name)
				require.Equal(t, want, to, name)
				require.True(t, to >= s, "%s moves backwards", name)
				continue
			}
			require.Equal(t, s, to, name)
			switch s {
			case start:
				require.EqualError(t, err, "invalid_content_type: Invalid content type for SOAP message: x/y; a=b", name)
			case end:
				require.EqualError(t, err, "invalid_message: Extra content (x/y; a=b) after signature", name)
			default:
				require.EqualError(t, err, "invalid_content_type: Received invalid content type instead of signature: x/y; a=b", name)
			}
		}
	}
	require.Equal(t, len(allowed), seen)
}
