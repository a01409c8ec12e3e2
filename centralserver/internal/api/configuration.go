package api

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/pkg/fault"
)

// InitCentralServer names the instance and the server and makes the software token.
func (a *API) InitCentralServer(ctx context.Context, r gen.InitCentralServerRequestObject) (gen.InitCentralServerResponseObject, error) {
	b := r.Body
	return gen.InitCentralServer200Response{}, a.Configuration.Initialize(ctx, b.InstanceIdentifier, b.CentralServerAddress, b.SoftwareTokenPin)
}

// GetInitializationStatus says what is initialized.
func (a *API) GetInitializationStatus(ctx context.Context, _ gen.GetInitializationStatusRequestObject) (gen.GetInitializationStatusResponseObject, error) {
	status, err := a.initializationStatus(ctx)
	return gen.GetInitializationStatus200JSONResponse(status), err
}

func (a *API) initializationStatus(ctx context.Context) (gen.InitializationStatus, error) {
	s, err := a.Configuration.InitializationStatus(ctx)
	rendered := gen.InitializationStatus{InstanceIdentifier: s.Instance, CentralServerAddress: s.Address, SoftwareTokenInitStatus: gen.TokenInitStatusNOTINITIALIZED}
	if s.TokenInitialized {
		rendered.SoftwareTokenInitStatus = gen.TokenInitStatusINITIALIZED
	}
	return rendered, err
}

// GetAlerts says what an administrator should look at.
func (a *API) GetAlerts(ctx context.Context, _ gen.GetAlertsRequestObject) (gen.GetAlertsResponseObject, error) {
	alerts, err := a.Configuration.Alerts(ctx)
	if err != nil {
		return nil, err
	}
	return gen.GetAlerts200JSONResponse(each(alerts, func(alert confgen.Alert) gen.AlertInfo {
		metadata := each(alert.Metadata, func(s string) string { return s })
		return gen.AlertInfo{ErrorCode: alert.Code, Metadata: &metadata}
	})), nil
}

// GetSystemStatus gives the state of the server.
func (a *API) GetSystemStatus(ctx context.Context, _ gen.GetSystemStatusRequestObject) (gen.GetSystemStatusResponseObject, error) {
	status, err := a.systemStatus(ctx)
	return gen.GetSystemStatus200JSONResponse(status), err
}

func (a *API) systemStatus(ctx context.Context) (gen.SystemStatus, error) {
	status, err := a.initializationStatus(ctx)
	if err != nil {
		return gen.SystemStatus{}, err
	}
	s, err := a.Configuration.InitializationStatus(ctx)
	return gen.SystemStatus{InitializationStatus: &status, HighAvailabilityStatus: &gen.HighAvailabilityStatus{IsHaConfigured: &s.Several, NodeName: optional(s.Node)}}, err
}

// GetSystemVersion gives the program's version.
func (a *API) GetSystemVersion(context.Context, gen.GetSystemVersionRequestObject) (gen.GetSystemVersionResponseObject, error) {
	return gen.GetSystemVersion200JSONResponse{Info: a.Version}, nil
}

// UpdateCentralServerAddress is GCONF_15 and 16.
func (a *API) UpdateCentralServerAddress(ctx context.Context, r gen.UpdateCentralServerAddressRequestObject) (gen.UpdateCentralServerAddressResponseObject, error) {
	if err := a.Configuration.SetAddress(ctx, r.Body.CentralServerAddress); err != nil {
		return nil, err
	}
	status, err := a.systemStatus(ctx)
	return gen.UpdateCentralServerAddress200JSONResponse(status), err
}

// GetTokens gives the one software token.
func (a *API) GetTokens(ctx context.Context, _ gen.GetTokensRequestObject) (gen.GetTokensResponseObject, error) {
	t, err := a.token(ctx)
	return gen.GetTokens200JSONResponse{t}, err
}

// LoginToken logs in with the PIN.
func (a *API) LoginToken(ctx context.Context, r gen.LoginTokenRequestObject) (gen.LoginTokenResponseObject, error) {
	if err := checkToken(r.TokenId); err != nil {
		return nil, err
	}
	if err := a.Configuration.Login(ctx, given(r.Body.Password)); err != nil {
		return nil, err
	}
	t, err := a.token(ctx)
	return gen.LoginToken200JSONResponse(t), err
}

// LogoutToken forgets the token's keys.
func (a *API) LogoutToken(ctx context.Context, r gen.LogoutTokenRequestObject) (gen.LogoutTokenResponseObject, error) {
	if err := checkToken(r.TokenId); err != nil {
		return nil, err
	}
	if err := a.Configuration.Logout(ctx); err != nil {
		return nil, err
	}
	t, err := a.token(ctx)
	return gen.LogoutToken200JSONResponse(t), err
}

func checkToken(id string) error {
	if id != confgen.TokenID {
		return fault.New(fault.NotFound, "token_not_found", "Token '%s' not found", id).With(id)
	}
	return nil
}

func (a *API) token(ctx context.Context) (gen.Token, error) {
	state, err := a.Configuration.Token(ctx)
	t := gen.Token{Id: confgen.TokenID, Name: confgen.TokenName, Status: gen.TokenStatusOK, Active: true, Available: true, LoggedIn: state.LoggedIn}
	if !state.Initialized {
		t.Status, t.Active = gen.TokenStatusNOTINITIALIZED, false
	}
	keys := each(state.Keys, func(k confgen.SigningKey) gen.ConfigurationSigningKey { return signingKey(k, state.LoggedIn) })
	actions := tokenActions(state)
	t.ConfigurationSigningKeys, t.PossibleActions = &keys, &actions
	return t, err
}

