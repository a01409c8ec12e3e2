package globalconf

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Snapshot is what the configuration says at one moment: the own instance and those federated with it. It is immutable and safe for
// concurrent use; look-ups are map reads.
type Snapshot struct {
	own       string
	version   int
	expires   time.Time
	private   *PrivateParameters
	optional  optionalParts
	instances map[string]*instance
	order     []string // the own instance first
	problems  []string
}

// instance is one instance in a snapshot.
type instance struct {
	*index
	expires  time.Time // zero: never
	trust    *certificate.Trust
	problems []string
}

// ServerLocation is a security server and where it is reached.
type ServerLocation struct {
	ID          identifier.SecurityServerID
	Address     string  // DNS name or IP address
	Maintenance *string // nil: in service; else the message of its maintenance, which may be ""
}

// ClientInfo is a member or subsystem with its names. SubsystemName is "" for members and for subsystems without a name.
type ClientInfo struct {
	ID            identifier.ClientID
	MemberName    string
	SubsystemName string
}

// NewSnapshot makes a snapshot of decoded parts. shared[0] is the own instance, the others are federated ones. private may be nil where only
// look-ups are wanted; then the snapshot is never Valid. expire is when the own instance's parts expire; zero means never. The
// parameters must not be changed afterwards. An error means that the instances contradict each other.
func NewSnapshot(private *PrivateParameters, shared []*SharedParameters, version int, expire time.Time) (*Snapshot, error) {
	parts := make([]sharedPart, len(shared))
	for i, s := range shared {
		parts[i] = sharedPart{newIndex(s), time.Time{}}
	}
	return assemble(nil, private, parts, version, expire, defaultOptionalParts())
}

// sharedPart is an instance to be put into a snapshot.
type sharedPart struct {
	index   *index
	expires time.Time
}

// assemble puts indexed parts together. What previous already worked out for the same parts is taken over.
func assemble(previous *Snapshot, private *PrivateParameters, shared []sharedPart, version int, expire time.Time, optional optionalParts) (*Snapshot, error) {
	if len(shared) == 0 {
		return nil, fault.New(fault.Invalid, "malformed_global_conf", "Global configuration has no shared parameters")
	}
	own := shared[0].index.shared
	if private != nil && private.InstanceIdentifier != own.InstanceIdentifier {
		return nil, fault.New(fault.Invalid, "global_conf_part_invalid_instance_identifier",
			"Private parameters are of instance %s, shared parameters of instance %s", private.InstanceIdentifier, own.InstanceIdentifier)
	}
	s := &Snapshot{own: own.InstanceIdentifier, version: version, expires: expire, private: private, optional: optional,
		instances: make(map[string]*instance, len(shared))}
	for _, part := range shared {
		name := part.index.shared.InstanceIdentifier
		if _, exists := s.instances[name]; exists {
			return nil, fault.New(fault.Invalid, "global_conf_part_invalid_instance_identifier", "Two shared parameters of instance %s", name)
		}
		i := &instance{index: part.index, expires: part.expires}
		i.trust, i.problems = trustOf(previous, part.index, own.GlobalSettings.OCSPFreshness, optional.verifyNextUpdate)
		s.instances[name] = i
		s.order = append(s.order, name)
		s.problems = append(s.problems, i.problems...)
	}
	return s, nil
}

// At gives the snapshot as it is at a later time: the same one, or one without the federated instances that have expired by then.
func (s *Snapshot) At(at time.Time) *Snapshot {
	expired := func(name string) bool {
		e := s.instances[name].expires
		return name != s.own && !e.IsZero() && at.After(e)
	}
	if !slices.ContainsFunc(s.order, expired) {
		return s
	}
	c := *s
	c.order = slices.DeleteFunc(slices.Clone(s.order), expired)
	c.instances, c.problems = map[string]*instance{}, nil
	for _, name := range c.order {
		c.instances[name] = s.instances[name]
		c.problems = append(c.problems, s.instances[name].problems...)
	}
	return &c
}

