package identifier

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// ValidAddress reports whether s is a server address as X-Road accepts it: an IP literal without brackets and zone, or a DNS name of at
// most 253 characters whose labels hold at most 63 letters, digits, hyphens and underscores, none of the two last at an end, and whose last
// label does not start with a digit. International names count in their ASCII form. At most 255 characters are looked at.
func ValidAddress(s string) bool {
	if len(s) == 0 || len(s) > maxPartLength {
		return false
	}
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Zone() == ""
	}
	name, err := idna.Punycode.ToASCII(s)
	if err != nil {
		return false
	}
	name = strings.TrimSuffix(name, ".")
	if len(name) > 253 {
		return false
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if !validLabel(label) {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(labels) <= 127 && (last[0] < '0' || last[0] > '9')
}

func validLabel(label string) bool {
	if len(label) == 0 || len(label) > 63 {
		return false
	}
	for i := range len(label) {
		c := label[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
		case (c == '-' || c == '_') && i > 0 && i < len(label)-1:
		default:
			return false
		}
	}
	return true
}
