package globalconf

import "github.com/ristmik/ristmik/pkg/identifier"

var (
	sharedRules = []rule{
		{name: "instanceIdentifier", least: 1, most: 1},
		{name: "source", least: 1, most: many, since: 3},
		{name: "approvedCA", most: many},
		{name: "approvedTSA", most: many},
		{name: "member", most: many},
		{name: "securityServer", most: many},
		{name: "globalGroup", most: many},
		{name: "centralService", most: many},
		{name: "globalSettings", least: 1, most: 1},
		{name: tail, most: many, since: 3},
	}
	sourceRules = []rule{
		{name: "address", least: 1, most: 1},
		{name: "internalVerificationCert", most: many},
		{name: "externalVerificationCert", most: many},
	}
	approvedCARules = []rule{
		{name: "name", least: 1, most: 1},
		{name: "authenticationOnly", most: 1},
		{name: "topCA", least: 1, most: 1},
		{name: "intermediateCA", most: many},
		{name: "certificateProfileInfo", least: 1, most: 1},
		{name: "defaultCsrFormat", most: 1, since: 6},
		{name: "acmeServer", most: 1, since: 3},
	}
	caRules = []rule{
		{name: "cert", least: 1, most: 1},
		{name: "ocsp", most: many},
	}
	responderRules = []rule{
		{name: "url", least: 1, most: 1},
		{name: "cert", most: 1},
		{name: "costType", most: 1, since: 6},
	}
	acmeRules = []rule{
		{name: "directoryURL", least: 1, most: 1},
		{name: "ipAddress", most: 1},
		{name: "authenticationCertificateProfileId", most: 1, since: 4},
		{name: "signingCertificateProfileId", most: 1, since: 4},
	}
	approvedTSARules = []rule{
		{name: "name", least: 1, most: 1},
		{name: "url", least: 1, most: 1},
		{name: "cert", least: 1, most: 1},
		{name: "costType", most: 1, since: 6},
	}
	memberRules = []rule{
		{name: "memberClass", least: 1, most: 1},
		{name: "memberCode", least: 1, most: 1},
		{name: "name", least: 1, most: 1},
		{name: "subsystem", most: many},
	}
	memberClassRules = []rule{
		{name: "code", least: 1, most: 1},
		{name: "description", least: 1, most: 1},
	}
	subsystemRules = []rule{
		{name: "subsystemCode", least: 1, most: 1},
		{name: "subsystemName", most: 1, since: 5},
	}
	securityServerRules = []rule{
		{name: "owner", least: 1, most: 1},
		{name: "serverCode", least: 1, most: 1},
		{name: "address", most: 1},
		{name: "authCertHash", most: many},
		{name: "client", most: many},
		{name: "inMaintenanceMode", most: 1, since: 5},
	}
	maintenanceRules = []rule{
		{name: "message", most: 1},
	}
	globalGroupRules = []rule{
		{name: "groupCode", least: 1, most: 1},
		{name: "description", least: 1, most: 1},
		{name: "groupMember", most: many},
	}
	globalSettingsRules = []rule{
		{name: "memberClass", most: many},
		{name: "ocspFreshnessSeconds", least: 1, most: 1},
	}
)

var (
	costTypes  = []string{"FREE", "PAID", "UNDEFINED"}
	csrFormats = []string{"PEM", "DER"}
)

// sharedDecoder adds what the document as a whole must keep: the ids that servers refer to.
type sharedDecoder struct {
	*decoder
	p       *SharedParameters
	clients map[string]identifier.ClientID // by id
	strings map[string]string              // member classes and their descriptions, one copy of each
}

// DecodeShared reads shared parameters of one version, 2…6. Order, number and form of the elements are checked while reading, and that ids
// are unique and references lead somewhere. What follows the known elements (the schemas' any) is skipped, and so are the legacy
// central services. The fault is malformed_global_conf, with the reason and the line as its cause.
func DecodeShared(version int, data []byte) (*SharedParameters, error) {
	if err := checkVersion(version); err != nil {
		return nil, err
	}
	d, err := root(data, version, "conf")
	if err != nil {
		return nil, malformed("shared parameters", err)
	}
	s := &sharedDecoder{d, &SharedParameters{}, map[string]identifier.ClientID{}, map[string]string{}}
	if err := d.finish(d.sequence("", sharedRules, s.section)); err != nil {
		return nil, malformed("shared parameters", err)
	}
	return s.p, nil
}

