package globalconf_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// snapshot is what a reader of one version makes of TEST and of a federated instance OTHER.
func snapshot(t testing.TB, version int) *globalconf.Snapshot {
	t.Helper()
	var parts []*globalconf.SharedParameters
	for _, instance := range []string{"TEST", "OTHER"} {
		data, err := globalconf.EncodeShared(version, sample(t, instance))
		require.NoError(t, err)
		p, err := globalconf.DecodeShared(version, data)
		require.NoError(t, err)
		parts = append(parts, p)
	}
	s, err := globalconf.NewSnapshot(samplePrivate(t, "TEST"), parts, version, now.Add(10*time.Minute))
	require.NoError(t, err)
	return s
}

func TestLookUps(t *testing.T) {
	for version := globalconf.MinVersion; version <= globalconf.MaxVersion; version++ {
		s := snapshot(t, version)
		for _, instance := range []string{"TEST", "OTHER"} {
			one, two := member(t, instance, "GOV", "1"), member(t, instance, "COM", `2 & <"two">`)
			a, b := subsystem(t, one, "a"), subsystem(t, one, "b")
			ss1, ss2, ss3 := server(t, one, "ss1"), server(t, two, "ss2"), server(t, two, "ss3")

			require.True(t, s.HasServer(ss3))
			require.False(t, s.HasServer(server(t, one, "ss3")))
			address, ok := s.Address(ss1)
			require.True(t, ok)
			require.Equal(t, "ss1.example.org", address)
			_, ok = s.Address(ss3)
			require.False(t, ok, "no address")

			for _, c := range []struct {
				server identifier.SecurityServerID
				client identifier.ClientID
				lists  bool
			}{
				{ss1, one, true}, {ss1, a, true}, {ss1, two, true}, {ss1, b, false}, {ss3, two, true}, {ss3, b, true}, {ss3, a, false},
				{ss2, two, true}, {ss2, one, true}, {ss2, a, version >= 5}, {server(t, one, "none"), one, false},
			} {
				require.Equal(t, c.lists, s.Lists(c.server, c.client), "version %d: %s lists %s", version, c.server, c.client)
			}

			var of []identifier.SecurityServerID
			for _, l := range s.ServersOf(two) {
				of = append(of, l.ID)
			}
			require.Equal(t, []identifier.SecurityServerID{ss1, ss2}, of, "without the one that has no address")
			message, ok := s.Maintenance(ss2)
			require.Equal(t, version >= 5, ok)
			if version >= 5 {
				require.Equal(t, "back at noon", message)
				require.Equal(t, "back at noon", *s.ServersOf(b)[0].Maintenance)
			}
			require.Nil(t, s.ServersOf(a)[0].Maintenance)

			name, ok := s.MemberName(a)
			require.True(t, ok)
			require.Equal(t, "Member One", name)
			_, ok = s.MemberName(member(t, instance, "GOV", "none"))
			require.False(t, ok)
			name, ok = s.SubsystemName(a)
			require.Equal(t, version >= 5, ok)
			if ok {
				require.Equal(t, "Subsystem A", name)
			}
			_, ok = s.SubsystemName(b)
			require.False(t, ok)
			require.True(t, s.HasSubsystem(b))
			require.False(t, s.HasSubsystem(one))
			require.Equal(t, []string{"GOV", "COM"}, s.MemberClasses(instance))

			group, err := identifier.NewGlobalGroup(instance, "security-server-owners")
			require.NoError(t, err)
			require.True(t, s.InGroup(group, one))
			require.True(t, s.InGroup(group, member(t, "OTHER", "GOV", "9")))
			require.False(t, s.InGroup(group, a), "a subsystem is not in a group because its member is")
		}
		found, ok := s.ServerByAuthCertificate([]byte("auth two"))
		require.True(t, ok)
		require.Equal(t, server(t, member(t, "TEST", "GOV", "1"), "ss1"), found, "the own instance first")
		_, ok = s.ServerByAuthCertificate([]byte("auth four"))
		require.False(t, ok)

		require.Equal(t, "TEST", s.Instance())
		require.Equal(t, version, s.Version())
		require.Equal(t, []string{"TEST", "OTHER"}, s.Instances())
		require.Equal(t, 20*time.Minute, s.OCSPFetchInterval())
		require.True(t, s.MonitoringClient().IsZero())
		require.Len(t, s.TimestampingAuthorities(), 1)
		require.Len(t, slices.Collect(s.Clients()), 8)
		require.Len(t, slices.Collect(s.Servers()), 6)
		require.Nil(t, s.MemberClasses("NONE"))
		require.False(t, s.HasServer(server(t, member(t, "NONE", "GOV", "1"), "ss1")))
	}
}

