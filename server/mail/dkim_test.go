package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"foyer/app"
	"foyer/server/mail"
)

// memoryKeys is a KeyStore in memory.
type memoryKeys struct {
	mu   sync.Mutex
	keys []app.DKIMKey
	adds int
	err  error
}

func (s *memoryKeys) DKIMKeys(context.Context) ([]app.DKIMKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keys), s.err
}

func (s *memoryKeys) AddDKIMKeys(_ context.Context, keys []app.DKIMKey) ([]app.DKIMKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adds++
	for _, k := range keys {
		if !slices.ContainsFunc(s.keys, func(old app.DKIMKey) bool { return old.Algorithm == k.Algorithm }) {
			s.keys = append(s.keys, k)
		}
	}
	return slices.Clone(s.keys), s.err
}

// published returns the TXT records of keys as mail dns prints them, by name.
func published(t *testing.T, keys *mail.DKIM, selector string) map[string][]string {
	t.Helper()
	s := app.Settings{Mail: app.MailSettings{From: "accounts@office.example", DKIMSelector: selector}}
	records, err := mail.NewDNS(mail.DNSConfig{DKIM: keys, Resolver: &fakeDNS{}}).Records(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	txt := map[string][]string{}
	for _, r := range records {
		if r.Kind == "dkim" {
			txt[r.Name] = []string{r.Value}
		}
	}
	if len(txt) != 2 {
		t.Fatalf("%d DKIM records, want 2: %v", len(txt), txt)
	}
	return txt
}

// verify returns the outcome of each signature in data, as "ok" or "bad", and the names that were asked for.
func verify(t *testing.T, data string, txt map[string][]string) (outcomes, names []string) {
	t.Helper()
	var mu sync.Mutex // signatures are verified side by side
	verifications, err := dkim.VerifyWithOptions(strings.NewReader(data), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		mu.Lock()
		defer mu.Unlock()
		names = append(names, name)
		return txt[name], nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verifications {
		outcome := "ok"
		if v.Err != nil || v.Domain != "office.example" {
			outcome = "bad"
		}
		outcomes = append(outcomes, outcome)
	}
	slices.Sort(names)
	return outcomes, slices.Compact(names)
}

// TestQueueSigns has the queue deliver composed mail to a mail server, and verifies what arrived there.
func TestQueueSigns(t *testing.T) {
	s, keys, store := &sink{}, mail.NewDKIM(&memoryKeys{}), newMemoryStore()
	txt := published(t, keys, "foyer")
	current := app.Settings{Mail: settings(s.serve(t, nil, false), "none", "none")}
	current.Mail.DKIM, current.Mail.DKIMSelector = true, "foyer"
	written := compose(t, newComposer(t), notice(t, app.MailConfirm, "sk"))
	written.Sender, written.State, written.ExpiresAt = "accounts@office.example", app.MessageQueued, time.Now().Add(time.Hour)
	written = store.add(written)
	queue := mail.NewQueue(mail.QueueConfig{
		Store: store, DKIM: keys, Settings: func() app.Settings { return current }, Log: slog.New(slog.DiscardHandler),
		Courier: func(settings app.Settings) mail.Courier {
			return mail.NewSmarthost(mail.SmarthostConfig{Mail: settings.Mail})
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan error, 1)
	delivered := make(chan struct{})
	store.finished = func() { close(delivered) }
	go func() { done <- queue.Run(ctx) }()
	select {
	case <-delivered:
	case <-ctx.Done():
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	row := store.row(written.ID)
	if row.State != app.MessageDelivered || len(s.got()) != 1 {
		t.Fatalf("got %s (%s), %d mails; want one delivered", row.State, row.Reply, len(s.got()))
	}
	arrived := s.got()[0]
	outcomes, names := verify(t, arrived.data, txt)
	if want := []string{"ok", "ok"}; !slices.Equal(outcomes, want) {
		t.Errorf("signatures: got %v, want %v\n%s", outcomes, want, arrived.data)
	}
	if want := []string{"foyer-ed._domainkey.office.example", "foyer-rsa._domainkey.office.example"}; !slices.Equal(names, want) {
		t.Errorf("asked for %v, want %v", names, want)
	}
	if int(arrived.size) != len(arrived.data) || !strings.HasSuffix(arrived.data, string(written.Data)) {
		t.Error("the mail behind the signatures is not the one that was written, or its size not the one that was announced")
	}
	if !bytes.Equal(row.Data, written.Data) {
		t.Error("the message in the store has changed")
	}
}

// TestTampering has signed mails that are changed on the way.
func TestTampering(t *testing.T) {
	keys := mail.NewDKIM(&memoryKeys{})
	txt := published(t, keys, "office-2")
	m := compose(t, newComposer(t), notice(t, app.MailConfirm, "en"))
	signed, err := keys.Sign(t.Context(), "office.example", "office-2", m.Data)
	if err != nil {
		t.Fatal(err)
	}
	data := string(signed)
	tests := []struct{ name, data, want string }{
		{"as it was", data, "ok"},
		{"blanks folded anew", strings.Replace(data, "Subject: ", "Subject:\r\n   ", 1), "ok"},
		{"a header that is not covered", "X-Spam: no\r\n" + data, "ok"},
		{"body", strings.Replace(data, "\r\n\r\n", "\r\n\r\nevil\r\n", 1), "bad"},
		{"subject", strings.Replace(data, "Subject: ", "Subject: evil ", 1), "bad"},
		{"a second From", "From: boss@office.example\r\n" + data, "bad"},
		{"a second Subject", "Subject: evil\r\n" + data, "bad"},
		{"a second To", "To: victim@acme.example\r\n" + data, "bad"},
		{"a Cc", "Cc: victim@acme.example\r\n" + data, "bad"},
		{"a Reply-To", "Reply-To: eve@evil.example\r\n" + data, "bad"},
		{"another reading of the body", "Content-Type: text/html\r\n" + data, "bad"},
		{"another encoding of the body", "Content-Transfer-Encoding: base64\r\n" + data, "bad"},
		{"From", strings.Replace(data, "\r\nFrom: ", "\r\nFrom: evil ", 1), "bad"},
		{"Message-ID", strings.Replace(data, "\r\nMessage-ID: <", "\r\nMessage-ID: <0", 1), "bad"},
	}
	for _, test := range tests {
		if got, _ := verify(t, test.data, txt); !slices.Equal(got, []string{test.want, test.want}) {
			t.Errorf("%s: got %v, want both %s", test.name, got, test.want)
		}
		if test.name != "as it was" && test.data == data {
			t.Errorf("%s: nothing was changed", test.name)
		}
	}
	for line := range strings.Lines(data[:len(data)-len(m.Data)]) {
		if len(line) > 300 || !strings.HasSuffix(line, "\r\n") { // h= is not folded; RFC 5322, 2.1.1, allows 998
			t.Errorf("a line of the signatures does not fit: %q", line)
		}
	}
}

// TestKeysAreMadeOnce asks for the keys from all sides at once: through one signer, and through two that share a store.
func TestKeysAreMadeOnce(t *testing.T) {
	store := &memoryKeys{}
	one, two := mail.NewDKIM(store), mail.NewDKIM(store)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if _, err := one.Sign(t.Context(), "office.example", "foyer", message(t).Data); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if store.adds != 1 || len(store.keys) != 2 {
		t.Errorf("keys were made %d times, and there are %d; want once, and 2", store.adds, len(store.keys))
	}
	if got, want := published(t, two, "foyer"), published(t, one, "foyer"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("after a restart: got %v, want %v", got, want)
	}
	if store.adds != 1 {
		t.Errorf("keys were made %d times, want once", store.adds)
	}
}

// TestKeysFail has a store without usable keys: the mail waits instead of leaving without a signature.
func TestKeysFail(t *testing.T) {
	const canary = "canary-private"
	tests := []struct {
		name  string
		store *memoryKeys
	}{
		{"store", &memoryKeys{err: errors.New("disk on fire")}},
		{"damaged", &memoryKeys{keys: []app.DKIMKey{{Algorithm: "rsa", Private: []byte(canary)}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, store, log := &sink{}, newMemoryStore(), &bytes.Buffer{}
			current := app.Settings{Mail: settings(s.serve(t, nil, false), "none", "none")}
			current.Mail.DKIM, current.Mail.DKIMSelector = true, "foyer"
			m := message(t)
			m.State, m.ExpiresAt = app.MessageQueued, time.Now().Add(time.Hour)
			m = store.add(m)
			finished := make(chan struct{})
			store.finished = func() { close(finished) }
			queue := mail.NewQueue(mail.QueueConfig{
				Store: store, DKIM: mail.NewDKIM(test.store), Settings: func() app.Settings { return current }, Log: slog.New(slog.NewTextHandler(log, nil)),
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- queue.Run(ctx) }()
			select {
			case <-finished:
			case <-ctx.Done():
			}
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			row := store.row(m.ID)
			if row.State != app.MessageDeferred || !strings.Contains(row.Reply, "mail.dkim=off") || len(s.got()) != 0 {
				t.Errorf("got %s (%s), %d mails; want deferred, with a way out, and none", row.State, row.Reply, len(s.got()))
			}
			if strings.Contains(log.String()+row.Reply, canary) {
				t.Errorf("the key is in the log or the reply:\n%s%s", log, row.Reply)
			}
		})
	}
}

// TestKeysAreNotShown prints a key in every way that a log or an error might.
func TestKeysAreNotShown(t *testing.T) {
	k := app.DKIMKey{Algorithm: "rsa", Private: []byte("canary")}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k)
	for _, got := range []string{fmt.Sprint(k), fmt.Sprintf("%+v %s %v", k, k, []app.DKIMKey{k}), log.String()} {
		if strings.Contains(got, "canary") || strings.Contains(got, "99 97 110") || !strings.Contains(got, "rsa") {
			t.Errorf("got %q, want the algorithm alone", got)
		}
	}
}