func (d *sharedDecoder) section(i int) error {
	p := d.p
	switch sharedRules[i].name {
	case "instanceIdentifier":
		return d.instance(&p.InstanceIdentifier)
	case "source":
		p.Sources = append(p.Sources, Source{})
		return d.source(&p.Sources[len(p.Sources)-1])
	case "approvedCA":
		p.ApprovedCAs = append(p.ApprovedCAs, ApprovedCA{})
		return d.approvedCA(&p.ApprovedCAs[len(p.ApprovedCAs)-1])
	case "approvedTSA":
		p.ApprovedTSAs = append(p.ApprovedTSAs, ApprovedTSA{})
		return d.approvedTSA(&p.ApprovedTSAs[len(p.ApprovedTSAs)-1])
	case "member":
		p.Members = append(p.Members, Member{})
		return d.member(&p.Members[len(p.Members)-1])
	case "securityServer":
		p.SecurityServers = append(p.SecurityServers, SecurityServer{})
		return d.securityServer(&p.SecurityServers[len(p.SecurityServers)-1])
	case "globalGroup":
		p.GlobalGroups = append(p.GlobalGroups, GlobalGroup{})
		return d.globalGroup(&p.GlobalGroups[len(p.GlobalGroups)-1])
	case "globalSettings":
		return d.globalSettings(&p.GlobalSettings)
	default: // centralService
		return d.Skip()
	}
}

func (d *sharedDecoder) source(s *Source) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	return d.sequence("", sourceRules, func(i int) error {
		switch i {
		case 0:
			return d.string(&s.Address)
		case 1:
			return d.appendBase64(&s.InternalCertificates)
		default:
			return d.appendBase64(&s.ExternalCertificates)
		}
	})
}

func (d *sharedDecoder) approvedCA(a *ApprovedCA) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	return d.sequence("", approvedCARules, func(i int) error {
		switch approvedCARules[i].name {
		case "name":
			return d.string(&a.Name)
		case "authenticationOnly":
			return d.boolean(&a.AuthenticationOnly)
		case "topCA":
			return d.ca(&a.TopCA)
		case "intermediateCA":
			a.IntermediateCAs = append(a.IntermediateCAs, CA{})
			return d.ca(&a.IntermediateCAs[len(a.IntermediateCAs)-1])
		case "certificateProfileInfo":
			return d.string(&a.CertificateProfile)
		case "defaultCsrFormat":
			return d.oneOf(&a.DefaultCSRFormat, csrFormats...)
		default:
			a.ACME = &ACMEServer{}
			return d.acme(a.ACME)
		}
	})
}

func (d *sharedDecoder) ca(c *CA) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	return d.sequence("", caRules, func(i int) error {
		if i == 0 {
			return d.base64(&c.Certificate)
		}
		c.Responders = append(c.Responders, Responder{})
		return d.responder(&c.Responders[len(c.Responders)-1])
	})
}

func (d *sharedDecoder) responder(r *Responder) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	return d.sequence("", responderRules, func(i int) error {
		switch i {
		case 0:
			return d.string(&r.URL)
		case 1:
			return d.base64(&r.Certificate)
		default:
			return d.oneOf(&r.CostType, costTypes...)
		}
	})
}

func (d *sharedDecoder) acme(a *ACMEServer) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	to := [...]*string{&a.DirectoryURL, &a.IPAddress, &a.AuthenticationProfileID, &a.SigningProfileID}
	return d.sequence("", acmeRules, func(i int) error { return d.string(to[i]) })
}

func (d *sharedDecoder) approvedTSA(t *ApprovedTSA) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	return d.sequence("", approvedTSARules, func(i int) error {
		switch i {
		case 0:
			return d.string(&t.Name)
		case 1:
			return d.string(&t.URL)
		case 2:
			return d.base64(&t.Certificate)
		default:
			return d.oneOf(&t.CostType, costTypes...)
		}
	})
}
