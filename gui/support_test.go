package gui

import (
	"archive/zip"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// supportService is a service of which support wants to know everything.
type supportService struct {
	Client
	err error
}

func (s *supportService) Version(context.Context) (localapi.Version, error) {
	return localapi.Version{Version: "1.2.0", Go: "go1.26", SQLite: "3.50", Caller: "anna (uid 1000)"}, s.err
}

func (s *supportService) Settings(context.Context) (localapi.Settings, error) {
	return localapi.Settings{"mail.from": {Text: "office@acme.example"}, "mail.password": {Secret: true, Set: true}, "limits.tokens": {Text: "5", Number: true}}, s.err
}

func (s *supportService) Address(context.Context) (localapi.Address, error) {
	return localapi.Address{PublicURL: "https://accounts.office.example"}, s.err
}

func (s *supportService) Attention(context.Context) ([]localapi.Notice, error) {
	return []localapi.Notice{{Code: "mail_failed", Subject: "bob@acme.example"}}, s.err
}

func (s *supportService) LastCheckup(context.Context) (localapi.Checkup, error) {
	return localapi.Checkup{Errors: 2}, s.err
}

func (s *supportService) MailStatus(context.Context) (localapi.MailStatus, error) {
	return localapi.MailStatus{Transport: "smarthost"}, s.err
}

func TestSupport(t *testing.T) {
	d := newTestDesk(t, &supportService{})
	d.host.state = runningService()
	t.Setenv("HOME", "/home/anna")
	d.host.state.Program = "/home/anna/foyer"
	f := &supportForm{desk: d.desk, at: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	f.open()
	d.sees("it is sent nowhere by itself.", "One moment.")
	if !d.button("Save…").Disabled() {
		t.Error("nothing can be saved")
	}
	d.drain()
	d.sees("[about.txt]", "[settings.json]", "[log.txt]", "Service: 1.2.0")
	d.tap("settings.json")
	d.sees(`"mail.password": {`, `"set": true`, "someone@acme.example", `"limits.tokens": 5`)
	d.picture("about-support")
	d.tap("log.txt")
	d.sees(`foyer[7]: sent to someone@acme.example, password="(removed)"`)
	d.tap("Save…")
	d.sees("Choose the folder for the support bundle")
	d.tap("Cancel")

	dir := t.TempDir()
	f.save(dir)
	d.drain()
	path := filepath.Join(dir, "foyer-support-20261126-120000.zip")
	d.sees("Saved: " + path)
	d.picture("about-support-saved")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	files := unzip(t, path)
	want := []string{"about.txt", "service.json", "settings.json", "address.json", "attention.json", "checkup.json", "mail.json", "log.txt"}
	var names []string
	for _, file := range files {
		names = append(names, file.name)
		for _, secret := range []string{"hunter2", "jane@", "bob@", "office@", "anna"} {
			if strings.Contains(file.text, secret) {
				t.Errorf("%s says %s: %s", file.name, secret, file.text)
			}
		}
	}
	if !slices.Equal(names, want) || !strings.Contains(files[5].text, `"errors": 2`) || !strings.Contains(files[3].text, "https://accounts.office.example") {
		t.Errorf("the files are %q, want %q", names, want)
	}
	f.save(dir)
	d.drain()
	d.sees("The file could not be saved:")
	if again := unzip(t, path); len(again) != len(files) {
		t.Error("the file of before was written over, or deleted")
	}
}

func unzip(t *testing.T, path string) []supportPart {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var parts []supportPart
	for _, file := range z.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, supportPart{file.Name, string(text)})
	}
	return parts
}

// TestSupportWithoutService gathers what there is while the service does not answer.
func TestSupportWithoutService(t *testing.T) {
	silent := app.Errorf(app.Unavailable, "service_unreachable", "nobody answers")
	d := newTestDesk(t, &supportService{err: silent})
	d.host.err = app.Errorf(app.Unavailable, "no_log", "this user may not read the log")
	parts := gatherSupport(t.Context(), d.desk)
	for i, want := range map[int]string{0: "The service does not answer: nobody answers", 2: "This could not be had: nobody answers", 7: "this user may not read the log"} {
		if !strings.Contains(parts[i].text, want) {
			t.Errorf("%s says %q, want %q", parts[i].name, parts[i].text, want)
		}
	}
}

func TestWithoutSecrets(t *testing.T) {
	for text, want := range map[string]string{
		`msg="sign-in" password=hunter2 user=7`:                             `msg="sign-in" password="(removed)" user=7`,
		`"client_secret": "a b", "x": 1`:                                    `"client_secret": "(removed)", "x": 1`,
		"Authorization: Bearer abc.def":                                     `Authorization: "(removed)"`,
		"key AGE-SECRET-KEY-1QQQ end":                                       "key (removed) end",
		"-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----": "(removed)",
		"GET /confirm?t=abcdef&lang=sk":                                     "GET /confirm?t=(removed)&lang=sk",
		"to <jane.doe+x@acme.example>":                                      "to <someone@acme.example>",
		`"mail.password": {"set": true}`:                                    `"mail.password": {"set": true}`,
		"the tokens of 5 accounts":                                          "the tokens of 5 accounts",
	} {
		if got := withoutSecrets(text); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}
