package api

import (
	"context"
	"math"
	"net"
	"net/url"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
	"github.com/ristmik/ristmik/securityserver/internal/service"
)

func problem(err error) *gen.CodeWithDetails {
	if err == nil {
		return nil
	}
	f := fault.From(err)
	return &gen.CodeWithDetails{Code: f.Code, Metadata: &[]string{f.Message}}
}

// asked renders how a question went: when, and what class that is. A question that was not asked yet waits.
func asked(at time.Time, ok bool, err error) (gen.DiagnosticStatusClass, *gen.CodeWithDetails) {
	switch {
	case !ok || at.IsZero():
		return gen.DiagnosticStatusClassWAITING, nil
	case err != nil:
		return gen.DiagnosticStatusClassFAIL, problem(err)
	}
	return gen.DiagnosticStatusClassOK, nil
}

// GetGlobalConfDiagnostics tells how the download of the global configuration goes.
func (a *API) GetGlobalConfDiagnostics(ctx context.Context, _ gen.GetGlobalConfDiagnosticsRequestObject) (gen.GetGlobalConfDiagnosticsResponseObject, error) {
	d := a.Download()
	class, failure := asked(d.Last, true, d.Err)
	response := gen.GetGlobalConfDiagnostics200JSONResponse{StatusClass: gen.GlobalConfDiagnosticsStatusClass(class), PrevUpdateAt: d.Last.UTC(),
		NextUpdateAt: d.Next.UTC(), Error: failure}
	// With one address there is no doubt where the configuration came from.
	if source, err := a.Setup.Source(ctx); err == nil && source != nil && len(source.Sources) == 1 && class == gen.DiagnosticStatusClassOK {
		response.LastSuccessfulUrl = text(source.Sources[0].DownloadURL)
	}
	return response, nil
}

// GetGlobalConfStatus asks every address of the anchor.
func (a *API) GetGlobalConfStatus(ctx context.Context, _ gen.GetGlobalConfStatusRequestObject) (gen.GetGlobalConfStatusResponseObject, error) {
	sources, err := a.Diagnosis.Sources(ctx)
	if err != nil {
		return nil, err
	}
	list := gen.GetGlobalConfStatus200JSONResponse{}
	for _, s := range sources {
		list = append(list, gen.GlobalConfConnectionStatus{DownloadUrl: s.URL, ConnectionStatus: connection(s.Err)})
	}
	return list, nil
}

func connection(err error) gen.ConnectionStatus {
	if err != nil {
		return gen.ConnectionStatus{StatusClass: gen.DiagnosticStatusClassFAIL, Error: problem(err)}
	}
	return gen.ConnectionStatus{StatusClass: gen.DiagnosticStatusClassOK}
}

// GetAuthCertReqStatus connects to the registration service of the central server.
func (a *API) GetAuthCertReqStatus(ctx context.Context, _ gen.GetAuthCertReqStatusRequestObject) (gen.GetAuthCertReqStatusResponseObject, error) {
	return gen.GetAuthCertReqStatus200JSONResponse(connection(a.Registration(ctx))), nil
}

// GetOcspRespondersDiagnostics tells how the responders of each certification service answered.
func (a *API) GetOcspRespondersDiagnostics(context.Context, gen.GetOcspRespondersDiagnosticsRequestObject) (gen.GetOcspRespondersDiagnosticsResponseObject, error) {
	all, err := a.Keys.Authorities("")
	if err != nil {
		return nil, err
	}
	next := a.Keys.NextRound()
	if next.IsZero() {
		next = a.Now()
	}
	list := gen.GetOcspRespondersDiagnostics200JSONResponse{}
	for _, one := range all {
		rendered := gen.CaOcspDiagnostics{DistinguishedName: certificate.DistinguishedName(one.Certificate.RawSubject),
			OcspResponders: []gen.OcspResponderDiagnostics{}}
		for _, responder := range one.Responders {
			question, ok := a.Keys.Responder(responder.URL)
			d := gen.OcspResponderDiagnostics{Url: responder.URL, NextUpdateAt: next.UTC(), CostType: costType(responder.CostType)}
			if d.StatusClass, d.Error = asked(question.At, ok, question.Err); ok {
				at := question.At.UTC()
				d.PrevUpdateAt = &at
			}
			rendered.OcspResponders = append(rendered.OcspResponders, d)
		}
		list = append(list, rendered)
	}
	return list, nil
}

