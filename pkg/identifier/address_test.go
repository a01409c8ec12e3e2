package identifier_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/identifier"
)

func TestValidAddress(t *testing.T) {
	for address, valid := range map[string]bool{
		"127.0.0.10": true, "2001:db8::1": true, "ss1.example.org": true, "ss1": true, "ss_1.example.org.": true, "õun.example.org": true,
		"localhost": true, "a": true, "A-b_c.Example.": true, "1a.2b.c3": true, strings.Repeat("a", 63) + ".ee": true,
		".": false, ".a": false, "_a.ee": false, "1.2.3.4.5": false, "http://a": false, "a\x00": false, strings.Repeat("abcdefgh.", 29) + "ee": false,
		"": false, " ": false, "[::1]": false, "fe80::1%eth0": false, "-a.example.org": false, "a-.org": false, "a..org": false,
		"host name": false, "example.1org": false, "256.1.1.1": false, "a/b": false, "host:4001": false,
		strings.Repeat("a", 64) + ".org": false, strings.Repeat("a.", 127) + "org": false, strings.Repeat("abc.", 64): false,
	} {
		require.Equal(t, valid, identifier.ValidAddress(address), "%q", address)
	}
}
