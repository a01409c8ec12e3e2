package api

import "github.com/ristmik/ristmik/pkg/auth"

// The roles of a security server.
const (
	RegistrationOfficer  auth.Role = "XROAD_REGISTRATION_OFFICER"
	SecurityOfficer      auth.Role = "XROAD_SECURITY_OFFICER"
	ServiceAdministrator auth.Role = "XROAD_SERVICE_ADMINISTRATOR"
	SystemAdministrator            = auth.SystemAdministrator
	Observer             auth.Role = "XROAD_SECURITYSERVER_OBSERVER"
)

// grants says which roles a group of permissions goes to, as X-Road 7 does.
var grants = []struct {
	roles       []auth.Role
	permissions []auth.Permission
}{
	{[]auth.Role{RegistrationOfficer, SecurityOfficer, ServiceAdministrator, SystemAdministrator, Observer}, []auth.Permission{
		"VIEW_SIGN_CERT", "VIEW_INTERNAL_TLS_CERT", "VIEW_MEMBER_CLASSES", "VIEW_XROAD_INSTANCES", "VIEW_SECURITY_SERVERS", "VIEW_VERSION",
		"VIEW_NODE_TYPE"}},
	{[]auth.Role{RegistrationOfficer, SecurityOfficer, ServiceAdministrator, SystemAdministrator}, []auth.Permission{"EXPORT_INTERNAL_TLS_CERT"}},
	{[]auth.Role{RegistrationOfficer, SecurityOfficer, ServiceAdministrator, Observer}, []auth.Permission{"VIEW_CLIENTS"}},
	{[]auth.Role{RegistrationOfficer, ServiceAdministrator, Observer}, []auth.Permission{
		"VIEW_CLIENT_DETAILS", "VIEW_CLIENT_INTERNAL_CERTS", "VIEW_CLIENT_INTERNAL_CERT_DETAILS"}},
	{[]auth.Role{RegistrationOfficer, ServiceAdministrator}, []auth.Permission{
		"EDIT_CLIENT_INTERNAL_CONNECTION_TYPE", "ADD_CLIENT_INTERNAL_CERT", "DELETE_CLIENT_INTERNAL_CERT"}},
	{[]auth.Role{RegistrationOfficer}, []auth.Permission{
		"ADD_CLIENT", "SEND_CLIENT_REG_REQ", "SEND_CLIENT_DEL_REQ", "DELETE_CLIENT", "DISABLE_CLIENT", "ENABLE_CLIENT", "RENAME_SUBSYSTEM",
		"SEND_OWNER_CHANGE_REQ"}},
	{[]auth.Role{ServiceAdministrator, Observer}, []auth.Permission{"VIEW_CLIENT_SERVICES", "VIEW_SERVICE_ACL", "VIEW_CLIENT_ACL_SUBJECTS",
		"VIEW_ACL_SUBJECT_OPEN_SERVICES", "VIEW_CLIENT_LOCAL_GROUPS"}},
	{[]auth.Role{ServiceAdministrator}, []auth.Permission{
		"ADD_WSDL", "DELETE_WSDL", "ENABLE_DISABLE_WSDL", "EDIT_SERVICE_PARAMS", "EDIT_SERVICE_ACL", "EDIT_WSDL", "REFRESH_WSDL",
		"EDIT_ACL_SUBJECT_OPEN_SERVICES", "ADD_LOCAL_GROUP", "EDIT_LOCAL_GROUP_DESC", "EDIT_LOCAL_GROUP_MEMBERS", "DELETE_LOCAL_GROUP"}},
	{[]auth.Role{RegistrationOfficer, SecurityOfficer, SystemAdministrator, Observer}, []auth.Permission{
		"VIEW_KEYS", "VIEW_AUTH_CERT", "VIEW_APPROVED_CERTIFICATE_AUTHORITIES"}},
	{[]auth.Role{RegistrationOfficer, SecurityOfficer}, []auth.Permission{
		"GENERATE_KEY", "DELETE_KEY", "GENERATE_SIGN_CERT_REQ", "IMPORT_SIGN_CERT", "ACTIVATE_DISABLE_SIGN_CERT", "DELETE_SIGN_CERT", "DELETE_SIGN_KEY"}},
	{[]auth.Role{SecurityOfficer}, []auth.Permission{
		"GENERATE_AUTH_CERT_REQ", "IMPORT_AUTH_CERT", "ACTIVATE_DISABLE_AUTH_CERT", "SEND_AUTH_CERT_REG_REQ", "SEND_AUTH_CERT_DEL_REQ",
		"DELETE_AUTH_CERT", "DELETE_AUTH_KEY"}},
	{[]auth.Role{RegistrationOfficer, SecurityOfficer, SystemAdministrator}, []auth.Permission{"EDIT_KEY_FRIENDLY_NAME", "EDIT_TOKEN_FRIENDLY_NAME"}},
	{[]auth.Role{SecurityOfficer, SystemAdministrator}, []auth.Permission{
		"GENERATE_INTERNAL_TLS_KEY_CERT", "GENERATE_INTERNAL_TLS_CSR", "IMPORT_INTERNAL_TLS_CERT", "ACTIVATE_DEACTIVATE_TOKEN", "UPLOAD_ANCHOR", "DOWNLOAD_ANCHOR", "ADD_TSP", "DELETE_TSP"}},
	{[]auth.Role{SecurityOfficer, SystemAdministrator, Observer}, []auth.Permission{"VIEW_SYS_PARAMS", "VIEW_ANCHOR", "VIEW_TSPS"}},
	{[]auth.Role{SystemAdministrator}, []auth.Permission{
		"INIT_CONFIG", "UPDATE_TOKEN_PIN", "CREATE_API_KEY", "UPDATE_API_KEY", "REVOKE_API_KEY", "CHANGE_SS_ADDRESS", "TOGGLE_MAINTENANCE_MODE"}},
	{[]auth.Role{SystemAdministrator, Observer}, []auth.Permission{"VIEW_API_KEYS", "DIAGNOSTICS"}},
}

// Policy gives the permissions of each role.
func Policy() auth.Policy {
	policy := auth.Policy{}
	for _, g := range grants {
		for _, role := range g.roles {
			policy[role] = append(policy[role], g.permissions...)
		}
	}
	return policy
}
