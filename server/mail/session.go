package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"foyer/app"
)

// session is the conversation on a connection, from EHLO on.
type session struct {
	*client
	hello func() string

	mu  sync.Mutex // Data may run beside the rest, with BDAT
	env envelope
}

// envelope is what was said of a mail before its data.
type envelope struct {
	program    app.Program
	from       app.Address // zero when no mail is under way
	recipients []app.Address
	protocol   string // for the Received field
	most       int64  // bytes it may have; 0 for no limit
}

// NewSession returns the session of a connection that go-smtp has.
func (l *Listener) NewSession(conn *smtp.Conn) (smtp.Session, error) {
	c, ok := conn.Conn().(*client)
	if !ok {
		return nil, fmt.Errorf("a connection of the type %T", conn.Conn())
	}
	return &session{client: c, hello: conn.Hostname}, nil
}

func refuse(code int, enhanced smtp.EnhancedCode, format string, args ...any) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: clean(fmt.Sprintf(format, args...))}
}

// AuthMechanisms returns how a program can sign in now.
func (s *session) AuthMechanisms() []string {
	if !s.mayAuth() {
		return nil
	}
	return []string{sasl.Plain, sasl.Login}
}

// Auth returns the server's side of a way to sign in.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	switch {
	case s.hangUp:
		return nil, errTooManyPasswords
	case !s.mayAuth():
		return nil, refuse(523, smtp.EnhancedCode{5, 7, 10}, "passwords are taken over TLS only: STARTTLS comes first")
	case s.busy.Load():
		return nil, refuse(503, smtp.EnhancedCode{5, 5, 1}, "AUTH is not possible while a mail is under way")
	}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(identity, name, password string) error {
			if identity != "" && identity != name {
				return refuse(535, smtp.EnhancedCode{5, 7, 8}, "a program signs in as itself")
			}
			return s.signIn(name, password)
		}), nil
	case sasl.Login:
		return &loginServer{signIn: s.signIn}, nil
	}
	return nil, refuse(504, smtp.EnhancedCode{5, 5, 4}, "there are AUTH PLAIN and AUTH LOGIN")
}

// loginServer is the server's side of LOGIN (draft-murchison-sasl-login), which go-sasl has not got.
type loginServer struct {
	signIn func(name, password string) error
	step   int
	name   string
}

// Next takes the answer to the last challenge and returns the next one.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if l.step == 0 && response == nil {
		l.step = 1
		return []byte("Username:"), false, nil
	}
	if l.step < 2 { // the name may also stand behind AUTH LOGIN
		l.step, l.name = 2, string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.signIn(l.name, string(response))
}

var errTooManyPasswords = refuse(421, smtp.EnhancedCode{4, 7, 0}, "too many wrong passwords; bye")

// wrongPasswordDelay is how long a client waits for the answer to a wrong password. Without it 2,000 on one connection
// were measured to take 41 ms.
const wrongPasswordDelay = time.Second

func (s *session) signIn(name, password string) error {
	p, err := s.l.office.SignInProgram(s.l.ctx, name, password, s.peer.Addr().String())
	switch app.CodeOf(err) {
	case "":
		s.program, s.signedIn, s.password = p.Name, true, p.Password
		s.identified()
		return nil
	case app.Limited:
		return refuse(454, smtp.EnhancedCode{4, 7, 0}, "%s", app.MessageOf(err))
	case app.Denied:
	default:
		return s.fault(err)
	}
	s.l.config.Log.Info("a program was not signed in", "from", s.peer.Addr().String(), "err", app.MessageOf(err))
	delay := time.NewTimer(wrongPasswordDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-s.l.ctx.Done():
	}
	s.failures++
	if limit := s.l.office.Settings().Limits.SMTPFailures; limit > 0 && s.failures >= limit {
		s.hangUp = true
		return errTooManyPasswords
	}
	return refuse(535, smtp.EnhancedCode{5, 7, 8}, "%s", app.MessageOf(err))
}

// who returns the program that speaks, as it is now: it may have been changed since it signed in. A connection can be kept
// open for days, so whoever had a password that is replaced, or was a local user, is not who spoke before.
func (s *session) who() (app.Program, error) {
	if !s.signedIn {
		if err := s.askKernel(); err != nil {
			return app.Program{}, err
		}
	}
	p, err := s.l.office.Program(s.l.ctx, s.program)
	switch {
	case err != nil || !p.Enabled:
		return p, refuse(530, smtp.EnhancedCode{5, 7, 0}, "the program %s is disabled, or there is none any more", s.program)
	case s.signedIn && p.Password != s.password:
		return p, refuse(530, smtp.EnhancedCode{5, 7, 0}, "the program %s has a new password: connect again and sign in with it", s.program)
	}
	return p, nil
}

