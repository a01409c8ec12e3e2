package request_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

func (w *world) refused(t *testing.T, body []byte, contentType, code, text string) {
	t.Helper()
	opened, err := w.verifier.Open(body, contentType)
	require.Nil(t, opened)
	require.Equal(t, code, fault.CodeOf(err), "%v", err)
	require.Equal(t, text, fault.From(err).Message)
}

// sealedWith seals a request after its SOAP text was changed: the keys agree with the change.
func (w *world) sealedWith(t *testing.T, r *request.Request, signer, auth signature.Credential, change func(string) string) ([]byte, string) {
	t.Helper()
	message, err := request.BuildSOAP(r, w.provider)
	require.NoError(t, err)
	if change != nil {
		changed := change(string(message))
		require.NotEqual(t, string(message), changed)
		message = []byte(changed)
	}
	if r.Type == request.AuthCertDeletion || r.Type == request.ClientDeletion {
		return message, soap.ContentType
	}
	p := []soap.Part{{Headers: soap.Fields{{Name: "content-type", Value: "text/xml"}}, Body: message}}
	keys := []signature.Credential{signer}
	if r.Type == request.AuthCertReg {
		keys = []signature.Credential{auth, signer}
	}
	for _, key := range keys {
		algorithm, err := signature.ForKey(key.Certificate.PublicKey, signature.SHA256)
		require.NoError(t, err)
		value, err := algorithm.Sign(rand.Reader, key.Signer, message)
		require.NoError(t, err)
		p = append(p, soap.Part{Headers: soap.Fields{{Name: "Signature-Algorithm-ID", Value: strings.ToLower(algorithm.Name)}}, Body: value})
	}
	for _, key := range keys {
		p = append(p, soap.Part{Body: key.Certificate.Raw})
	}
	return join(t, append(p, soap.Part{Body: signer.OCSP[0]})), testContentType
}

func TestEveryPartIsNeeded(t *testing.T) {
	w := newWorld(t, false)
	for _, c := range []struct {
		kind  request.Type
		texts []string // of the absence of parts 2, 3, …
	}{
		{request.ClientReg, []string{"Client signature is missing", "Client certificate is missing", "Client certificate OCSP is missing"}},
		{request.AuthCertReg, []string{"Auth signature is missing", "Owner signature is missing", "Auth certificate is missing",
			"Owner certificate is missing", "Owner certificate OCSP is missing"}},
	} {
		whole := parts(t, w.seal(t, w.request(t, c.kind)))
		for i, text := range c.texts {
			emptied := slices.Clone(whole)
			emptied[i+1].Body = nil
			w.refused(t, join(t, emptied), testContentType, "invalid_request", text)
		}
		w.refused(t, join(t, whole[:len(whole)-1]), testContentType, "invalid_request", c.texts[len(c.texts)-1])
		w.refused(t, join(t, whole[:1]), testContentType, "invalid_request", c.texts[0])

		text := "Unexpected content in multipart"
		if c.kind == request.ClientReg {
			text += " while reading request of type CLIENT_REGISTRATION_REQUEST"
		}
		for _, extra := range []int{1, 2} {
			w.refused(t, join(t, append(slices.Clone(whole), whole[:extra]...)), testContentType,
				map[int]string{1: "internal_error", 2: tooMany(c.kind)}[extra],
				map[int]string{1: text, 2: tooManyText(c.kind, text)}[extra])
		}
		_, err := w.verifier.Open(join(t, whole), testContentType)
		require.NoError(t, err)
	}
	for _, headless := range []struct {
		kind request.Type
		part int
		text string
	}{
		{request.ClientReg, 1, "Client signature algorithm id is missing"},
		{request.AuthCertReg, 1, "Auth signature algorithm id is missing"},
		{request.AuthCertReg, 2, "Owner signature algorithm id is missing"},
	} {
		p := parts(t, w.seal(t, w.request(t, headless.kind)))
		p[headless.part].Headers = p[headless.part].Headers[:1]
		w.refused(t, join(t, p), testContentType, "invalid_request", headless.text)
	}
	plain := soap.Part{Headers: soap.Fields{{Name: "Content-Type", Value: "text/xml"}}, Body: w.seal(t, w.request(t, request.ClientDeletion)).SOAP}
	_, err := w.verifier.Open(join(t, []soap.Part{plain}), testContentType)
	require.NoError(t, err)
	w.refused(t, join(t, []soap.Part{plain, plain}), testContentType, "internal_error",
		"Unexpected content in multipart while reading request of type CLIENT_DELETION_REQUEST")
}

