package transport

import (
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/soap"
)

// state says which parts may come next. It only moves forward.
type state int

const (
	start       state = iota // OCSP responses, then the message
	attachments              // everything after the message is optional, but for the signature
	chainResult
	chain
	signed // only the signature is left
	end
	states // how many there are
)

// kind is what a part is, by its content type.
type kind int

const (
	kindOCSP kind = iota
	kindSOAP      // text/xml or application/xop+xml: the message, or a fault after it
	kindNested
	kindChainResult
	kindChain
	kindSignature
	kindOther
	kinds // how many there are
)

// next is the whole machine: what is not here is refused. A SOAP part after the message is a fault that ends everything.
var next = [states]map[kind]state{
	start:       {kindOCSP: start, kindSOAP: attachments},
	attachments: {kindNested: chainResult, kindChainResult: chain, kindSignature: end, kindSOAP: end},
	chainResult: {kindChainResult: chain, kindSignature: end, kindSOAP: end},
	chain:       {kindChain: signed},
	signed:      {kindSignature: end, kindSOAP: end},
	end:         {},
}

// kindOf classifies a part.
func kindOf(contentType string) kind {
	switch soap.BaseType(contentType) {
	case typeOCSP:
		return kindOCSP
	case "text/xml", "application/xop+xml":
		return kindSOAP
	case typeNested:
		return kindNested
	case typeChainResult:
		return kindChainResult
	case typeChain:
		return kindChain
	case typeSignature:
		return kindSignature
	}
	return kindOther
}

// advance gives the state after a part, or refuses the part.
func (s state) advance(k kind, contentType string) (state, error) {
	if to, ok := next[s][k]; ok {
		return to, nil
	}
	contentType = strings.TrimSpace(contentType)
	switch s {
	case start:
		return s, fault.New(fault.Invalid, "invalid_content_type", "Invalid content type for SOAP message: %s", contentType)
	case end:
		return s, fault.New(fault.Invalid, "invalid_message", "Extra content (%s) after signature", contentType)
	default:
		return s, fault.New(fault.Invalid, "invalid_content_type", "Received invalid content type instead of signature: %s", contentType)
	}
}
