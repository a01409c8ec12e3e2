// Package hashchain builds and verifies X-Road's hash chains, by which one signature covers a message with its attachments, or many
// messages at once (message-transport §6.3).
package hashchain

import "github.com/ristmik/ristmik/pkg/signature"

// Input is one signed part: its logical name ("/message.xml", "/attachment1", …) and the digest of its bytes.
type Input struct {
	Name   string
	Digest []byte
}

// Build makes the chain and its result for one message of several parts.
func Build(d signature.Digest, inputs []Input) (chain, result []byte, err error) { return nil, nil, nil }

// BuildBatch makes a chain for each message and the one result they share.
func BuildBatch(d signature.Digest, messages [][]Input) (chains [][]byte, result []byte, err error) {
	return nil, nil, nil
}

// Verify checks that the chain leads from all inputs to the result.
func Verify(chain, result []byte, inputs []Input) error { return nil }