// A seventh part of authCertReg is read and refused by name; an eighth is over the limit.
func tooMany(kind request.Type) string {
	if kind == request.AuthCertReg {
		return "mime_parsing_failed"
	}
	return "internal_error"
}

func tooManyText(kind request.Type, text string) string {
	if kind == request.AuthCertReg {
		return "Malformed multipart message: more than 7 parts"
	}
	return text
}

func TestAnyFlippedByteIsRefused(t *testing.T) {
	w := newWorld(t, false)
	for _, kind := range []request.Type{request.ClientReg, request.AuthCertReg} {
		whole := parts(t, w.seal(t, w.request(t, kind)))
		counts := signedBytes(t, whole[len(whole)-1].Body)
		for i := range whole {
			for at := range whole[i].Body {
				if i == len(whole)-1 && !counts[at] {
					continue
				}
				flipped := slices.Clone(whole)
				flipped[i].Body = slices.Clone(whole[i].Body)
				flipped[i].Body[at] ^= 1
				_, err := w.verifier.Open(join(t, flipped), testContentType)
				require.Error(t, err, "%s: part %d, byte %d", kind, i+1, at)
			}
		}
	}
}

// signedBytes marks the bytes of an OCSP response that its signature covers, and the signature. The others — wrappers, and a responder's
// certificate that the configuration holds as well — carry no statement.
func signedBytes(t *testing.T, response []byte) map[int]bool {
	t.Helper()
	r, err := ocsp.ParseResponse(response, nil)
	require.NoError(t, err)
	marks := map[int]bool{}
	for _, part := range [][]byte{r.TBSResponseData, r.Signature} {
		start := bytes.Index(response, part)
		require.Positive(t, start)
		for i := range part {
			marks[start+i] = true
		}
	}
	return marks
}

func TestSignaturesMustFit(t *testing.T) {
	w := newWorld(t, true)
	for _, c := range []struct {
		kind       request.Type
		part       int
		code, text string
	}{
		{request.ClientReg, 1, "invalid_signature_value", "Client signature verification failed"},
		{request.AuthCertReg, 1, "invalid_signature_value", "Auth signature verification failed"},
		{request.AuthCertReg, 2, "invalid_signature_value", "Owner signature verification failed"},
	} {
		p := parts(t, w.seal(t, w.request(t, c.kind)))
		p[c.part].Body[7] ^= 1
		w.refused(t, join(t, p), testContentType, c.code, c.text)

		p = parts(t, w.seal(t, w.request(t, c.kind)))
		p[c.part].Headers = soap.Fields{{Name: "signature-algorithm-id", Value: "MD5withRSA"}}
		_, err := w.verifier.Open(join(t, p), testContentType)
		require.Equal(t, "unsupported_algorithm", fault.CodeOf(err))
	}
	body, contentType := w.sealedWith(t, w.request(t, request.AuthCertReg), w.sign, w.auth, nil)
	_, err := w.verifier.Open(body, contentType)
	require.NoError(t, err, "other spellings of the header, and SHA-256")
}

