package schema

import "embed"

// XSD holds the XML schemas, under xsd/: those of the global configuration in xsd/globalconf.
//
//go:embed xsd
var XSD embed.FS
