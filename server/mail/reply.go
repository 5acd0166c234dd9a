package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-smtp"

	"foyer/app"
)

// ReplyError says why a mail was not taken: the other side's answer, or what went wrong on the way to it. Its text
// is made for the administrator: it holds no secret and no control character, and it fits a line.
type ReplyError struct {
	Reason    string // stable name, for example "tls_required"; "deferred" and "refused" are the other side's word
	Message   string // what is wrong and what to do about it, or "" when the answer says it all
	Advice    string // what the administrator can do about the answer, when its code tells; not part of the text
	Code      int    // of the answer, or 0 when there was none
	Enhanced  string // the answer's enhanced status code (RFC 3463), for example "4.7.1", or ""
	Text      string // the answer's words
	Permanent bool   // trying again is of no use: the answer was 5xx and about the mail
	Recipient bool   // and it was about the recipient's address: no mail to it will ever arrive
	HostDown  bool   // no other mail would fare better now: the host should be left alone for a while
	Err       error  // the cause, never shown
}

// Temporary reports whether the mail should be tried again.
func (e *ReplyError) Temporary() bool { return !e.Permanent }

// Unwrap returns the cause.
func (e *ReplyError) Unwrap() error { return e.Err }

// Error returns the answer as it was given ("550 5.1.1 no such user"), or the reason, its explanation and the answer
// in brackets.
func (e *ReplyError) Error() string {
	answer := e.answer()
	if e.Message == "" {
		return answer
	}
	text := e.Reason + ": " + e.Message
	if answer != "" {
		text += " (" + answer + ")"
	}
	return clean(text)
}

func (e *ReplyError) answer() string {
	if e.Code == 0 {
		return ""
	}
	parts := []string{strconv.Itoa(e.Code)}
	for _, s := range []string{e.Enhanced, e.Text} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return clean(strings.Join(parts, " "))
}

// IsTemporary reports whether a mail that met with err should be tried again. Only a ReplyError may say no. Other
// errors are not asked: net.OpError has a method Temporary as well, and it says no to a refused connection.
func IsTemporary(err error) bool {
	e, ok := errors.AsType[*ReplyError](err)
	return !ok || e.Temporary()
}

// isHostDown reports whether err says that the host takes no mail at all now.
func isHostDown(err error) bool {
	e, ok := errors.AsType[*ReplyError](err)
	return ok && e.HostDown
}

// step is how far a conversation has come.
type step int

const (
	stepName step = iota
	stepConnect
	stepGreeting
	stepStartTLS
	stepHandshake
	stepAuth
	stepReset
	stepMail // from here on an answer is about the mail
	stepRecipient
	stepData
	stepEnd // the mail is handed over, the answer to it is awaited
)

func (s step) String() string {
	return [...]string{
		"looking up the name", "connecting", "greeting", "STARTTLS", "the TLS handshake", "signing in", "RSET", "MAIL FROM", "RCPT TO", "DATA",
		"the end of the mail",
	}[s]
}

var (
	errNoStartTLS = errors.New("STARTTLS is not offered")
	errInjected   = errors.New("more than the answer arrived in plain text")
	errAuthNoTLS  = errors.New("AUTH without TLS")
	errTooMuch    = errors.New("too much was answered")
)

// who returns the server in words.
func (t *target) who() string {
	if t.domain == "" {
		return t.host
	}
	return "the mail server " + t.host + " of " + t.domain
}

// advice returns what to set, when the settings are what the server is reached by.
func (t *target) advice(words string) string {
	if t.domain == "" {
		return words
	}
	return ""
}

