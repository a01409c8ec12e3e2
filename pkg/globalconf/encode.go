package globalconf

import (
	"crypto/sha1" //nolint:gosec // version 2 names certificates by it
	"crypto/sha256"
	"fmt"

	"github.com/ristmik/ristmik/pkg/identifier"
)

const declareIdentifiers = ` xmlns:id="` + identifier.Namespace + `"`

// EncodeShared writes shared parameters in a version, 2…6. What a version cannot hold is left out by its rule (PR-GCONF): sources before 3,
// ACME servers before 3 and their profile ids before 4, subsystem names and maintenance before 5, cost types and CSR formats before 6. In
// versions that know no maintenance the subsystems of a server in maintenance are not its clients. Equal input gives equal bytes. An error
// means that the parameters contradict themselves: a client that is not among the members, no source, text that XML cannot hold.
func EncodeShared(version int, p *SharedParameters) ([]byte, error) {
	if err := checkVersion(version); err != nil {
		return nil, err
	}
	if version >= 3 && len(p.Sources) == 0 {
		return nil, fmt.Errorf("writing shared parameters: no configuration source")
	}
	w := &sharedWriter{writer{dst: make([]byte, 0, 1<<16)}, version, p.InstanceIdentifier, map[identifier.ClientID]int{}}
	w.open("conf", declareIdentifiers)
	w.text("instanceIdentifier", p.InstanceIdentifier)
	if version >= 3 {
		for i := range p.Sources {
			w.source(&p.Sources[i])
		}
	}
	for i := range p.ApprovedCAs {
		w.approvedCA(&p.ApprovedCAs[i])
	}
	for i := range p.ApprovedTSAs {
		w.approvedTSA(&p.ApprovedTSAs[i])
	}
	for i := range p.Members {
		w.member(&p.Members[i])
	}
	for i := range p.SecurityServers {
		w.securityServer(&p.SecurityServers[i])
	}
	for i := range p.GlobalGroups {
		w.globalGroup(&p.GlobalGroups[i])
	}
	w.start("globalSettings")
	for _, c := range p.GlobalSettings.MemberClasses {
		w.memberClass(c)
	}
	w.seconds("ocspFreshnessSeconds", p.GlobalSettings.OCSPFreshness)
	w.end("globalSettings")
	if w.err != nil {
		return nil, fmt.Errorf("writing shared parameters: %w", w.err)
	}
	return w.close("conf"), nil
}

// EncodePrivate writes private parameters in a version, 2…6 (the form is the same in all of them). An error means text that XML cannot hold
// or a provider of management services that names nothing.
func EncodePrivate(version int, p *PrivateParameters) ([]byte, error) {
	if err := checkVersion(version); err != nil {
		return nil, err
	}
	w := &writer{}
	w.open("conf", declareIdentifiers)
	w.text("instanceIdentifier", p.InstanceIdentifier)
	for i := range p.Anchors {
		w.start("configurationAnchor")
		w.anchorContent(&p.Anchors[i])
		w.end("configurationAnchor")
	}
	w.start("managementService")
	w.text("authCertRegServiceAddress", p.ManagementService.AuthCertRegAddress)
	if len(p.ManagementService.AuthCertRegCertificate) > 0 {
		w.binary("authCertRegServiceCert", p.ManagementService.AuthCertRegCertificate)
	}
	w.client("managementRequestServiceProviderId", p.ManagementService.Provider)
	w.end("managementService")
	w.seconds("timeStampingIntervalSeconds", p.TimeStampingInterval)
	if w.err != nil {
		return nil, fmt.Errorf("writing private parameters: %w", w.err)
	}
	return w.close("conf"), nil
}

type sharedWriter struct {
	writer
	version  int
	instance string
	ids      map[identifier.ClientID]int // member by member, each followed by its subsystems
}

func (w *sharedWriter) source(s *Source) {
	w.start("source")
	w.text("address", s.Address)
	w.binaries("internalVerificationCert", s.InternalCertificates)
	w.binaries("externalVerificationCert", s.ExternalCertificates)
	w.end("source")
}

func (w *sharedWriter) approvedCA(a *ApprovedCA) {
	w.start("approvedCA")
	w.text("name", a.Name)
	w.text("authenticationOnly", fmt.Sprint(a.AuthenticationOnly))
	w.ca("topCA", &a.TopCA)
	for i := range a.IntermediateCAs {
		w.ca("intermediateCA", &a.IntermediateCAs[i])
	}
	w.text("certificateProfileInfo", a.CertificateProfile)
	if w.version >= 6 {
		w.oneOf("defaultCsrFormat", a.DefaultCSRFormat, csrFormats)
	}
	if a.ACME != nil && w.version >= 3 {
		w.start("acmeServer")
		w.text("directoryURL", a.ACME.DirectoryURL)
		w.optional("ipAddress", a.ACME.IPAddress)
		if w.version >= 4 {
			w.optional("authenticationCertificateProfileId", a.ACME.AuthenticationProfileID)
			w.optional("signingCertificateProfileId", a.ACME.SigningProfileID)
		}
		w.end("acmeServer")
	}
	w.end("approvedCA")
}

