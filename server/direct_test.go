package server_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"foyer/app"
	"foyer/server"
	"foyer/server/mail"
)

// oneMX is a DNS in which every domain has the mail server mx.DOMAIN at one address.
type oneMX struct{ ip string }

func (oneMX) MX(_ context.Context, domain string) ([]*net.MX, bool, error) {
	return []*net.MX{{Host: "mx." + domain + ".", Pref: 10}}, false, nil
}

func (n oneMX) Addresses(_ context.Context, host string) ([]netip.Addr, string, bool, error) {
	return []netip.Addr{netip.MustParseAddr(n.ip)}, host, false, nil
}

func (oneMX) TXT(context.Context, string) ([]string, error) { return nil, errNoName }

func (oneMX) TLSA(context.Context, string) ([]mail.TLSA, bool, error) { return nil, false, errNoName }

// TestDirect takes a test mail to the mail server of its recipient's domain, by the settings alone.
func TestDirect(t *testing.T) {
	address, refused := refuser(t)
	var mu sync.Mutex
	var dialed []string
	h := startChanged(t, t.TempDir(), func(c *server.Config) {
		c.Names = oneMX{"192.0.2.25"}
		c.MailDial = func(ctx context.Context, network, to string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dialed = append(dialed, to)
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	})
	_, err := h.app.SetSettings(t.Context(), "test", map[string]string{"mail.transport": "direct", "mail.from": "foyer@office.example"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := h.app.TestMail(t.Context(), "test", "joe@acme.example", "en")
	if err != nil {
		t.Fatal(err)
	}
	<-refused
	h.stop() // what came of the attempt is written before it ends
	mu.Lock()
	defer mu.Unlock()
	if len(dialed) != 1 || dialed[0] != "192.0.2.25:25" {
		t.Errorf("dialled %v, want the mail server of acme.example", dialed)
	}
	h = start(t, h.dir)
	h.set("mail.transport", "capture")
	m, err = h.app.Message(t.Context(), m.ID)
	if err != nil || m.State != app.MessageFailed || m.Reply != "550 5.1.1 no such user" {
		t.Fatalf("got %+v, %v", m, err)
	}
	if len(m.Steps) == 0 || m.Steps[0].Name != "name" || !strings.Contains(m.Steps[0].Detail, "mx.acme.example (192.0.2.25)") {
		t.Errorf("steps %+v", m.Steps)
	}
}