// explain returns what err, met at the present step of the conversation, means. ctx is that of the attempt.
func (c *conversation) explain(ctx context.Context, err error) *ReplyError {
	if e, ok := errors.AsType[*ReplyError](err); ok {
		return e
	}
	if code, enhanced, text, ok := answerOf(err); ok {
		return c.explainAnswer(code, enhanced, text, err)
	}
	at, who := c.step, c.who()
	e := &ReplyError{Err: err, HostDown: at < stepMail}
	switch {
	case at == stepEnd:
		e.Reason = "lost_after_data"
		e.Message = "the connection to " + who + " was lost after the mail was handed over; it is sent again and may arrive twice"
	case errors.Is(ctx.Err(), context.Canceled):
		e.Reason, e.Message = "stopped", "the service was stopped during the attempt"
		e.HostDown = false
	case at <= stepConnect:
		e.Reason, e.Message = c.explainConnect(err)
	case errors.Is(err, errNoStartTLS):
		e.Reason = "tls_required"
		e.Message = who + " does not offer STARTTLS" +
			c.advice("; set mail.tls=implicit (mostly port 465), or mail.tls=none if mail may go there unencrypted")
	case errors.Is(err, errInjected):
		e.Reason = "tls_injection"
		e.Message = "something between here and " + who + " adds plain text to what it says before TLS; nothing was sent"
	case errors.Is(err, errAuthNoTLS):
		e.Reason = "auth_needs_tls"
		e.Message = "a password or a token is sent over TLS only; set mail.tls to starttls or implicit, or mail.auth=none"
	case isTimeout(err), errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Reason, e.Message = "timeout", c.timeoutWords()
	case at == stepHandshake:
		e.Reason, e.Message = c.explainTLS(err)
	case errors.Is(err, errTooMuch):
		e.Reason, e.Message = "protocol", who+" answered more than a mail server has to say at "+at.String()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isNetError(err):
		e.Reason, e.Message = "connection_lost", who+" closed the connection at "+at.String()
	default:
		e.Reason, e.Message = "protocol", who+" answered at "+at.String()+" in a way mail servers do not: "+c.clean(err.Error())
	}
	return e
}

// explainAnswer judges a server's answer. A 5xx to the greeting, to STARTTLS or to the password is about this
// machine and its settings, not about the mail: it waits until the administrator has put them right (Postfix does
// so by smtp_skip_5xx_greeting and smtp_sasl_auth_soft_bounce).
func (c *conversation) explainAnswer(code int, enhanced, text string, err error) *ReplyError {
	at, who := c.step, c.who()
	e := &ReplyError{Code: code, Enhanced: enhanced, Text: c.clean(text), Advice: c.adviseAnswer(code, enhanced), Err: err}
	switch {
	case at == stepEnd && code < 400:
		e.Reason = "lost_after_data"
		e.Message = who + " did not say whether it has taken the mail; it is sent again and may arrive twice"
	case code < 400 || code > 599:
		e.Reason, e.Message = "protocol", who+" answered with a code that does not belong to "+at.String()
	case code == 421:
		e.Reason, e.HostDown = "deferred", true
	case at == stepAuth:
		e.Reason, e.HostDown = "auth_failed", true
		e.Message = who + " " + c.auth.refusedWords()
	case at < stepMail:
		e.Reason, e.HostDown = "host_refused", true
		e.Message = who + " refuses this machine at " + at.String()
	case code == 530 || code == 538:
		e.Reason, e.HostDown = "auth_required", true
		e.Message = who + " wants a sign-in or TLS first" + c.advice("; check mail.auth, mail.username, mail.password and mail.tls")
	case code < 500:
		e.Reason = "deferred"
	default:
		e.Reason, e.Permanent = "refused", true
		e.Recipient = isAboutRecipient(at, code, enhanced)
	}
	return e
}

// refusedWords say what to check when a sign-in is refused.
func (a credentials) refusedWords() string {
	switch {
	case a.method != "xoauth2":
		return "does not take the password; check mail.username and mail.password"
	case a.oauth.Provider == app.MailMicrosoft:
		return "does not take the token; check that the application has SMTP.SendAsApp with admin consent, is registered in Exchange " +
			"Online and has rights to the mailbox mail.username, and that SMTP AUTH is on for it"
	default:
		return "does not take the token; check that mail.username is the account that gave mail.oauth_refresh_token, for the scope https://mail.google.com/"
	}
}

// isAboutRecipient reports whether a 5xx answer says that the recipient's address takes no mail, now or later. A server
// that gives an enhanced code is taken by that alone: X.1.X is about an address (RFC 3463, 3.2), but not always the
// recipient's. 7 and 8 are the sender's, 9 is about the machine behind, and 0 is what Postfix says to RCPT TO of a sender
// that it does not know ("550 5.1.0 Sender address rejected: User unknown"); "550 5.7.1 relaying denied" is about this
// machine. None of those may shut out every customer. Without one, 550, 551 and 553 to RCPT TO are about the mailbox
// (RFC 5321, 4.2.3).
func isAboutRecipient(at step, code int, enhanced string) bool {
	switch {
	case at < stepRecipient:
		return false
	case namesRecipient(enhanced):
		return true
	case enhanced == "", enhanced == "5.0.0":
		return at == stepRecipient && (code == 550 || code == 551 || code == 553)
	default:
		return false
	}
}