func TestCertificates(t *testing.T) {
	w := newWorld(t, false)
	stranger := newWorld(t, false)
	expired := testca.Spec{Member: w.owner, NotBefore: w.now.Add(-2 * time.Hour), NotAfter: w.now.Add(-time.Second)}
	early := testca.Spec{Member: w.owner, NotBefore: w.now.Add(time.Second)}
	ofAuth := func(s testca.Spec) testca.Spec { s.Usage = certificate.Authentication; return s }
	revoked := w.issue(t, testca.Spec{Member: w.owner})
	require.NoError(t, w.ca.Revoke(revoked.Certificate))
	withOCSP := func(c signature.Credential, o testca.OCSPOptions) signature.Credential {
		response, err := w.ca.OCSPWith(c.Certificate, o)
		require.NoError(t, err)
		c.OCSP = [][]byte{response}
		return c
	}
	garbled := w.sign
	garbled.OCSP = [][]byte{[]byte("no response")}
	otherOCSP := w.sign
	otherOCSP.OCSP = w.otherSign.OCSP

	const owner, auth, member = "Owner certificate is invalid: ", "Authentication certificate is invalid: ", "Member (owner/client) sign certificate is invalid: "
	const expiredText, earlyText = "Certificate expired on 2026-01-02T03:04:04Z", "Certificate is not valid until 2026-01-02T03:04:06Z"
	const unknown = "Certificate is not issued by approved certification service provider."
	for name, c := range map[string]struct {
		sign, auth       signature.Credential
		code, text, only string
	}{
		"signer of nobody":      {stranger.sign, w.auth, "internal_error", "", ""},
		"signer expired":        {w.issue(t, expired), w.auth, "incorrect_certificate", expiredText, ""},
		"signer early":          {w.issue(t, early), w.auth, "incorrect_certificate", earlyText, ""},
		"signer is an auth one": {w.auth, w.auth, "cert_validation", "Certificate is not a signing certificate", ""},
		"signer revoked":        {withOCSP(revoked, testca.OCSPOptions{}), w.auth, "cert_validation", "OCSP response indicates certificate status is REVOKED (date: 2026-01-02 03:04:05)", ""},
		"signer unknown":        {withOCSP(w.sign, testca.OCSPOptions{Unknown: true}), w.auth, "cert_validation", "OCSP response indicates certificate status is UNKNOWN", ""},
		"stale OCSP":            {withOCSP(w.sign, testca.OCSPOptions{ThisUpdate: w.now.Add(-time.Hour - time.Second)}), w.auth, "incorrect_validation_info", "OCSP response is too old (thisUpdate: 2026-01-02T02:04:04Z)", ""},
		"garbled OCSP":          {garbled, w.auth, "incorrect_validation_info", "OCSP response cannot be read", ""},
		"OCSP of another":       {otherOCSP, w.auth, "incorrect_validation_info", "", ""},
		"auth of nobody":        {w.sign, stranger.auth, "internal_error", "", auth},
		"auth expired":          {w.sign, w.issue(t, ofAuth(expired)), "incorrect_certificate", expiredText, auth},
		"auth early":            {w.sign, w.issue(t, ofAuth(early)), "incorrect_certificate", earlyText, auth},
		"auth is a signing one": {w.sign, w.sign, "cert_validation", "Certificate is not an authentication certificate", auth},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.request(t, request.AuthCertReg)
			r.AuthCertificate = c.auth.Certificate.Raw
			prefix := owner
			if c.only != "" {
				prefix = c.only
			}
			body, contentType := w.sealedWith(t, r, c.sign, c.auth, nil)
			_, err := w.verifier.Open(body, contentType)
			require.Equal(t, c.code, fault.CodeOf(err), "%v", err)
			require.True(t, strings.HasPrefix(fault.From(err).Message, prefix+c.text), fault.From(err).Message)
			if c.only != "" {
				return
			}
			// The same signer for a client: here the owner's own subsystem.
			r = w.request(t, request.ClientDisable)
			r.Client = client(t, "EE:GOV:1:sub")
			body, contentType = w.sealedWith(t, r, c.sign, w.auth, nil)
			_, err = w.verifier.Open(body, contentType)
			require.Equal(t, c.code, fault.CodeOf(err), "%v", err)
			require.True(t, strings.HasPrefix(fault.From(err).Message, member+c.text), fault.From(err).Message)
		})
	}
	named, err := testca.New(testca.Config{Name: "Other", Now: func() time.Time { return w.now }})
	require.NoError(t, err)
	of, err := named.Issue(testca.Spec{Member: w.owner})
	require.NoError(t, err)
	body, contentType := w.sealedWith(t, w.request(t, request.AuthCertReg), of, w.auth, nil)
	w.refused(t, body, contentType, "internal_error", owner+unknown)
	p := parts(t, w.seal(t, w.request(t, request.ClientReg)))
	p[2].Body = []byte("no certificate")
	w.refused(t, join(t, p), testContentType, "incorrect_certificate", member+"Cannot read the certificate")
}

