package certificate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

const notApproved = "Certificate is not issued by approved certification service provider."

func issue(t testing.TB, ca *testca.CA, spec testca.Spec) signature.Credential {
	t.Helper()
	if spec.Member.IsZero() {
		spec.Member = member(t, "EE:GOV:1")
	}
	credential, err := ca.Issue(spec)
	require.NoError(t, err)
	return credential
}

func TestIssuer(t *testing.T) {
	ca := newCA(t, "Test CA")
	trust := ca.Trust("EE")
	good := issue(t, ca, testca.Spec{})
	issuer, err := trust.Issuer(good.Certificate)
	require.NoError(t, err)
	require.Equal(t, ca.Certificate(), issuer.Certificate)

	for _, name := range []string{"TEST CA", "Test CA ", "Other CA"} { // the match is of bytes
		_, err = trust.Issuer(issue(t, newCA(t, name), testca.Spec{}).Certificate)
		refused(t, err, "internal_error", notApproved)
	}
}

func TestIssuerOfTwoWithOneName(t *testing.T) {
	before, after := newCA(t, "Test CA"), newCA(t, "Test CA")
	trust := certificate.NewTrust("EE", []*certificate.Authority{before.Authority(), after.Authority()}, time.Hour)
	for _, ca := range []*testca.CA{before, after} {
		credential := issue(t, ca, testca.Spec{})
		issuer, err := trust.Issuer(credential.Certificate)
		require.NoError(t, err)
		require.Equal(t, ca.Certificate(), issuer.Certificate)
		require.NoError(t, trust.VerifyChain(credential.Certificate, nil, now))
		require.NoError(t, trust.VerifyOCSP(credential.Certificate, credential.OCSP[0], now))
	}
}

func TestVerifyIssued(t *testing.T) {
	ca := newCA(t, "Test CA")
	trust := ca.Trust("EE")
	cert := issue(t, ca, testca.Spec{NotBefore: now, NotAfter: now.Add(time.Hour)}).Certificate
	require.NoError(t, trust.VerifyIssued(cert, now))
	require.NoError(t, trust.VerifyIssued(cert, now.Add(time.Hour)))
	refused(t, trust.VerifyIssued(cert, now.Add(-time.Second)), "incorrect_certificate", "Certificate is not valid until 2026-03-01T12:00:00Z")
	refused(t, trust.VerifyIssued(cert, now.Add(time.Hour+time.Second)), "incorrect_certificate", "Certificate expired on 2026-03-01T13:00:00Z")
	forged := issue(t, newCA(t, "Test CA"), testca.Spec{}).Certificate
	refused(t, trust.VerifyIssued(forged, now), "internal_error", "Certificate is not signed by its issuer")
	other := issue(t, newCA(t, "Other CA"), testca.Spec{}).Certificate
	refused(t, trust.VerifyIssued(other, now), "internal_error", notApproved)
}

func TestVerifyChain(t *testing.T) {
	top := newCA(t, "Top CA")
	middle, err := top.Intermediate("Middle CA")
	require.NoError(t, err)
	low, err := middle.Intermediate("Low CA")
	require.NoError(t, err)
	leaf := issue(t, low, testca.Spec{})
	full, onlyTop := low.Trust("EE"), top.Trust("EE")

	require.NoError(t, full.VerifyChain(leaf.Certificate, nil, now))
	require.NoError(t, full.VerifyChain(leaf.Certificate, nil, now), "from memory")
	require.NoError(t, onlyTop.VerifyChain(leaf.Certificate, leaf.Chain, now))
	require.NoError(t, onlyTop.VerifyChain(leaf.Certificate, []*x509.Certificate{leaf.Chain[1], leaf.Chain[0]}, now), "any order")
	require.NoError(t, onlyTop.VerifyChain(middle.Certificate(), nil, now))

	for _, c := range []struct {
		name          string
		trust         *certificate.Trust
		cert          *x509.Certificate
		chain         []*x509.Certificate
		at            time.Time
		code, message string
	}{
		{"nothing supplied", onlyTop, leaf.Certificate, nil, now, "cannot_create_cert_path.internal_error", notApproved},
		{"a gap", onlyTop, leaf.Certificate, leaf.Chain[:1], now, "cannot_create_cert_path.internal_error", notApproved},
		{"unknown CA", full, issue(t, newCA(t, "Other CA"), testca.Spec{}).Certificate, nil, now, "cannot_create_cert_path.internal_error", notApproved},
		{"CA of the same name", full, issue(t, newCA(t, "Top CA"), testca.Spec{}).Certificate, nil, now, "cannot_create_cert_path",
			"Unable to find valid certification path: a signature or an issuer of the path is wrong"},
		{"too late", full, leaf.Certificate, nil, leaf.Certificate.NotAfter.Add(time.Second), "cannot_create_cert_path",
			"Unable to find valid certification path: certificate has expired or is not yet valid"},
		{"too early", full, leaf.Certificate, nil, leaf.Certificate.NotBefore.Add(-time.Second), "cannot_create_cert_path",
			"Unable to find valid certification path: certificate has expired or is not yet valid"},
		{"the top CA itself", full, top.Certificate(), nil, now, "cannot_create_cert_path", "Certificate is the certification service itself"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.trust.VerifyChain(c.cert, c.chain, c.at), c.code, c.message) })
	}
	require.NoError(t, full.VerifyChain(leaf.Certificate, nil, now), "what failed at another time has not spoilt the memory")
}

