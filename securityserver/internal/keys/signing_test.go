package keys_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

func TestSigningCertificateIsUsableFromImportOn(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		_, err := w.Keys.Signing(t.Context(), w.Owner)
		require.Equal(t, "unknown_member", fault.CodeOf(err))
		w.Login()
		c := w.Import(certificate.Signing, w.Owner)
		require.Equal(t, keys.Registered, c.Status)
		require.True(t, c.Active)
		key, _, err := w.Keys.Certificate(t.Context(), c.Hash)
		require.NoError(t, err)
		require.Empty(t, key.Requests, "the request has its certificate")
		require.Equal(t, keys.OCSPGood, w.Keys.OCSP(t.Context(), c))
		require.True(t, w.Keys.HasValidSigning(t.Context(), w.Owner))

		credential, err := w.Keys.Signing(t.Context(), worldtest.Client(t, "EE:GOV:1:anything"))
		require.NoError(t, err)
		trust, err := w.Conf.Current().Trust("EE")
		require.NoError(t, err)
		require.NoError(t, trust.VerifySigner(credential.Certificate, credential.Chain, credential.OCSP, w.Owner, w.Now()))
		require.Equal(t, credential.Certificate.PublicKey, credential.Signer.Public())
		response, ok := w.Keys.OCSPBySHA1(strings.ToUpper(certificate.SHA1Hex(credential.Certificate)))
		require.True(t, ok)
		require.Equal(t, credential.OCSP[0], response)

		// A response that is too old is used no more until the responder was asked again.
		w.Advance(2 * time.Hour)
		_, err = w.Keys.Signing(t.Context(), w.Owner)
		require.Equal(t, "internal_error", fault.CodeOf(err))
		require.Equal(t, "Member 'MEMBER:EE/GOV/1' has no suitable certificates", fault.From(err).Message)
		_, ok = w.Keys.OCSPBySHA1(certificate.SHA1Hex(credential.Certificate))
		require.False(t, ok)
		require.NoError(t, w.Keys.Refresh(t.Context()))
		_, err = w.Keys.Signing(t.Context(), w.Owner)
		require.NoError(t, err)

		require.NoError(t, w.Keys.Disable(w.Ctx("Disable certificate"), c.Hash))
		_, err = w.Keys.Signing(t.Context(), w.Owner)
		require.Error(t, err)
		require.Equal(t, keys.OCSPDisabled, w.Keys.OCSP(t.Context(), certificateOf(w, c.Hash)))
		require.NoError(t, w.Keys.Activate(w.Ctx("Enable certificate"), c.Hash))
		w.Refused(w.Keys.Activate(w.Ctx("x"), c.Hash), "x", "action_not_possible", "The certificate is active already")
		require.NoError(t, w.Keys.Logout(w.Ctx("Log out from token"), keys.SoftToken))
		_, err = w.Keys.Signing(t.Context(), w.Owner)
		require.Error(t, err, "a locked token signs nothing")
	})
}

func TestRevokedCertificateIsImportedInactive(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		file := w.Certify(certificate.Signing, w.Owner)
		parsed, err := certificate.ParseFile(file)
		require.NoError(t, err)
		require.NoError(t, w.CA.Revoke(parsed))
		c, err := w.Keys.Import(w.Ctx("Import certificate from file"), file)
		require.NoError(t, err)
		require.False(t, c.Active)
		require.Contains(t, c.OCSPError, "REVOKED")
		err = w.Keys.Activate(w.Ctx("Enable certificate"), c.Hash)
		require.Contains(t, fault.From(err).Message, "Failed to activate the certificate: OCSP response indicates certificate status is REVOKED")
		require.Empty(t, w.Records("Enable certificate"))
		require.False(t, certificateOf(w, c.Hash).Active)
		require.NoError(t, w.Keys.Delete(w.Ctx("Delete certificate"), c.Hash))
		require.Len(t, w.Records("Delete certificate from configuration"), 1)
	})
}

func TestResponderThatIsDownActivatesNothing(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		file := w.Certify(certificate.Signing, w.Owner)
		w.Responder.Close()
		c, err := w.Keys.Import(w.Ctx("Import certificate from file"), file)
		require.NoError(t, err)
		require.False(t, c.Active)
		require.Equal(t, "OCSP responder "+w.Responder.URL+" did not answer", c.OCSPError)
		w.Refused(w.Keys.Activate(w.Ctx("Enable certificate"), c.Hash), "Enable certificate", "cert_validation",
			"Failed to activate the certificate: OCSP responder "+w.Responder.URL+" did not answer")
	})
}

func TestRefreshLoopAsksAgainWhenKicked(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		c := w.Import(certificate.Signing, w.Owner)
		w.Advance(2 * time.Hour)
		require.Equal(t, keys.OCSPUnknown, w.Keys.OCSP(t.Context(), c))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Keys.Run(ctx) }()
		require.Eventually(t, func() bool { return w.Keys.OCSP(t.Context(), c) == keys.OCSPGood }, 10*time.Second, 5*time.Millisecond)
		parsed, err := c.Parsed()
		require.NoError(t, err)
		require.NoError(t, w.CA.Suspend(parsed))
		w.Keys.Kick()
		require.Eventually(t, func() bool { return w.Keys.OCSP(t.Context(), c) == keys.OCSPSuspended }, 10*time.Second, 5*time.Millisecond)
		cancel()
		require.NoError(t, <-done)
	})
}
