package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/crypto/argon2"
)

// The cost of argon2id for new passwords: memory in KiB, passes, lanes.
const (
	memory = 19 * 1024
	passes = 2
	lanes  = 1
	length = 32
)

// nobody is what the password of an unknown user is compared with, so that the answer takes as long as for a known one. No password fits.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := io.ReadFull(s.rand, salt); err != nil {
		return "", fmt.Errorf("making a salt: %w", err)
	}
	release, err := s.turn(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	sum := argon2.IDKey([]byte(password), salt, passes, memory, lanes, length)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// fits reports whether the password is the hashed one. A hash that cannot be read is an error, never a match.
func (s *Service) fits(ctx context.Context, hash, password string) (bool, error) {
	var version, m, t int
	var p uint8
	var rest string
	if _, err := fmt.Sscanf(hash, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &m, &t, &p, &rest); err != nil || version != argon2.Version {
		return false, fmt.Errorf("reading a password hash: unknown form")
	}
	if m < 8 || m > 1<<20 || t < 1 || t > 64 || p < 1 {
		return false, fmt.Errorf("reading a password hash: cost out of range")
	}
	salt, sum, err := saltAndSum(rest)
	if err != nil {
		return false, err
	}
	release, err := s.turn(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	got := argon2.IDKey([]byte(password), salt, uint32(t), uint32(m), p, uint32(len(sum)))
	return subtle.ConstantTimeCompare(got, sum) == 1, nil
}

func saltAndSum(s string) (salt, sum []byte, err error) {
	for i := range s {
		if s[i] != '$' {
			continue
		}
		salt, err = base64.RawStdEncoding.DecodeString(s[:i])
		if err == nil {
			sum, err = base64.RawStdEncoding.DecodeString(s[i+1:])
		}
		if err == nil && len(salt) >= 8 && len(sum) >= 16 {
			return salt, sum, nil
		}
		break
	}
	return nil, nil, fmt.Errorf("reading a password hash: bad salt or sum")
}

func (s *Service) turn(ctx context.Context) (func(), error) {
	select {
	case s.hashing <- struct{}{}:
		return func() {
			// argon2id leaves its megabytes to the collector, which would let the heap grow to twice that before it looks.
			runtime.GC()
			<-s.hashing
		}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
