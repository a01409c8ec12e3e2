// Package gen is the central server's REST interface in Go, generated from schema/openapi/central-server.yaml.
package gen

//go:generate ../../../../.bin/oapi-codegen -config config.yaml ../../../../schema/openapi/central-server.yaml