func TestContents(t *testing.T) {
	w := newWorld(t, false)
	const address = "Invalid management service address. Contact central server administrator"
	const mismatch = "The security server owner identifier in the request (%s) and the service client identifier (%s) in the SOAP header do not match"
	const badIdentifier = "The management request contains an invalid identifier."
	elsewhere := client(t, "FI:GOV:1")
	replace := func(old, with string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, with, 1) }
	}
	server := func(owner identifier.ClientID, code string) identifier.SecurityServerID {
		id, err := identifier.NewSecurityServer(owner, code)
		require.NoError(t, err)
		return id
	}
	for name, c := range map[string]struct {
		kind       request.Type
		set        func(*request.Request)
		change     func(string) string
		code, text string
	}{
		"server of another instance":     {request.AuthCertReg, func(r *request.Request) { r.Server, r.Sender = server(elsewhere, "ss1"), elsewhere }, nil, "invalid_request", address},
		"sender of another instance":     {request.ClientDeletion, func(r *request.Request) { r.Sender = elsewhere }, nil, "invalid_request", address},
		"client of another instance":     {request.ClientReg, func(r *request.Request) { r.Client = client(t, "FI:GOV:2:sub") }, nil, "invalid_request", address},
		"deletion from another instance": {request.AuthCertDeletion, func(r *request.Request) { r.Server, r.Sender = server(elsewhere, "ss1"), elsewhere }, nil, "invalid_request", address},
		"other provider":                 {request.ClientDeletion, nil, replace("<id:subsystemCode>management<", "<id:subsystemCode>mgmt<"), "invalid_request", address},
		"sender is not the owner":        {request.AuthCertReg, func(r *request.Request) { r.Sender = w.other }, nil, "invalid_request", fmt.Sprintf(mismatch, "MEMBER:EE/GOV/1", "MEMBER:EE/GOV/2")},
		"sender is a subsystem":          {request.ClientReg, func(r *request.Request) { r.Sender = client(t, "EE:GOV:1:s") }, nil, "invalid_request", fmt.Sprintf(mismatch, "MEMBER:EE/GOV/1", "SUBSYSTEM:EE/GOV/1/s")},
		"deletion by another":            {request.ClientDeletion, func(r *request.Request) { r.Sender = w.other }, nil, "invalid_request", fmt.Sprintf(mismatch, "MEMBER:EE/GOV/1", "MEMBER:EE/GOV/2")},
		"server code with a slash":       {request.ClientReg, func(r *request.Request) { r.Server = server(w.owner, "s/1") }, nil, "invalid_client_identifier", badIdentifier},
		"server code too long":           {request.AuthCertDeletion, func(r *request.Request) { r.Server = server(w.owner, strings.Repeat("s", 256)) }, nil, "invalid_client_identifier", badIdentifier},
		"other certificate":              {request.AuthCertReg, func(r *request.Request) { r.AuthCertificate = w.sign.Certificate.Raw }, nil, "cert_validation", "Authentication certificates do not match."},
		"signed by another client":       {request.ClientReg, func(r *request.Request) { r.Client = client(t, "EE:GOV:3:sub") }, nil, "invalid_request", "Subject identifier (MEMBER:EE/GOV/2) in certificate does not match client's member identifier (MEMBER:EE/GOV/3) in request"},
		"signed by another owner": {request.AuthCertReg, func(r *request.Request) { r.Server, r.Sender = server(w.other, "ss1"), w.other }, nil, "invalid_request",
			"Subject identifier (MEMBER:EE/GOV/1) in certificate does not match security server owner identifier (MEMBER:EE/GOV/2) in request"},
		"name of a member":   {request.ClientReg, func(r *request.Request) { r.Client = w.other }, nil, "invalid_request", "Only name of subsystem can be changed"},
		"bad address":        {request.AuthCertReg, func(r *request.Request) { r.Address = "a b" }, nil, "invalid_request", "Invalid server address"},
		"no address":         {request.AuthCertReg, nil, replace("<xroad:address>ss1.example.org</xroad:address>", ""), "invalid_request", "Invalid server address"},
		"unknown child":      {request.ClientReg, nil, replace("</xroad:clientReg>", "<xroad:x/></xroad:clientReg>"), "invalid_soap", "Failed to parse 'clientReg'"},
		"request id":         {request.ClientReg, nil, replace("</xroad:clientReg>", "<xroad:requestId>1</xroad:requestId></xroad:clientReg>"), "invalid_soap", "Failed to parse 'clientReg'"},
		"child of elsewhere": {request.ClientReg, nil, replace("</xroad:clientReg>", `<x xmlns="urn:x"/></xroad:clientReg>`), "invalid_soap", "Failed to parse 'clientReg'"},
		"field of another":   {request.ClientDisable, nil, replace("</xroad:clientDisable>", "<xroad:subsystemName>x</xroad:subsystemName></xroad:clientDisable>"), "invalid_soap", "Failed to parse 'clientDisable'"},
		"server twice": {request.ClientDeletion, nil, func(s string) string {
			return strings.Replace(s, "<xroad:clientDeletion>", "<xroad:clientDeletion>"+s[strings.Index(s, "<xroad:server"):strings.Index(s, "</xroad:server>")]+"</xroad:server>", 1)
		}, "invalid_soap", "Failed to parse 'clientDeletion'"},
		"client missing": {request.ClientDeletion, nil, func(s string) string {
			i := strings.LastIndex(s, "<xroad:client ")
			j := strings.LastIndex(s, "</xroad:client>")
			return s[:i] + s[j+len("</xroad:client>"):]
		}, "invalid_soap", "Failed to parse 'clientDeletion'"},
		"no base64":           {request.AuthCertDeletion, nil, replace("<xroad:authCert>", "<xroad:authCert>*"), "invalid_soap", "Failed to parse 'authCertDeletion'"},
		"dry run of no truth": {request.AuthCertReg, nil, replace("</xroad:authCertReg>", "<xroad:dryRun>maybe</xroad:dryRun></xroad:authCertReg>"), "invalid_soap", "Failed to parse 'authCertReg'"},
		"comment in a code":   {request.ClientDeletion, nil, replace("<id:serverCode>ss1<", "<id:serverCode>s<!-- -->s1<"), "invalid_xml", `element "serverCode" may hold text only`},
		"member as subsystem": {request.ClientDeletion, nil, func(s string) string { i := strings.LastIndex(s, "SUBSYSTEM"); return s[:i] + "MEMBER" + s[i+9:] }, "invalid_client_identifier", "Redundant subsystem code"},
		"other namespace": {request.ClientDeletion, nil, func(s string) string {
			return strings.NewReplacer("<xroad:clientDeletion>", `<x:clientDeletion xmlns:x="urn:x">`, "</xroad:clientDeletion>", "</x:clientDeletion>").Replace(s)
		}, "invalid_soap", "Failed to parse 'clientDeletion'"},
		"unknown service": {request.ClientDeletion, nil, func(s string) string { return strings.ReplaceAll(s, "clientDeletion", "someServiceOfAnother") }, "invalid_request", "Unknown service code 'someServiceOfAnother'"},
		"another type's body": {request.ClientDeletion, nil, func(s string) string {
			return strings.NewReplacer("xroad:clientDeletion>", "xroad:ownerChange>").Replace(s)
		}, "inconsistent_headers", "Malformed SOAP message: service code does not match in header and body"},
		"new owner did not sign": {request.OwnerChange, func(r *request.Request) { r.Client = client(t, "EE:GOV:3") }, nil, "invalid_request",
			"Subject identifier (MEMBER:EE/GOV/2) in certificate does not match client's member identifier (MEMBER:EE/GOV/3) in request"},
		"new name not signed by the member": {request.ClientRename, func(r *request.Request) { r.Client = client(t, "EE:GOV:3:sub") }, nil, "invalid_request",
			"Subject identifier (MEMBER:EE/GOV/2) in certificate does not match client's member identifier (MEMBER:EE/GOV/3) in request"},
		"new name of a member":       {request.ClientRename, func(r *request.Request) { r.Client = w.other }, nil, "invalid_request", "Only name of subsystem can be changed"},
		"blank new name":             {request.ClientRename, func(r *request.Request) { r.SubsystemName = " " }, nil, "invalid_request", "Invalid subsystem name"},
		"no new name":                {request.ClientRename, nil, replace("<xroad:subsystemName>Name &amp; more</xroad:subsystemName>", ""), "invalid_soap", "Failed to parse 'clientRename'"},
		"owner change by another":    {request.OwnerChange, func(r *request.Request) { r.Sender = w.other }, nil, "invalid_request", fmt.Sprintf(mismatch, "MEMBER:EE/GOV/1", "MEMBER:EE/GOV/2")},
		"new owner elsewhere":        {request.OwnerChange, func(r *request.Request) { r.Client = client(t, "FI:GOV:2") }, nil, "invalid_request", address},
		"bad new address":            {request.AddressChange, func(r *request.Request) { r.Address = "http://a" }, nil, "invalid_request", "Invalid server address"},
		"no new address":             {request.AddressChange, nil, replace("<xroad:address>ss2.example.org</xroad:address>", ""), "invalid_request", "Invalid server address"},
		"client in address change":   {request.AddressChange, nil, replace("<xroad:address>", "<xroad:client/><xroad:address>"), "invalid_soap", "Failed to parse 'addressChange'"},
		"message in disabling":       {request.MaintenanceModeDisable, nil, replace("</xroad:maintenanceModeDisable>", "<xroad:message/></xroad:maintenanceModeDisable>"), "invalid_soap", "Failed to parse 'maintenanceModeDisable'"},
		"maintenance of another":     {request.MaintenanceModeEnable, func(r *request.Request) { r.Sender = w.other }, nil, "invalid_request", fmt.Sprintf(mismatch, "MEMBER:EE/GOV/1", "MEMBER:EE/GOV/2")},
		"maintenance over elsewhere": {request.MaintenanceModeDisable, func(r *request.Request) { r.Server, r.Sender = server(elsewhere, "ss1"), elsewhere }, nil, "invalid_request", address},
		"a response": {request.ClientDeletion, nil, func(s string) string {
			return strings.NewReplacer("xroad:clientDeletion>", "xroad:clientDeletionResponse>").Replace(s)
		}, "invalid_request", "Unrecognized soap request of type 'clientDeletionResponse'"},
		"no client in header": {request.ClientDeletion, nil, func(s string) string {
			i, j := strings.Index(s, "<xroad:client "), strings.Index(s, "<xroad:service ")
			return s[:i] + s[j:]
		}, "missing_header_field", "Required field 'client' is missing"},
		"two children": {request.ClientDeletion, nil, replace("<SOAP-ENV:Body>", "<SOAP-ENV:Body><xroad:clientDeletion/>"), "invalid_body", "Malformed SOAP message: body must have exactly one child element"},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.request(t, c.kind)
			if c.set != nil {
				c.set(r)
			}
			body, contentType := w.sealedWith(t, r, *w.signer(c.kind), w.auth, c.change)
			w.refused(t, body, contentType, c.code, c.text)
			_, err := w.verifier.Open(body, contentType)
			require.Equal(t, fault.Invalid, fault.From(err).Kind)
		})
	}
}

