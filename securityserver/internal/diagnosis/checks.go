package diagnosis

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
)

const (
	soon      = 30 * 24 * time.Hour // a certificate that expires within it is worth a word
	clockOff  = 10 * time.Second    // worth a word
	clockFar  = 2 * time.Minute     // messages and OCSP responses are refused
	ownership = "security-server-owners"
)

var checks = []check{
	{"ANCHOR", "The anchor says where the global configuration is and who signs it; without it this server knows nobody.", anchor},
	{"CLOCK", "Certificates, OCSP responses and the configuration are valid between two times of the clock.", clock},
	{"CONFIGURATION", "An expired configuration is not believed: no message is exchanged and no request sent.", configuration},
	{"IDENTITY", "Owner and server code are this server's name; certificates and requests carry it.", identity},
	{"TOKEN", "The keys of a locked token cannot sign or open connections.", tokens},
	{"SIGNING_CERTIFICATE", "The owner signs this server's requests with it.", signing},
	{"AUTHENTICATION_CERTIFICATE", "Other servers know this one by it; no connection opens without it.", authentication},
	{"OCSP", "A certificate counts only together with a fresh answer that it is good.", ocsp},
	{"TIME_STAMPING", "Without time-stamps a signed message proves less the older it is.", stamping},
	{"ADDRESS", "Other servers connect to the address in the global configuration.", address},
	{"PORTS", "Other servers send messages and ask for OCSP responses there.", ports},
	{"REGISTRATION_SERVICE", "The registration of an authentication certificate goes there directly.", registration},
	{"MANAGEMENT_SERVICES", "All other requests to the central server go there as messages.", management},
	{"ACCESS_RIGHT", "The management services answer the owners of registered security servers only.", right},
}

func anchor(_ *Service, _ context.Context, f *facts) (State, string, string) {
	if f.source == nil {
		return Fail, "No anchor was uploaded.", "Download the anchor from the central server and upload it here."
	}
	return OK, fmt.Sprintf("Anchor of instance %s, made on %s.", f.anchor.Instance, f.anchor.GeneratedAt.UTC().Format(time.DateTime)), ""
}

func clock(_ *Service, _ context.Context, f *facts) (State, string, string) {
	if len(f.sources) == 0 {
		return Waiting, "There is no other clock to compare with.", ""
	}
	for _, s := range f.sources {
		if s.Err != nil {
			continue
		}
		off := s.Clock.Round(time.Second)
		what := fmt.Sprintf("The clock of %s is %s from ours.", s.URL, off.Abs())
		switch {
		case off.Abs() >= clockFar:
			return Fail, what, "Let both machines follow a time server."
		case off.Abs() >= clockOff:
			return Warning, what, "Let both machines follow a time server."
		}
		return OK, what, ""
	}
	return Waiting, "No source of the configuration answers with its time.", ""
}

func configuration(s *Service, _ context.Context, f *facts) (State, string, string) {
	d := s.config.Download()
	next := "See whether the addresses of the anchor can be reached, and whether the central server publishes."
	switch {
	case f.source == nil:
		return Waiting, "There is no anchor yet.", ""
	case f.snapshot == nil && d.Err != nil:
		return Fail, "Nothing was downloaded: " + fault.From(d.Err).Message, next
	case f.snapshot == nil:
		return Waiting, "Nothing was downloaded yet.", ""
	case f.snapshot.Valid(f.now) != nil:
		return Fail, "The configuration expired on " + f.snapshot.Expires().UTC().Format(time.DateTime) + ".", next
	case d.Err != nil:
		return Warning, "The last download failed: " + fault.From(d.Err).Message + " The configuration is valid until " +
			f.snapshot.Expires().UTC().Format(time.DateTime) + ".", next
	}
	return OK, fmt.Sprintf("Version %d, downloaded %s ago, valid until %s.", f.snapshot.Version(), f.now.Sub(d.LastSuccess).Round(time.Second),
		f.snapshot.Expires().UTC().Format(time.DateTime)), ""
}

func identity(_ *Service, _ context.Context, f *facts) (State, string, string) {
	if f.self.IsZero() {
		return Fail, "The server is not initialized.", "Enter owner, server code and token PIN."
	}
	if f.snapshot != nil {
		if _, known := f.snapshot.MemberName(f.self.Owner()); !known {
			return Fail, f.self.Owner().Encoded() + " is not a member of the instance.", "Ask the operator of the central server to add the member."
		}
	}
	return OK, "This is " + f.self.Encoded() + ".", ""
}

func tokens(s *Service, _ context.Context, f *facts) (State, string, string) {
	if len(f.tokens) == 0 {
		return Waiting, "There is no token before initialization.", ""
	}
	for _, t := range f.tokens {
		if !s.config.Keys.LoggedIn(t.ID) {
			return Fail, "Token " + t.Name + " is locked.", "Log in to the token, or let the server do so with token.pin_file."
		}
	}
	return OK, "Logged in.", ""
}

