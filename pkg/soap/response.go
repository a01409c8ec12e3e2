package soap

import (
	"bytes"
	"errors"
)

// BuildResponse makes the response of a built-in service: the request with the Body's child renamed to the service code of the header followed
// by Response, its prefix and namespace kept, and extra appended as its last children. Header and the other children stay as they are. extra
// may use the prefixes that are declared around it.
func BuildResponse(request *Message, extra []byte) ([]byte, error) {
	if request.Fault != nil {
		return nil, errors.New("building a response: the request is a fault")
	}
	l := request.layout
	child := l.bodyChildren[0]
	renamed := *child
	renamed.local = request.Header.Service.Code() + "Response"

	out := make([]byte, 0, len(l.text)+len(extra)+64)
	out = append(out, declaration...)
	out = append(out, l.text[l.skipDeclaration():child.start]...)
	startTag := l.text[child.start+1+len(child.name()) : child.startEnd]
	empty := child.endStart == child.end
	if empty {
		startTag = append(bytes.TrimSuffix(startTag, []byte("/>")), '>')
	}
	out = append(out, '<')
	out = append(out, renamed.name()...)
	out = append(out, startTag...)
	if !empty {
		out = append(out, l.text[child.startEnd:child.endStart]...)
	}
	out = append(out, extra...)
	out = append(out, "</"+renamed.name()+">"...)
	return append(out, l.text[child.end:]...), nil
}