// askKernel finds the program of a process of this machine that has not signed in.
func (s *session) askKernel() error {
	const first = "sign in first with AUTH"
	switch {
	case s.usersErr != nil:
		s.l.config.Log.Warn("whose process hands over mail is not known", "err", s.usersErr)
		return refuse(530, smtp.EnhancedCode{5, 7, 0}, first+"; whose process this is could not be found out")
	case len(s.users) == 0 && !s.mayAuth():
		return refuse(530, smtp.EnhancedCode{5, 7, 0}, "STARTTLS first, then sign in with AUTH")
	case len(s.users) == 0:
		return refuse(530, smtp.EnhancedCode{5, 7, 0}, first)
	}
	p, err := s.l.office.LocalProgram(s.users...)
	if err != nil {
		return refuse(530, smtp.EnhancedCode{5, 7, 0}, first+"; %s", app.MessageOf(err))
	}
	s.program = p.Name
	s.identified()
	return nil
}

// Mail begins a mail.
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	if s.stopping.Load() {
		s.hangUp = true
		return refuse(421, smtp.EnhancedCode{4, 3, 2}, "the mail service is stopping, try again later")
	}
	if s.busy.Load() {
		return refuse(503, smtp.EnhancedCode{5, 5, 1}, "a mail is under way already; RSET gives it up")
	}
	p, err := s.who()
	if err != nil {
		return err
	}
	if from == "" && s.path == "" {
		return refuse(550, smtp.EnhancedCode{5, 7, 1}, "a program has to give its address as the sender; <> is for reports of mail servers")
	}
	addr, err := s.address(from)
	if err != nil {
		return refuse(501, smtp.EnhancedCode{5, 1, 7}, "the sender is not an address Foyer can use: %s", app.MessageOf(err))
	}
	if !p.MaySend(addr) {
		return refuse(550, smtp.EnhancedCode{5, 7, 1}, "%s", app.MessageOf(p.NotSender(addr)))
	}
	s.most = s.maxBytes()
	if s.most > 0 && opts != nil && opts.Size > s.most {
		return tooLarge(s.most)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.env = envelope{program: p, from: addr, protocol: s.protocol(), most: s.most}
	s.busy.Store(true)
	return nil
}

func tooLarge(most int64) *smtp.SMTPError {
	return refuse(552, smtp.EnhancedCode{5, 3, 4}, "the mail is too large: %d MiB are the most", most>>20)
}

// protocol is what a Received field says of how a mail came (RFC 3848).
func (s *session) protocol() string {
	if !s.extended {
		return "SMTP"
	}
	name := "ESMTP"
	if s.encrypted {
		name += "S"
	}
	if s.signedIn {
		name += "A"
	}
	return name
}

// address returns the address of a MAIL or RCPT. What go-smtp has understood must be what was written between < and >: it
// takes off quotes and routes, which the next machine would read in a way of its own.
func (s *session) address(understood string) (app.Address, error) {
	if understood != s.path {
		return app.Address{}, app.Errorf(app.Invalid, "address_invalid", "write it as <name@company.com>, without quotes or a route")
	}
	return app.ParseAddress(understood)
}

// Rcpt adds a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	addr, err := s.address(to)
	if err != nil {
		return refuse(553, smtp.EnhancedCode{5, 1, 3}, "the recipient is not an address Foyer can use: %s", app.MessageOf(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.env.recipients, func(a app.Address) bool { return a.Key() == addr.Key() }) {
		return nil // it gets the mail once
	}
	if limit := s.l.office.Settings().Limits.SMTPRecipients; limit > 0 && len(s.env.recipients) >= limit {
		return refuse(452, smtp.EnhancedCode{4, 5, 3}, "%d recipients are the most for one mail; send it again for the others", limit)
	}
	s.env.recipients = append(s.env.recipients, addr)
	return nil
}

// Reset gives up the mail that is under way.
func (s *session) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.env = envelope{}
	s.over()
}

// Logout ends the session.
func (s *session) Logout() error { return nil }