// namesRecipient reports whether an enhanced code is about a recipient's address (RFC 3463, 3.2, and RFC 7505 for 10).
func namesRecipient(enhanced string) bool {
	return slices.Contains([]string{"5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10"}, enhanced)
}

func (c *conversation) explainConnect(err error) (reason, message string) {
	who := c.who()
	blocked := ""
	if c.domain != "" {
		blocked = "; many internet providers block port 25: ask yours, or send through a smarthost (mail.transport=smarthost)"
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "dns_not_found", "there is no host named " + c.host + c.advice("; check mail.smarthost")
	case errors.As(err, &dns):
		return "dns", "the name " + c.host + " cannot be looked up; check this machine's DNS server"
	case errors.Is(err, errConnectionRefused):
		return "connect_refused", "nothing answers at " + c.door() + c.advice("; check the port in mail.smarthost and that the mail server runs")
	case isTimeout(err):
		return "connect_timeout", who + " does not answer" + c.advice("; check mail.smarthost and whether a firewall is in the way") + blocked
	default:
		return "connect", who + " cannot be reached: " + c.clean(err.Error())
	}
}

// door returns the port and the server in words.
func (c *conversation) door() string {
	if _, port, err := net.SplitHostPort(c.address); err == nil {
		return "port " + port + " of " + c.who()
	}
	return "the port of " + c.who()
}

func (c *conversation) explainTLS(err error) (reason, message string) {
	who := c.who()
	var (
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &name):
		return "tls_name", "the certificate of " + who + " is for another name (" + namesOf(name.Certificate) + ")" +
			c.advice("; set mail.smarthost to a name that is in it")
	case errors.As(err, &unknown):
		return "tls_unknown_ca", "the certificate of " + who + " is signed by nobody this machine trusts" +
			c.advice("; add its authority to the system's, or give the mail server a certificate of a public one")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert.NotBefore.After(time.Now()):
		return "tls_expired", "the certificate of " + who + " is valid from " + day(invalid.Cert.NotBefore) + " on; check this machine's clock"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "tls_expired", "the certificate of " + who + " has expired on " + day(invalid.Cert.NotAfter) + "; it must be renewed there"
	case errors.As(err, &record):
		return "tls_no_tls", who + " does not begin with TLS" +
			c.advice(" at this port; set mail.tls=starttls, or use the port for implicit TLS (mostly 465)")
	default:
		return "tls_handshake", "TLS with " + who + " fails; it must offer TLS 1.2 or newer: " + c.clean(err.Error())
	}
}

func (c *conversation) timeoutWords() string {
	if c.step == stepGreeting && c.domain == "" && c.security != securityImplicit {
		return c.host + " takes the connection and says nothing; if this is a port for implicit TLS (465), set mail.tls=implicit"
	}
	return c.who() + " does not answer at " + c.step.String()
}

func namesOf(c *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	if len(names) > 5 {
		names = append(names[:5], "...")
	}
	return strings.Join(names, ", ")
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

func isNetError(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}

// answerOf returns a server's answer when err is one.
func answerOf(err error) (code int, enhanced, text string, ok bool) {
	var smtpErr *smtp.SMTPError
	var protoErr *textproto.Error
	switch {
	case errors.As(err, &smtpErr):
		if c := smtpErr.EnhancedCode; c[0] > 0 {
			enhanced = fmt.Sprintf("%d.%d.%d", c[0], c[1], c[2])
		}
		return smtpErr.Code, enhanced, smtpErr.Message, true
	case errors.As(err, &protoErr):
		return protoErr.Code, "", protoErr.Msg, true
	}
	return 0, "", "", false
}

// replyBytes is how much of an answer is kept.
const replyBytes = 500

// clean returns the words of another machine as one line of at most replyBytes, without the characters that steer
// terminals or turn text around.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > replyBytes {
		s = s[:replyBytes-3]
		for len(s) > 0 && !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
		s += "..."
	}
	return strings.TrimSpace(s)
}

// clean returns the words of the server without those of ours that nobody may read: a server that answers a wrong
// password by repeating it must not bring it into the database.
func (c *conversation) clean(words string) string {
	for _, secret := range c.secrets {
		words = hidden(words, secret)
	}
	return clean(words)
}
