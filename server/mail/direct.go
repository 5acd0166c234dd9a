package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"foyer/app"
)

// TLSMemory knows which mail servers have had TLS. Who sits in between can take the word STARTTLS out of a server's
// answer, but not out of this.
type TLSMemory interface {
	// TLSHost returns what is known of a mail server. NotFound.
	TLSHost(ctx context.Context, host string) (app.TLSHost, error)

	// RememberTLS notes that a mail server has TLS.
	RememberTLS(ctx context.Context, h app.TLSHost) error

	// LoseTLS notes that a mail server has TLS no more, and why that is known; the audit tells once.
	LoseTLS(ctx context.Context, host string, at time.Time, why string) error
}

// DirectConfig says how to reach the mail servers of the recipients' domains.
type DirectConfig struct {
	Settings app.Settings
	Names    Names          // nil for those of the system
	Memory   TLSMemory      // of mail servers that have had TLS
	Policies *Policies      // of domains, by MTA-STS
	RootCAs  *x509.CertPool // who may sign certificates where they count; nil for the system's authorities
	Timeouts Timeouts
	// Dial connects to an address that was found to be allowed; nil for TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Own returns the addresses of this machine; nil for those of its network interfaces.
	Own func() ([]netip.Addr, error)
}

// Direct is the Courier that takes each message to a mail server of its recipient's domain. One goroutine at a time may
// use it.
type Direct struct {
	config DirectConfig
	hello  string
	keeper keeper
}

var _ Courier = (*Direct)(nil)

