//go:build unix

package cert_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"foyer/app"
	"foyer/server/cert"
)

// TestFilesAreFiles waits for no pipe and reads no device to its end, which never comes.
func TestFilesAreFiles(t *testing.T) {
	p := newPair(t, "a.office.example")
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, "/dev/full", t.TempDir()} {
		for _, c := range []cert.FilesConfig{{Cert: path, Key: p.key}, {Cert: p.cert, Key: path}} {
			err := cert.NewFiles(c).Load()
			if app.ReasonOf(err) != cert.ProblemUnusable || !strings.Contains(err.Error(), "not a file") {
				t.Errorf("%s: %v", path, err)
			}
		}
		if _, err := cert.NewACME(cert.ACMEConfig{Dir: t.TempDir(), Host: "a.office.example", CAFile: path}); app.ReasonOf(err) != cert.ProblemUnusable {
			t.Errorf("%s as the root of an authority: %v", path, err)
		}
	}
}