// Instance is the own instance.
func (s *Snapshot) Instance() string { return s.own }

// Version is the version of the own instance's shared parameters.
func (s *Snapshot) Version() int { return s.version }

// Expires is when the own instance's parts expire; zero means never.
func (s *Snapshot) Expires() time.Time { return s.expires }

// Valid demands private and shared parameters of the own instance that have not expired. The fault is global_conf_outdated "Global
// configuration is expired", which every operation that rests on the configuration answers with.
func (s *Snapshot) Valid(at time.Time) error {
	if s.private == nil || !s.expires.IsZero() && at.After(s.expires) {
		return fault.New(fault.Conflict, "global_conf_outdated", "Global configuration is expired")
	}
	return nil
}

// Problems are approved certification services that cannot be used, in words for the log.
func (s *Snapshot) Problems() []string { return s.problems }

// Private gives the private parameters, nil where there are none. Do not change them.
func (s *Snapshot) Private() *PrivateParameters { return s.private }

// Shared gives the shared parameters of an instance. Do not change them.
func (s *Snapshot) Shared(instance string) (*SharedParameters, bool) {
	if i, ok := s.instances[instance]; ok {
		return i.shared, true
	}
	return nil, false
}

// Instances lists the instances in the snapshot, the own one first.
func (s *Snapshot) Instances() []string { return slices.Clone(s.order) }

// MemberClasses lists the codes of an instance's member classes; nil for an unknown instance.
func (s *Snapshot) MemberClasses(instance string) []string {
	i, ok := s.instances[instance]
	if !ok {
		return nil
	}
	codes := make([]string, 0, len(i.shared.GlobalSettings.MemberClasses))
	for _, c := range i.shared.GlobalSettings.MemberClasses {
		codes = append(codes, c.Code)
	}
	return codes
}

// HasServer reports whether the security server is registered.
func (s *Snapshot) HasServer(server identifier.SecurityServerID) bool {
	_, ok := s.server(server)
	return ok
}

// Address is where the security server is reached; false when it is unknown or has no address.
func (s *Snapshot) Address(server identifier.SecurityServerID) (string, bool) {
	l, ok := s.server(server)
	return l.Address, ok && l.Address != ""
}

// Maintenance reports whether the security server is in maintenance, with the message for its clients, which may be "".
func (s *Snapshot) Maintenance(server identifier.SecurityServerID) (string, bool) {
	l, ok := s.server(server)
	if !ok || l.Maintenance == nil {
		return "", false
	}
	return *l.Maintenance, true
}

func (s *Snapshot) server(server identifier.SecurityServerID) (ServerLocation, bool) {
	if i, ok := s.instances[server.Instance()]; ok {
		if at, ok := i.serverAt[server]; ok {
			return i.servers[at], true
		}
	}
	return ServerLocation{}, false
}

// Servers goes over the security servers of all instances, also those without an address.
func (s *Snapshot) Servers() iter.Seq[ServerLocation] {
	return func(yield func(ServerLocation) bool) {
		for _, name := range s.order {
			for _, l := range s.instances[name].servers {
				if !yield(l) {
					return
				}
			}
		}
	}
}

// Lists reports whether the client is registered on the security server; its owner counts as one. Clients that are disabled are not listed.
func (s *Snapshot) Lists(server identifier.SecurityServerID, client identifier.ClientID) bool {
	i, ok := s.instances[server.Instance()]
	if !ok {
		return false
	}
	at, ok := i.serverAt[server]
	return ok && slices.Contains(i.serversOf(client), at)
}

// ServersOf lists the security servers that a client is reached at, in the order of the configuration: those that list or are owned by it and
// have an address.
func (s *Snapshot) ServersOf(client identifier.ClientID) []ServerLocation {
	i, ok := s.instances[client.Instance()]
	if !ok {
		return nil
	}
	var found []ServerLocation
	for _, at := range i.serversOf(client) {
		if l := i.servers[at]; l.Address != "" {
			found = append(found, l)
		}
	}
	return found
}

