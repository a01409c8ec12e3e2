package service

import (
	"strings"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

const (
	nsWSDL  = "http://schemas.xmlsoap.org/wsdl/"
	nsSOAP  = "http://schemas.xmlsoap.org/wsdl/soap/"
	nsXRoad = "http://x-road.eu/xsd/xroad.xsd"
)

// maxOperations bounds what one description may offer.
const maxOperations = 1000

// wsdlLimits bound a description; real ones have up to a few hundred kilobytes.
var wsdlLimits = xmlsafe.Limits{Bytes: 10 << 20, Depth: 64}

// Operation is what a description says of one service.
type Operation struct {
	Code, Version, Title string
	URL                  string // soap:address of the port
}

// ParseWSDL reads the operations of all SOAP ports of a WSDL 1.1 document. The version and the title stand in the X-Road namespace beside the
// binding's and the port type's operation. The fault has code invalid_wsdl.
func ParseWSDL(data []byte) ([]Operation, error) {
	root, err := xmlsafe.Parse(data, wsdlLimits)
	if err != nil {
		return nil, badWSDL(err, "the document cannot be read")
	}
	if !xmlsafe.Is(root, nsWSDL, "definitions") {
		return nil, badWSDL(nil, "the root element is not wsdl:definitions")
	}
	titles := operationTitles(root)
	bindings := map[string]*etree.Element{}
	for _, b := range xmlsafe.All(root, nsWSDL, "binding") {
		if name, ok := xmlsafe.Attribute(b, "", "name"); ok && len(xmlsafe.All(b, nsSOAP, "binding")) == 1 {
			bindings[name] = b
		}
	}
	var found []Operation
	seen := map[[2]string]bool{}
	for _, s := range xmlsafe.All(root, nsWSDL, "service") {
		for _, port := range xmlsafe.All(s, nsWSDL, "port") {
			reference, _ := xmlsafe.Attribute(port, "", "binding")
			binding := bindings[local(reference)]
			addresses := xmlsafe.All(port, nsSOAP, "address")
			if binding == nil || len(addresses) != 1 {
				continue
			}
			url, _ := xmlsafe.Attribute(addresses[0], "", "location")
			for _, o := range xmlsafe.All(binding, nsWSDL, "operation") {
				operation, err := readOperation(o, titles)
				if err != nil {
					return nil, err
				}
				operation.URL = strings.TrimSpace(url)
				key := [2]string{operation.Code, operation.Version}
				if seen[key] {
					continue // the same operation over a second port
				}
				if seen[key] = true; len(found) == maxOperations {
					return nil, badWSDL(nil, "there are too many operations")
				}
				found = append(found, operation)
			}
		}
	}
	if len(found) == 0 {
		return nil, badWSDL(nil, "no operation with a SOAP address was found")
	}
	return found, nil
}

func readOperation(o *etree.Element, titles map[string]string) (Operation, error) {
	name, _ := xmlsafe.Attribute(o, "", "name")
	version, err := optionalText(o, "version")
	if err != nil {
		return Operation{}, badWSDL(err, "the version of operation '"+name+"' cannot be read")
	}
	if identifier.Part(name) != "" || version != "" && identifier.Part(version) != "" {
		return Operation{}, fault.New(fault.Invalid, "invalid_service_identifier", "Invalid service identifier: %s", name).With(name)
	}
	return Operation{Code: name, Version: version, Title: titles[name]}, nil
}

// operationTitles are the titles that stand in the documentation of port type operations.
func operationTitles(root *etree.Element) map[string]string {
	titles := map[string]string{}
	for _, portType := range xmlsafe.All(root, nsWSDL, "portType") {
		for _, o := range xmlsafe.All(portType, nsWSDL, "operation") {
			name, _ := xmlsafe.Attribute(o, "", "name")
			for _, documentation := range xmlsafe.All(o, nsWSDL, "documentation") {
				if title, err := optionalText(documentation, "title"); err == nil && title != "" {
					titles[name] = shorten(title)
				}
			}
		}
	}
	return titles
}

func optionalText(parent *etree.Element, name string) (string, error) {
	all := xmlsafe.All(parent, nsXRoad, name)
	if len(all) == 0 {
		return "", nil
	}
	text, err := xmlsafe.Text(all[0])
	return strings.TrimSpace(text), err
}

func local(qname string) string {
	if _, after, ok := strings.Cut(qname, ":"); ok {
		return after
	}
	return qname
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 255 {
		return string(r[:255])
	}
	return s
}

func badWSDL(cause error, why string) error {
	return fault.Wrap(cause, fault.Invalid, "invalid_wsdl", "Invalid WSDL: %s", why)
}
