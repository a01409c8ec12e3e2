package token

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/crypto/argon2"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Blobs:
//
//	token  "RTK" 1 | time u32 | memory KiB u32 | threads u8 | salt 16 | nonce 12 | sealed root key 32+16
//	key    "RKY" 1 | key id 32 | nonce 12 | sealed PKCS#8 n+16
//
// Numbers are big-endian. Everything before the nonce is additional data of the seal: format, version, argon2id's parameters and the key's id
// cannot be changed or swapped.
const (
	tokenMagic = "RTK\x01"
	keyMagic   = "RKY\x01"

	keySize   = 32
	saltSize  = 16
	nonceSize = 12
	tagSize   = 16
	idSize    = 32

	tokenHeader = len(tokenMagic) + 4 + 4 + 1 + saltSize
	tokenSize   = tokenHeader + nonceSize + keySize + tagSize
	keyHeader   = len(keyMagic) + idSize
)

// parameters are argon2id's costs.
type parameters struct {
	time, memory uint32 // passes; KiB
	threads      uint8
}

// current is more than OWASP's least for a server that stays small; blobs carry their own. limits keep a damaged or planted blob from taking the
// machine's memory.
var (
	current = parameters{time: 4, memory: 19 << 10, threads: 1}
	limits  = parameters{time: 16, memory: 1 << 20, threads: 16}
)

var errFormat = errors.New("not a token blob of this version")

func sealRoot(rand io.Reader, root []byte, pin string) ([]byte, error) {
	blob := append(make([]byte, 0, tokenSize), tokenMagic...)
	blob = binary.BigEndian.AppendUint32(blob, current.time)
	blob = binary.BigEndian.AppendUint32(blob, current.memory)
	blob = append(blob, current.threads)
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(rand, salt); err != nil {
		return nil, fmt.Errorf("sealing token: %w", err)
	}
	blob = append(blob, salt...)
	key := current.derive(pin, salt)
	defer clear(key)
	return seal(rand, key, blob, root)
}

func openRoot(blob []byte, pin string) ([]byte, error) {
	if len(blob) != tokenSize || string(blob[:len(tokenMagic)]) != tokenMagic {
		return nil, fmt.Errorf("opening token: %w", errFormat)
	}
	rest := blob[len(tokenMagic):]
	p := parameters{binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:]), rest[8]}
	if p.time < 1 || p.time > limits.time || p.memory < 1 || p.memory > limits.memory || p.threads < 1 || p.threads > limits.threads {
		return nil, fmt.Errorf("opening token: %w", errFormat)
	}
	key := p.derive(pin, blob[tokenHeader-saltSize:tokenHeader])
	defer clear(key)
	root, err := open(key, blob, tokenHeader)
	if err != nil {
		return nil, fault.New(fault.Invalid, "pin_incorrect", "Incorrect PIN")
	}
	return root, nil
}

func (p parameters) derive(pin string, salt []byte) []byte {
	secret := []byte(pin)
	defer clear(secret)
	// argon2id leaves its megabytes to the collector, which would let the heap grow to twice that before it looks.
	defer runtime.GC()
	return argon2.IDKey(secret, salt, p.time, p.memory, p.threads, keySize)
}

func sealKey(rand io.Reader, root, id, der []byte) ([]byte, error) {
	header := append(make([]byte, 0, keyHeader+nonceSize+len(der)+tagSize), keyMagic...)
	return seal(rand, root, append(header, id...), der)
}

func openKey(root, blob []byte) (der, id []byte, err error) {
	if len(blob) < keyHeader+nonceSize+tagSize || string(blob[:len(keyMagic)]) != keyMagic {
		return nil, nil, fmt.Errorf("opening key: %w", errFormat)
	}
	der, err = open(root, blob, keyHeader)
	if err != nil {
		return nil, nil, fmt.Errorf("opening key: %w", err)
	}
	return der, blob[len(keyMagic):keyHeader], nil
}

// seal appends nonce and ciphertext to the header, which is authenticated with them.
func seal(rand io.Reader, key, header, plain []byte) ([]byte, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	additional := append([]byte(nil), header...)
	return aead.Seal(append(header, nonce...), nonce, plain, additional), nil
}

func open(key, blob []byte, header int) ([]byte, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, blob[header:header+nonceSize], blob[header+nonceSize:], blob[:header])
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return cipher.NewGCM(block)
}
