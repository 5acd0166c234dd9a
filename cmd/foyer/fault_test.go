package main_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/mail"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	_ "github.com/mattn/go-sqlite3"
)

// relaying is a running foyer that programs hand mail to.
type relaying struct {
	*process
	addr string // where programs hand over mail
}

var relayLine = regexp.MustCompile(`programs can hand over mail" address=(\S+)`)

// relayCommand is "foyer serve" on a data directory, with a port of its own for programs. before is what it is run by.
func relayCommand(tb testing.TB, dir string, before ...string) *exec.Cmd {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatalf("build foyer: %v", err)
	}
	config := filepath.Join(tb.TempDir(), "foyer.toml")
	if err := os.WriteFile(config, []byte("[smtp]\nlisten = [\"127.0.0.1:0\"]\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	args := slices.Concat(before, []string{path, "serve", "--config", config, "--data", dir, "--listen", "127.0.0.1:0"})
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "FOYER_DATA=", "FOYER_SOCKET=")
	return cmd
}

// firstRelay starts a foyer that has a company and a program, sends its mail to an address and has no limits. password
// is the program's.
func firstRelay(tb testing.TB, cmd *exec.Cmd, dir, smarthost string) (r *relaying, password string) {
	tb.Helper()
	p := launch(tb, dir, cmd)
	p.run("company", "add", "Acme", "acme.example")
	p.unlimited()
	p.run("settings", "set", "mail.transport=smarthost", "mail.smarthost="+smarthost, "mail.tls=none", "mail.from=accounts@office.example",
		"limits.program_per_hour=0")
	password = query[struct{ Password string }](p, "program", "add", "shop", "office.example").Password
	return opened(p), password
}

// nextRelay starts the same foyer again.
func nextRelay(tb testing.TB, dir string) *relaying {
	tb.Helper()
	return opened(launch(tb, dir, relayCommand(tb, dir)))
}

func opened(p *process) *relaying {
	p.tb.Helper()
	r := &relaying{process: p}
	eventually(p.tb, "programs can hand over mail", func() bool {
		if m := relayLine.FindStringSubmatch(p.log.String()); m != nil {
			r.addr = m[1]
		}
		return r.addr != ""
	})
	return r
}

// dial signs the program in.
func (r *relaying) dial(password string) (*smtp.Client, error) {
	c, err := smtp.Dial(r.addr)
	if err != nil {
		return nil, err
	}
	if err := c.Auth(sasl.NewPlainClient("", "shop", password)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// hand hands over a mail and returns nil when it was taken: the 250 has been read.
func hand(c *smtp.Client, load string, size int, to ...string) error {
	if err := c.Mail("shop@office.example", nil); err != nil {
		return err
	}
	for _, recipient := range to {
		if err := c.Rcpt(recipient, nil); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	line := strings.Repeat("x", 70) + "\r\n"
	text := "From: shop@office.example\r\nTo: somebody@example.net\r\nSubject: Invoice\r\nX-Load: " + load + "\r\n\r\n" + strings.Repeat(line, size/len(line)+1)
	_, err = io.WriteString(w, text)
	return errors.Join(err, w.Close())
}

// handOne hands over one mail on a connection of its own.
func (r *relaying) handOne(password, load string, to ...string) {
	r.tb.Helper()
	c, err := r.dial(password)
	if err != nil {
		r.tb.Fatal(err)
	}
	if err := errors.Join(hand(c, load, 1000, to...), c.Quit()); err != nil {
		r.tb.Fatal(err)
	}
}

// queued is a mail as "foyer mail list" has it.
type queued struct{ ID, Kind, State, Recipient, Reply string }

// settle makes every mail that waits due at once, until all have come to an end.
func (r *relaying) settle() []queued {
	r.tb.Helper()
	var all []queued
	eventually(r.tb, "every mail has come to its end", func() bool {
		all = query[[]queued](r.process, "mail", "list")
		open := 0
		for _, m := range all {
			switch m.State {
			case "delivered", "failed":
			case "deferred":
				open++
				r.try("mail", "retry", m.ID) // it may have been taken meanwhile
			default:
				open++
			}
		}
		return open == 0
	})
	return all
}

// The moments at which a next server can be told.
const (
	atConnect   = "connect"   // nothing was said yet
	atRecipient = "recipient" // RCPT was read and not answered
	atRefusal   = "refusal"   // a refusal of RCPT was sent
	atDot       = "dot"       // the whole mail was read; it counts as taken, and is not answered
	atAnswered  = "answered"  // the 250 was sent
)

// ownMail stands for the load of a mail that Foyer has written itself.
const ownMail = "own"

// nextServer is an SMTP server that takes all mail but that to refused@, and tells where each delivery is.
type nextServer struct {
	addr    string
	waiting atomic.Int32
	mu      sync.Mutex
	at      func(moment, to string) // what to do then, before anything more is said
	busy    string                  // the recipient whose mail is not taken now
	got     map[string][]string     // the Message-IDs of each mail, by its load and recipient
}

func newNextServer(tb testing.TB) *nextServer {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &nextServer{addr: l.Addr().String(), got: map[string][]string{}}
	var conns sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			conns.Go(func() { s.talk(conn) })
		}
	})
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
		mu.Lock()
		for conn := range open {
			_ = conn.Close() // most are closed already
		}
		mu.Unlock()
		conns.Wait()
	})
	return s
}