func stamping(s *Service, _ context.Context, f *facts) (State, string, string) {
	if len(f.stamping) == 0 {
		return Warning, "No time-stamping service is configured.", "Choose one of the approved time-stamping services."
	}
	var problems []string
	for _, t := range f.stamping {
		if f.snapshot != nil && !slices.ContainsFunc(f.snapshot.TimestampingAuthorities(), func(a globalconf.ApprovedTSA) bool { return a.URL == t.URL }) {
			problems = append(problems, t.Name+" is no longer approved.")
		} else if asked, ok := s.config.Authority(t.URL); ok && asked.Err != nil {
			problems = append(problems, t.Name+" did not stamp: "+asked.Err.Error()+".")
		}
	}
	switch {
	case len(problems) == 0:
		return OK, strconv.Itoa(len(f.stamping)) + " configured.", ""
	case len(problems) < len(f.stamping):
		return Warning, strings.Join(problems, " "), "Remove services that are not approved, see whether the others can be reached."
	}
	return Fail, strings.Join(problems, " "), "Choose another approved service, or see whether it can be reached."
}

// listed is this server's address; "" when the configuration does not list the server.
func (f *facts) listed() string {
	if f.snapshot == nil || f.self.IsZero() {
		return ""
	}
	found, _ := f.snapshot.Address(f.self)
	return found
}

func address(s *Service, ctx context.Context, f *facts) (State, string, string) {
	host := f.listed()
	if host == "" {
		return Waiting, "The configuration does not list this server.", "Register an authentication certificate, and have the request approved."
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found, err := s.config.Lookup(ctx, host)
	if err != nil || len(found) == 0 {
		return Fail, host + " cannot be resolved.", "Correct the name server's record, or change the server's address."
	}
	return OK, host + " is " + strings.Join(found, ", ") + ".", ""
}

func ports(s *Service, ctx context.Context, f *facts) (State, string, string) {
	host := f.listed()
	if host == "" {
		return Waiting, "The configuration does not list this server.", ""
	}
	var closed []string
	for _, port := range []int{s.config.ServerPort, s.config.OCSPPort} {
		target := net.JoinHostPort(host, strconv.Itoa(port))
		if s.reach(ctx, target) != nil {
			closed = append(closed, target)
		}
	}
	if len(closed) > 0 {
		return Fail, "Not reached from here: " + strings.Join(closed, ", ") + ".", "Let connections to these ports through the firewall."
	}
	return OK, fmt.Sprintf("Ports %d and %d of %s answer from here.", s.config.ServerPort, s.config.OCSPPort, host), ""
}

func registration(s *Service, ctx context.Context, f *facts) (State, string, string) {
	if f.snapshot == nil {
		return Waiting, "There is no configuration yet.", ""
	}
	if err := s.config.Registration(ctx); err != nil {
		return Fail, fault.From(err).Message + ".", "See whether port 4001 of the central server can be reached and its certificate is in the configuration."
	}
	return OK, f.snapshot.Private().ManagementService.AuthCertRegAddress + " answers.", ""
}

func management(s *Service, ctx context.Context, f *facts) (State, string, string) {
	if f.snapshot == nil {
		return Waiting, "There is no configuration yet.", ""
	}
	provider := f.snapshot.Private().ManagementService.Provider
	if provider.IsZero() {
		return Fail, "The instance has no provider of management services.", "Ask the operator of the central server to choose one."
	}
	servers := f.snapshot.ServersOf(provider)
	if len(servers) == 0 {
		return Fail, "No security server has " + provider.Encoded() + " as a client.", "Ask the operator of the central server to register the provider."
	}
	for _, l := range servers {
		if s.reach(ctx, net.JoinHostPort(l.Address, strconv.Itoa(s.config.PeerServerPort))) == nil {
			return OK, l.ID.Encoded() + " answers.", ""
		}
	}
	return Fail, fmt.Sprintf("No server of %s answers on port %d.", provider.Encoded(), s.config.PeerServerPort), "Let connections to it through the firewall."
}

func right(s *Service, ctx context.Context, f *facts) (State, string, string) {
	if f.snapshot == nil || f.self.IsZero() {
		return Waiting, "The server has no name or no configuration yet.", ""
	}
	group, err := identifier.NewGlobalGroup(f.snapshot.Instance(), ownership)
	if err != nil {
		return Fail, err.Error(), ""
	}
	if !f.snapshot.InGroup(group, f.self.Owner()) {
		return Waiting, f.self.Owner().Encoded() + " is not in " + group.Encoded() + " yet.",
			"Register an authentication certificate, and have the request approved."
	}
	provider := f.snapshot.Private().ManagementService.Provider
	if provider.IsZero() || !f.snapshot.Lists(f.self, provider) {
		return OK, f.self.Owner().Encoded() + " is in " + group.Encoded() + ".", ""
	}
	missing, err := s.config.Services.UnpublishedManagement(ctx, provider, group)
	switch {
	case err != nil:
		return Fail, fault.From(err).Message + ".", ""
	case len(missing) > 0:
		return Fail, "This server hosts the management services, and not everybody may call " + strings.Join(missing, ", ") + ".",
			"Publish the management services."
	}
	return OK, "This server hosts the management services, and " + group.Encoded() + " may call them.", ""
}

// expiry words how long a certificate lasts; the state is Warning when that is not long.
func expiry(f *facts, c keys.Certificate) (State, string) {
	parsed, err := c.Parsed()
	switch {
	case err != nil:
		return Fail, "cannot be read"
	case f.now.After(parsed.NotAfter):
		return Fail, "expired on " + parsed.NotAfter.UTC().Format(time.DateOnly)
	case parsed.NotAfter.Sub(f.now) < soon:
		return Warning, "expires on " + parsed.NotAfter.UTC().Format(time.DateOnly)
	}
	return OK, "is valid until " + parsed.NotAfter.UTC().Format(time.DateOnly)
}
