package hashchain_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
)

// message makes the inputs of a message whose parts differ from those of every other.
func message(d signature.Digest, number, parts int) []hashchain.Input {
	inputs := make([]hashchain.Input, parts)
	for i := range inputs {
		name := "/message.xml"
		if i > 0 {
			name = fmt.Sprintf("/attachment%d", i)
		}
		inputs[i] = hashchain.Input{Name: name, Digest: d.Sum(fmt.Appendf(nil, "%d %d", number, i))}
	}
	return inputs
}

func digestText(in hashchain.Input) string { return base64.StdEncoding.EncodeToString(in.Digest) }

func TestEveryMessageOfABatchHasItsOwnChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom([]signature.Digest{signature.SHA512, signature.SHA384, signature.SHA256}).Draw(t, "digest")
		parts := rapid.SliceOfN(rapid.IntRange(1, 3), 2, 20).Draw(t, "parts of each message")
		messages := make([][]hashchain.Input, len(parts))
		for i, n := range parts {
			messages[i] = message(d, i, n)
		}
		chains, result, err := hashchain.BuildBatch(d, messages)
		require.NoError(t, err)
		for i, chain := range chains {
			require.NoError(t, hashchain.Verify(chain, result, messages[i]))
			other := (i + 1) % len(chains)
			if len(messages[i]) == len(messages[other]) {
				require.Equal(t, "malformed_signature.invalid_hash_chain", fault.CodeOf(hashchain.Verify(chain, result, messages[other])))
			}
		}
	})
}

func TestOneMessageWithAttachments(t *testing.T) {
	parts := message(signature.SHA256, 0, 3)
	chain, result, err := hashchain.Build(signature.SHA256, parts)
	require.NoError(t, err)
	require.NoError(t, hashchain.Verify(chain, result, parts))
	require.Equal(t, 1, bytes.Count(chain, []byte("<ns2:HashStep ")))
}

func TestBuildRefuses(t *testing.T) {
	parts := message(signature.SHA512, 0, 2)
	for name, try := range map[string]func() error{
		"a single part": func() error { _, _, err := hashchain.Build(signature.SHA512, parts[:1]); return err },
		"nothing":       func() error { _, _, err := hashchain.BuildBatch(signature.SHA512, nil); return err },
		"no parts": func() error {
			_, _, err := hashchain.BuildBatch(signature.SHA512, [][]hashchain.Input{parts, {}})
			return err
		},
		"another digest": func() error { _, _, err := hashchain.Build(signature.SHA256, parts); return err },
		"SHA-1": func() error {
			d, err := signature.DigestByName("SHA-1")
			require.NoError(t, err)
			_, _, err = hashchain.Build(d, parts)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { require.Error(t, try()) })
	}
}

