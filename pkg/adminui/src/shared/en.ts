// Every text of the shared parts. Sentences of the use-case model stand as it has them.
export default {
  action: {
    add: 'Add', cancel: 'Cancel', save: 'Save', delete: 'Delete', edit: 'Edit', close: 'Close', copy: 'Copy', copied: 'Copied', again: 'Try again', download: 'Download',
    open: 'Open', search: 'Search', logIn: 'Log in', logOut: 'Log out', back: 'Back', dismiss: 'Dismiss',
  },
  login: {
    title: 'Log in', username: 'Username', password: 'Password', wrong: 'Wrong username or password', failed: 'Login failed. Please try again.',
    wait: 'Too many attempts. Wait a minute, then try again.', unreachable: 'The server does not answer. Check the connection, then try again.',
    expired: 'Session expired', expiredText: 'You have been idle for 30 minutes and your session has expired. Log in again to go on; what you typed is kept.',
  },
  frame: {
    menu: 'Menu', theme: 'Switch between light and dark', user: 'User menu', alerts: 'Alerts', noAlerts: 'Nothing needs attention', skip: 'Skip to content', view: 'View',
    unknownTitle: 'There is no such page', unknownText: 'The address may be old or mistyped.', front: 'Go to the front page',
  },
  table: {
    rows: '{from}–{to} of {total}', perPage: 'Rows', previous: 'Previous page', next: 'Next page', none: 'No items matching criteria', noneText: 'Change the search or the filter.',
    loading: 'Loading', of: '{title}, sort', clear: 'Clear search',
  },
  form: { unsaved: 'Discard what you typed?', discard: 'Discard', keep: 'Go on editing', required: 'required', file: 'Choose a file or drop it here' },
  confirm: { type: 'Type {code} to confirm', code: 'Code', goes: 'What goes with it' },
  copy: { of: 'Copy {what}' },
  certificate: {
    subject: 'Subject', issuer: 'Issuer', serial: 'Serial number', validity: 'Valid', usages: 'Key usages', sha256: 'SHA-256', sha1: 'SHA-1', names: 'Alternative names', algorithm: 'Signature algorithm',
    key: 'Public key', until: 'Expires {date}', passed: 'Expired {date}', from: 'from {date}', expired: 'expired', soon: '{days} days left', fine: '{days} days left',
  },
  guide: { done: 'Done', next: 'Next', later: 'Later', progress: '{done} of {total} steps done' },
  usage: {
    DIGITAL_SIGNATURE: 'digital signature', NON_REPUDIATION: 'non-repudiation', KEY_ENCIPHERMENT: 'key encipherment', DATA_ENCIPHERMENT: 'data encipherment', KEY_AGREEMENT: 'key agreement',
    KEY_CERT_SIGN: 'certificate signing', CRL_SIGN: 'revocation list signing', ENCIPHER_ONLY: 'encipher only', DECIPHER_ONLY: 'decipher only',
  },
  problem: {
    quote: 'Identifier to quote', unknown: 'The server refused: {code}',
    field: {
      missing: "Missing parameter: '{name}'", tooLong: 'Parameter {name} input exceeds 255 characters', other: 'Parameter {name} is not valid', typeMismatch: 'This value is of the wrong kind',
      IdentifierChars: 'Use valid identifier characters only', ServerAddress: 'Valid IP address or fully qualified domain name needed',
    },
    status: {
      0: 'The server does not answer', 401: 'You are not logged in', 403: 'You may not do this', 404: 'There is no such thing on this server', 409: 'Something else was changed at the same time',
      413: 'The file is too large', 429: 'Too many requests', 500: 'The server could not do this', other: 'The server could not do this',
    },
    advice: {
      network: 'Check the connection, then try again. Nothing you typed is lost.', server: 'Try again. If it stays, quote the identifier below to whoever runs the server.',
      forbidden: 'Ask a system administrator for the role that may.', gone: 'Someone may have deleted it meanwhile. Go back to the list.',
      token_not_active: 'Log in to the software token on the page Global configuration.', member_class_is_in_use: 'Delete or move its members first.',
      management_request_invalid_state: 'Someone may have decided it meanwhile. The page shows its state as it is now.',
      no_configuration_signing_keys_configured: 'Add a signing key on the page Global configuration.', too_many_attempts: 'Wait a minute, then try again.',
    },
    code: {
      anchor_not_found: 'Configuration anchor not found', api_key_not_found: 'API key not found', cannot_add_member_to_owners_group: 'Cannot add members to server owners group',
      certificate_already_exists: 'The certificate is already approved', global_group_exists: "Global group '{0}' already exists", global_group_not_found: "Global group '{0}' not found",
      init_already_initialized: 'Central server is already initialized', init_not_initialized: 'Central server is not initialized',
      invalid_certificate: 'Incorrect file format. Only PEM and DER files allowed.', invalid_member_id: 'Invalid member identifier', invalid_subsystem_id: 'Invalid subsystem identifier',
      invalid_service_provider_id: 'Invalid service provider identifier', invalid_url: "Invalid URL: '{0}'", invalid_role: 'At least one valid role must be given',
      management_request_cannot_register_owner: 'Cannot register owner as a client', management_request_invalid_server_address: 'Invalid server address',
      management_request_invalid_auth_certificate: 'The authentication certificate is not acceptable', management_request_invalid_state: 'The request cannot be changed: it was already decided',
      management_request_exists: 'Such a request is already submitted for registration', management_request_not_found: "Management request '{0}' not found",
      management_request_server_code_exists: "Security server '{0}' already exists", management_request_server_not_found: 'Server not found: {0}',
      management_request_server_owner_not_found: "Member '{0}' not found", management_service_provider_not_set: 'Management service provider is not set',
      member_class_description_exists: "description '{0}' has already been taken", member_class_exists: 'Member class with the same code already exists',
      member_class_is_in_use: 'Cannot delete member class {0}: found X-Road members belonging to the class.', member_class_not_found: "Member class '{0}' not found",
      member_exists: "Member with class and code '{0}' already exists", member_not_found: "Member '{0}' not found", no_configuration_signing_keys_configured: 'The source has no signing keys',
      ocsp_responder_not_found: "OCSP responder '{0}' not found", owners_global_group_cannot_be_deleted: 'Cannot perform delete action on server owners group',
      owners_global_group_member_cannot_be_deleted: 'Cannot remove members from server owners group', security_server_not_found: "Security server '{0}' not found",
      signing_key_action_not_possible: 'The signing key is active', signing_key_limit_reached: 'A source has at most two signing keys', signing_key_not_found: 'Signing key not found',
      subsystem_exists: "Failed to add subsystem: Subsystem '{0}' already exists", subsystem_not_found: "Subsystem '{0}' not found",
      timestamping_service_already_exists: "The time-stamping service at '{0}' is already approved", token_not_active: 'Token is not logged in', token_not_found: "Token '{0}' not found",
      token_not_initialized: 'Token is not initialized', too_many_attempts: 'Too many failed attempts', trusted_anchor_verification_failed: 'Trusted anchor file verification failed',
      pin_incorrect: 'PIN incorrect', token_pin_incorrect: 'PIN incorrect', token_incorrect_pin_format: 'The PIN is too weak', token_weak_pin: 'The PIN is too weak',
    },
  },
}
