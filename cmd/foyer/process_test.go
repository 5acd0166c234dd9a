package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// binaryDir is where the program under test is built, "" when no test has needed it.
var binaryDir string

// packagesDir is where the packages under test were made, "" when no test has needed them.
var packagesDir string

// binary is the program under test, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "foyer-binary-")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	return buildProgram(dir, buildTags)
})

// buildProgram builds the program into dir and returns its path.
func buildProgram(dir, tags string) (string, error) {
	path := filepath.Join(dir, "foyer")
	out, err := exec.Command("go", "build", "-tags", tags, "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = errors.Join(os.RemoveAll(binaryDir), os.RemoveAll(packagesDir)) // leftovers in the temporary directory harm nobody
	os.Exit(code)
}

// process is a running foyer.
type process struct {
	tb   testing.TB
	cmd  *exec.Cmd
	dir  string
	url  string
	log  *lockedBuffer
	done chan struct{}
	err  error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var readyLine = regexp.MustCompile(`foyer is ready at (http\S+)`)

// serve starts "foyer serve" on a data directory and returns when it says that it is ready.
func serve(tb testing.TB, dir string) *process {
	tb.Helper()
	return serveWith(tb, dir)
}

// serveWith is serve with more in the environment.
func serveWith(tb testing.TB, dir string, env ...string) *process {
	tb.Helper()
	return serveAs(tb, dir, env)
}

// serveAs is serveWith with more on the command line.
func serveAs(tb testing.TB, dir string, env []string, args ...string) *process {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatalf("build foyer: %v", err)
	}
	cmd := exec.Command(path, append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(append(os.Environ(), "FOYER_DATA=", "FOYER_SOCKET="), env...)
	return launch(tb, dir, cmd)
}

// startServe starts "foyer serve" on a data directory, and does not wait until it is ready.
func startServe(tb testing.TB, dir string) *process {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatalf("build foyer: %v", err)
	}
	cmd := exec.Command(path, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "FOYER_DATA=", "FOYER_SOCKET=")
	p, _ := begun(tb, dir, cmd)
	return p
}

// begun starts a command that runs "foyer serve" on a data directory. Its address comes when it is ready.
func begun(tb testing.TB, dir string, cmd *exec.Cmd) (*process, <-chan string) {
	tb.Helper()
	p := &process{tb: tb, cmd: cmd, dir: dir, log: &lockedBuffer{}, done: make(chan struct{})}
	p.cmd.Stderr = p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
				ready <- m[1]
			}
		}
		p.err = p.cmd.Wait()
	}()
	tb.Cleanup(func() { p.stop(syscall.SIGKILL) })
	return p, ready
}

// launch starts a command that runs "foyer serve" on a data directory and returns when the service is ready.
func launch(tb testing.TB, dir string, cmd *exec.Cmd) *process {
	tb.Helper()
	p, ready := begun(tb, dir, cmd)
	select {
	case p.url = <-ready:
	case <-p.done:
		tb.Fatalf("foyer serve ended (%v):\n%s", p.err, p.log)
	case <-time.After(30 * time.Second):
		tb.Fatalf("foyer serve is not ready after 30 s:\n%s", p.log)
	}
	return p
}

// stop sends a signal and waits for the end.
func (p *process) stop(signal syscall.Signal) {
	p.tb.Helper()
	select {
	case <-p.done:
		return
	default:
	}
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Error(err)
	}
	<-p.done
}

// try runs a foyer command against the data directory and returns standard output, standard error and exit status.
func (p *process) try(args ...string) (stdout, stderr string, status int) {
	p.tb.Helper()
	return p.tryFor(context.Background(), args...)
}