// TestLeafIsNoCA signs with a member's key: what it signs must not be believed.
func TestLeafIsNoCA(t *testing.T) {
	ca := newCA(t, "Test CA")
	leaf := issue(t, ca, testca.Spec{})
	template := &x509.Certificate{
		SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: "2"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageContentCommitment,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, leaf.Certificate, key.Public(), leaf.Signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	err = ca.Trust("EE").VerifyChain(cert, []*x509.Certificate{leaf.Certificate}, now)
	refused(t, err, "cannot_create_cert_path.internal_error", notApproved)
}

func TestVerifySigner(t *testing.T) {
	top := newCA(t, "Top CA")
	ca, err := top.Intermediate("Signing CA")
	require.NoError(t, err)
	trust := ca.Trust("EE")
	one := member(t, "EE:GOV:1")
	good := issue(t, ca, testca.Spec{})
	subsystem, err := one.Subsystem("sub")
	require.NoError(t, err)
	require.NoError(t, trust.VerifySigner(good.Certificate, good.Chain, good.OCSP, one, now))
	require.NoError(t, trust.VerifySigner(good.Certificate, nil, good.OCSP, subsystem, now), "a subsystem signs as its member")
	require.NoError(t, trust.VerifySigner(good.Certificate, nil, good.OCSP[:1], one, now), "the configuration vouches for an approved intermediate")

	authentication := issue(t, ca, testca.Spec{Usage: certificate.Authentication})
	both := issue(t, ca, testca.Spec{Both: true})
	require.NoError(t, trust.VerifySigner(both.Certificate, nil, both.OCSP, one, now), "messages need nonRepudiation only")
	stranger := issue(t, newCA(t, "Other CA"), testca.Spec{})
	revoked := issue(t, ca, testca.Spec{})
	require.NoError(t, ca.Revoke(revoked.Certificate))
	late, err := ca.OCSP(revoked.Certificate)
	require.NoError(t, err)
	require.NoError(t, top.Revoke(ca.Certificate()))
	fallen, err := top.OCSP(ca.Certificate())
	require.NoError(t, err)

	for _, c := range []struct {
		name          string
		credential    signature.Credential
		ocsp          [][]byte
		signer        string
		at            time.Time
		code, message string
	}{
		{"authentication certificate", authentication, authentication.OCSP, "EE:GOV:1", now, "malformed_signature",
			"Certificate C=EE,CN=ss1 is not a signing certificate"},
		{"another member", good, good.OCSP, "EE:GOV:2", now, "incorrect_certificate",
			"Name in certificate (MEMBER:EE/GOV/1) does not match name in message (MEMBER:EE/GOV/2)"},
		{"another subsystem's member", good, good.OCSP, "EE:GOV:2:sub", now, "incorrect_certificate",
			"Name in certificate (MEMBER:EE/GOV/1) does not match name in message (SUBSYSTEM:EE/GOV/2/sub)"},
		{"unknown CA", stranger, stranger.OCSP, "EE:GOV:1", now, "internal_error", notApproved},
		{"no response", good, nil, "EE:GOV:1", now, "invalid_cert_path.cert_validation",
			"Unable to find OCSP response for certificate C=EE,O=GOV,CN=1"},
		{"response of another", good, both.OCSP[:1], "EE:GOV:1", now, "invalid_cert_path.cert_validation",
			"Unable to find OCSP response for certificate C=EE,O=GOV,CN=1"},
		{"unreadable response", good, [][]byte{{1, 2, 3}}, "EE:GOV:1", now, "invalid_cert_path.cert_validation",
			"Unable to find OCSP response for certificate C=EE,O=GOV,CN=1"},
		{"revoked", revoked, [][]byte{late}, "EE:GOV:1", now, "invalid_cert_path.cert_validation",
			"OCSP response indicates certificate status is REVOKED (date: 2026-03-01 12:00:00)"},
		{"revoked intermediate", good, [][]byte{good.OCSP[0], fallen}, "EE:GOV:1", now, "invalid_cert_path.cert_validation",
			"OCSP response indicates certificate status is REVOKED (date: 2026-03-01 12:00:00)"},
		{"expired", good, good.OCSP, "EE:GOV:1", now.Add(3 * 365 * 24 * time.Hour), "cannot_create_cert_path",
			"Unable to find valid certification path: certificate has expired or is not yet valid"},
		{"old response", good, good.OCSP, "EE:GOV:1", now.Add(2 * time.Hour), "invalid_cert_path.incorrect_validation_info",
			"OCSP response is too old (thisUpdate: 2026-03-01T12:00:00Z)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := trust.VerifySigner(c.credential.Certificate, c.credential.Chain, c.ocsp, member(t, c.signer), c.at)
			refused(t, err, c.code, c.message)
		})
	}
}

