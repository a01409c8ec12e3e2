package api

import (
	"bytes"
	"context"
	"crypto/x509"

	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
)

// byUsage asks for the permission that goes with a key's usage.
func byUsage(ctx context.Context, usage certificate.Usage, authentication, signing auth.Permission) error {
	if usage == certificate.Authentication {
		return auth.Require(ctx, authentication)
	}
	return auth.Require(ctx, signing)
}

// GetTokens lists all tokens.
func (a *API) GetTokens(ctx context.Context, _ gen.GetTokensRequestObject) (gen.GetTokensResponseObject, error) {
	all, err := a.Keys.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	list := gen.GetTokens200JSONResponse{}
	for _, t := range all {
		rendered, err := a.renderToken(ctx, t)
		if err != nil {
			return nil, err
		}
		list = append(list, rendered)
	}
	return list, nil
}

// token finds and renders one.
func (a *API) token(ctx context.Context, id string) (gen.Token, error) {
	t, err := a.Keys.Token(ctx, id)
	if err != nil {
		return gen.Token{}, err
	}
	return a.renderToken(ctx, t)
}

// GetToken shows one.
func (a *API) GetToken(ctx context.Context, r gen.GetTokenRequestObject) (gen.GetTokenResponseObject, error) {
	t, err := a.token(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	return gen.GetToken200JSONResponse(t), nil
}

// UpdateToken renames one.
func (a *API) UpdateToken(ctx context.Context, r gen.UpdateTokenRequestObject) (gen.UpdateTokenResponseObject, error) {
	if err := a.Keys.RenameToken(ctx, r.Id, r.Body.Name); err != nil {
		return nil, err
	}
	t, err := a.token(ctx, r.Id)
	return gen.UpdateToken200JSONResponse(t), err
}

// LoginToken unlocks one.
func (a *API) LoginToken(ctx context.Context, r gen.LoginTokenRequestObject) (gen.LoginTokenResponseObject, error) {
	if err := a.Keys.Login(ctx, r.Id, value(r.Body.Password)); err != nil {
		return nil, err
	}
	t, err := a.token(ctx, r.Id)
	return gen.LoginToken200JSONResponse(t), err
}

// LogoutToken locks one.
func (a *API) LogoutToken(ctx context.Context, r gen.LogoutTokenRequestObject) (gen.LogoutTokenResponseObject, error) {
	if err := a.Keys.Logout(ctx, r.Id); err != nil {
		return nil, err
	}
	t, err := a.token(ctx, r.Id)
	return gen.LogoutToken200JSONResponse(t), err
}

// UpdateTokenPin changes a PIN.
func (a *API) UpdateTokenPin(ctx context.Context, r gen.UpdateTokenPinRequestObject) (gen.UpdateTokenPinResponseObject, error) {
	return gen.UpdateTokenPin204Response{}, a.Keys.ChangePIN(ctx, r.Id, r.Body.OldPin, r.Body.NewPin)
}

// AddKey generates a key.
func (a *API) AddKey(ctx context.Context, r gen.AddKeyRequestObject) (gen.AddKeyResponseObject, error) {
	key, err := a.Keys.GenerateKey(ctx, r.Id, value(r.Body.Label))
	if err != nil {
		return nil, err
	}
	rendered, err := a.renderKey(ctx, key)
	return gen.AddKey201JSONResponse(rendered), err
}

// AddKeyAndCsr generates a key and a request for it.
func (a *API) AddKeyAndCsr(ctx context.Context, r gen.AddKeyAndCsrRequestObject) (gen.AddKeyAndCsrResponseObject, error) {
	spec, err := requestSpec(ctx, r.Body.CsrGenerateRequest)
	if err != nil {
		return nil, err
	}
	key, csr, err := a.Keys.GenerateKeyAndRequest(ctx, r.Id, r.Body.KeyLabel, spec)
	if err != nil {
		return nil, err
	}
	rendered, err := a.renderKey(ctx, key)
	return gen.AddKeyAndCsr200JSONResponse{Key: rendered, CsrId: csr.ID}, err
}

// requestSpec reads what a request is to contain, and asks for the permission of its usage.
func requestSpec(ctx context.Context, in gen.CsrGenerate) (keys.RequestSpec, error) {
	spec := keys.RequestSpec{Usage: certificate.Usage(in.KeyUsageType), Authority: in.CaName, Format: keys.Format(in.CsrFormat),
		Fields: in.SubjectFieldValues}
	if err := byUsage(ctx, spec.Usage, "GENERATE_AUTH_CERT_REQ", "GENERATE_SIGN_CERT_REQ"); err != nil {
		return spec, err
	}
	if encoded := value(in.MemberId); encoded != "" && spec.Usage == certificate.Signing {
		member, err := identifier.ParseClientID(encoded)
		if err != nil {
			return spec, err
		}
		spec.Member = member.Member()
	}
	return spec, nil
}

// GetKey shows one key.
func (a *API) GetKey(ctx context.Context, r gen.GetKeyRequestObject) (gen.GetKeyResponseObject, error) {
	key, err := a.Keys.Key(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	rendered, err := a.renderKey(ctx, key)
	return gen.GetKey200JSONResponse(rendered), err
}

// UpdateKey renames one.
func (a *API) UpdateKey(ctx context.Context, r gen.UpdateKeyRequestObject) (gen.UpdateKeyResponseObject, error) {
	if err := a.Keys.RenameKey(ctx, r.Id, r.Body.Name); err != nil {
		return nil, err
	}
	key, err := a.Keys.Key(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	rendered, err := a.renderKey(ctx, key)
	return gen.UpdateKey200JSONResponse(rendered), err
}

// DeleteKey deletes one with its certificates.
func (a *API) DeleteKey(ctx context.Context, r gen.DeleteKeyRequestObject) (gen.DeleteKeyResponseObject, error) {
	key, err := a.Keys.Key(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	switch key.Usage {
	case certificate.Authentication, certificate.Signing:
		err = byUsage(ctx, key.Usage, "DELETE_AUTH_KEY", "DELETE_SIGN_KEY")
	default:
		err = auth.Require(ctx, "DELETE_KEY")
	}
	if err != nil {
		return nil, err
	}
	return gen.DeleteKey204Response{}, a.Keys.DeleteKey(ctx, r.Id, value(r.Params.IgnoreWarnings))
}

// GetPossibleActionsForKey says what can be done with a key.
func (a *API) GetPossibleActionsForKey(ctx context.Context, r gen.GetPossibleActionsForKeyRequestObject) (gen.GetPossibleActionsForKeyResponseObject, error) {
	key, err := a.Keys.Key(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	return gen.GetPossibleActionsForKey200JSONResponse(*actions(keys.KeyActions(key, a.Keys.LoggedIn(key.TokenID)))), nil
}

// GenerateCsr makes a request and gives it as a file.
func (a *API) GenerateCsr(ctx context.Context, r gen.GenerateCsrRequestObject) (gen.GenerateCsrResponseObject, error) {
	spec, err := requestSpec(ctx, *r.Body)
	if err != nil {
		return nil, err
	}
	csr, err := a.Keys.GenerateRequest(ctx, r.Id, spec)
	if err != nil {
		return nil, err
	}
	file := csr.Encode(spec.Format)
	return gen.GenerateCsr200ApplicationoctetStreamResponse{Body: bytes.NewReader(file), ContentLength: int64(len(file)),
		Headers: gen.GenerateCsr200ResponseHeaders{ContentDisposition: csrName(spec.Usage, csr, spec.Format)}}, nil
}

// DownloadCsr gives a request as a file.
func (a *API) DownloadCsr(ctx context.Context, r gen.DownloadCsrRequestObject) (gen.DownloadCsrResponseObject, error) {
	key, err := a.Keys.Key(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	if err := byUsage(ctx, key.Usage, "GENERATE_AUTH_CERT_REQ", "GENERATE_SIGN_CERT_REQ"); err != nil {
		return nil, err
	}
	csr, err := a.Keys.Request(ctx, r.Id, r.CsrId)
	if err != nil {
		return nil, err
	}
	format := keys.Format(orDefault(r.Params.CsrFormat, gen.CsrFormatPEM))
	file := csr.Encode(format)
	return gen.DownloadCsr200ApplicationoctetStreamResponse{Body: bytes.NewReader(file), ContentLength: int64(len(file)),
		Headers: gen.DownloadCsr200ResponseHeaders{ContentDisposition: csrName(key.Usage, csr, format)}}, nil
}

func csrName(usage certificate.Usage, csr keys.Request, format keys.Format) *string {
	name, extension := "auth_csr", ".pem"
	if usage == certificate.Signing {
		name = "sign_csr_member_" + csr.Member.Instance() + "_" + csr.Member.MemberClass() + "_" + csr.Member.MemberCode()
	}
	if format == keys.DER {
		extension = ".der"
	}
	return attachment(plain(name) + extension)
}

// plain keeps what is safe in a header and a file name.
func plain(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < 'a' || c > 'z' {
			if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
				b[i] = '_'
			}
		}
	}
	return string(b)
}

// DeleteCsr forgets a request.
func (a *API) DeleteCsr(ctx context.Context, r gen.DeleteCsrRequestObject) (gen.DeleteCsrResponseObject, error) {
	key, err := a.Keys.Key(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	if err := byUsage(ctx, key.Usage, "DELETE_AUTH_CERT", "DELETE_SIGN_CERT"); err != nil {
		return nil, err
	}
	return gen.DeleteCsr204Response{}, a.Keys.DeleteRequest(ctx, r.Id, r.CsrId)
}

// GetPossibleActionsForCsr says what can be done with a request.
func (a *API) GetPossibleActionsForCsr(ctx context.Context, r gen.GetPossibleActionsForCsrRequestObject) (gen.GetPossibleActionsForCsrResponseObject, error) {
	if _, err := a.Keys.Request(ctx, r.Id, r.CsrId); err != nil {
		return nil, err
	}
	return gen.GetPossibleActionsForCsr200JSONResponse(*actions(keys.RequestActions())), nil
}

func (a *API) renderToken(ctx context.Context, t keys.Token) (gen.Token, error) {
	loggedIn := a.Keys.LoggedIn(t.ID)
	rendered := gen.Token{Id: t.ID, Name: t.Name, Type: gen.TokenTypeSOFTWARE, Status: gen.TokenStatusOK, LoggedIn: loggedIn, Available: true,
		SavedToConfiguration: true, Keys: []gen.Key{}, TokenInfos: &[]gen.KeyValuePair{{Key: "Type", Value: "Software"}},
		PossibleActions: actions(keys.TokenActions(loggedIn))}
	for _, key := range t.Keys {
		one, err := a.renderKey(ctx, key)
		if err != nil {
			return gen.Token{}, err
		}
		rendered.Keys = append(rendered.Keys, one)
	}
	return rendered, nil
}

func (a *API) renderKey(ctx context.Context, key keys.Key) (gen.Key, error) {
	loggedIn := a.Keys.LoggedIn(key.TokenID)
	saved := true
	rendered := gen.Key{Id: key.ID, Name: key.Name, Label: key.Label, Available: &loggedIn, SavedToConfiguration: &saved,
		KeyAlgorithm: gen.KeyKeyAlgorithmRSA, Certificates: []gen.TokenCertificate{}, CertificateSigningRequests: []gen.TokenCertificateSigningRequest{},
		PossibleActions: actions(keys.KeyActions(key, loggedIn))}
	if len(key.Algorithm) > 0 && key.Algorithm[0] == 'P' {
		rendered.KeyAlgorithm = gen.KeyKeyAlgorithmEC
	}
	if key.Usage != "" {
		usage := gen.KeyUsageType(key.Usage)
		rendered.Usage = &usage
	}
	for _, c := range key.Certificates {
		one, err := a.certificate(ctx, key, c)
		if err != nil {
			return gen.Key{}, err
		}
		rendered.Certificates = append(rendered.Certificates, one)
	}
	for _, r := range key.Requests {
		rendered.CertificateSigningRequests = append(rendered.CertificateSigningRequests, gen.TokenCertificateSigningRequest{Id: r.ID,
			OwnerId: owner(r.Member), CertificateProfile: text(r.Profile), PossibleActions: *actions(keys.RequestActions())})
	}
	return rendered, nil
}

func owner(member identifier.ClientID) string {
	if member.IsZero() {
		return ""
	}
	return member.Encoded()
}

func (a *API) certificate(ctx context.Context, key keys.Key, c keys.Certificate) (gen.TokenCertificate, error) {
	shown, err := detailsOf(c.DER)
	rendered := gen.TokenCertificate{CertificateDetails: shown, Status: gen.CertificateStatus(c.Status.API()), Active: c.Active, SavedToConfiguration: true,
		OwnerId: owner(c.Member), OcspVerifyBeforeActivationError: text(c.OCSPError), PossibleActions: actions(keys.CertificateActions(key, c))}
	if status := gen.CertificateOcspStatus(a.Keys.OCSP(ctx, c)); status != "" {
		rendered.OcspStatus = &status
	}
	return rendered, err
}

func detailsOf(der []byte) (gen.CertificateDetails, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return gen.CertificateDetails{}, err
	}
	return details(c), nil
}

func details(c *x509.Certificate) gen.CertificateDetails {
	d := certificate.Describe(c)
	rendered := gen.CertificateDetails{IssuerDistinguishedName: d.IssuerDistinguishedName, IssuerCommonName: d.IssuerCommonName,
		SubjectDistinguishedName: d.SubjectDistinguishedName, SubjectCommonName: d.SubjectCommonName, NotBefore: d.NotBefore, NotAfter: d.NotAfter,
		Serial: d.Serial, Version: d.Version, SignatureAlgorithm: d.SignatureAlgorithm, Signature: d.Signature, PublicKeyAlgorithm: d.PublicKeyAlgorithm,
		RsaPublicKeyModulus: d.RSAModulus, RsaPublicKeyExponent: d.RSAExponent, EcPublicParameters: text(d.ECParameters), EcPublicKeyPoint: text(d.ECPoint),
		Hash: d.SHA256, Sha1Hash: text(d.SHA1), SubjectAlternativeNames: d.SubjectAlternativeNames, KeyUsages: []gen.KeyUsage{}}
	for _, u := range d.KeyUsages {
		rendered.KeyUsages = append(rendered.KeyUsages, gen.KeyUsage(u))
	}
	return rendered
}