// when sets what is done at each moment; nil for nothing.
func (s *nextServer) when(at func(moment, to string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
}

// stopAtDot stops each delivery before it is answered, until the function it returns is called.
func (s *nextServer) stopAtDot() (goOn func()) {
	block := make(chan struct{})
	s.when(func(moment, _ string) {
		if moment == atDot {
			s.waiting.Add(1)
			<-block
			s.waiting.Add(-1)
		}
	})
	return func() {
		s.when(nil)
		close(block)
	}
}

// stopped reports whether a delivery waits at stopAtDot.
func (s *nextServer) stopped() bool { return s.waiting.Load() > 0 }

// notNow refuses mail to an address for the time being; "" takes all mail.
func (s *nextServer) notNow(to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = to
}

// answer returns the answer to RCPT.
func (s *nextServer) answer(to string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case strings.HasPrefix(to, "refused"):
		return "550 5.7.1 not here"
	case to == s.busy:
		return "450 4.2.0 not now"
	default:
		return "250 2.1.5 ok"
	}
}

func (s *nextServer) tell(moment, to string) {
	s.mu.Lock()
	at := s.at
	s.mu.Unlock()
	if at != nil {
		at(moment, to)
	}
}

// taken returns the Message-IDs with which each mail has come, by its load and recipient.
func (s *nextServer) taken() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := make(map[string][]string, len(s.got))
	for key, ids := range s.got {
		taken[key] = slices.Clone(ids)
	}
	return taken
}

// talk serves a connection until it breaks off.
func (s *nextServer) talk(conn net.Conn) {
	c := textproto.NewConn(conn)
	defer c.Close()
	s.tell(atConnect, "")
	var to string
	reply := "220 next.example"
	for {
		if err := c.PrintfLine("%s", reply); err != nil {
			return
		}
		switch {
		case strings.HasPrefix(reply, "550"):
			s.tell(atRefusal, to)
		case reply == "250 2.0.0 taken":
			s.tell(atAnswered, to)
		case strings.HasPrefix(reply, "221"):
			return
		case strings.HasPrefix(reply, "354"):
			if err := s.take(c, to); err != nil {
				return
			}
			reply = "250 2.0.0 taken"
			continue
		}
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "RCPT":
			to = strings.Trim(strings.TrimPrefix(rest, "TO:"), "<>")
			s.tell(atRecipient, to)
			reply = s.answer(to)
		case "DATA":
			reply = "354 go on"
		case "QUIT":
			reply = "221 bye"
		default:
			reply = "250 ok"
		}
	}
}

func (s *nextServer) take(c *textproto.Conn, to string) error {
	m, err := mail.ReadMessage(c.DotReader())
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, m.Body); err != nil {
		return err
	}
	load := m.Header.Get("X-Load")
	if load == "" {
		load = ownMail
	}
	s.mu.Lock()
	key := load + " " + to
	s.got[key] = append(s.got[key], m.Header.Get("Message-Id"))
	s.mu.Unlock()
	s.tell(atDot, to)
	return nil
}

// acks is what a program was told: each mail with a 250, by its load and recipient.
type acks struct {
	mu   sync.Mutex
	log  []string
	dark bool     // there is no power
	void []string // what was answered without power
}

func (a *acks) add(load string, to ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, recipient := range to {
		if a.dark {
			a.void = append(a.void, load+" "+recipient)
			continue
		}
		a.log = append(a.log, load+" "+recipient)
	}
}

