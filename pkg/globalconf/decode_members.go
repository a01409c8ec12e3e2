package globalconf

import "github.com/ristmik/ristmik/pkg/identifier"

func (d *sharedDecoder) member(m *Member) error {
	id, err := d.id()
	if err != nil {
		return err
	}
	var class MemberClass
	var code string
	identify := func() error { // memberClass and memberCode come before every subsystem
		if !m.ID.IsZero() {
			return nil
		}
		if m.ID, err = identifier.NewMember(d.p.InstanceIdentifier, class.Code, code); err != nil {
			return d.Fail("%v", err)
		}
		m.ClassDescription = class.Description
		return d.register(id, m.ID)
	}
	return d.sequence("", memberRules, func(i int) error {
		switch memberRules[i].name {
		case "memberClass":
			return d.memberClass(&class)
		case "memberCode":
			return d.string(&code)
		case "name":
			if err := d.string(&m.Name); err != nil {
				return err
			}
			return identify()
		default:
			m.Subsystems = append(m.Subsystems, Subsystem{})
			return d.subsystem(m.ID, &m.Subsystems[len(m.Subsystems)-1])
		}
	})
}

func (d *sharedDecoder) memberClass(c *MemberClass) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	return d.sequence("", memberClassRules, func(i int) error {
		if i == 0 {
			return d.interned(&c.Code)
		}
		return d.interned(&c.Description)
	})
}

// interned reads a string of which there are few different ones.
func (d *sharedDecoder) interned(to *string) error {
	text, err := d.simple()
	if err != nil {
		return err
	}
	known, ok := d.strings[string(text)]
	if !ok {
		known = string(text)
		d.strings[known] = known
	}
	*to = known
	return nil
}

func (d *sharedDecoder) subsystem(member identifier.ClientID, s *Subsystem) error {
	id, err := d.id()
	if err != nil {
		return err
	}
	err = d.sequence("", subsystemRules, func(i int) error {
		if i == 1 {
			return d.string(&s.Name)
		}
		var code string
		if err := d.string(&code); err != nil {
			return err
		}
		if s.ID, err = member.Subsystem(code); err != nil {
			return d.Fail("%v", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.register(id, s.ID)
}

func (d *sharedDecoder) register(id string, client identifier.ClientID) error {
	if id == "" {
		return nil
	}
	if _, exists := d.clients[id]; exists {
		return d.Fail("id %q occurs twice", id)
	}
	d.clients[id] = client
	return nil
}

// reference reads an IDREF.
func (d *sharedDecoder) reference(to *identifier.ClientID) error {
	text, err := d.simple()
	if err != nil {
		return err
	}
	for len(text) > 0 && text[0] <= ' ' {
		text = text[1:]
	}
	for len(text) > 0 && text[len(text)-1] <= ' ' {
		text = text[:len(text)-1]
	}
	client, ok := d.clients[string(text)]
	if !ok {
		return d.Fail("reference to unknown id %q", text)
	}
	*to = client
	return nil
}

func (d *sharedDecoder) securityServer(s *SecurityServer) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	var owner identifier.ClientID
	return d.sequence("", securityServerRules, func(i int) error {
		switch securityServerRules[i].name {
		case "owner":
			if err := d.reference(&owner); err != nil {
				return err
			}
			if owner.IsSubsystem() {
				return d.Fail("owner of a security server is a subsystem")
			}
			return nil
		case "serverCode":
			var code string
			if err := d.string(&code); err != nil {
				return err
			}
			var err error
			if s.ID, err = identifier.NewSecurityServer(owner, code); err != nil {
				return d.Fail("%v", err)
			}
			return nil
		case "address":
			return d.string(&s.Address)
		case "authCertHash":
			return d.appendBase64(&s.AuthCertHashes)
		case "client":
			s.Clients = append(s.Clients, identifier.ClientID{})
			return d.reference(&s.Clients[len(s.Clients)-1])
		default:
			s.Maintenance = new(string)
			if err := d.noAttributes(); err != nil {
				return err
			}
			return d.sequence("", maintenanceRules, func(int) error { return d.string(s.Maintenance) })
		}
	})
}

func (d *sharedDecoder) globalGroup(g *GlobalGroup) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	return d.sequence("", globalGroupRules, func(i int) error {
		switch i {
		case 0:
			return d.string(&g.Code)
		case 1:
			return d.string(&g.Description)
		default:
			g.Members = append(g.Members, identifier.ClientID{})
			return d.client(&g.Members[len(g.Members)-1])
		}
	})
}

func (d *sharedDecoder) globalSettings(s *GlobalSettings) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	return d.sequence("", globalSettingsRules, func(i int) error {
		if i == 1 {
			return d.seconds(&s.OCSPFreshness)
		}
		s.MemberClasses = append(s.MemberClasses, MemberClass{})
		return d.memberClass(&s.MemberClasses[len(s.MemberClasses)-1])
	})
}
