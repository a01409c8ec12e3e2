package messagelog

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
)

const (
	imprintHash = crypto.SHA512 // X-Road's message-log.hash-algo-id
	maxToken    = 1 << 20       // bytes of a time-stamping authority's answer
	askTimeout  = 30 * time.Second
)

// ask gets and checks one RFC 3161 token over value. It returns the token and its time.
func (l *Log) ask(ctx context.Context, authority Authority, value []byte) ([]byte, time.Time, error) {
	hash := imprintHash.New()
	hash.Write(value)
	imprint := hash.Sum(nil)
	nonce, err := rand.Int(l.config.Rand, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return nil, time.Time{}, err
	}
	query, err := (&timestamp.Request{HashAlgorithm: imprintHash, HashedMessage: imprint, Certificates: true, Nonce: nonce}).Marshal()
	if err != nil {
		return nil, time.Time{}, err
	}
	answer, err := l.post(ctx, authority.URL, query)
	if err != nil {
		return nil, time.Time{}, err
	}
	response, err := timestamp.ParseResponse(answer)
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := checkToken(response, authority.Certificate, imprint, nonce); err != nil {
		return nil, time.Time{}, err
	}
	return response.RawToken, response.Time.UTC(), nil
}

func (l *Log) post(ctx context.Context, url string, query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	post.Header.Set("Content-Type", "application/timestamp-query")
	response, err := l.config.HTTP.Do(post)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxToken+1))
	if err == nil && len(answer) > maxToken {
		return nil, fmt.Errorf("answer has more than %d bytes", maxToken)
	}
	return answer, err
}

// checkToken does what the library leaves to its caller: the imprint and nonce are ours, and the token is signed by exactly the approved
// certificate, not by one that came along in the token.
func checkToken(t *timestamp.Timestamp, certificate *x509.Certificate, imprint []byte, nonce *big.Int) error {
	switch {
	case t.HashAlgorithm != imprintHash || !bytes.Equal(t.HashedMessage, imprint):
		return fmt.Errorf("time-stamp is not over our signature value")
	case t.Nonce == nil || t.Nonce.Cmp(nonce) != 0:
		return fmt.Errorf("time-stamp does not carry our nonce")
	case !slices.Contains(certificate.ExtKeyUsage, x509.ExtKeyUsageTimeStamping):
		return fmt.Errorf("certificate of the time-stamping authority is not for time-stamping")
	}
	token, err := pkcs7.Parse(t.RawToken)
	if err != nil {
		return fmt.Errorf("reading the time-stamp token: %w", err)
	}
	if len(token.Signers) != 1 {
		return fmt.Errorf("time-stamp token has %d signatures", len(token.Signers))
	}
	token.Certificates = []*x509.Certificate{certificate}
	if err := token.Verify(); err != nil {
		return fmt.Errorf("time-stamp token is not signed by the approved authority: %w", err)
	}
	return nil
}
