package schema

import "embed"

// WSDL holds the description of the management services as the central server publishes it.
//
//go:embed wsdl
var WSDL embed.FS

// ManagementServicesWSDL is the file that the central server serves.
func ManagementServicesWSDL() []byte {
	data, err := WSDL.ReadFile("wsdl/managementservices.wsdl")
	if err != nil {
		return nil
	}
	return data
}