// tryFor is try of a command that must have ended when ctx does.
func (p *process) tryFor(ctx context.Context, args ...string) (stdout, stderr string, status int) {
	p.tb.Helper()
	path, err := binary()
	if err != nil {
		p.tb.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, append(args, "--data", p.dir)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if ctx.Err() != nil {
		p.tb.Fatalf("foyer %s: no answer in time", strings.Join(args, " "))
	}
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		p.tb.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// run is try for a command that must succeed.
func (p *process) run(args ...string) string {
	p.tb.Helper()
	stdout, stderr, status := p.try(args...)
	if status != 0 {
		p.tb.Fatalf("foyer %s: exit status %d: %s", strings.Join(args, " "), status, stderr)
	}
	return stdout
}

// query runs a command with --json and decodes what it prints.
func query[T any](p *process, args ...string) T {
	p.tb.Helper()
	var v T
	if err := json.Unmarshal([]byte(p.run(append(args, "--json")...)), &v); err != nil {
		p.tb.Fatalf("foyer %s --json: %v", strings.Join(args, " "), err)
	}
	return v
}

// unlimited switches off the limits that would stop a load from one machine.
func (p *process) unlimited() {
	p.tb.Helper()
	p.run("settings", "set", "login_link=on", "limits.signup_per_ip=0", "limits.login_per_ip=0", "limits.mail_per_address=0",
		"limits.mail_per_address_day=0", "limits.mail_per_domain=0", "limits.mail_global=0", "limits.accounts_per_base=0",
		"limits.registrations=0", "limits.hash_queue=0", "limits.hash_seconds=0", "limits.identity_per_ip=0", "limits.flows_per_ip=0")
}

// letter is a mail as the SMTP server in the test has received it.
type letter struct {
	From, To  string
	MessageID string
	Subject   string
	Header    mail.Header
	Text      string
	HTML      string
}

// postOffice is a real SMTP server that keeps what it is given.
type postOffice struct {
	addr    string
	mu      sync.Mutex
	letters []letter
	arrived chan letter
}

func newPostOffice(tb testing.TB) *postOffice {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	o := &postOffice{addr: l.Addr().String(), arrived: make(chan letter, 100_000)}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &counter{office: o}, nil }))
	server.Domain = "sink.test"
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(l); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			tb.Error(err)
		}
	}()
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Error(err)
		}
		<-served
	})
	return o
}

// settings are the foyer settings that send mail here.
func (o *postOffice) settings() []string {
	return []string{"settings", "set", "mail.transport=smarthost", "mail.smarthost=" + o.addr, "mail.tls=none", "mail.from=accounts@office.example"}
}

func (o *postOffice) all() []letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]letter(nil), o.letters...)
}

// next waits for a letter to an address.
func (o *postOffice) next(tb testing.TB, to string) letter {
	tb.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case l := <-o.arrived:
			if l.To == to {
				return l
			}
		case <-deadline:
			tb.Fatalf("no mail to %s within 30 s", to)
		}
	}
}

// counter is one SMTP session at the post office.
type counter struct {
	office   *postOffice
	from, to string
}

func (c *counter) Reset()        { c.from, c.to = "", "" }
func (c *counter) Logout() error { return nil }

func (c *counter) Mail(from string, _ *smtp.MailOptions) error {
	c.from = from
	return nil
}

func (c *counter) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.to = to
	return nil
}

func (c *counter) Data(r io.Reader) error {
	l, err := readLetter(r)
	if err != nil {
		return err
	}
	l.From, l.To = c.from, c.to
	c.office.mu.Lock()
	c.office.letters = append(c.office.letters, l)
	c.office.mu.Unlock()
	c.office.arrived <- l
	return nil
}

// readLetter reads a mail with its text and HTML parts.
func readLetter(r io.Reader) (letter, error) {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return letter{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return letter{}, err
	}
	l := letter{Header: m.Header, MessageID: m.Header.Get("Message-Id"), Subject: subject}
	kind := m.Header.Get("Content-Type")
	if kind == "" { // of a program
		text, err := io.ReadAll(m.Body)
		l.Text = string(text)
		return l, err
	}
	_, params, err := mime.ParseMediaType(kind)
	if err != nil {
		return letter{}, err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return letter{}, err
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return letter{}, err
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			l.HTML = string(body)
		} else {
			l.Text = string(body)
		}
	}
}

var (
	confirmLink = regexp.MustCompile(`https?://\S+/confirm/[A-Za-z0-9_-]+`)
	resetLink   = regexp.MustCompile(`https?://\S+/reset/[A-Za-z0-9_-]+`)
	stopLink    = regexp.MustCompile(`https?://\S+/not-me/[A-Za-z0-9_-]+`)
	codeInMail  = regexp.MustCompile(`\b[A-Z2-9]{4}-[A-Z2-9]{4}\b`)
)

// find returns the first match in the letter's text.
func (l letter) find(tb testing.TB, what *regexp.Regexp) string {
	tb.Helper()
	found := what.FindString(strings.ReplaceAll(l.Text, "\r\n", "\n"))
	if found == "" {
		tb.Fatalf("the mail %q has nothing like %s:\n%s", l.Subject, what, l.Text)
	}
	return found
}

// eventually calls ok until it is true. It is for what another process does, which tells no channel.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tb.Fatalf("not within 90 s: %s", what)
		}
	}
}
