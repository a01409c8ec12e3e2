package store

import (
	"github.com/ristmik/ristmik/centralserver/internal/trust"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Shared reads everything that the shared parameters publish, with a fixed number of queries whatever the size of the registry. Disabled
// clients are left out.
func (t *Tx) Shared() (*globalconf.SharedParameters, error) {
	var p globalconf.SharedParameters
	for _, read := range []func(*globalconf.SharedParameters) error{
		t.publishedClasses, t.publishedMembers, t.publishedServers, t.publishedGroups, t.publishedAuthorities,
	} {
		if err := read(&p); err != nil {
			return nil, err
		}
	}
	return &p, nil
}

func (t *Tx) publishedClasses(p *globalconf.SharedParameters) error {
	classes, err := t.MemberClasses()
	for _, c := range classes {
		p.GlobalSettings.MemberClasses = append(p.GlobalSettings.MemberClasses, globalconf.MemberClass{Code: c.Code, Description: c.Description})
	}
	return err
}

type memberRow struct {
	Key               parts `gorm:"embedded"`
	Name, Description string
}

// publishedMembers lists the members by identifier, so that an unchanged registry gives the same bytes.
func (t *Tx) publishedMembers(p *globalconf.SharedParameters) error {
	index := map[identifier.ClientID]int{}
	members, err := all(t.tx.DB().Raw(`SELECT i.instance, i.member_class, i.member_code, m.name, c.description FROM member m
		JOIN identifier i ON i.id = m.identifier_id JOIN member_class c ON c.id = m.member_class_id ORDER BY i.id`),
		func(r memberRow) (globalconf.Member, error) {
			id, err := r.Key.client()
			return globalconf.Member{ID: id, Name: r.Name, ClassDescription: r.Description}, err
		})
	if err != nil {
		return err
	}
	for n, m := range members {
		index[m.ID] = n
	}
	subsystems, err := all(t.tx.DB().Raw(`SELECT i.instance, i.member_class, i.member_code, i.subsystem_code, s.name FROM subsystem s
		JOIN identifier i ON i.id = s.identifier_id ORDER BY i.id`),
		func(r memberRow) (globalconf.Subsystem, error) {
			id, err := r.Key.client()
			return globalconf.Subsystem{ID: id, Name: r.Name}, err
		})
	for _, s := range subsystems {
		m := &members[index[s.ID.Member()]]
		m.Subsystems = append(m.Subsystems, s)
	}
	p.Members = members
	return err
}

type publishedServerRow struct {
	ID                     int64
	Key                    parts `gorm:"embedded"`
	Address                string
	InMaintenanceMode      bool
	MaintenanceModeMessage string
}

func (t *Tx) publishedServers(p *globalconf.SharedParameters) error {
	index := map[int64]int{}
	rows, err := all(t.tx.DB().Raw(`SELECT s.id, i.instance, i.member_class, i.member_code, i.server_code, s.address, s.in_maintenance_mode, s.maintenance_mode_message
		FROM security_server s JOIN identifier i ON i.id = s.identifier_id ORDER BY s.id`),
		func(r publishedServerRow) (publishedServerRow, error) { return r, nil })
	if err != nil {
		return err
	}
	for n, r := range rows {
		id, err := r.Key.server()
		if err != nil {
			return err
		}
		server := globalconf.SecurityServer{ID: id, Address: r.Address}
		if r.InMaintenanceMode {
			server.Maintenance = &r.MaintenanceModeMessage
		}
		index[r.ID] = n
		p.SecurityServers = append(p.SecurityServers, server)
	}
	if err := t.publishedCertificates(p, index); err != nil {
		return err
	}
	return t.publishedClients(p, index)
}

func (t *Tx) publishedCertificates(p *globalconf.SharedParameters, index map[int64]int) error {
	type row struct {
		ServerID    int64
		Certificate []byte
	}
	rows, err := all(t.tx.DB().Raw("SELECT server_id, certificate FROM authentication_certificate ORDER BY id"), func(r row) (row, error) { return r, nil })
	for _, r := range rows {
		s := &p.SecurityServers[index[r.ServerID]]
		s.AuthCertificates = append(s.AuthCertificates, r.Certificate)
	}
	return err
}

func (t *Tx) publishedClients(p *globalconf.SharedParameters, index map[int64]int) error {
	type row struct {
		ServerID int64
		Key      parts `gorm:"embedded"`
	}
	rows, err := all(t.tx.DB().Raw(`SELECT c.server_id, i.instance, i.member_class, i.member_code, i.subsystem_code FROM server_client c
		LEFT JOIN member m ON m.id = c.member_id LEFT JOIN subsystem s ON s.id = c.subsystem_id
		JOIN identifier i ON i.id = COALESCE(m.identifier_id, s.identifier_id) WHERE c.enabled ORDER BY c.id`),
		func(r row) (row, error) { return r, nil })
	if err != nil {
		return err
	}
	for _, r := range rows {
		client, err := r.Key.client()
		if err != nil {
			return err
		}
		s := &p.SecurityServers[index[r.ServerID]]
		s.Clients = append(s.Clients, client)
	}
	return nil
}

func (t *Tx) publishedGroups(p *globalconf.SharedParameters) error {
	groups, err := t.Groups()
	if err != nil {
		return err
	}
	members, err := t.Memberships()
	if err != nil {
		return err
	}
	of := map[string][]identifier.ClientID{}
	for _, m := range members {
		of[m.Group] = append(of[m.Group], m.Client)
	}
	for _, g := range groups {
		p.GlobalGroups = append(p.GlobalGroups, globalconf.GlobalGroup{Code: g.Code, Description: g.Description, Members: of[g.Code]})
	}
	return nil
}

func (t *Tx) publishedAuthorities(p *globalconf.SharedParameters) error {
	services, err := t.CertificationServices()
	if err != nil {
		return err
	}
	for _, s := range services {
		p.ApprovedCAs = append(p.ApprovedCAs, publishedService(s))
	}
	stamps, err := t.TimestampingServices()
	for _, s := range stamps {
		p.ApprovedTSAs = append(p.ApprovedTSAs, globalconf.ApprovedTSA{Name: s.Name, URL: s.URL, Certificate: s.DER, CostType: string(s.CostType)})
	}
	return err
}

func publishedService(s trust.CertificationService) globalconf.ApprovedCA {
	ca := globalconf.ApprovedCA{Name: s.Name, AuthenticationOnly: s.Settings.AuthenticationOnly, CertificateProfile: s.Settings.ProfileClass,
		DefaultCSRFormat: string(s.Settings.CSRFormat), TopCA: globalconf.CA{Certificate: s.DER, Responders: publishedResponders(s.Responders)}}
	for _, i := range s.Intermediates {
		ca.IntermediateCAs = append(ca.IntermediateCAs, globalconf.CA{Certificate: i.DER, Responders: publishedResponders(i.Responders)})
	}
	if s.Settings.ACMEDirectoryURL != "" {
		ca.ACME = &globalconf.ACMEServer{DirectoryURL: s.Settings.ACMEDirectoryURL, IPAddress: s.Settings.ACMEIPAddress,
			AuthenticationProfileID: s.Settings.AuthenticationProfileID, SigningProfileID: s.Settings.SigningProfileID}
	}
	return ca
}

func publishedResponders(list []trust.Responder) []globalconf.Responder {
	var responders []globalconf.Responder
	for _, r := range list {
		responders = append(responders, globalconf.Responder{URL: r.URL, Certificate: r.DER, CostType: string(r.CostType)})
	}
	return responders
}
