package request

import (
	"strconv"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// Response is the answer to an accepted request: its own message with the identifier of the saved request added (UC MEMBER_27 3).
func Response(o *Opened, requestID int64) ([]byte, error) {
	name := "requestId"
	if o.Message.BodyPrefix != "" {
		name = o.Message.BodyPrefix + ":" + name
	}
	return soap.BuildResponse(o.Message, xmlsafe.AppendElement(nil, name, strconv.FormatInt(requestID, 10)))
}

// ReadResponse reads the central server's answer to the SOAP message that was sent. A refusal is a *soap.Fault. Without a readable
// identifier the result is 0, as with X-Road. Other codes: http_error, internal_error, inconsistent_response and those of soap.Parse.
func ReadResponse(body []byte, contentType string, sent []byte) (requestID int64, err error) {
	if soap.BaseType(contentType) != "text/xml" {
		return 0, fault.New(fault.Invalid, "http_error", "Unexpected or no content type (%s) in response", contentType)
	}
	response, err := soap.Parse(body, contentType)
	if err != nil {
		return 0, err
	}
	if response.Fault != nil {
		return 0, response.Fault
	}
	if !response.IsResponse() {
		return 0, refuse("internal_error", "Expected response message")
	}
	request, err := soap.Parse(sent, soap.ContentType)
	if err != nil {
		return 0, err
	}
	if err := soap.Consistent(&request.Header, &response.Header); err != nil {
		return 0, err
	}
	content := response.Body()
	if content == nil {
		return 0, nil
	}
	found := xmlsafe.All(content, soap.Namespace, "requestId")
	if len(found) == 0 {
		return 0, nil
	}
	text, err := xmlsafe.Text(found[0])
	if err != nil {
		return 0, nil // the request is accepted, whatever its number
	}
	requestID, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, nil
	}
	return requestID, nil
}
