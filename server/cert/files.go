package cert

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"foyer/app"
)

// FilesConfig says which files hold a certificate.
type FilesConfig struct {
	Cert string // the certificate and what it was signed by, PEM
	Key  string // its key, PEM
	Host string // that the certificate must be for; "" for any
	For  string // whose certificate it is, for the log, as in "the pages"
	// Roots are the authorities browsers trust; nil is the system's.
	Roots *x509.CertPool
	Log   *slog.Logger
	// Changed is called when its status has changed; nil for nobody.
	Changed func()
}

// Files is a certificate in files, which are read again when they have changed: those of ACME clients live for weeks. It is
// a Source.
type Files struct {
	config FilesConfig

	mu      sync.Mutex
	loaded  *tls.Certificate // nil while the files have never been good
	info    *app.Certificate
	stamp   string // of the files it was loaded from
	checked time.Time
	problem string
	text    string
}

// lookEvery is how often the files are looked at.
const lookEvery = 10 * time.Second

// NewFiles returns the certificate in files, which are read by Load.
func NewFiles(c FilesConfig) *Files {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Files{config: c}
}

// Load reads the files. The error is an Invalid app.Error on field "cert_file" or "key_file"; what was loaded before is kept
// then.
func (f *Files) Load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load(time.Now())
}

// Check returns why a certificate that was loaded must not be begun with: it is for another host, it has ended, or everybody
// can read its key. The error is an Invalid app.Error.
func (f *Files) Check(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.problem == ProblemReadable:
		return app.Fieldf("key_file", f.problem, "%s", f.text)
	case f.problem != "":
		return app.Fieldf("cert_file", f.problem, "%s", f.text)
	case f.info != nil && now.After(f.info.NotAfter):
		return app.Fieldf("cert_file", "certificate_expired", "the certificate in %s has expired on %s; renew it first", f.config.Cert, f.info.NotAfter.UTC().Format(time.DateOnly))
	}
	return nil
}

// load reads the files if they have changed. mu is held.
func (f *Files) load(now time.Time) error {
	f.checked = now
	stamp, err := f.stampNow()
	if err == nil && stamp == f.stamp {
		f.say(f.judge())
		return nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = f.read()
	}
	if err != nil {
		f.say(ProblemUnusable, app.MessageOf(err))
		return err
	}
	f.loaded, f.stamp, f.info = &pair, stamp, describe(&pair, f.config.Host, f.config.Roots)
	f.say(f.judge())
	if f.config.Changed != nil {
		f.config.Changed()
	}
	return nil
}

func (f *Files) read() (tls.Certificate, error) {
	cert, err := readFile(f.config.Cert)
	if err != nil {
		return tls.Certificate{}, unreadable("cert_file", "certificate", f.config.Cert, err)
	}
	key, err := readFile(f.config.Key)
	if err != nil {
		return tls.Certificate{}, unreadable("key_file", "key", f.config.Key, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err == nil {
		return pair, nil
	}
	bad := app.Fieldf("cert_file", ProblemUnusable, "the certificate %s with the key %s cannot be used: see that both are PEM, belong together, and the key has no passphrase", f.config.Cert, f.config.Key)
	bad.Err = err
	return tls.Certificate{}, bad
}

// maxFile bounds what is read of a file: certificates with all that they were signed by are smaller.
const maxFile = 1 << 20

var errNoFile = errors.New("not a file, or a large one")

// readFile returns what is in a file that a setting names: whoever sets it must not have the service read for ever, as of a device
// or of a pipe that nobody writes.
func readFile(path string) (data []byte, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, errNoFile
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

func unreadable(field, what, path string, err error) error {
	e := app.Fieldf(field, ProblemUnusable, "the %s %s cannot be read (%s); see that the file is there and the user the service runs as may read it", what, path, reasonOf(err))
	e.Err = err
	return e
}

// reasonOf returns what the system says, without the path.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, os.ErrPermission):
		return "permission denied"
	case errors.Is(err, errNoFile):
		return "it is not a file, or larger than 1 MiB"
	default:
		return "the system says why in the log"
	}
}

// judge returns what is wrong with what is loaded. mu is held.
func (f *Files) judge() (problem, text string) {
	if f.config.Host != "" && f.loaded.Leaf.VerifyHostname(f.config.Host) != nil {
		return ProblemOtherName, fmt.Sprintf("the certificate in %s is for %s and not for %s; browsers refuse it there", f.config.Cert, strings.Join(f.info.Names, ", "), f.config.Host)
	}
	if info, err := os.Stat(f.config.Key); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0 {
		return ProblemReadable, fmt.Sprintf("everybody on this machine can use the key in %s; take that away with: chmod o= %s", f.config.Key, f.config.Key)
	}
	return "", ""
}

// say keeps what is wrong, and tells the log of it once. mu is held.
func (f *Files) say(problem, text string) {
	if problem == f.problem && text == f.text {
		return
	}
	f.problem, f.text = problem, text
	switch {
	case problem == "":
		f.config.Log.Info("the certificate is in order again", "of", f.config.For, "cert", f.config.Cert)
	case f.loaded != nil:
		f.config.Log.Error("the certificate has a problem; the one that is there stays", "of", f.config.For, "problem", text)
	default:
		f.config.Log.Error("there is no certificate", "of", f.config.For, "problem", text)
	}
	if f.config.Changed != nil {
		f.config.Changed()
	}
}

// Look reads the files when they have changed. While new ones cannot be used, as between the writing of the one and the
// other, the old certificate is as good as before.
func (f *Files) Look(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look(now)
}

func (f *Files) look(now time.Time) {
	if now.Sub(f.checked) < lookEvery {
		return
	}
	_ = f.load(now) // it is in the status, and the log has it
}

// GetCertificate returns the certificate, after a look at the files when the last one is some time ago.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look(time.Now())
	if f.loaded == nil {
		return nil, errNone
	}
	return f.loaded, nil
}

// Status returns what is to be known of it.
func (f *Files) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Status{Certificate: f.info, Problem: f.problem, Text: f.text}
}

// Challenge answers nobody: whoever writes the files speaks with the authority.
func (f *Files) Challenge(http.ResponseWriter, *http.Request) bool { return false }

// Close does nothing: nothing goes on.
func (f *Files) Close() {}

// stampNow returns what tells whether the files are still what they were.
func (f *Files) stampNow() (string, error) {
	var stamp strings.Builder
	for _, file := range []struct{ field, what, path string }{{"cert_file", "certificate", f.config.Cert}, {"key_file", "key", f.config.Key}} {
		info, err := os.Stat(file.path)
		if err != nil {
			return "", unreadable(file.field, file.what, file.path, err)
		}
		fmt.Fprintf(&stamp, "%d %d ", info.ModTime().UnixNano(), info.Size())
	}
	return stamp.String(), nil
}