func (w *sharedWriter) ca(name string, c *CA) {
	w.start(name)
	w.binary("cert", c.Certificate)
	for _, r := range c.Responders {
		w.start("ocsp")
		w.text("url", r.URL)
		if len(r.Certificate) > 0 {
			w.binary("cert", r.Certificate)
		}
		if w.version >= 6 {
			w.oneOf("costType", r.CostType, costTypes)
		}
		w.end("ocsp")
	}
	w.end(name)
}

func (w *sharedWriter) approvedTSA(t *ApprovedTSA) {
	w.start("approvedTSA")
	w.text("name", t.Name)
	w.text("url", t.URL)
	w.binary("cert", t.Certificate)
	if w.version >= 6 {
		w.oneOf("costType", t.CostType, costTypes)
	}
	w.end("approvedTSA")
}

func (w *sharedWriter) member(m *Member) {
	w.startID("member", w.assign(m.ID))
	w.memberClass(MemberClass{m.ID.MemberClass(), m.ClassDescription})
	w.text("memberCode", m.ID.MemberCode())
	w.text("name", m.Name)
	for _, s := range m.Subsystems {
		if s.ID.Member() != m.ID || !s.ID.IsSubsystem() {
			w.fail(fmt.Errorf("%s is not a subsystem of %s", s.ID, m.ID))
		}
		w.startID("subsystem", w.assign(s.ID))
		w.text("subsystemCode", s.ID.SubsystemCode())
		if w.version >= 5 {
			w.optional("subsystemName", s.Name)
		}
		w.end("subsystem")
	}
	w.end("member")
}

func (w *sharedWriter) assign(client identifier.ClientID) int {
	if _, exists := w.ids[client]; exists {
		w.fail(fmt.Errorf("%s occurs twice", client))
	}
	if client.Instance() != w.instance {
		w.fail(fmt.Errorf("%s is not of instance %s", client, w.instance))
	}
	id := len(w.ids)
	w.ids[client] = id
	return id
}

func (w *sharedWriter) memberClass(c MemberClass) {
	w.start("memberClass")
	w.text("code", c.Code)
	w.text("description", c.Description)
	w.end("memberClass")
}

func (w *sharedWriter) securityServer(s *SecurityServer) {
	w.start("securityServer")
	w.to("owner", s.ID.Owner())
	w.text("serverCode", s.ID.ServerCode())
	w.optional("address", s.Address)
	w.binaries("authCertHash", authCertHashes(w.version, s))
	for _, c := range s.Clients {
		if s.Maintenance != nil && w.version < 5 && c.IsSubsystem() {
			continue
		}
		w.to("client", c)
	}
	if s.Maintenance != nil && w.version >= 5 {
		w.start("inMaintenanceMode")
		w.optional("message", *s.Maintenance)
		w.end("inMaintenanceMode")
	}
	w.end("securityServer")
}

func (w *sharedWriter) to(name string, client identifier.ClientID) {
	id, ok := w.ids[client]
	if !ok {
		w.fail(fmt.Errorf("%s %s is not among the members", name, client))
	}
	w.reference(name, id)
}

func (w *sharedWriter) globalGroup(g *GlobalGroup) {
	w.start("globalGroup")
	w.text("groupCode", g.Code)
	w.text("description", g.Description)
	for _, m := range g.Members {
		w.client("groupMember", m)
	}
	w.end("globalGroup")
}

// authCertHashes are the hashes of one version: of the certificates the writer knows, and of those it read, where the length fits.
func authCertHashes(version int, s *SecurityServer) [][]byte {
	size := sha256.Size
	if version == 2 {
		size = sha1.Size
	}
	var hashes [][]byte
	for _, h := range s.AuthCertHashes {
		if len(h) == size {
			hashes = append(hashes, h)
		}
	}
	for _, der := range s.AuthCertificates {
		hashes = append(hashes, authCertHash(size, der))
	}
	return hashes
}

func authCertHash(size int, der []byte) []byte {
	if size == sha1.Size {
		sum := sha1.Sum(der) //nolint:gosec // a name, not a signature
		return sum[:]
	}
	sum := sha256.Sum256(der)
	return sum[:]
}