// maxKeys is how many signing keys a source may have.
const maxKeys = confgen.KeysPerSource

func tokenActions(state confgen.TokenState) []gen.PossibleTokenAction {
	switch {
	case !state.Initialized:
		return []gen.PossibleTokenAction{}
	case !state.LoggedIn:
		return []gen.PossibleTokenAction{gen.PossibleTokenActionLOGIN}
	}
	actions, keys := []gen.PossibleTokenAction{gen.PossibleTokenActionLOGOUT}, map[confgen.SourceType]int{}
	for _, k := range state.Keys {
		keys[k.Source]++
	}
	if keys[confgen.Internal] < maxKeys {
		actions = append(actions, gen.PossibleTokenActionGENERATEINTERNALKEY)
	}
	if keys[confgen.External] < maxKeys {
		actions = append(actions, gen.PossibleTokenActionGENERATEEXTERNALKEY)
	}
	return actions
}

func signingKey(k confgen.SigningKey, available bool) gen.ConfigurationSigningKey {
	actions := []gen.PossibleKeyAction{}
	if !k.Active {
		actions = append(actions, gen.PossibleKeyActionDELETE, gen.PossibleKeyActionACTIVATE)
	}
	return gen.ConfigurationSigningKey{Id: k.ID, Label: gen.KeyLabel{Label: &k.Label}, TokenId: optional(confgen.TokenID), Active: k.Active, Available: available,
		SourceType: optional(gen.ConfigurationType(k.Source)), KeyAlgorithm: optional(gen.KeyAlgorithm(k.Algorithm)), CreatedAt: k.CreatedAt.UTC(), PossibleActions: actions}
}

// AddKey makes a signing key for a source.
func (a *API) AddKey(ctx context.Context, r gen.AddKeyRequestObject) (gen.AddKeyResponseObject, error) {
	if err := checkToken(r.Body.TokenId); err != nil {
		return nil, err
	}
	added, err := a.Configuration.AddSigningKey(ctx, confgen.SourceType(r.ConfigurationType), r.Body.KeyLabel)
	if err != nil {
		return nil, err
	}
	return gen.AddKey200JSONResponse(signingKey(added, true)), nil
}

// ActivateKey signs with another key from now on.
func (a *API) ActivateKey(ctx context.Context, r gen.ActivateKeyRequestObject) (gen.ActivateKeyResponseObject, error) {
	return gen.ActivateKey204Response{}, a.Configuration.ActivateSigningKey(ctx, r.SignKeyId)
}

// DeleteKey deletes a signing key.
func (a *API) DeleteKey(ctx context.Context, r gen.DeleteKeyRequestObject) (gen.DeleteKeyResponseObject, error) {
	return gen.DeleteKey204Response{}, a.Configuration.DeleteSigningKey(ctx, r.SignKeyId)
}

func anchor(s confgen.StoredAnchor) gen.ConfigurationAnchor {
	return gen.ConfigurationAnchor{Hash: s.Hash, CreatedAt: s.GeneratedAt.UTC()}
}

// GetAnchor describes the anchor of a source, if it has one.
func (a *API) GetAnchor(ctx context.Context, r gen.GetAnchorRequestObject) (gen.GetAnchorResponseObject, error) {
	stored, err := a.Configuration.Anchor(ctx, confgen.SourceType(r.ConfigurationType))
	if fault.CodeOf(err) == "anchor_not_found" {
		return gen.GetAnchor200JSONResponse{}, nil
	}
	if err != nil {
		return nil, err
	}
	rendered := anchor(stored)
	return gen.GetAnchor200JSONResponse{Anchor: &rendered}, nil
}

// DownloadAnchor gives the anchor file of a source.
func (a *API) DownloadAnchor(ctx context.Context, r gen.DownloadAnchorRequestObject) (gen.DownloadAnchorResponseObject, error) {
	stored, err := a.Configuration.Anchor(ctx, confgen.SourceType(r.ConfigurationType))
	if err != nil {
		return nil, err
	}
	status, err := a.Configuration.InitializationStatus(ctx)
	if err != nil {
		return nil, err
	}
	disposition := fmt.Sprintf("attachment; filename=%q", stored.AnchorFileName(status.Instance))
	return gen.DownloadAnchor200ApplicationxmlResponse{Body: bytes.NewReader(stored.Data), ContentLength: int64(len(stored.Data)),
		Headers: gen.DownloadAnchor200ResponseHeaders{ContentDisposition: &disposition}}, nil
}

// ReCreateAnchor makes the anchor of a source anew.
func (a *API) ReCreateAnchor(ctx context.Context, r gen.ReCreateAnchorRequestObject) (gen.ReCreateAnchorResponseObject, error) {
	stored, err := a.Configuration.RecreateAnchor(ctx, confgen.SourceType(r.ConfigurationType))
	if err != nil {
		return nil, err
	}
	return gen.ReCreateAnchor200JSONResponse(anchor(stored)), nil
}

// GetDownloadUrl says where the configuration of a source is published.
func (a *API) GetDownloadUrl(ctx context.Context, r gen.GetDownloadUrlRequestObject) (gen.GetDownloadUrlResponseObject, error) {
	url, err := a.Configuration.DownloadURL(ctx, confgen.SourceType(r.ConfigurationType))
	if err != nil {
		return nil, err
	}
	return gen.GetDownloadUrl200JSONResponse{Url: url}, nil
}
