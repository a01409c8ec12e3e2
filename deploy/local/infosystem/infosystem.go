// Package infosystem is an organisation's information system on both ends of a message: a SOAP service that greets, and a caller.
package infosystem

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// Namespace is that of the service's own elements.
const Namespace = "http://greeting.example/producer"

// ServiceCode and ServiceVersion name the one operation.
const (
	ServiceCode    = "greet"
	ServiceVersion = "v1"
	limit          = 1 << 20
)

// WSDL describes the service at this address.
func WSDL(address string) []byte {
	return []byte(strings.ReplaceAll(wsdl, "@ADDRESS@", address))
}

// Handler serves the WSDL on GET and the operation on POST.
func Handler(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml; charset=UTF-8")
		if r.Method == http.MethodGet {
			_, _ = w.Write(WSDL(address))
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
		if err == nil {
			body, err = greet(body, r.Header.Get("Content-Type"))
		}
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			body = (&soap.Fault{Code: "Client", String: err.Error()}).Encode()
		}
		_, _ = w.Write(body)
	})
}

func greet(body []byte, contentType string) ([]byte, error) {
	message, err := soap.Parse(body, contentType)
	if err != nil {
		return nil, err
	}
	element, err := xmlsafe.One(message.Body(), Namespace, "name")
	if err != nil {
		return nil, err
	}
	name, err := xmlsafe.Text(element)
	if err != nil {
		return nil, err
	}
	return soap.BuildResponse(message, xmlsafe.AppendElement(nil, "g:greeting", "Hello, "+name+"!"))
}

// Answer is what a caller got.
type Answer struct {
	MessageID string
	Greeting  string
	Fault     *soap.Fault
	Raw       []byte
	Elapsed   time.Duration
}

// Greet sends a request through the client proxy at proxyURL on behalf of client.
func Greet(ctx context.Context, proxyURL string, client identifier.ClientID, service identifier.ServiceID, name string) (*Answer, error) {
	id := uuid.NewString()
	body := Request(client, service, id, name)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, proxyURL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "text/xml; charset=UTF-8")
	r.Header.Set("SOAPAction", `""`)
	start := time.Now()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, limit))
	if err != nil {
		return nil, err
	}
	answer := &Answer{MessageID: id, Raw: raw, Elapsed: time.Since(start)}
	message, err := soap.Parse(raw, response.Header.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("the client proxy's answer (HTTP %d): %w", response.StatusCode, err)
	}
	if answer.Fault = message.Fault; answer.Fault != nil {
		return answer, nil
	}
	element, err := xmlsafe.One(message.Body(), Namespace, "greeting")
	if err != nil {
		return nil, err
	}
	answer.Greeting, err = xmlsafe.Text(element)
	return answer, err
}

// Request builds the SOAP request.
func Request(client identifier.ClientID, service identifier.ServiceID, id, name string) []byte {
	b := []byte(xml.Header + `<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xroad="http://x-road.eu/xsd/xroad.xsd" xmlns:id="` +
		identifier.Namespace + `"><SOAP-ENV:Header>`)
	b = client.AppendXML(b, "xroad:client")
	b = service.AppendXML(b, "xroad:service")
	b = xmlsafe.AppendElement(b, "xroad:userId", "EE12345678901")
	b = xmlsafe.AppendElement(b, "xroad:id", id)
	b = xmlsafe.AppendElement(b, "xroad:protocolVersion", "4.0")
	b = append(b, `</SOAP-ENV:Header><SOAP-ENV:Body><g:`+ServiceCode+` xmlns:g="`+Namespace+`">`...)
	b = xmlsafe.AppendElement(b, "g:name", name)
	return append(b, `</g:`+ServiceCode+`></SOAP-ENV:Body></SOAP-ENV:Envelope>`...)
}

const wsdl = `<?xml version="1.0" encoding="UTF-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xrd="http://x-road.eu/xsd/xroad.xsd" xmlns:g="http://greeting.example/producer" targetNamespace="http://greeting.example/producer">
  <wsdl:types>
    <xsd:schema targetNamespace="http://greeting.example/producer" elementFormDefault="qualified">
      <xsd:element name="greet"><xsd:complexType><xsd:sequence><xsd:element name="name" type="xsd:string"/></xsd:sequence></xsd:complexType></xsd:element>
      <xsd:element name="greetResponse"><xsd:complexType><xsd:sequence><xsd:element name="name" type="xsd:string"/><xsd:element name="greeting" type="xsd:string"/></xsd:sequence></xsd:complexType></xsd:element>
    </xsd:schema>
  </wsdl:types>
  <wsdl:message name="greet"><wsdl:part name="body" element="g:greet"/></wsdl:message>
  <wsdl:message name="greetResponse"><wsdl:part name="body" element="g:greetResponse"/></wsdl:message>
  <wsdl:portType name="greetingPort">
    <wsdl:operation name="greet"><wsdl:input message="g:greet"/><wsdl:output message="g:greetResponse"/></wsdl:operation>
  </wsdl:portType>
  <wsdl:binding name="greetingBinding" type="g:greetingPort">
    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="greet">
      <soap:operation soapAction=""/>
      <xrd:version>v1</xrd:version>
      <wsdl:input><soap:body use="literal"/></wsdl:input>
      <wsdl:output><soap:body use="literal"/></wsdl:output>
    </wsdl:operation>
  </wsdl:binding>
  <wsdl:service name="greetingService">
    <wsdl:port name="greetingPort" binding="g:greetingBinding"><soap:address location="@ADDRESS@"/></wsdl:port>
  </wsdl:service>
</wsdl:definitions>
`
