// Package schema holds the contracts: OpenAPI files, WSDL, XSD and SQL migrations, embedded for the servers that keep them.
package schema
