package schema

import "embed"

// WSDL holds wsdl/managementservices.wsdl, which the central server publishes and the management services' security server reads. The
// address in it is a placeholder: an administrator sets the real one.
//
//go:embed wsdl
var WSDL embed.FS