// NewDirect returns the courier to the mail servers of the recipients' domains.
func NewDirect(c DirectConfig) *Direct {
	if c.Own == nil {
		c.Own = interfaceAddrs
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	c.Timeouts = c.Timeouts.orDefaults()
	return &Direct{config: c, hello: HelloName(c.Settings.PublicURL)}
}

// Close takes leave of the mail server, if one was left with an open connection.
func (d *Direct) Close() error {
	d.keeper.close()
	return nil
}

// Deliver takes m to the first mail server of its recipient's domain that answers for it. A refusal for good (5xx) of one
// is final; after anything else the next one is asked. Its error is always a *ReplyError.
func (d *Direct) Deliver(ctx context.Context, m app.Message) (app.Report, error) {
	if err := checkMessage(m); err != nil {
		return app.Report{}, err
	}
	a := &attempt{Direct: d, message: m, domain: m.Recipient.Domain(), record: newRecord()}
	reply, err := a.run(ctx)
	return app.Report{Reply: reply, Steps: a.record.steps}, err
}

// attempt is one try to deliver a message.
type attempt struct {
	*Direct
	message app.Message
	domain  string
	names   Names
	allowed reach
	policy  app.STSPolicy // of the domain; its mode is "" when there is none
	ends    time.Time     // no mail server is tried after this; zero for no end
	record  *record
	asked   string        // the mail server that was asked over the connection that was kept
	errs    []*ReplyError // of the mail servers that were tried
}

func (a *attempt) run(ctx context.Context) (string, error) {
	if reply, done, err := a.again(ctx); done {
		return reply, err
	}
	found, err := a.find(ctx)
	if err != nil {
		return "", err
	}
	if a.policy, err = a.findPolicy(ctx); err != nil {
		return "", err
	}
	if s := a.config.Settings.Limits.MXSeconds; s > 0 {
		a.ends = time.Now().Add(time.Duration(s) * time.Second)
	}
	for i, h := range found.hosts {
		if a.asked != "" && (h.name == a.asked || h.alias == a.asked) {
			continue
		}
		reply, err := a.try(ctx, found, h, i == len(found.hosts)-1)
		if err == nil {
			return reply, nil
		}
		a.errs = append(a.errs, err)
		if isFinal(ctx, err) {
			return "", err
		}
	}
	return "", a.verdict()
}

// again hands the message over the connection that was kept from one before it to the same domain. It is not done when
// there is none, or when another mail server should be asked.
func (a *attempt) again(ctx context.Context) (reply string, done bool, err error) {
	kept := a.keeper.kept
	if kept == nil {
		return "", false, nil
	}
	if kept.domain != a.domain {
		a.keeper.close()
		return "", false, nil
	}
	reply, done, err = a.keeper.send(ctx, a.message, a.record)
	if err == nil {
		return reply, done, nil
	}
	e := asReply(err)
	if isFinal(ctx, e) {
		return "", true, e
	}
	a.asked, a.errs = kept.host, append(a.errs, e)
	return "", false, nil
}

// find returns the way to the domain, and says it as a step.
func (a *attempt) find(ctx context.Context) (route, error) {
	own, err := a.config.Own()
	if err != nil {
		return route{}, &ReplyError{Reason: "fault", Message: "the addresses of this machine cannot be read", Err: err, HostDown: true}
	}
	a.allowed = newReach(a.config.Settings.Mail.PrivateMX, own)
	a.names = a.config.Names
	if a.names == nil {
		a.names = readSystemNames(net.DefaultResolver)
	}
	r := router{names: a.names, reach: a.allowed, hello: a.hello, most: a.config.Settings.Limits.MXHosts}
	found, err := r.find(ctx, a.domain)
	if errors.Is(err, errNoDomain) {
		err = domainUnknown(a.domain, a.message.Reply, wallNow())
	}
	if err != nil {
		a.record.add("name", false, asReply(err).words())
		return route{}, err
	}
	a.record.add("name", true, found.String())
	return found, nil
}

// String returns the mail servers in words.
func (r route) String() string {
	var words []string
	for _, h := range r.hosts {
		switch {
		case len(h.addrs) > 0:
			text := h.name + " (" + join(h.addrs) + ")"
			if h.refused != "" {
				text += ", but not " + h.refused
			}
			words = append(words, text)
		case h.refused != "":
			words = append(words, "not "+h.refused)
		default:
			words = append(words, "not "+h.name+", which has no address")
		}
	}
	text := "the mail servers of " + r.domain + ": "
	if r.implicit {
		text = r.domain + " has no MX record and counts as its own mail server: "
	}
	return text + strings.Join(words, "; ")
}

func join(addrs []netip.Addr) string {
	words := make([]string, len(addrs))
	for i, ip := range addrs {
		words[i] = ip.String()
	}
	return strings.Join(words, " ")
}

// findPolicy returns what the domain says by MTA-STS.
func (a *attempt) findPolicy(ctx context.Context) (app.STSPolicy, error) {
	policy, note, err := a.config.Policies.get(ctx, a.names, a.allowed, a.domain)
	if err != nil {
		return policy, memoryError(err)
	}
	if note != "" {
		a.record.add("name", false, note)
	}
	if policy.Mode != "" {
		a.record.add("name", true, "the MTA-STS policy of "+a.domain+" has the mode "+policy.Mode+" and names "+cmp.Or(strings.Join(policy.MX, " "), "no mail server"))
	}
	return policy, nil
}

func memoryError(err error) *ReplyError {
	return &ReplyError{Reason: "fault", Message: "what is known of TLS at mail servers cannot be read or written; the service's log has it", Err: err}
}

// isFinal reports whether no other mail server should be asked after err: it is about the mail and for good, the service
// stops, or the mail may have been taken.
func isFinal(ctx context.Context, err *ReplyError) bool {
	return err.Permanent || ctx.Err() != nil || err.Reason == "lost_after_data" || err.Reason == "fault"
}

// try hands the message to one mail server, at the first of its addresses that answers.
func (a *attempt) try(ctx context.Context, r route, h mxHost, last bool) (string, *ReplyError) {
	switch {
	case h.err != nil && !absent(h.err):
		return "", asReply(lookupError(ctx, h.name, h.err))
	case len(h.addrs) == 0:
		return "", &ReplyError{Reason: "mx_unusable", Message: "the mail server " + h.name + " of " + a.domain + " has no address that may be reached", HostDown: true}
	}
	t, err := a.target(ctx, r, h)
	if err != nil {
		a.record.add("tls", false, err.words())
		return "", err
	}
	for i, ip := range h.addrs {
		final := last && i == len(h.addrs)-1
		patience, ok := a.patience(final)
		if !ok {
			break
		}
		t.timeouts.Connect = patience
		t.address = net.JoinHostPort(ip.String(), "25")
		var reply string
		if reply, err = a.hand(ctx, t); err == nil {
			return reply, nil
		}
		if !isConnectError(err) || ctx.Err() != nil {
			break
		}
	}
	if err == nil {
		err = &ReplyError{Reason: "connect_timeout", Message: "there was no time left to try the mail server " + h.name + " of " + a.domain, HostDown: true}
	}
	return "", err
}

// patience returns how long the next connection may take, and false when the attempt has taken long enough. The last one
// gets all that is left.
func (a *attempt) patience(last bool) (time.Duration, bool) {
	usual := a.config.Timeouts.Connect
	if a.ends.IsZero() {
		return usual, true
	}
	left := time.Until(a.ends)
	if last {
		return min(usual, left), left > 0
	}
	return min(usual, left, time.Duration(a.config.Settings.Limits.MXSeconds)*time.Second/4), left > 0
}

// isConnectError reports whether err says that there was no connection, so that another address may have one.
func isConnectError(err *ReplyError) bool {
	return slices.Contains([]string{"connect", "connect_refused", "connect_timeout"}, err.Reason)
}

// target returns how to speak with a mail server: as its TLSA records want (DANE), else as the domain's policy wants
// (MTA-STS, which DANE outranks by RFC 8461, 2), else with TLS when it offers it.
func (a *attempt) target(ctx context.Context, r route, h mxHost) (target, *ReplyError) {
	t := target{
		host: h.name, domain: a.domain, hello: a.hello, security: securityOpportunistic, roots: a.config.RootCAs,
		timeouts: a.config.Timeouts, dial: a.config.Dial,
	}
	records, err := findDANE(ctx, a.names, r, h)
	if err != nil {
		e, ok := errors.AsType[*ReplyError](err)
		if !ok {
			e = memoryError(err)
		}
		return t, e
	}
	switch {
	case records != nil:
		t.host, t.security, t.verify = records.host, securityStartTLS, records.verify
	case a.policy.Mode == app.STSEnforce && !permits(a.policy, h.name):
		return t, &ReplyError{
			Reason: "sts_mx", HostDown: true,
			Message: "the mail server " + h.name + " is not among those that " + a.domain + " names in its MTA-STS policy",
		}
	case a.policy.Mode == app.STSEnforce:
		t.security = securityStartTLS
	}
	return t, nil
}

// hand takes the message over one connection; over a second one in plain text, when TLS fails with a mail server that
// owes none. The connection is kept for the next message.
func (a *attempt) hand(ctx context.Context, t target) (string, *ReplyError) {
	c, err := open(ctx, t, a.record)
	if e := asReply(err); e != nil && t.security == securityOpportunistic && isTLSFailure(e) {
		if err := a.mayGoPlain(ctx, t.host, "TLS with it fails"); err != nil {
			return "", err
		}
		t.security = securityNone
		c, err = open(ctx, t, a.record)
	}
	if err != nil {
		return "", asReply(err)
	}
	if err := a.judgeTLS(ctx, c); err != nil {
		a.record.add("tls", false, err.words())
		c.close()
		return "", err
	}
	reply, err := a.keeper.begin(ctx, c, a.message, a.record)
	return reply, asReply(err)
}

// asReply returns the *ReplyError that a conversation ended with, or nil.
func asReply(err error) *ReplyError {
	e, ok := errors.AsType[*ReplyError](err)
	if err != nil && !ok {
		e = &ReplyError{Reason: "fault", Message: "a fault of Foyer's; the service's log has it", Err: err}
	}
	return e
}

// isTLSFailure reports whether err says that the handshake failed.
func isTLSFailure(err *ReplyError) bool {
	return slices.Contains([]string{"tls_name", "tls_unknown_ca", "tls_expired", "tls_no_tls", "tls_handshake"}, err.Reason)
}

// judgeTLS remembers that the mail server has TLS, or returns why its lack of TLS keeps the mail here.
func (a *attempt) judgeTLS(ctx context.Context, c *conversation) *ReplyError {
	if words := a.policyWords(c); words != "" {
		a.record.add("tls", true, words)
	}
	if c.encrypted == nil {
		return a.mayGoPlain(ctx, c.host, "it offers none")
	}
	version, cipher := tls.VersionName(c.encrypted.Version), tls.CipherSuiteName(c.encrypted.CipherSuite)
	return a.remember(ctx, app.TLSHost{Host: c.host, Version: version, Cipher: cipher})
}

// policyWords say what the recipient's side has asked of TLS, or "" when that is nothing.
func (a *attempt) policyWords(c *conversation) string {
	switch {
	case c.security == securityStartTLS && c.verify != nil:
		return "as the DNS wants it by TLSA records (DANE)"
	case c.security == securityStartTLS:
		return "as the MTA-STS policy of " + a.domain + " wants it"
	case a.policy.Mode != app.STSTesting:
		return ""
	}
	why := a.againstPolicy(c)
	if why == "" {
		return "as the MTA-STS policy of " + a.domain + " will want it, which is in testing"
	}
	return "against the MTA-STS policy of " + a.domain + ", which is in testing: " + why
}

// againstPolicy returns in what a mail server does not follow the domain's policy.
func (a *attempt) againstPolicy(c *conversation) string {
	if !permits(a.policy, c.host) {
		return c.host + " is not named"
	}
	if c.encrypted == nil {
		return "there is no TLS"
	}
	certs := c.encrypted.PeerCertificates
	intermediates := x509.NewCertPool()
	for _, cert := range certs[1:] {
		intermediates.AddCert(cert)
	}
	if _, err := certs[0].Verify(x509.VerifyOptions{DNSName: c.host, Roots: a.config.RootCAs, Intermediates: intermediates}); err != nil {
		_, why := c.explainTLS(err)
		return why
	}
	return ""
}

// rememberEvery is how old the memory of a mail server may be before it is written again: not every mail needs its commit.
const rememberEvery = time.Hour

// remember notes that a mail server has TLS.
func (a *attempt) remember(ctx context.Context, h app.TLSHost) *ReplyError {
	if a.config.Settings.Limits.TLSDays == 0 {
		return nil
	}
	h.Seen = wallNow()
	known, err := a.config.Memory.TLSHost(ctx, h.Host)
	if err == nil && known.Lost.IsZero() && h.Seen.Sub(known.Seen).Abs() < rememberEvery {
		return nil
	}
	if err == nil || app.CodeOf(err) == app.NotFound {
		err = a.config.Memory.RememberTLS(ctx, h)
	}
	if err != nil {
		return memoryError(err)
	}
	return nil
}

// mayGoPlain returns why a mail server gets no mail in the clear, or nil when it may: it has had TLS.
func (a *attempt) mayGoPlain(ctx context.Context, host, why string) *ReplyError {
	days := time.Duration(a.config.Settings.Limits.TLSDays) * 24 * time.Hour
	known, err := a.config.Memory.TLSHost(ctx, host)
	now := wallNow()
	switch {
	case app.CodeOf(err) == app.NotFound, err == nil && now.Sub(known.Seen) >= days:
		return nil
	case err != nil:
		return memoryError(err)
	}
	if known.Lost.IsZero() {
		if err := a.config.Memory.LoseTLS(ctx, host, now, why); err != nil {
			return memoryError(err)
		}
	}
	return &ReplyError{
		Reason: "tls_lost", HostDown: true,
		Message: "the mail server " + host + " of " + a.domain + " had TLS until " + day(known.Seen) + ", and now " + why + "; the mail is not sent in the " +
			"clear, because somebody may be in between. If it is meant to be so: foyer mail tls forget " + host,
	}
}

// verdict returns the error of the mail server that tells most. The domain rests only if none of them takes mail.
func (a *attempt) verdict() *ReplyError {
	if len(a.errs) == 0 {
		return &ReplyError{Reason: "mx_unusable", Message: "no mail server of " + a.domain + " could be tried", HostDown: true}
	}
	most, down := a.errs[0], true
	for _, e := range a.errs {
		if telling(e) > telling(most) {
			most = e
		}
		down = down && e.HostDown
	}
	verdict := *most
	verdict.HostDown = down
	return &verdict
}

// telling ranks errors by how much they say: an answer about the mail, what is wrong with TLS, any other answer, no answer.
func telling(e *ReplyError) int {
	switch {
	case e.Code != 0 && !e.HostDown:
		return 4
	case strings.HasPrefix(e.Reason, "tls_"), strings.HasPrefix(e.Reason, "dane_"), strings.HasPrefix(e.Reason, "sts_"):
		return 3
	case e.Code != 0:
		return 2
	case e.Reason != "mx_unusable":
		return 1
	default:
		return 0
	}
}
