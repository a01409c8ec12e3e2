package soap

import (
	"mime"
	"net/url"
	"strings"
)

// Content types of a plain message as it is sent, and base types that are read.
const (
	ContentType      = "text/xml; charset=UTF-8"
	typeXML          = "text/xml"
	typeXOP          = "application/xop+xml"
	MultipartRelated = "multipart/related"
)

// BaseType is the media type in lower case without its parameters.
func BaseType(contentType string) string {
	base, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(base))
}

// IsMultipart checks the content type of a whole request: text/xml, application/xop+xml, or multipart/related, of which the last is
// reported as true. Codes invalid_request for a missing one and invalid_content_type for another.
func IsMultipart(contentType string) (bool, error) {
	switch base := BaseType(contentType); base {
	case "":
		return false, refuse("invalid_request", "Could not get content type from request")
	case typeXML, typeXOP:
		return false, nil
	case MultipartRelated:
		return true, nil
	default:
		return false, refuse("invalid_content_type", "Invalid content type: %s", base)
	}
}

// CheckSOAPAction checks the SOAPAction header of an incoming request: absent, empty, or a URI in double quotes, which may be empty. Code
// invalid_soap_action.
func CheckSOAPAction(value string) error {
	if value == "" || value == `""` {
		return nil
	}
	if len(value) > 2 && value[0] == '"' && value[len(value)-1] == '"' {
		inner := value[1 : len(value)-1]
		if _, err := url.Parse(inner); err == nil && !strings.ContainsAny(inner, "\" <>\\^`{|}") {
			return nil
		}
	}
	return refuse("invalid_soap_action", "Malformed SOAPAction header")
}

func boundary(contentType string) (string, error) {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || parameters["boundary"] == "" || len(parameters["boundary"]) > 200 {
		return "", refuse("mime_parsing_failed", "Content type has no usable boundary")
	}
	return parameters["boundary"], nil
}
