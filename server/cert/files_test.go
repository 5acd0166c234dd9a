package cert_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
	"foyer/server/cert"
)

// pair copies a certificate of a local authority and its key into files.
type pair struct{ cert, key string }

func newPair(tb testing.TB, host string) pair {
	tb.Helper()
	p := pair{filepath.Join(tb.TempDir(), "cert.pem"), filepath.Join(tb.TempDir(), "key.pem")}
	p.write(tb, host)
	return p
}

func (p pair) write(tb testing.TB, host string) {
	tb.Helper()
	dir := tb.TempDir()
	local(tb, dir, host)
	found, err := filepath.Glob(filepath.Join(dir, "*.leaf.pem"))
	if err != nil || len(found) != 1 {
		tb.Fatal(found, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		tb.Fatal(err)
	}
	text, key, _ := strings.Cut(string(data), "-----BEGIN PRIVATE KEY-----")
	if err := errors.Join(os.WriteFile(p.cert, []byte(text), 0o600), os.WriteFile(p.key, []byte("-----BEGIN PRIVATE KEY-----"+key), 0o600)); err != nil {
		tb.Fatal(err)
	}
}

// TestFilesReload replaces the files in every way in which that goes wrong, and then right.
func TestFilesReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, "a.office.example")
		var log bytes.Buffer
		told := 0
		f := cert.NewFiles(cert.FilesConfig{
			Cert: p.cert, Key: p.key, Host: "a.office.example", For: "the pages", Log: slog.New(slog.NewTextHandler(&log, nil)), Changed: func() { told++ },
		})
		if _, err := f.GetCertificate(nil); err == nil && f.Status().Certificate == nil {
			t.Error("there is a certificate that nobody knows of")
		}
		if err := errors.Join(f.Load(), f.Check(time.Now())); err != nil {
			t.Fatal(err)
		}
		first := leaf(t, f)
		expect := func(what, problem string, same bool) {
			t.Helper()
			told = 0
			wait(t, 11*time.Second)
			if got := leaf(t, f).Equal(first); got != same {
				t.Errorf("%s: it is the first certificate: %v", what, got)
			}
			if s := f.Status(); s.Problem != problem || (s.Text == "") != (problem == "") || s.Certificate == nil {
				t.Errorf("%s: status %+v", what, s)
			}
			if told == 0 {
				t.Errorf("%s: nobody is told", what)
			}
			lines := strings.Count(log.String(), "level=ERROR")
			wait(t, time.Minute)
			f.Look(time.Now())
			if got := strings.Count(log.String(), "level=ERROR"); got != lines {
				t.Errorf("%s: the log is told again", what)
			}
		}
		if err := os.WriteFile(p.cert, []byte("half a certificate"), 0o600); err != nil {
			t.Fatal(err)
		}
		expect("half a certificate", cert.ProblemUnusable, true)
		if err := os.Remove(p.key); err != nil {
			t.Fatal(err)
		}
		expect("no key", cert.ProblemUnusable, true)
		p.write(t, "a.office.example")
		expect("a new pair", "", false)
		if err := os.Chmod(p.key, 0o644); err != nil {
			t.Fatal(err)
		}
		expect("a key for everybody", cert.ProblemReadable, false)
		if e, ok := errors.AsType[*app.Error](f.Check(time.Now())); !ok || e.Field != "key_file" {
			t.Errorf("check: %v", e)
		}
		if err := os.Chmod(p.key, 0o640); err != nil {
			t.Fatal(err)
		}
		expect("a key for the group", "", false)
		p.write(t, "b.office.example")
		expect("another name", cert.ProblemOtherName, false)
		if got := leaf(t, f).DNSNames; got[0] != "b.office.example" {
			t.Errorf("shown is %v", got)
		}
		if err := f.Check(time.Now()); app.ReasonOf(err) != cert.ProblemOtherName {
			t.Errorf("check: %v", err)
		}
	})
}