// power says whether there is any. An answer that comes after a power cut is none: of an fsync that waits for a journal
// which is aborted meanwhile, Linux may say that it went well (jbd2_complete_transaction finds no transaction to wait for).
func (a *acks) power(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dark = !on
}

func (a *acks) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.log)
}

// check fails when a mail that was acknowledged is not among those taken, or came again as another one, and returns how
// many came more than once.
func (a *acks) check(tb testing.TB, taken map[string][]string) (doubled int) {
	tb.Helper()
	lost := 0
	for _, key := range a.all() {
		if len(taken[key]) == 0 {
			if lost++; lost <= 5 {
				tb.Errorf("%s was acknowledged and is lost", key)
			}
		}
	}
	for key, ids := range taken {
		if len(slices.Compact(slices.Sorted(slices.Values(ids)))) > 1 || ids[0] == "" {
			tb.Errorf("%s came with different Message-IDs: %q", key, ids)
		}
		doubled += len(ids) - 1
	}
	if lost > 0 {
		tb.Errorf("%d mails lost of %d acknowledged", lost, len(a.all()))
	}
	return doubled
}

// load hands over mails, to three recipients each, from several connections until the service is gone or stop is closed.
// What was taken is in a before the next mail is begun.
func (r *relaying) load(a *acks, password, name string, clients int, stop <-chan struct{}) *sync.WaitGroup {
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			c, err := r.dial(password)
			if err != nil {
				return // the service is gone
			}
			defer c.Close()
			c.CommandTimeout, c.SubmissionTimeout = time.Minute, time.Minute
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				load := fmt.Sprintf("%s-%d-%d", name, client, n)
				to := []string{"a@one.example", "b@two.example", "c@one.example"}
				if err := hand(c, load, 2000, to...); err != nil {
					return
				}
				a.add(load, to...)
			}
		})
	}
	return &group
}

// health returns what /healthz says.
func (r *relaying) health() (status int, reason string) {
	r.tb.Helper()
	res, err := visitor(r.tb).Get(r.url + "/healthz")
	if err != nil {
		r.tb.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct{ Reason string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		r.tb.Fatal(err)
	}
	return res.StatusCode, answer.Reason
}

// signUpStatus returns the status of a sign-up.
func (r *relaying) signUpStatus(email string) int {
	r.tb.Helper()
	status, _, err := post(visitor(r.tb), r.url+"/register", signUpForm(email))
	if err != nil {
		r.tb.Fatal(err)
	}
	return status
}

// signInStatus returns the status of signing in, and where that leads.
func (r *relaying) signInStatus(email string) (int, string) {
	r.tb.Helper()
	status, to, err := post(visitor(r.tb), r.url+"/login", url.Values{"email": {email}, "password": {firstPassword}})
	if err != nil {
		r.tb.Fatal(err)
	}
	return status, to
}

// account makes an account of an address, with the link in its mail.
func (r *relaying) account(email string) {
	r.tb.Helper()
	if status := r.signUpStatus(email); status != http.StatusSeeOther {
		r.tb.Fatalf("sign-up of %s: %d", email, status)
	}
	list := query[[]queued](r.process, "mail", "list")
	link := confirmLink.FindString(r.run("mail", "show", list[0].ID))
	status, _, err := post(visitor(r.tb), link, url.Values{"password": {firstPassword}, "password_confirm": {firstPassword}})
	if err != nil || status != http.StatusSeeOther {
		r.tb.Fatalf("confirmation of %s at %q: %d, %v", email, link, status, err)
	}
}

// refusal returns code and enhanced code of the answer to a mail.
func (r *relaying) refusal(password string) string {
	r.tb.Helper()
	c, err := r.dial(password)
	if err != nil {
		r.tb.Fatal(err)
	}
	defer c.Close()
	err = hand(c, "refused", 1000, "a@one.example")
	e, ok := errors.AsType[*smtp.SMTPError](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%d %d.%d.%d", e.Code, e.EnhancedCode[0], e.EnhancedCode[1], e.EnhancedCode[2])
}

// intact fails when SQLite finds a fault in the database of a data directory, which nobody else has open.
func intact(tb testing.TB, dir string) {
	tb.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "foyer.db"))
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(tb.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		tb.Errorf("integrity_check: %s, %v", verdict, err)
	}
}
