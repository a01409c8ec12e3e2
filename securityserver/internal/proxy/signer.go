package proxy

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"sync"
	"time"

	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
)

// maxBatch bounds the messages under one signature: each of their hash chains grows with its logarithm.
const maxBatch = 64

// signer makes signatures. While one RSA operation of a key runs, it collects what arrives for the same key and signs it together under a
// hash chain; an idle key signs a message alone. Keys on elliptic curves are so fast that they never wait.
type signer struct {
	rand io.Reader
	now  func() time.Time

	mu     sync.Mutex
	queues map[[sha256.Size]byte]*queue // by certificate; there only while a key is busy
}

type queue struct{ waiting []*job }

type job struct {
	credential signature.Credential
	parts      []hashchain.Input
	done       chan struct{}
	signed     xades.Signed
	err        error
}

func newSigner(rand io.Reader, now func() time.Time) *signer {
	return &signer{rand: rand, now: now, queues: map[[sha256.Size]byte]*queue{}}
}

// sign signs the parts of one message.
func (s *signer) sign(ctx context.Context, c signature.Credential, parts []hashchain.Input) (xades.Signed, error) {
	if _, slow := c.Signer.Public().(*rsa.PublicKey); !slow {
		return xades.Sign(s.rand, s.now(), c, digest, parts)
	}
	key := sha256.Sum256(c.Certificate.Raw)
	s.mu.Lock()
	q, busy := s.queues[key]
	if !busy {
		s.queues[key] = &queue{}
		s.mu.Unlock()
		signed, err := xades.Sign(s.rand, s.now(), c, digest, parts)
		s.next(key)
		return signed, err
	}
	j := &job{credential: c, parts: parts, done: make(chan struct{})}
	q.waiting = append(q.waiting, j)
	s.mu.Unlock()
	select {
	case <-j.done:
		return j.signed, j.err
	case <-ctx.Done():
		return xades.Signed{}, ctx.Err()
	}
}

// next starts a batch with what waits for the key, or leaves the key idle.
func (s *signer) next(key [sha256.Size]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[key]
	if len(q.waiting) == 0 {
		delete(s.queues, key)
		return
	}
	n := min(len(q.waiting), maxBatch)
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	go func() {
		s.signBatch(batch)
		s.next(key)
	}()
}

func (s *signer) signBatch(batch []*job) {
	messages := make([][]hashchain.Input, len(batch))
	for i, j := range batch {
		messages[i] = j.parts
	}
	var signed []xades.Signed
	var err error
	// The newest credential has the freshest OCSP response.
	credential := batch[len(batch)-1].credential
	if len(batch) == 1 {
		signed = make([]xades.Signed, 1)
		signed[0], err = xades.Sign(s.rand, s.now(), credential, digest, messages[0])
	} else {
		signed, err = xades.SignBatch(s.rand, s.now(), credential, digest, messages)
	}
	for i, j := range batch {
		if j.err = err; err == nil {
			j.signed = signed[i]
		}
		close(j.done)
	}
}
