package signature

import (
	"crypto"
	"crypto/x509"
)

// Credential is a key together with what others need to trust it, as it travels with messages.
type Credential struct {
	Signer      crypto.Signer
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // intermediates only, the issuer of Certificate first; neither Certificate nor the top CA
	OCSP        [][]byte            // DER; OCSP[0] belongs to Certificate, the others to Chain in its order
}
