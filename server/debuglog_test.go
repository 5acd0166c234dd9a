package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"foyer/app"
)

// The log holds no secret and no whole address at its most talkative either: passwords, links, codes and what the administrator sets.
func TestDebugLogHoldsNoSecret(t *testing.T) {
	h := startWith(t, t.TempDir(), webClock(0))
	h.set("login_link", "on")
	h.set("clock.source", "off")
	h.company("Acme", "acme.example")
	secrets := []string{"jane@acme.example", "PASSWORDCANARY", "TOKENCANARY", "QUERYCANARY", "SMTPCANARY", "CLIENTCANARY"}
	if _, err := h.app.SetSettings(t.Context(), "test", map[string]string{"log.level": "debug", "mail.password": "SMTPCANARY"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.app.AddConnector(t.Context(), "test", app.ConnectorGoogle, "google", map[string]string{"client_id": "x", "client_secret": "CLIENTCANARY"}); err != nil {
		t.Fatal(err)
	}
	h.signUp("jane@acme.example")
	message := <-h.mails
	for _, word := range strings.FieldsFunc(string(message.Data), func(r rune) bool { return strings.ContainsRune(" \r\n<>\"", r) }) {
		if _, token, ok := strings.Cut(word, "/confirm/"); ok && len(token) > 10 {
			secrets = append(secrets, token)
			get(t, http.MethodGet, h.local+"/confirm/"+token, "")
		}
	}
	if len(secrets) < 7 {
		t.Fatal("there is no link in the mail")
	}
	for _, path := range []string{"/confirm/TOKENCANARY", "/login?next=QUERYCANARY", "/auth/google/callback?code=TOKENCANARY&state=QUERYCANARY", "/TOKENCANARY"} {
		get(t, http.MethodGet, h.local+path, "")
	}
	resp, err := h.browser().PostForm(h.local+"/login", url.Values{"email": {"jane@acme.example"}, "password": {"PASSWORDCANARY"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.admin().Account(t.Context(), "jane@acme.example"); app.CodeOf(err) != app.NotFound {
		t.Fatal(err)
	}
	h.checkup()
	h.figures()
	h.stop()
	log := h.log.String()
	if !strings.Contains(log, "level=DEBUG") {
		t.Error("the log is not at its most talkative")
	}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
