package schema

import "embed"

// XSD holds the XML schemas: identifiers, message header and management requests in xsd, the parts of the configuration in xsd/globalconf.
//
//go:embed xsd
var XSD embed.FS