func costType(s string) *gen.CostType {
	cost := gen.CostTypeUNDEFINED
	if s != "" {
		cost = gen.CostType(s)
	}
	return &cost
}

// GetTimestampingServicesDiagnostics tells how the configured time-stamping services answered.
func (a *API) GetTimestampingServicesDiagnostics(ctx context.Context, _ gen.GetTimestampingServicesDiagnosticsRequestObject) (gen.GetTimestampingServicesDiagnosticsResponseObject, error) {
	chosen, err := a.Setup.Timestamping(ctx)
	if err != nil {
		return nil, err
	}
	list := gen.GetTimestampingServicesDiagnostics200JSONResponse{}
	for _, t := range chosen {
		question, ok := a.Authority(t.URL)
		d := gen.TimestampingServiceDiagnostics{Url: t.URL, CostType: costType(t.CostType), PrevUpdateAt: question.At.UTC()}
		d.StatusClass, d.Error = asked(question.At, ok, question.Err)
		list = append(list, d)
	}
	return list, nil
}

// GetAddOnDiagnostics says that messages are logged and operations are not monitored.
func (a *API) GetAddOnDiagnostics(context.Context, gen.GetAddOnDiagnosticsRequestObject) (gen.GetAddOnDiagnosticsResponseObject, error) {
	return gen.GetAddOnDiagnostics200JSONResponse{MessagelogEnabled: true}, nil
}

// GetMessageLogEncryptionDiagnostics says that the message log is not encrypted.
func (a *API) GetMessageLogEncryptionDiagnostics(context.Context, gen.GetMessageLogEncryptionDiagnosticsRequestObject) (gen.GetMessageLogEncryptionDiagnosticsResponseObject, error) {
	return gen.GetMessageLogEncryptionDiagnostics200JSONResponse{MessageLogGroupingRule: "none", Members: &[]gen.MessageLogArchiveEncryptionMember{}}, nil
}

// GetBackupEncryptionDiagnostics says that the server encrypts no backups.
func (a *API) GetBackupEncryptionDiagnostics(context.Context, gen.GetBackupEncryptionDiagnosticsRequestObject) (gen.GetBackupEncryptionDiagnosticsResponseObject, error) {
	return gen.GetBackupEncryptionDiagnostics200JSONResponse{BackupEncryptionKeys: &[]string{}}, nil
}

// GetProxyMemoryUsage measures the process, which is the proxy and everything else.
func (a *API) GetProxyMemoryUsage(context.Context, gen.GetProxyMemoryUsageRequestObject) (gen.GetProxyMemoryUsageResponseObject, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	most := float64(debug.SetMemoryLimit(-1))
	if most == float64(math.MaxInt64) { // no limit was set
		var machine syscall.Sysinfo_t
		if err := syscall.Sysinfo(&machine); err != nil {
			return nil, err
		}
		most = float64(machine.Totalram) * float64(machine.Unit)
	}
	return gen.GetProxyMemoryUsage200JSONResponse{MaxMemory: float32(most), TotalMemory: float32(m.Sys), UsedMemory: float32(m.HeapAlloc),
		UsagePercent: float32(math.Round(float64(m.HeapAlloc) / most * 100))}, nil
}

// GetMailNotificationStatus says that no mail is sent.
func (a *API) GetMailNotificationStatus(context.Context, gen.GetMailNotificationStatusRequestObject) (gen.GetMailNotificationStatusResponseObject, error) {
	no := false
	return gen.GetMailNotificationStatus200JSONResponse{ConfigurationPresent: &no, EnabledNotifications: &[]gen.MailNotificationType{},
		RecipientsEmails: &[]string{}}, nil
}

