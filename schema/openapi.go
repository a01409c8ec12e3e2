package schema

import "embed"

//go:embed openapi/*.yaml
var openapi embed.FS

// OpenAPI gives the OpenAPI file of one server ("central" or "security"), nil for an unknown one.
func OpenAPI(server string) []byte {
	data, err := openapi.ReadFile("openapi/" + server + "-server.yaml")
	if err != nil {
		return nil
	}
	return data
}
