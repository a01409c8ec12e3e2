// Package hashchain builds and verifies X-Road's hash chains, by which one signature covers a message with its attachments, or many
// messages at once (message-transport §6.3).
//
// A chain is a path through a Merkle tree. Its steps list values: digests of data (DataRef), digests of other steps (StepRef), and bare
// digests of subtrees that belong to others (HashValue). The value of a step is the digest of the DER encoding of its list. The result names
// the first step and its value, and the result's bytes are what is signed.
package hashchain

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

const (
	// Namespace is that of hash chains and their results.
	Namespace = "http://cyber.ee/hashchain"
	// ChainName is the logical name of a chain that belongs to a signature; it stands in the result.
	ChainName = "/sig-hashchain.xml"
	// ResultName is the logical name of the result, which is what the signature references.
	ResultName = "/sig-hashchainresult.xml"

	namespaceDS = "http://www.w3.org/2000/09/xmldsig#"
)

// Input is one signed part: its logical name ("/message.xml", "/attachment1", …) and the digest of its bytes, made with the digest
// algorithm of the chain.
type Input struct {
	Name   string
	Digest []byte
}

// Build makes the chain and its result for one message of at least two parts; its only step lists the parts in order. A single part needs
// no chain: it is signed directly.
func Build(d signature.Digest, inputs []Input) (chain, result []byte, err error) {
	chains, result, err := BuildBatch(d, [][]Input{inputs})
	if err != nil {
		return nil, nil, err
	}
	return chains[0], result, nil
}

// BuildBatch makes a chain for each message and the one result they share. The messages are the leaves of a binary tree filled from the left;
// a message of several parts hangs one more step below its leaf.
func BuildBatch(d signature.Digest, messages [][]Input) (chains [][]byte, result []byte, err error) {
	if err := checkInputs(d, messages); err != nil {
		return nil, nil, err
	}
	leaves := make([][]byte, len(messages))
	for i, parts := range messages {
		if leaves[i] = parts[0].Digest; len(parts) > 1 {
			leaves[i] = stepDigest(d, parts)
		}
	}
	levels := tree(d, leaves)
	chains = make([][]byte, len(messages))
	for i, parts := range messages {
		chains[i] = appendChain(nil, d, path(levels, i), parts)
	}
	top := levels[len(levels)-1][0]
	return chains, appendResult(nil, d, top), nil
}

func checkInputs(d signature.Digest, messages [][]Input) error {
	if !d.IsStrong() {
		return fmt.Errorf("building a hash chain with %q", d.Name)
	}
	if len(messages) == 0 || len(messages) == 1 && len(messages[0]) < 2 {
		return errors.New("building a hash chain needs more than one part")
	}
	for _, parts := range messages {
		if len(parts) == 0 {
			return errors.New("building a hash chain for a message without parts")
		}
		for _, p := range parts {
			if len(p.Digest) != d.Hash.Size() {
				return fmt.Errorf("building a hash chain: digest of %s is not %s", p.Name, d.Name)
			}
		}
	}
	return nil
}

// tree gives the levels of the tree from the leaves to the top. A node without a neighbour rises as it is.
func tree(d signature.Digest, level [][]byte) [][][]byte {
	levels := [][][]byte{level}
	for len(level) > 1 {
		var above [][]byte
		for i := 0; i < len(level); i += 2 {
			if i+1 == len(level) {
				above = append(above, level[i])
				continue
			}
			above = append(above, stepDigest(d, []Input{{Digest: level[i]}, {Digest: level[i+1]}}))
		}
		levels, level = append(levels, above), above
	}
	return levels
}

// sibling is what a step on the path knows besides the path itself.
type sibling struct {
	digest []byte
	left   bool // it stands before the path
}

// path lists the siblings of the i-th leaf from the top down.
func path(levels [][][]byte, i int) []sibling {
	var found []sibling
	for _, level := range levels {
		if other := i ^ 1; other < len(level) {
			found = append(found, sibling{level[other], other < i})
		}
		i /= 2
	}
	for a, b := 0, len(found)-1; a < b; a, b = a+1, b-1 {
		found[a], found[b] = found[b], found[a]
	}
	return found
}

func stepDigest(d signature.Digest, values []Input) []byte {
	var list []byte
	for _, v := range values {
		list = appendValue(list, d.URI, v.Digest)
	}
	return d.Sum(appendTLV(nil, 0x30, list))
}

const declaration = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"

func appendChain(dst []byte, d signature.Digest, siblings []sibling, parts []Input) []byte {
	dst = append(dst, declaration+`<ns2:HashChain xmlns="`+namespaceDS+`" xmlns:ns2="`+Namespace+`">`+"\n"+
		`    <ns2:DefaultDigestMethod Algorithm="`+d.URI+`"/>`+"\n"...)
	for step, s := range siblings {
		dst = appendStepStart(dst, step)
		if s.left {
			dst = appendHashValue(dst, s.digest)
		}
		if step == len(siblings)-1 && len(parts) == 1 {
			dst = appendDataRef(dst, parts[0])
		} else {
			dst = append(dst, `        <ns2:StepRef URI="#STEP`...)
			dst = strconv.AppendInt(dst, int64(step+1), 10)
			dst = append(dst, `"/>`+"\n"...)
		}
		if !s.left {
			dst = appendHashValue(dst, s.digest)
		}
		dst = append(dst, stepEnd...)
	}
	if len(parts) > 1 {
		dst = appendStepStart(dst, len(siblings))
		for _, p := range parts {
			dst = appendDataRef(dst, p)
		}
		dst = append(dst, stepEnd...)
	}
	return append(dst, "</ns2:HashChain>\n"...)
}

const stepEnd = "    </ns2:HashStep>\n"

func appendStepStart(dst []byte, step int) []byte {
	dst = append(dst, `    <ns2:HashStep id="STEP`...)
	dst = strconv.AppendInt(dst, int64(step), 10)
	return append(dst, `">`+"\n"...)
}

func appendHashValue(dst, digest []byte) []byte {
	dst = append(dst, "        <ns2:HashValue>\n            "...)
	dst = appendDigestValue(dst, digest)
	return append(dst, "        </ns2:HashValue>\n"...)
}

func appendDataRef(dst []byte, p Input) []byte {
	dst = append(dst, `        <ns2:DataRef URI="`...)
	dst = xmlsafe.AppendAttribute(dst, p.Name)
	dst = append(dst, `">`+"\n            "...)
	dst = appendDigestValue(dst, p.Digest)
	return append(dst, "        </ns2:DataRef>\n"...)
}

func appendDigestValue(dst, digest []byte) []byte {
	dst = append(dst, "<DigestValue>"...)
	dst = base64.StdEncoding.AppendEncode(dst, digest)
	return append(dst, "</DigestValue>\n"...)
}

func appendResult(dst []byte, d signature.Digest, top []byte) []byte {
	dst = append(dst, declaration+`<ns2:HashChainResult URI="`+ChainName+`#STEP0" xmlns="`+namespaceDS+`" xmlns:ns2="`+Namespace+`">`+"\n"+
		`    <DigestMethod Algorithm="`+d.URI+`"/>`+"\n    "...)
	dst = appendDigestValue(dst, top)
	return append(dst, "</ns2:HashChainResult>\n"...)
}