// ServerByAuthCertificate finds the security server that an authentication certificate (DER) is registered for. Instances are asked in
// their order.
func (s *Snapshot) ServerByAuthCertificate(der []byte) (identifier.SecurityServerID, bool) {
	for _, name := range s.order {
		if id, ok := s.instances[name].serverByCertificate(der); ok {
			return id, true
		}
	}
	return identifier.SecurityServerID{}, false
}

// MemberName is the name of a member; of a subsystem's member when a subsystem is given. False when the member is unknown.
func (s *Snapshot) MemberName(member identifier.ClientID) (string, bool) {
	if i, ok := s.instances[member.Instance()]; ok {
		name, ok := i.members[member.Member()]
		return name, ok
	}
	return "", false
}

// SubsystemName is the name of a subsystem; false when it is unknown or has no name.
func (s *Snapshot) SubsystemName(subsystem identifier.ClientID) (string, bool) {
	if i, ok := s.instances[subsystem.Instance()]; ok {
		name := i.subsystems[subsystem]
		return name, name != ""
	}
	return "", false
}

// HasSubsystem reports whether the subsystem exists, registered on a server or not.
func (s *Snapshot) HasSubsystem(subsystem identifier.ClientID) bool {
	if i, ok := s.instances[subsystem.Instance()]; ok {
		_, ok := i.subsystems[subsystem]
		return ok
	}
	return false
}

// Clients goes over the members and subsystems of all instances, each member before its subsystems, registered on a server or not.
func (s *Snapshot) Clients() iter.Seq[ClientInfo] {
	return func(yield func(ClientInfo) bool) {
		for _, name := range s.order {
			members := s.instances[name].shared.Members
			for m := range members {
				if !yieldMember(&members[m], yield) {
					return
				}
			}
		}
	}
}

func yieldMember(m *Member, yield func(ClientInfo) bool) bool {
	if !yield(ClientInfo{m.ID, m.Name, ""}) {
		return false
	}
	for _, sub := range m.Subsystems {
		if !yield(ClientInfo{sub.ID, m.Name, sub.Name}) {
			return false
		}
	}
	return true
}

// InGroup reports whether the client itself is in the global group; a subsystem is not in a group because its member is.
func (s *Snapshot) InGroup(group identifier.GlobalGroupID, client identifier.ClientID) bool {
	i, ok := s.instances[group.Instance()]
	if !ok {
		return false
	}
	_, ok = i.groups[group.Code()][client]
	return ok
}

// TimestampingAuthorities lists the approved time-stamping authorities of the own instance. Do not change them.
func (s *Snapshot) TimestampingAuthorities() []ApprovedTSA {
	return s.instances[s.own].shared.ApprovedTSAs
}

// Trust is what to believe of certificates of an instance. The same value is given as long as that part of the configuration does not
// change. The fault for an unknown instance is internal_error.
func (s *Snapshot) Trust(instance string) (*certificate.Trust, error) {
	i, ok := s.instances[instance]
	if !ok {
		return nil, fault.New(fault.Invalid, "internal_error", "Invalid instance identifier: %s", instance)
	}
	return i.trust, nil
}

// OCSPFetchInterval is how often OCSP responses are to be fetched: 20 minutes unless the configuration says otherwise, at least one minute.
func (s *Snapshot) OCSPFetchInterval() time.Duration { return s.optional.fetchInterval }

// MonitoringClient is who may query monitoring data of every security server; zero for nobody.
func (s *Snapshot) MonitoringClient() identifier.ClientID { return s.optional.monitoringClient }

// String names the snapshot in logs.
func (s *Snapshot) String() string {
	return fmt.Sprintf("configuration of %s, version %d, %d instances", s.own, s.version, len(s.order))
}
