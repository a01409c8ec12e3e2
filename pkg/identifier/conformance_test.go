//go:build conformance

package identifier_test

import (
	"os"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

func printed[T interface{ String() string }](read func(*etree.Element) (T, error)) func(*etree.Element) (string, error) {
	return func(el *etree.Element) (string, error) {
		id, err := read(el)
		return id.String(), err
	}
}

func TestConformanceVectors(t *testing.T) {
	client := printed(identifier.ClientFromXML)
	for _, c := range []struct {
		file string
		read func(*etree.Element) (string, error)
		want string
		code string
	}{
		{"clientid.xml", client, "MEMBER:EE/COMPANY/FOOBAR", ""},
		{"clientid-subsystem.xml", client, "SUBSYSTEM:EE/COMPANY/FOOBAR/SUBSYSTEM", ""},
		{"invalid-clientid-member.xml", client, "", "invalid_client_identifier"},
		{"globalgroupid.xml", printed(identifier.GlobalGroupFromXML), "GLOBALGROUP:EE/perearstid", ""},
		{"localgroupid.xml", identifier.LocalGroupFromXML, "lokaalgrupp", ""},
		{"securityserverid.xml", printed(identifier.SecurityServerFromXML), "SERVER:EE/BUSINESS/123456789/bambi", ""},
		{"serviceid.xml", printed(identifier.ServiceFromXML), "SERVICE:EE/BUSINESS/JODA/getState", ""},
		{"serviceid-version.xml", printed(identifier.ServiceFromXML), "SERVICE:EE/BUSINESS/JODA/getState/v1", ""},
	} {
		t.Run(c.file, func(t *testing.T) {
			data, err := os.ReadFile(testkit.Shared(t, "vectors/identifiers/identifiers/"+c.file))
			require.NoError(t, err)
			el, err := xmlsafe.Parse(data, xmlsafe.Default)
			require.NoError(t, err)
			got, err := c.read(el)
			require.Equal(t, c.code, fault.CodeOf(err))
			if err == nil {
				require.Equal(t, c.want, got)
			}
		})
	}
}