// TestOnlyTheOwnerSpeaksForTheServer is stricter than X-Road, where any member's signature does.
func TestOnlyTheOwnerSpeaksForTheServer(t *testing.T) {
	w := newWorld(t, false)
	for _, kind := range []request.Type{request.AddressChange, request.MaintenanceModeEnable, request.MaintenanceModeDisable} {
		body, contentType := w.sealedWith(t, w.request(t, kind), w.otherSign, w.auth, nil)
		w.refused(t, body, contentType, "invalid_request",
			"Subject identifier (MEMBER:EE/GOV/2) in certificate does not match security server owner identifier (MEMBER:EE/GOV/1) in request")
	}
}

func TestLeniency(t *testing.T) {
	w := newWorld(t, false)
	for name, change := range map[string]func(string) string{
		"white space":      func(s string) string { return strings.ReplaceAll(s, "><", ">\n<") },
		"case of the code": func(s string) string { return strings.ReplaceAll(s, "clientReg", "CLIENTREG") },
		"other prefixes":   func(s string) string { return strings.NewReplacer("xroad:", "q:", ":xroad=", ":q=").Replace(s) },
	} {
		t.Run(name, func(t *testing.T) {
			r := w.request(t, request.ClientReg)
			body, contentType := w.sealedWith(t, r, w.otherSign, w.auth, change)
			opened, err := w.verifier.Open(body, contentType)
			require.NoError(t, err)
			require.Equal(t, *r, opened.Request)
			answer, err := request.Response(opened, 9)
			require.NoError(t, err)
			id, err := request.ReadResponse(answer, "text/xml", opened.Message.Raw)
			require.NoError(t, err)
			require.EqualValues(t, 9, id)
		})
	}
	r := w.request(t, request.AuthCertReg)
	body, contentType := w.sealedWith(t, r, w.sign, w.auth, func(s string) string {
		return strings.Replace(s, "</xroad:authCertReg>", "<xroad:dryRun>false</xroad:dryRun></xroad:authCertReg>", 1)
	})
	opened, err := w.verifier.Open(body, contentType)
	require.NoError(t, err)
	require.False(t, opened.DryRun)
}

