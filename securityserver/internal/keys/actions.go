package keys

import "github.com/ristmik/ristmik/pkg/certificate"

// Action is something an administrator can do with a thing now, whoever the administrator is.
type Action string

// The actions of the REST interface.
const (
	ActionDelete      Action = "DELETE"
	ActionActivate    Action = "ACTIVATE"
	ActionDisable     Action = "DISABLE"
	ActionLogin       Action = "LOGIN"
	ActionLogout      Action = "LOGOUT"
	ActionRegister    Action = "REGISTER"
	ActionUnregister  Action = "UNREGISTER"
	ActionGenerateKey Action = "GENERATE_KEY"
	ActionEditName    Action = "EDIT_FRIENDLY_NAME"
	ActionAuthRequest Action = "GENERATE_AUTH_CSR"
	ActionSignRequest Action = "GENERATE_SIGN_CSR"
	ActionChangePIN   Action = "TOKEN_CHANGE_PIN"
)

// TokenActions are the actions on a token.
func TokenActions(loggedIn bool) []Action {
	if !loggedIn {
		return []Action{ActionLogin, ActionEditName}
	}
	return []Action{ActionLogout, ActionGenerateKey, ActionChangePIN, ActionEditName}
}

// KeyActions are the actions on a key.
func KeyActions(key Key, loggedIn bool) []Action {
	actions := []Action{ActionEditName}
	if !loggedIn {
		return actions
	}
	actions = append(actions, ActionDelete)
	if key.Usage != certificate.Signing {
		actions = append(actions, ActionAuthRequest)
	}
	if key.Usage != certificate.Authentication {
		actions = append(actions, ActionSignRequest)
	}
	return actions
}

// RequestActions are the actions on a certificate signing request.
func RequestActions() []Action { return []Action{ActionDelete} }

// CertificateActions are the actions on a certificate of a key.
func CertificateActions(key Key, c Certificate) []Action {
	var actions []Action
	if key.Usage == certificate.Authentication {
		if _, err := c.Status.Next(Register); err == nil {
			actions = append(actions, ActionRegister)
		}
		if _, err := c.Status.Next(Unregister); err == nil {
			actions = append(actions, ActionUnregister)
		}
		if _, err := c.Status.Next(Delete); err == nil {
			actions = append(actions, ActionDelete)
		}
	} else {
		actions = append(actions, ActionDelete)
	}
	if c.Active {
		return append(actions, ActionDisable)
	}
	return append(actions, ActionActivate)
}
