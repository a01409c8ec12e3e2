package story

import (
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature/asic"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"

	"github.com/ristmik/ristmik/deploy/local/instance"
)

// verifySignatures takes the exchanged message out of both servers' logs, by the command that operators use, and verifies the signature of the request and of the
// response against the CA alone: no server is asked for its opinion.
func verifySignatures(ctx context.Context, s *Story) (string, error) {
	if s.last == nil {
		if _, err := exchangeMessage(ctx, s); err != nil {
			return "", err
		}
	}
	trust, err := s.trust(ctx)
	if err != nil {
		return "", err
	}
	signers := map[string]identifier.ClientID{"request": s.names.caller, "response": s.names.greeter}
	for _, at := range []server{s.memberServer(), s.managementServer()} {
		for kind, signer := range signers {
			err := s.until(ctx, "a time-stamped "+kind+" in the log of "+at.name, func() (string, bool, error) {
				return s.verifyLogged(ctx, at, kind, signer, trust)
			})
			if err != nil {
				return "", err
			}
		}
	}
	return "request and response verified at both ends, time-stamped", nil
}

func (s *Story) verifyLogged(ctx context.Context, at server, kind string, signer identifier.ClientID, trust *certificate.Trust) (string, bool, error) {
	folder := filepath.Join(s.Instance.Folder, at.name, "exported")
	command := exec.CommandContext(ctx, filepath.Join(s.Instance.Programs, "securityserver"), "message", "export", s.last.MessageID,
		"--config", filepath.Join(s.Instance.Folder, at.name, "config.yaml"), "--folder", folder)
	if out, err := command.CombinedOutput(); err != nil {
		return "", false, fmt.Errorf("exporting message %s of %s: %w\n%s", s.last.MessageID, at.name, err, out)
	}
	file, err := os.ReadFile(filepath.Join(folder, kind+".asice"))
	if errors.Is(err, fs.ErrNotExist) {
		return "no " + kind, false, nil
	}
	if err != nil {
		return "", false, err
	}
	container, err := asic.Open(file)
	if err != nil {
		return "", false, err
	}
	signed, err := xades.Parse(container.Signature)
	if err != nil {
		return "", false, err
	}
	digest := sha512.Sum512(container.Message)
	parts := []hashchain.Input{{Name: xades.MessageName, Digest: digest[:]}}
	err = xades.VerifyMessage(signed, trust, signer, container.HashChain, container.HashChainResult, parts, time.Now())
	if err != nil {
		return "", false, fmt.Errorf("the %s in the log of %s: %w", kind, at.name, err)
	}
	return "no time-stamp yet", signed.Timestamp() != nil, nil
}

// trust believes the test CA and its responder, as the registry does.
func (s *Story) trust(ctx context.Context) (*certificate.Trust, error) {
	profile, err := certificate.ProfileByClass(ejbcaProfile)
	if err != nil {
		return nil, err
	}
	authority := &certificate.Authority{Name: "Test CA", Profile: profile}
	for file, use := range map[string]func(data []byte) error{
		"ca.pem": func(data []byte) (err error) {
			authority.Certificate, err = certificate.ParseFile(data)
			return err
		},
		"ocsp.pem": func(data []byte) error {
			responder, err := certificate.ParseFile(data)
			authority.Responders = []certificate.Responder{{Certificate: responder}}
			return err
		},
	} {
		data, err := s.testCA(ctx, file)
		if err == nil {
			err = use(data)
		}
		if err != nil {
			return nil, err
		}
	}
	return certificate.NewTrust(instance.Name, []*certificate.Authority{authority}, time.Hour), nil
}