// GetTimestampingPrioritizationStrategy says that services are asked in the order in which they were configured, whatever they cost.
func (a *API) GetTimestampingPrioritizationStrategy(context.Context, gen.GetTimestampingPrioritizationStrategyRequestObject) (gen.GetTimestampingPrioritizationStrategyResponseObject, error) {
	return gen.GetTimestampingPrioritizationStrategy200JSONResponse(gen.ServicePrioritizationStrategyNONE), nil
}

// GetOcspPrioritizationStrategy says that responders are asked in the order of the global configuration, whatever they cost.
func (a *API) GetOcspPrioritizationStrategy(context.Context, gen.GetOcspPrioritizationStrategyRequestObject) (gen.GetOcspPrioritizationStrategyResponseObject, error) {
	return gen.GetOcspPrioritizationStrategy200JSONResponse(gen.ServicePrioritizationStrategyNONE), nil
}

// Language takes note of nothing: answers have no language.
func (a *API) Language(_ context.Context, r gen.LanguageRequestObject) (gen.LanguageResponseObject, error) {
	return gen.Language200JSONResponse{Id: r.Code}, nil
}

// GetChecklist says what is wrong, why it matters and what to do next.
func (a *API) GetChecklist(ctx context.Context, _ gen.GetChecklistRequestObject) (gen.GetChecklistResponseObject, error) {
	findings, err := a.Diagnosis.Checklist(ctx)
	if err != nil {
		return nil, err
	}
	list := gen.GetChecklist200JSONResponse{}
	for _, f := range findings {
		list = append(list, gen.ChecklistItem{Check: gen.ChecklistItemCheck(f.Check), State: gen.ChecklistItemState(f.State), What: f.What, Why: f.Why,
			NextStep: text(f.Next)})
	}
	return list, nil
}

// managementPort is where a central server serves the management services unless somebody says otherwise.
const managementPort = "4002"

// PublishManagementServices makes the management services callable on the server that has their provider.
func (a *API) PublishManagementServices(ctx context.Context, r gen.PublishManagementServicesRequestObject) (gen.PublishManagementServicesResponseObject, error) {
	s, err := a.snapshot()
	if err != nil {
		return nil, err
	}
	about := s.Private().ManagementService
	p := service.Publication{Provider: about.Provider, Address: value(r.Body.ServicesAddress), Certificate: about.AuthCertRegCertificate}
	if p.Group, err = identifier.NewGlobalGroup(s.Instance(), "security-server-owners"); err != nil {
		return nil, err
	}
	central, err := url.Parse(about.AuthCertRegAddress)
	if err != nil || about.Provider.IsZero() {
		return nil, fault.New(fault.Conflict, "management_services_unknown", "The global configuration names no provider of management services")
	}
	if p.Address == "" {
		p.Address = "https://" + net.JoinHostPort(central.Hostname(), managementPort) + "/managementservice/manage/"
	}
	source, err := a.Setup.Source(ctx)
	if err != nil {
		return nil, err
	}
	p.URL = "http://" + central.Hostname() + "/managementservices.wsdl"
	if source != nil && len(source.Sources) > 0 { // where the configuration is published, the description is too
		if u, err := url.Parse(source.Sources[0].DownloadURL); err == nil && u.Host != "" {
			p.URL = u.Scheme + "://" + u.Host + "/managementservices.wsdl"
		}
	}
	if p.WSDL, err = schema.WSDL.ReadFile("wsdl/managementservices.wsdl"); err != nil {
		return nil, err
	}
	if err := a.Services.Publish(ctx, p); err != nil {
		return nil, err
	}
	all, err := a.Services.Descriptions(ctx, p.Provider)
	if err != nil {
		return nil, err
	}
	list := gen.PublishManagementServices200JSONResponse{}
	for _, d := range all {
		list = append(list, a.description(d))
	}
	return list, nil
}
