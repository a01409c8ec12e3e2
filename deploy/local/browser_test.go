//go:build browser

package local_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/deploy/local/instance"
	"github.com/ristmik/ristmik/deploy/local/story"
)

// page is one browser window on the central server's interface; elements are found by their data-test.
type page struct {
	t    *testing.T
	ctx  context.Context
	base string
}

func openBrowser(t *testing.T, base string) *page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	t.Cleanup(cancel)
	ctx, cancel = cdp.NewExecAllocator(ctx, cdp.ExecPath("/usr/bin/chromium"), cdp.Headless, cdp.NoSandbox, cdp.DisableGPU, cdp.NoFirstRun, cdp.IgnoreCertErrors, cdp.UserDataDir(t.TempDir()),
		cdp.Flag("disable-quic", true), cdp.Flag("disable-background-networking", true), cdp.Flag("disable-component-update", true), cdp.Flag("disable-sync", true), cdp.Flag("force-prefers-reduced-motion", true))
	t.Cleanup(cancel)
	ctx, cancel = cdp.NewContext(ctx)
	t.Cleanup(cancel)
	p := &page{t: t, ctx: ctx, base: base}
	p.do(cdp.EmulateViewport(1280, 800))
	return p
}

func (p *page) do(steps ...cdp.Action[cdp.Void]) {
	p.t.Helper()
	require.NoError(p.t, cdp.Do(p.ctx, steps...))
}

func named(name string) string { return fmt.Sprintf("[data-test=%q]", name) }

func (p *page) open(path string) { p.t.Helper(); p.do(cdp.Navigate(p.base + path)) }
func (p *page) click(name string) {
	p.t.Helper()
	p.do(cdp.WaitVisible(named(name)), cdp.Click(named(name)))
}
func (p *page) see(name string) { p.t.Helper(); p.do(cdp.WaitVisible(named(name))) }
func (p *page) fill(name, value string) {
	p.t.Helper()
	p.do(cdp.WaitVisible(named(name)+" input"), cdp.SendKeys(named(name)+" input", value))
}

// reads waits until an element's text holds what is wanted.
func (p *page) reads(name, want string) {
	p.t.Helper()
	text, err := json.Marshal(want)
	require.NoError(p.t, err)
	selector, err := json.Marshal(named(name))
	require.NoError(p.t, err)
	_, err = cdp.Run(p.ctx, cdp.Poll[bool](fmt.Sprintf("[...document.querySelectorAll(%s)].some((e) => e.textContent.includes(%s))", selector, text)))
	require.NoError(p.t, err, "%s never reads %q", name, want)
}

func (p *page) evaluate(expression string) int {
	p.t.Helper()
	n, err := cdp.Run(p.ctx, cdp.Evaluate[int](expression))
	require.NoError(p.t, err)
	return n
}

func (p *page) logIn(password string) {
	p.t.Helper()
	p.fill("username", instance.Administrator)
	p.fill("password", password)
	p.click("login")
	p.see("user")
}

// TestBrowserCentral logs in, adds a member whose name is markup, and approves a pair.
func TestBrowserCentral(t *testing.T) {
	i := start(t, "sqlite")
	i.tell(t, story.SetUp())
	p := openBrowser(t, "https://"+i.Addresses.Central()+":4000")

	p.open("/members")
	p.fill("username", instance.Administrator)
	p.fill("password", "wrong")
	p.click("login")
	p.reads("login-problem", "Wrong username or password")
	p.open("/members")
	p.logIn(i.Secret("central-password"))

	const hostile = "<img src=x onerror=document.title='taken'>"
	p.click("add-member")
	p.click("form-go")
	p.reads("form", "Missing parameter: 'Member name'") // UC MEMBER_54 2a
	p.fill("field-member_name", hostile)
	p.fill("field-member_code", "hostile")
	p.click("field-member_class")
	p.do(cdp.WaitVisible(".v-overlay .v-list-item"))
	p.evaluate("document.querySelector('.v-overlay .v-list-item').click(), 0") // it may still be on its way to its place
	p.reads("field-member_class", "COM")
	_, err := cdp.Run(p.ctx, cdp.Poll[bool]("!document.querySelector('.v-menu.v-overlay--active')"))
	require.NoError(t, err)
	p.click("form-go")
	p.reads("title", hostile)
	p.open("/members?q=hostile")
	p.reads("table-members", hostile)
	p.reads("count", "1–1 of 1")
	require.Zero(t, p.evaluate("document.querySelectorAll('img[src=x]').length + (document.title === 'taken' ? 1 : 0)"))

	// Every order that a heading offers is one that the server knows.
	for path, orders := range map[string][]string{
		"/members":  {"member_name", "client_id.member_class", "client_id.member_code"},
		"/servers":  {"server_id.server_code", "owner_name", "server_id.member_class", "server_id.member_code"},
		"/requests": {"id", "created_at", "type", "status"},
	} {
		for _, order := range orders {
			p.open(path + "?status=&sort=" + order)
			p.see("sort-" + order)
			p.reads("table-"+path[1:], "1000")
		}
	}

	request := pair(t, i)
	p.open("/requests")
	p.do(cdp.WaitVisible(fmt.Sprintf("a[href=\"/requests/%d\"]", request)), cdp.Click(fmt.Sprintf("a[href=\"/requests/%d\"]", request)))
	p.reads("status", "Submitted for approval")
	p.reads("halves", "Both halves say the same")
	p.click("approve")
	p.click("confirm-go")
	p.reads("status", "Approved")
}

// pair makes both halves of a client registration over REST and gives the number of the second.
func pair(t *testing.T, i *told) int64 {
	t.Helper()
	officer, err := i.API(t.Context(), "central", instance.CentralRoles...)
	require.NoError(t, err)
	server, err := i.API(t.Context(), "central", "XROAD_MANAGEMENT_SERVICE")
	require.NoError(t, err)
	var members struct {
		Clients []struct {
			ID struct {
				Encoded string `json:"encoded_id"`
			} `json:"client_id"`
		}
	}
	require.NoError(t, officer.Call(t.Context(), http.MethodGet, "/clients?q=hostile", nil, &members))
	require.Len(t, members.Clients, 1)
	var servers struct {
		Items []struct {
			ID struct {
				Encoded string `json:"encoded_id"`
			} `json:"server_id"`
		}
	}
	require.NoError(t, officer.Call(t.Context(), http.MethodGet, "/security-servers", nil, &servers))
	require.NotEmpty(t, servers.Items)
	body := map[string]any{"type": "CLIENT_REGISTRATION_REQUEST", "security_server_id": servers.Items[0].ID.Encoded, "client_id": members.Clients[0].ID.Encoded + ":sub"}
	require.NoError(t, officer.Call(t.Context(), http.MethodPost, "/subsystems", map[string]any{
		"subsystem_id": map[string]string{"member_class": strings.Split(members.Clients[0].ID.Encoded, ":")[1], "member_code": "hostile", "subsystem_code": "sub"}}, nil))
	var made struct{ ID int64 }
	body["origin"] = "CENTER"
	require.NoError(t, officer.Call(t.Context(), http.MethodPost, "/management-requests", body, &made))
	body["origin"] = "SECURITY_SERVER"
	require.NoError(t, server.Call(t.Context(), http.MethodPost, "/management-requests", body, &made))
	return made.ID
}
