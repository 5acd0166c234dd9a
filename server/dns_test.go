package server_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"foyer/app"
	"foyer/server"
)

// noDNS is a resolver that knows no name.
type noDNS struct{}

var errNoName = &net.DNSError{Err: "no such host", IsNotFound: true}

func (noDNS) LookupTXT(context.Context, string) ([]string, error)        { return nil, errNoName }
func (noDNS) LookupMX(context.Context, string) ([]*net.MX, error)        { return nil, errNoName }
func (noDNS) LookupAddr(context.Context, string) ([]string, error)       { return nil, errNoName }
func (noDNS) LookupIP(context.Context, string, string) ([]net.IP, error) { return nil, errNoName }

// dkimRecords runs a service on dir and returns what it wants to see in the DNS.
func dkimRecords(t *testing.T, dir string) string {
	t.Helper()
	s, err := server.New(t.Context(), server.Config{
		DataDir: dir, Socket: filepath.Join(dir, "admin.sock"), Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Resolver: noDNS{},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	if s.Service().Settings().Mail.From == "" {
		if _, err := s.Service().MailDNS(t.Context()); app.CodeOf(err) != app.Conflict || !strings.Contains(app.MessageOf(err), "mail.from=") {
			t.Errorf("without mail.from: got %v, want a conflict that says how to set it", err)
		}
		if _, err := s.Service().SetSettings(t.Context(), "test", map[string]string{"mail.from": "accounts@bücher.example"}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var all []string
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			records, err := s.Service().MailDNS(t.Context())
			if err != nil {
				t.Errorf("MailDNS: %v", err)
			}
			var values []string
			for _, r := range records {
				if r.Kind == "dkim" {
					values = append(values, r.Name+" "+r.Value)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, strings.Join(values, "\n"))
		})
	}
	group.Wait()
	for _, one := range all {
		if one != all[0] {
			t.Errorf("two keys at one time: %s\nand %s", one, all[0])
		}
	}
	return all[0]
}

// TestMailDNS asks twenty times at once, and again after a restart: the keys are made once, and no file has them.
func TestMailDNS(t *testing.T) {
	dir := t.TempDir()
	first := dkimRecords(t, dir)
	if again := dkimRecords(t, dir); again != first || !strings.Contains(first, "foyer-rsa._domainkey.xn--bcher-kva.example v=DKIM1; k=rsa; p=") {
		t.Errorf("after a restart: got %s\nbefore it: %s", again, first)
	}
	database, err := os.ReadFile(filepath.Join(dir, "foyer.db"))
	if err != nil {
		t.Fatal(err)
	}
	// What every PKCS #8 form of an RSA key, and of an Ed25519 one, has in it.
	for _, mark := range []string{"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04", "\x06\x03\x2b\x65\x70\x04\x22\x04\x20"} {
		if strings.Contains(string(database), mark) {
			t.Error("the database has a key in the clear")
		}
	}
}
