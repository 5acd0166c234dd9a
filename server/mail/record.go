package mail

import (
	"crypto/tls"
	"strconv"
	"strings"
	"time"

	"foyer/app"
)

// record is what an attempt tells of its steps.
type record struct {
	steps []app.MailStep
	began time.Time // of the step under way
}

func newRecord() *record { return &record{began: time.Now()} }

// add tells how the step under way ended. The next one begins.
func (r *record) add(name string, ok bool, detail string) {
	now := time.Now()
	r.steps = append(r.steps, app.MailStep{Name: name, OK: ok, Detail: clean(detail), Took: now.Sub(r.began)})
	r.began = now
}

// restart forgets an attempt that is made once more in another way.
func (r *record) restart() { *r = *newRecord() }

// fail tells why the step under way did not go well.
func (r *record) fail(at step, e *ReplyError) { r.add(at.name(), false, e.words()) }

// name returns the step's name in an app.MailStep.
func (s step) name() string {
	return [...]string{
		"name", "connection", "greeting", "tls", "tls", "auth", "sender", "sender", "recipient", "data", "reply",
	}[s]
}

// words returns what went wrong and what to do about it, without the reason's name.
func (e *ReplyError) words() string {
	message, answer := e.Message, e.answer()
	if e.Advice != "" {
		message = e.Advice
	}
	switch {
	case message == "":
		return answer
	case answer == "":
		return message
	default:
		return message + " (" + answer + ")"
	}
}

// did tells that the step under way went well.
func (c *conversation) did(detail string) { c.record.add(c.step.name(), true, c.clean(detail)) }

// didTLS tells of the encryption that there is, or why there is none.
func (c *conversation) didTLS() {
	c.record.add("tls", true, c.clean(c.tlsWords()))
}

func (c *conversation) tlsWords() string {
	switch {
	case c.encrypted == nil && c.security == securityOpportunistic:
		return "none: the server does not offer it, so the mail goes in plain text"
	case c.encrypted == nil:
		return "none" + c.advice(", as mail.tls=none says") + ": the mail goes in plain text"
	}
	s := c.encrypted
	words := tls.VersionName(s.Version) + ", " + tls.CipherSuiteName(s.CipherSuite)
	if len(s.PeerCertificates) == 0 {
		return words
	}
	cert := s.PeerCertificates[0]
	words += "; the certificate is for " + namesOf(cert) + " and good until " + day(cert.NotAfter)
	switch {
	case c.verify != nil:
		words += ", and the right one"
	case c.security == securityOpportunistic:
		words += "; nobody has checked it, for this server need not have a good one"
	default:
		words += ", signed by " + signerOf(s)
	}
	return words
}

// signerOf names the authority that a verified certificate goes back to.
func signerOf(s *tls.ConnectionState) string {
	if len(s.VerifiedChains) == 0 || len(s.VerifiedChains[0]) == 0 {
		return "nobody known"
	}
	chain := s.VerifiedChains[0]
	root := chain[len(chain)-1].Subject
	for _, name := range append([]string{root.CommonName}, root.Organization...) {
		if name != "" {
			return name
		}
	}
	return "an authority without a name"
}

// didAuth tells who has signed in.
func (c *conversation) didAuth() {
	switch method := c.auth.method; {
	case c.domain != "":
		return // who sends to others' servers signs in nowhere
	case method == "" || method == "none":
		c.record.add("auth", true, "not wanted: mail.auth=none")
	default:
		c.did("signed in as " + c.auth.username + " by " + strings.ToUpper(method))
	}
}

// foundName tells which addresses a name has.
func foundName(host string, addrs []string) string {
	if len(addrs) > 5 {
		addrs = append(addrs[:5:5], "...")
	}
	return host + " is " + strings.Join(addrs, ", ")
}

func fromWords(sender string) string {
	if sender == "" {
		return "mail with an empty sender is taken here"
	}
	return "mail from " + sender + " is taken here"
}

func sizeWords(n int) string { return strconv.Itoa(n) + " bytes handed over" }