func TestDoor(t *testing.T) {
	w := newWorld(t, false)
	sealed := w.seal(t, w.request(t, request.ClientDeletion))
	w.refused(t, sealed.Body, "", "invalid_request", "Could not get content type from request")
	w.refused(t, sealed.Body, "text/plain", "invalid_content_type", "Invalid content type: text/plain")
	w.refused(t, nil, "text/xml", "invalid_request", "Request contains no SOAP message")
	w.refused(t, []byte("--bb--"), testContentType, "invalid_request", "Request contains no SOAP message")
	w.refused(t, (&soap.Fault{Code: "c"}).Encode(), "text/xml", "invalid_request", "Failed to parse SOAP request")
	w.refused(t, join(t, []soap.Part{{Body: sealed.SOAP}}), testContentType, "invalid_content_type", "Could not get content type for part")
	w.refused(t, join(t, []soap.Part{{Body: make([]byte, 100_001)}}), testContentType, "mime_parsing_failed", "Malformed multipart message: a part has more than 100000 bytes")

	outdated := fault.New(fault.Conflict, "global_conf_outdated", "Global configuration is not valid")
	w.verifier.Trust = func() (*certificate.Trust, error) { return nil, outdated }
	_, err := w.verifier.Open(sealed.Body, sealed.ContentType)
	require.Equal(t, outdated, err)
}

func FuzzOpen(f *testing.F) {
	w := newWorld(f, false)
	for _, kind := range all {
		r := w.request(f, kind)
		message, err := request.BuildSOAP(r, w.provider)
		require.NoError(f, err)
		f.Add(message, "text/xml")
		f.Add(join(f, []soap.Part{{Headers: soap.Fields{{Name: "Content-Type", Value: "text/xml"}}, Body: message}, {Body: []byte("x")}}), testContentType)
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		opened, err := w.verifier.Open(body, contentType)
		if (opened == nil) == (err == nil) {
			t.Fatalf("opened %v, error %v", opened, err)
		}
		if err == nil && opened.Type != request.AuthCertDeletion && opened.Type != request.ClientDeletion {
			t.Fatalf("%s opened without a signature", opened.Type)
		}
	})
}