func TestVerifyRefuses(t *testing.T) {
	parts := message(signature.SHA512, 0, 3)
	chainBytes, resultBytes, err := hashchain.Build(signature.SHA512, parts)
	require.NoError(t, err)
	chain, result := string(chainBytes), string(resultBytes)
	changed := message(signature.SHA512, 0, 3)
	changed[2].Digest = signature.SHA512.Sum([]byte("other bytes"))

	for name, c := range map[string]struct {
		chain, result string
		inputs        []hashchain.Input
		code, text    string
	}{
		"changed attachment":       {chain, result, changed, "invalid_hash_chain", "Hash chain result does not match hash chain calculation"},
		"more parts than signed":   {chain, result, append(parts[:3:3], hashchain.Input{Name: "/attachment3"}), "hashchain_unused_inputs", "Some inputs were not referenced by hash chain: /attachment3"},
		"fewer parts than signed":  {chain, result, parts[:2], "invalid_reference", "Cannot resolve URI: /attachment2"},
		"a part twice":             {chain, result, append(parts[:3:3], parts[0]), "malformed_hash_chain", "Input /message.xml is given twice"},
		"not XML":                  {"<HashChain", result, parts, "malformed_hash_chain", "Parsing hash chain failed"},
		"result is not XML":        {chain, "", parts, "malformed_hash_chain", "Parsing hash chain failed"},
		"chain in place of result": {chain, chain, parts, "malformed_hash_chain", "Parsing hash chain failed"},
		"unknown step":             {chain, strings.Replace(result, "#STEP0", "#STEP9", 1), parts, "malformed_hash_chain", "Invalid hash step URI: /sig-hashchain.xml#STEP9"},
		"no fragment":              {chain, strings.Replace(result, "#STEP0", "", 1), parts, "malformed_hash_chain", "Invalid hash step URI: /sig-hashchain.xml"},
		"no document":              {chain, strings.Replace(result, "/sig-hashchain.xml", "", 1), parts, "malformed_hash_chain", "Invalid hash step URI: #STEP0"},
		"step of another document": {strings.Replace(chain, `<ns2:HashStep id="STEP0">`, `<ns2:HashStep id="STEP0"><ns2:StepRef URI="/other.xml#STEP0"/>`, 1), result, parts, "invalid_reference", "Cannot resolve URI: /other.xml"},
		"step that is its own":     {strings.Replace(chain, `<ns2:HashStep id="STEP0">`, `<ns2:HashStep id="STEP0"><ns2:StepRef URI="#STEP0"/>`, 1), result, parts, "malformed_hash_chain", "Invalid hash step URI: #STEP0"},
		"two steps of one name":    {strings.Replace(chain, `</ns2:HashStep>`, `</ns2:HashStep><ns2:HashStep id="STEP0"><ns2:StepRef URI="#STEP0"/></ns2:HashStep>`, 1), result, parts, "malformed_hash_chain", "Parsing hash chain failed"},
		"weak digest":              {strings.Replace(chain, signature.SHA512.URI, "http://www.w3.org/2000/09/xmldsig#sha1", 1), result, parts, "malformed_hash_chain", "Parsing hash chain failed"},
		"another digest":           {strings.Replace(chain, signature.SHA512.URI, signature.SHA256.URI, 1), result, parts, "invalid_hash_chain", "Hash chain result does not match hash chain calculation"},
		"unknown element":          {strings.ReplaceAll(chain, "DataRef", "FooRef"), result, parts, "malformed_hash_chain", "Parsing hash chain failed"},
		"another namespace":        {strings.Replace(chain, hashchain.Namespace, "urn:x", 1), result, parts, "malformed_hash_chain", "Parsing hash chain failed"},
		"too many values": {strings.Replace(chain, `<ns2:HashStep id="STEP0">`,
			`<ns2:HashStep id="STEP0">`+strings.Repeat(`<ns2:StepRef URI="#STEP1"/>`, 10_001), 1), result, parts, "malformed_hash_chain", "Parsing hash chain failed"},
		"comment": {strings.Replace(chain, `<DigestValue>`, `<!-- --><DigestValue>`, 1), result, parts, "malformed_hash_chain", "Parsing hash chain failed"},
		"text":    {strings.Replace(chain, `</ns2:HashStep>`, `x</ns2:HashStep>`, 1), result, parts, "malformed_hash_chain", "Parsing hash chain failed"},
		"other digest shown": {strings.Replace(chain, digestText(parts[1]), digestText(parts[2]), 1), result, parts, "invalid_hash_chain_ref",
			"Invalid digest value in hash chain reference to /attachment1"},
		"document type": {`<!DOCTYPE x>` + chain, result, parts, "malformed_hash_chain", "Parsing hash chain failed"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fault.From(hashchain.Verify([]byte(c.chain), []byte(c.result), c.inputs))
			require.Equal(t, "malformed_signature."+c.code, f.Code)
			require.Equal(t, c.text, f.Message)
			require.Equal(t, fault.Invalid, f.Kind)
		})
	}
}

// A chain of steps that each name the next one twice has 2^n paths; every step is calculated once.
func TestRepeatedStepsCostNothing(t *testing.T) {
	var b strings.Builder
	b.WriteString(`<c:HashChain xmlns:c="` + hashchain.Namespace + `"><c:DefaultDigestMethod Algorithm="` + signature.SHA256.URI + `"/>`)
	for i := range 90 {
		fmt.Fprintf(&b, `<c:HashStep id="S%d"><c:StepRef URI="#S%d"/><c:StepRef URI="#S%d"/></c:HashStep>`, i, i+1, i+1)
	}
	b.WriteString(`<c:HashStep id="S90"><c:HashValue><DigestValue xmlns="http://www.w3.org/2000/09/xmldsig#">AA==</DigestValue></c:HashValue></c:HashStep></c:HashChain>`)
	_, result, err := hashchain.Build(signature.SHA256, message(signature.SHA256, 0, 2))
	require.NoError(t, err)
	result = bytes.Replace(result, []byte("STEP0"), []byte("S0"), 1)
	require.Equal(t, "malformed_signature.invalid_hash_chain", fault.CodeOf(hashchain.Verify([]byte(b.String()), result, nil)))
}

func FuzzVerify(f *testing.F) {
	parts := message(signature.SHA256, 0, 2)
	chain, result, err := hashchain.Build(signature.SHA256, parts)
	require.NoError(f, err)
	f.Add(chain, result)
	f.Fuzz(func(t *testing.T, c, r []byte) {
		err := hashchain.Verify(c, r, parts)
		if err != nil && !strings.HasPrefix(fault.CodeOf(err), "malformed_signature.") {
			t.Fatalf("code %q", fault.CodeOf(err))
		}
	})
}
