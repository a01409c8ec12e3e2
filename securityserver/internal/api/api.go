// Package api answers the REST interface of the security server: each handler parses, calls the rules and renders. What an operation needs
// of the caller stands in the OpenAPI file and is enforced before a handler runs.
package api

//go:generate ../../../.bin/oapi-codegen -config gen/config.yaml ../../../schema/openapi/security-server.yaml