func TestValidity(t *testing.T) {
	s := snapshot(t, 6)
	require.NoError(t, s.Valid(s.Expires()))
	err := s.Valid(s.Expires().Add(time.Nanosecond))
	require.Equal(t, "global_conf_outdated", fault.CodeOf(err))
	require.Equal(t, "Global configuration is expired", fault.From(err).Message)
	require.Equal(t, fault.Conflict, fault.From(err).Kind)

	lookUpsOnly, err := globalconf.NewSnapshot(nil, []*globalconf.SharedParameters{sample(t, "TEST")}, 6, time.Time{})
	require.NoError(t, err)
	require.Equal(t, "global_conf_outdated", fault.CodeOf(lookUpsOnly.Valid(now)))
	require.Same(t, s, s.At(s.Expires().Add(time.Hour)), "the own instance stays, and is not valid")
}

func TestSnapshotRefusesContradictions(t *testing.T) {
	_, err := globalconf.NewSnapshot(nil, nil, 6, now)
	require.Equal(t, "malformed_global_conf", fault.CodeOf(err))
	_, err = globalconf.NewSnapshot(samplePrivate(t, "TEST"), []*globalconf.SharedParameters{sample(t, "OTHER")}, 6, now)
	require.Equal(t, "global_conf_part_invalid_instance_identifier", fault.CodeOf(err))
	_, err = globalconf.NewSnapshot(nil, []*globalconf.SharedParameters{sample(t, "TEST"), sample(t, "TEST")}, 6, now)
	require.Equal(t, "global_conf_part_invalid_instance_identifier", fault.CodeOf(err))
}

func TestTrust(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	top, intermediate := selfSigned(t, key, "top"), selfSigned(t, key, "intermediate")
	own, other := sample(t, "TEST"), sample(t, "OTHER")
	own.GlobalSettings.OCSPFreshness = time.Minute
	own.ApprovedCAs = []globalconf.ApprovedCA{
		{
			Name: "Good", CertificateProfile: "ee.ria.xroad.common.certificateprofile.impl.FiVRKCertificateProfileInfoProvider", AuthenticationOnly: true,
			TopCA:           globalconf.CA{Certificate: top, Responders: []globalconf.Responder{{URL: "http://ocsp/", Certificate: top, CostType: "PAID"}}},
			IntermediateCAs: []globalconf.CA{{Certificate: intermediate}, {Certificate: []byte("broken")}},
		},
		{Name: "Unknown profile", CertificateProfile: "org.example.Profile", TopCA: globalconf.CA{Certificate: intermediate}},
		{Name: "Broken", TopCA: globalconf.CA{Certificate: []byte("broken")}},
	}
	s, err := globalconf.NewSnapshot(nil, []*globalconf.SharedParameters{own, other}, 6, now)
	require.NoError(t, err)
	trust, err := s.Trust("TEST")
	require.NoError(t, err)
	require.Equal(t, "TEST", trust.Instance)
	require.Equal(t, time.Minute, trust.Freshness)
	require.True(t, trust.VerifyNextUpdate)
	require.Len(t, trust.Authorities, 3)
	first, second, third := trust.Authorities[0], trust.Authorities[1], trust.Authorities[2]
	require.Equal(t, top, first.Certificate.Raw)
	require.True(t, first.AuthenticationOnly)
	require.Equal(t, "http://ocsp/", first.Responders[0].URL)
	require.Equal(t, top, first.Responders[0].Certificate.Raw)
	require.NotNil(t, first.Profile)
	require.Same(t, first, second.Top)
	require.Nil(t, third.Profile)

	federated, err := s.Trust("OTHER")
	require.NoError(t, err)
	require.Equal(t, time.Minute, federated.Freshness, "the own instance decides")
	require.Empty(t, federated.Authorities)
	require.NotEmpty(t, s.Problems())
	_, err = s.Trust("NONE")
	require.Equal(t, "internal_error", fault.CodeOf(err))
}
