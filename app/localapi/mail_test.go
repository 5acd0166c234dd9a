package localapi_test

import (
	"errors"
	"testing"

	"foyer/app"
	"foyer/app/localapi"
)

// TestLastMailTravels asks for an account with a mail, without one, and when its mails cannot be read.
func TestLastMailTravels(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	jane := mustAddress(t, "jane@acme.com")
	backend.accounts = []app.Account{{ID: 1, Email: jane, State: app.AccountActive, CreatedAt: then}}
	backend.messages = []app.Message{{ID: 12, Kind: app.MailReset, Recipient: jane, State: app.MessageHeld, CreatedAt: then, Reply: "451 later"}}
	a, err := client.Account(t.Context(), "jane@acme.com")
	if err != nil || a.LastMail == nil {
		t.Fatalf("got %+v, %v; want a last mail", a, err)
	}
	if m := *a.LastMail; m.ID != "12" || m.Kind != "reset" || m.State != "held" || !m.CreatedAt.Equal(then) || m.Reply != "451 later" {
		t.Errorf("got %+v, want that of the service", m)
	}
	backend.messages = nil
	if a, err := client.Account(t.Context(), "jane@acme.com"); err != nil || a.LastMail != nil {
		t.Errorf("without a mail: got %+v, %v; want none", a.LastMail, err)
	}
	backend.lastFault = errors.New("disk on fire")
	if _, err := client.Account(t.Context(), "jane@acme.com"); app.CodeOf(err) != app.Internal {
		t.Errorf("when mails cannot be read: got %v, want a fault", err)
	}
}

// TestHoldTravels expects the numbers of the service, the state "held" in a filter, and ids that are none to name no mail.
func TestHoldTravels(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	if n, err := client.HoldMessages(t.Context()); n != 2 || err != nil {
		t.Errorf("held %d, %v; want 2", n, err)
	}
	if n, err := client.ReleaseMessages(t.Context()); n != 3 || err != nil {
		t.Errorf("released %d, %v; want 3", n, err)
	}
	if _, err := client.MessagePage(t.Context(), localapi.MessageFilter{State: "held"}, "", 0); err != nil {
		t.Errorf("state held: %v", err)
	}
	for _, id := range []string{"0", "ALL", "-1", "x"} {
		if _, err := client.HoldMessage(t.Context(), id); app.CodeOf(err) != app.NotFound {
			t.Errorf("hold %q: got %v, want not found", id, err)
		}
	}
	backend.suppressed = []app.Suppression{{Address: mustAddress(t, "gone@acme.com"), Reason: "550 5.1.1 no", Since: then}}
	backend.tlsHosts = []app.TLSHost{{Host: "mx.acme.com", Seen: then, Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Lost: then}, {Host: "mx2.acme.com", Seen: then}}
	hosts, err := client.TLSHosts(t.Context())
	if err != nil || len(hosts) != 2 || hosts[0].Host != "mx.acme.com" || !hosts[0].LostAt.Equal(then) || hosts[1].LostAt != nil || !hosts[1].SeenAt.Equal(then) {
		t.Errorf("hosts with TLS %+v, %v", hosts, err)
	}
	list, err := client.Suppressed(t.Context())
	if err != nil || len(list) != 1 || list[0].Address != "gone@acme.com" || list[0].Reason != "550 5.1.1 no" || !list[0].Since.Equal(then) {
		t.Errorf("suppressed %+v, %v", list, err)
	}
}
