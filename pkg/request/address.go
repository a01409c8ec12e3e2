package request

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// ValidAddress reports whether a security server may have this address: an IP address without brackets and zone, or a domain name, which may
// hold other letters than ASCII (PR-MSERV: authCertReg, addressChange).
func ValidAddress(address string) bool {
	if ip, err := netip.ParseAddr(address); err == nil {
		return ip.Zone() == ""
	}
	ascii, err := idna.ToASCII(address)
	if err != nil {
		return false
	}
	ascii = strings.TrimSuffix(ascii, ".")
	labels := strings.Split(ascii, ".")
	if len(ascii) > 253 || len(labels) > 127 {
		return false
	}
	for _, label := range labels {
		if !validLabel(label) {
			return false
		}
	}
	first := labels[len(labels)-1][0]
	return first < '0' || first > '9'
}

func validLabel(label string) bool {
	if len(label) == 0 || len(label) > 63 || strings.ContainsAny(label[:1]+label[len(label)-1:], "-_") {
		return false
	}
	for i := range len(label) {
		switch c := label[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