func TestAuthenticationOnlyHasNoMembers(t *testing.T) {
	top := newCA(t, "Top CA")
	low, err := top.Intermediate("Low CA")
	require.NoError(t, err)
	topAuthority, lowAuthority := top.Authority(), low.Authority()
	topAuthority.AuthenticationOnly, lowAuthority.Top, lowAuthority.Profile = true, topAuthority, nil
	trust := certificate.NewTrust("EE", []*certificate.Authority{topAuthority, lowAuthority}, time.Hour)
	for _, ca := range []*testca.CA{top, low} {
		signing := issue(t, ca, testca.Spec{})
		_, err := trust.Member(signing.Certificate)
		refused(t, err, "incorrect_certificate", "Certification service Top CA issues authentication certificates only")
		require.Error(t, trust.VerifySigner(signing.Certificate, nil, signing.OCSP, member(t, "EE:GOV:1"), now))
		authentication := issue(t, ca, testca.Spec{Usage: certificate.Authentication})
		require.NoError(t, trust.VerifyAuthentication(authentication.Certificate, nil, authentication.OCSP, now))
	}
	topAuthority.AuthenticationOnly = false
	id, err := trust.Member(issue(t, low, testca.Spec{}).Certificate)
	require.NoError(t, err, "an intermediate CA has its top CA's profile")
	require.Equal(t, member(t, "EE:GOV:1"), id)
	topAuthority.Profile = nil
	_, err = trust.Member(issue(t, low, testca.Spec{}).Certificate)
	require.Equal(t, fault.Internal, fault.From(err).Kind)
}

func TestVerifyAuthentication(t *testing.T) {
	top := newCA(t, "Top CA")
	low, err := top.Intermediate("Low CA")
	require.NoError(t, err)
	c := issue(t, low, testca.Spec{Usage: certificate.Authentication})
	for name, trust := range map[string]*certificate.Trust{"approved intermediate": low.Trust("EE"), "supplied intermediate": top.Trust("EE")} {
		require.NoError(t, trust.VerifyAuthentication(c.Certificate, c.Chain, c.OCSP, now), name)
	}
	refused(t, top.Trust("EE").VerifyAuthentication(c.Certificate, c.Chain, c.OCSP[:1], now), "ssl_authentication_failed.invalid_cert_path.cert_validation",
		"Unable to find OCSP response for certificate "+certificate.DistinguishedName(low.Certificate().RawSubject))
	refused(t, top.Trust("EE").VerifyAuthentication(c.Certificate, nil, c.OCSP, now), "ssl_authentication_failed.cannot_create_cert_path.internal_error",
		notApproved)
	signing := issue(t, low, testca.Spec{})
	refused(t, low.Trust("EE").VerifyAuthentication(signing.Certificate, nil, signing.OCSP, now), "ssl_authentication_failed",
		"Peer certificate is not an authentication certificate")
}

// TestTrustIsSafeForConcurrentUse verifies more certificates than fit a small cache from many goroutines, under the race detector.
func TestTrustIsSafeForConcurrentUse(t *testing.T) {
	ca := newCA(t, "Test CA")
	trust := ca.Trust("EE")
	var credentials []signature.Credential
	for range 8 {
		credentials = append(credentials, issue(t, ca, testca.Spec{}))
	}
	one := member(t, "EE:GOV:1")
	errs := make(chan error, 16*8*2)
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			for j := range credentials {
				c := credentials[(i+j)%len(credentials)]
				errs <- trust.VerifySigner(c.Certificate, nil, c.OCSP, one, now)
				if err := trust.VerifySigner(c.Certificate, nil, c.OCSP, one, now.Add(2*time.Hour)); err == nil {
					errs <- fault.New(fault.Internal, "accepted", "an old response was accepted")
				}
			}
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}