// Data takes the mail. Only after it is durable the answer is 250.
func (s *session) Data(r io.Reader) error {
	s.mu.Lock()
	env := s.env
	env.recipients = slices.Clone(env.recipients)
	s.mu.Unlock()
	err := s.receive(r, env)
	if err == nil {
		s.accepted.Store(true)
		return nil
	}
	// The answer names no address of the mail, but the program's own words may: it is not logged.
	s.l.config.Log.Info("a mail was not taken", "program", env.program.Name, "code", err.Code,
		"enhanced", fmt.Sprintf("%d.%d.%d", err.EnhancedCode[0], err.EnhancedCode[1], err.EnhancedCode[2]))
	return err
}

func (s *session) receive(r io.Reader, env envelope) *smtp.SMTPError {
	var held int64 // bytes of the memory that all share
	defer func() { s.l.memory.Add(-held) }()
	data, err := s.read(r, env.most, &held)
	if err != nil {
		return err
	}
	if why := s.content.fault(); why != "" {
		return refuse(550, smtp.EnhancedCode{5, 5, 2}, "the mail is refused: %s", why)
	}
	limits := s.l.office.Settings().Limits
	m, err := prepare(data, rules{program: env.program, line: limits.SMTPLine, hops: limits.SMTPHops}, trace{
		hello: s.hello(), peer: s.peer.Addr(), host: s.l.name(), protocol: env.protocol, now: time.Now(), sender: env.from,
	})
	if err != nil {
		return err
	}
	failed := s.l.office.Submit(s.l.ctx, app.Submission{
		Program: env.program.Name, Sender: env.from.String(), Recipients: env.recipients, Subject: m.subject, MessageID: m.id, Data: m.data,
	})
	if failed != nil {
		return s.fault(failed)
	}
	return nil
}

// read returns the whole of a mail. It reads to the end also when it cannot take the mail: the client hears nothing before.
func (s *session) read(r io.Reader, most int64, held *int64) ([]byte, *smtp.SMTPError) {
	var buf bytes.Buffer
	chunk := make([]byte, 8<<10)
	large, full := false, false
	for {
		n, err := r.Read(chunk)
		switch {
		case large || full:
		case most > 0 && int64(buf.Len()+n) > most:
			large = true
		default:
			if grown := int64(n) * 3; s.l.memory.Add(grown) > int64(s.l.config.MemoryMiB)<<20 { // as read, doubled, and as prepared
				s.l.memory.Add(-grown)
				full = true
			} else {
				*held += grown
			}
			buf.Write(chunk[:n])
		}
		switch {
		case err == nil:
			continue
		case !errors.Is(err, io.EOF):
			return nil, refuse(451, smtp.EnhancedCode{4, 4, 2}, "the mail did not come whole; it was not taken")
		case large:
			return nil, tooLarge(most)
		case full:
			return nil, refuse(452, smtp.EnhancedCode{4, 3, 1}, "too many large mails at one time, try again later")
		}
		return buf.Bytes(), nil
	}
}

// fault returns the answer to an error of the domain. What is not known is temporary: the program keeps its mail.
func (s *session) fault(err error) *smtp.SMTPError {
	switch app.CodeOf(err) {
	case app.Limited:
		return refuse(452, smtp.EnhancedCode{4, 7, 1}, "%s", app.MessageOf(err))
	case app.Denied:
		return refuse(550, smtp.EnhancedCode{5, 7, 1}, "%s", app.MessageOf(err))
	case app.Invalid:
		return refuse(550, smtp.EnhancedCode{5, 6, 0}, "%s", app.MessageOf(err))
	case app.Unavailable:
		switch app.ReasonOf(err) {
		case "queue_full", "storage_full":
			return refuse(452, smtp.EnhancedCode{4, 3, 1}, "%s", app.MessageOf(err))
		}
		return refuse(451, smtp.EnhancedCode{4, 3, 0}, "%s", app.MessageOf(err))
	default:
		if !errors.Is(err, context.Canceled) && !errors.Is(err, net.ErrClosed) {
			s.l.config.Log.Error("a mail could not be taken", "err", err)
		}
		return refuse(451, smtp.EnhancedCode{4, 3, 0}, "%s", app.MessageOf(err))
	}
}

var (
	_ smtp.AuthSession = (*session)(nil)
	_ smtp.Backend     = (*Listener)(nil)
)
