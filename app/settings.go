package app

import (
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings is what the administrator can change while the service runs.
type Settings struct {
	LoginLink      bool   // "Add a 'Create a customer account' link to the login screen"
	NeutralAnswers bool   // the same answer to every address at sign-up
	SiteName       string // the office's name on pages and mails
	Contact        string // whom to ask: an address, a number or a sentence
	PublicURL      string // scheme and host of the pages, without a slash at the end
	HoldMail       bool   // nothing leaves; what is written waits. Not in Mail: it does not change the way mail goes
	TLS            TLSSettings
	Mail           MailSettings
	Watching       WatchSettings
	MDNSName       string // by which the local network finds the pages, as in "foyer.local"; "off" for none
	Backup         BackupSettings
	Limits         Limits
}

// Off is the value of a text setting that switches off what it names.
const Off = "off"

// WatchSettings says how the service is watched over.
type WatchSettings struct {
	CheckDaily    bool   // everything is looked at by itself, once a day
	ClockSource   string // whose clock is right: HOST or HOST:PORT of a time server, or Off
	MetricsListen string // where the figures are served over HTTP: an address of the loopback with a port, or Off
	LogLevel      string // of what is logged: debug, info, warn or error
}

// MailSettings says how mail leaves.
type MailSettings struct {
	Transport string // "capture", "smarthost" or "direct"
	From      string // sender's address; "" while mail is captured means foyer@ and the public host
	Smarthost string // host:port
	TLS       string // "starttls", "implicit" or "none"
	Auth      string // "none", "plain", "login" or "xoauth2"
	Username  string
	Password  string
	OAuth     MailOAuth // for "xoauth2"

	PrivateMX bool // with "direct", mail may go to addresses of private networks

	DKIM         bool   // sign mails
	DKIMSelector string // what the names of the keys in the DNS begin with
}

// MailOAuth says where the token comes from that opens the smarthost instead of a password.
type MailOAuth struct {
	Provider     string // MailMicrosoft or MailGoogle; "" for none
	Tenant       string // Microsoft's id of the organisation, a GUID
	ClientID     string
	ClientSecret string
	RefreshToken string // Google's, of the account that sends
}

// The providers of a MailOAuth.
const (
	MailMicrosoft = "microsoft"
	MailGoogle    = "google"
)

// Limits holds every bound the administrator can move. 0 switches a limit off.
type Limits struct {
	SignupPerIP       int // sign-ups an hour from one client address
	LoginPerIP        int // sign-in attempts in 5 minutes from one client address
	IdentityPerIP     int // sign-ins with a provider in 5 minutes from one client address
	FlowsPerIP        int // sign-ins with a provider that are under way at one time from one client address
	FreshMinutes      int // minutes after a sign-in in which the ways in may be changed
	LoginFailures     int // wrong passwords for one address before each further try has to wait
	PasswordChanges   int // changes an hour of one account's password on its page
	MailPerAddress    int // mails an hour to one mailbox, its plus tags together
	MailPerAddressDay int // mails a day to one mailbox, its plus tags together
	MailPerDomain     int // mails an hour to one domain
	MailGlobal        int // mails an hour in all
	AccountsPerBase   int // new addresses a day that differ in their plus tag only
	CodeTries         int // wrong codes for one registration before only the link works
	Registrations     int // registrations that wait at one time
	QueueMessages     int // mails that wait to be delivered at one time
	MXHosts           int // mail servers of a domain that one attempt tries, with "direct"
	MXSeconds         int // seconds after which one attempt tries no further mail server, with "direct"
	TLSDays           int // days a mail server that had TLS gets no mail without it
	HashQueue         int // password checks that wait for a free core; more are turned away
	HashSeconds       int // seconds one waits before it is turned away
	ConfirmHours      int // validity of a confirmation link
	ResetMinutes      int // validity of a reset link
	SessionIdle       int // minutes without a request after which a session ends
	SessionHours      int // hours after which a session ends in any case
	NotMeDays         int // days an address gets no mail after "this was not me"
	MailDays          int // days an ended message is kept
	Deliveries        int // connections to mail servers at one time
	DeliveriesPerHost int // connections to one destination at one time
	RelayQueue        int // mails of programs that wait to be delivered at one time
	RelayMegabytes    int // MiB that mails of programs may take, those that have ended included
	RelayHours        int // hours a mail of a program is tried
	RelayLateHours    int // hours after which its sender is told that it is late
	RelayDays         int // days an ended mail of a program is kept
	ProgramPerHour    int // mails an hour one program may hand over
	ProgramFailures   int // wrong passwords of a program from one client address before each further try has to wait
	SMTPFailures      int // wrong passwords on one connection before it is closed
	SMTPErrors        int // refusals on one connection before it is closed
	SMTPMegabytes     int // size of a program's mail, in MiB
	SMTPRecipients    int // recipients of a program's mail
	SMTPLine          int // bytes of a line of a program's mail
	SMTPHops          int // machines a program's mail may have passed before
	AuditDays         int // days an audit event is kept
	AuditThousands    int // thousands of audit events that are kept, the latest
	ReserveMB         int // space of the disk that is set aside, in MiB
	FormAge           int // seconds a sign-up form must be open before it may be sent
}

// The kinds of settings.
const (
	KindSwitch = "switch" // on or off
	KindText   = "text"
	KindNumber = "number" // 0 or more; 0 is no limit
	KindSecret = "secret" // write-only
)

// SettingDef describes one setting: its key, its kind, its default as text and one line of help.
type SettingDef struct {
	Key     string
	Kind    string
	Default string
	Help    string
	field   any // func(*Settings) *bool, *string or *int
	check   func(string) string
}

// Secret reports whether the setting is write-only.
func (d SettingDef) Secret() bool { return d.Kind == KindSecret }

func toggle(key, def, help string, field func(*Settings) *bool) SettingDef {
	return SettingDef{Key: key, Kind: KindSwitch, Default: def, Help: help, field: field}
}

func text(key, def, help string, field func(*Settings) *string, check func(string) string) SettingDef {
	return SettingDef{Key: key, Kind: KindText, Default: def, Help: help, field: field, check: check}
}

func number(key string, def int, help string, field func(*Settings) *int) SettingDef {
	return SettingDef{Key: key, Kind: KindNumber, Default: strconv.Itoa(def), Help: help, field: field}
}

// SettingDefs returns every setting, in the order in which they are listed.
func SettingDefs() []SettingDef { return slices.Clone(settingDefs) }

var settingDefs = []SettingDef{
	toggle("login_link", "off", "the link 'Create a customer account' on the login screen, and sign-up by form",
		func(s *Settings) *bool { return &s.LoginLink }),
	toggle("neutral_answers", "on", "the same answer at sign-up whether or not the address is listed",
		func(s *Settings) *bool { return &s.NeutralAnswers }),
	text("site_name", "Customer accounts", "the office's name on pages and mails",
		func(s *Settings) *string { return &s.SiteName }, checkSiteName),
	text("contact", "", "whom people may ask: an address, a number or a sentence",
		func(s *Settings) *string { return &s.Contact }, func(v string) string { return checkText(v, 200) }),
	text("public_url", "", "how browsers reach the pages, as in https://accounts.office.example",
		func(s *Settings) *string { return &s.PublicURL }, checkPublicURL),
	text("tls.mode", TLSOff, "HTTPS: off (plain http, or a proxy in front has the certificate), files, acme (as Let's Encrypt), or local (an authority of Foyer's own)",
		func(s *Settings) *string { return &s.TLS.Mode }, oneOf(TLSOff, TLSFiles, TLSACME, TLSLocal)),
	text("tls.listen", ":443", "HOST:PORT at which the pages are served over HTTPS",
		func(s *Settings) *string { return &s.TLS.Listen }, checkListen),
	text("tls.redirect", ":80", "HOST:PORT at which plain http leads to the pages, or off",
		func(s *Settings) *string { return &s.TLS.Redirect }, checkRedirect),
	text("tls.cert_file", "", "files: the file with the certificate and what it was signed by, PEM",
		func(s *Settings) *string { return &s.TLS.CertFile }, checkPath),
	text("tls.key_file", "", "files: the file with its key, PEM",
		func(s *Settings) *string { return &s.TLS.KeyFile }, checkPath),
	text("tls.acme_email", "", "acme: where the authority writes to; may be empty",
		func(s *Settings) *string { return &s.TLS.ACMEEmail }, checkFrom),
	text("tls.acme_directory", LetsEncrypt, "acme: which authority, by the address of its directory",
		func(s *Settings) *string { return &s.TLS.ACMEDirectory }, checkDirectory),
	toggle("tls.acme_agree", "off", "acme: the terms of the authority are accepted",
		func(s *Settings) *bool { return &s.TLS.ACMEAgree }),
	text("tls.acme_ca_file", "", "acme: the file with the root of an authority in the office, PEM; empty for a public one",
		func(s *Settings) *string { return &s.TLS.ACMECAFile }, checkPath),
	text("mail.transport", "capture", "how mail leaves: capture (kept here, sent nowhere), smarthost, or direct (to each domain's mail servers)",
		func(s *Settings) *string { return &s.Mail.Transport }, oneOf("capture", "smarthost", "direct")),
	text("mail.from", "", "the sender's address; needed for smarthost and direct",
		func(s *Settings) *string { return &s.Mail.From }, checkFrom),
	text("mail.smarthost", "", "HOST:PORT of the mail server that takes Foyer's mail",
		func(s *Settings) *string { return &s.Mail.Smarthost }, checkHostPort),
	text("mail.tls", "starttls", "starttls (required), implicit or none",
		func(s *Settings) *string { return &s.Mail.TLS }, oneOf("starttls", "implicit", "none")),
	text("mail.auth", "none", "how to sign in at the smarthost: none, plain, login or xoauth2",
		func(s *Settings) *string { return &s.Mail.Auth }, oneOf("none", "plain", "login", "xoauth2")),
	text("mail.username", "", "user name at the smarthost",
		func(s *Settings) *string { return &s.Mail.Username }, func(v string) string { return checkText(v, 320) }),
	{
		Key: "mail.password", Kind: KindSecret, Help: "password at the smarthost; write-only",
		field: func(s *Settings) *string { return &s.Mail.Password },
	},
	text("mail.oauth_provider", "", "who gives the token for xoauth2: microsoft or google",
		func(s *Settings) *string { return &s.Mail.OAuth.Provider }, checkMailProvider),
	text("mail.oauth_tenant", "", "microsoft: the directory (tenant) ID, a GUID",
		func(s *Settings) *string { return &s.Mail.OAuth.Tenant }, checkMailTenant),
	text("mail.oauth_client_id", "", "the application's client ID",
		func(s *Settings) *string { return &s.Mail.OAuth.ClientID }, func(v string) string { return checkText(v, 200) }),
	{
		Key: "mail.oauth_client_secret", Kind: KindSecret, Help: "the application's client secret; write-only",
		field: func(s *Settings) *string { return &s.Mail.OAuth.ClientSecret },
	},
	{
		Key: "mail.oauth_refresh_token", Kind: KindSecret, Help: "google: the refresh token of the account that sends; write-only",
		field: func(s *Settings) *string { return &s.Mail.OAuth.RefreshToken },
	},
	toggle("mail.dkim", "off", "sign mails with DKIM here; most smarthosts do it themselves",
		func(s *Settings) *bool { return &s.Mail.DKIM }),
	text("mail.dkim_selector", "foyer", "what the names of the DKIM keys in the DNS begin with",
		func(s *Settings) *string { return &s.Mail.DKIMSelector }, checkSelector),
	toggle("mail.private_mx", "off", "direct: mail may go to mail servers with addresses of private networks",
		func(s *Settings) *bool { return &s.Mail.PrivateMX }),
	toggle("mail.hold", "off", "no mail leaves; what is written waits until this is off again",
		func(s *Settings) *bool { return &s.HoldMail }),
	toggle("doctor.daily", "on", "everything that foyer doctor looks at is looked at by itself once a day, and after a start",
		func(s *Settings) *bool { return &s.Watching.CheckDaily }),
	text("clock.source", "pool.ntp.org", "HOST or HOST:PORT of a time server with which this machine's clock is compared, or off",
		func(s *Settings) *string { return &s.Watching.ClockSource }, checkClockSource),
	text("metrics.listen", Off, "where the figures for Prometheus are served beside the admin socket: an address of this machine for itself, as in 127.0.0.1:9108, or off",
		func(s *Settings) *string { return &s.Watching.MetricsListen }, checkMetricsListen),
	text("log.level", "info", "what is logged: debug, info, warn or error",
		func(s *Settings) *string { return &s.Watching.LogLevel }, oneOf("debug", "info", "warn", "error")),
	text("mdns.name", "foyer.local", "the name by which machines in the local network find the pages, told by multicast DNS, or off",
		func(s *Settings) *string { return &s.MDNSName }, checkMDNSName),
	text("backup.schedule", "02:30", "when a backup is made each night: a time of the day where this machine is, or off",
		func(s *Settings) *string { return &s.Backup.Schedule }, checkSchedule),
	number("backup.keep_days", 14, "days a nightly backup is kept; 0 keeps it for ever",
		func(s *Settings) *int { return &s.Backup.KeepDays }),
	text("backup.recipients", "", "age public keys to which backups are encrypted, separated by commas; the secrets' key is inside then",
		func(s *Settings) *string { return &s.Backup.Recipients }, checkRecipients),
	number("limits.signup_per_ip", 20, "sign-ups an hour from one client address, and as many requests for a new password",
		func(s *Settings) *int { return &s.Limits.SignupPerIP }),
	number("limits.login_per_ip", 20, "sign-in attempts in 5 minutes from one client address, and as many tries of a code",
		func(s *Settings) *int { return &s.Limits.LoginPerIP }),
	number("limits.identity_per_ip", 300, "sign-ins with a provider in 5 minutes from one client address",
		func(s *Settings) *int { return &s.Limits.IdentityPerIP }),
	number("limits.flows_per_ip", 200, "sign-ins with a provider under way at one time from one client address; the oldest is dropped",
		func(s *Settings) *int { return &s.Limits.FlowsPerIP }),
	number("limits.fresh_minutes", 5, "minutes after a sign-in in which a person may change how to sign in",
		func(s *Settings) *int { return &s.Limits.FreshMinutes }),
	number("limits.login_failures", 5, "wrong passwords for one address from one client address before each further try waits 1, 2, 4 to 60 seconds",
		func(s *Settings) *int { return &s.Limits.LoginFailures }),
	number("limits.password_changes", 10, "changes an hour of one account's password on its page, and as many of its other ways to sign in",
		func(s *Settings) *int { return &s.Limits.PasswordChanges }),
	number("limits.mail_per_address", 3, "mails an hour to one address, its plus tags together",
		func(s *Settings) *int { return &s.Limits.MailPerAddress }),
	number("limits.mail_per_address_day", 5, "mails a day to one address, its plus tags together",
		func(s *Settings) *int { return &s.Limits.MailPerAddressDay }),
	number("limits.mail_per_domain", 60, "mails an hour to one domain",
		func(s *Settings) *int { return &s.Limits.MailPerDomain }),
	number("limits.mail_global", 300, "mails an hour in all",
		func(s *Settings) *int { return &s.Limits.MailGlobal }),
	number("limits.accounts_per_base", 3, "new addresses a day that differ in their plus tag only",
		func(s *Settings) *int { return &s.Limits.AccountsPerBase }),
	number("limits.code_tries", 5, "wrong codes for one registration before only its link works",
		func(s *Settings) *int { return &s.Limits.CodeTries }),
	number("limits.registrations", 10000, "registrations that wait for confirmation at one time",
		func(s *Settings) *int { return &s.Limits.Registrations }),
	number("limits.queue_messages", 5000, "mails that wait to be delivered at one time",
		func(s *Settings) *int { return &s.Limits.QueueMessages }),
	number("limits.mx_hosts", 5, "direct: mail servers of a domain that one attempt tries",
		func(s *Settings) *int { return &s.Limits.MXHosts }),
	number("limits.mx_seconds", 60, "direct: seconds after which an attempt tries no further mail server",
		func(s *Settings) *int { return &s.Limits.MXSeconds }),
	number("limits.tls_days", 30, "direct: days a mail server that had TLS gets no mail without it; 0 remembers none",
		func(s *Settings) *int { return &s.Limits.TLSDays }),
	number("limits.hash_queue", 128, "password checks that wait for a free core; more are turned away",
		func(s *Settings) *int { return &s.Limits.HashQueue }),
	number("limits.hash_seconds", 10, "seconds a password check waits for a free core before it is turned away",
		func(s *Settings) *int { return &s.Limits.HashSeconds }),
	number("limits.confirm_hours", 24, "hours a confirmation link is valid",
		func(s *Settings) *int { return &s.Limits.ConfirmHours }),
	number("limits.reset_minutes", 60, "minutes a reset link is valid",
		func(s *Settings) *int { return &s.Limits.ResetMinutes }),
	number("limits.session_idle_minutes", 30, "minutes without a request after which a session ends",
		func(s *Settings) *int { return &s.Limits.SessionIdle }),
	number("limits.session_hours", 12, "hours after which a session ends in any case",
		func(s *Settings) *int { return &s.Limits.SessionHours }),
	number("limits.not_me_days", 7, "days an address gets no mail after its owner said 'this was not me'",
		func(s *Settings) *int { return &s.Limits.NotMeDays }),
	number("limits.mail_days", 14, "days a message that has ended is kept",
		func(s *Settings) *int { return &s.Limits.MailDays }),
	number("limits.deliveries", 20, "connections to mail servers at one time",
		func(s *Settings) *int { return &s.Limits.Deliveries }),
	number("limits.deliveries_per_host", 2, "connections at one time to the smarthost, or to the mail servers of one domain",
		func(s *Settings) *int { return &s.Limits.DeliveriesPerHost }),
	number("limits.relay_queue", 100000, "mails of programs that wait to be delivered at one time",
		func(s *Settings) *int { return &s.Limits.RelayQueue }),
	number("limits.relay_megabytes", 1024, "MiB that mails of programs take at most, those that have ended and are kept included",
		func(s *Settings) *int { return &s.Limits.RelayMegabytes }),
	number("limits.relay_hours", 120, "hours a mail of a program is tried before its sender gets it back",
		func(s *Settings) *int { return &s.Limits.RelayHours }),
	number("limits.relay_late_hours", 4, "hours after which the sender of a program's mail is told that it is late",
		func(s *Settings) *int { return &s.Limits.RelayLateHours }),
	number("limits.relay_days", 3, "days a program's mail is kept after its end; 0 keeps it for ever",
		func(s *Settings) *int { return &s.Limits.RelayDays }),
	number("limits.program_per_hour", 1000, "mails an hour one program may hand over",
		func(s *Settings) *int { return &s.Limits.ProgramPerHour }),
	number("limits.program_failures", 5, "wrong passwords of a program from one client address before each further try waits 1, 2, 4 to 60 seconds",
		func(s *Settings) *int { return &s.Limits.ProgramFailures }),
	number("limits.smtp_failures", 3, "wrong passwords on one connection of a program before it is closed",
		func(s *Settings) *int { return &s.Limits.SMTPFailures }),
	number("limits.smtp_errors", 20, "refused commands on one connection of a program, since its last mail, before it is closed",
		func(s *Settings) *int { return &s.Limits.SMTPErrors }),
	number("limits.smtp_megabytes", 10, "size of a program's mail, in MiB",
		func(s *Settings) *int { return &s.Limits.SMTPMegabytes }),
	number("limits.smtp_recipients", 50, "recipients of a program's mail",
		func(s *Settings) *int { return &s.Limits.SMTPRecipients }),
	number("limits.smtp_line", 998, "bytes of a line of a program's mail",
		func(s *Settings) *int { return &s.Limits.SMTPLine }),
	number("limits.smtp_hops", 50, "mail servers a program's mail may have passed before it comes here: more is a loop",
		func(s *Settings) *int { return &s.Limits.SMTPHops }),
	number("limits.audit_days", 365, "days an audit event is kept",
		func(s *Settings) *int { return &s.Limits.AuditDays }),
	number("limits.audit_thousands", 1000, "audit events that are kept, in thousands",
		func(s *Settings) *int { return &s.Limits.AuditThousands }),
	number("limits.reserve_mb", 32, "space of the disk set aside, in MiB, for what must still be written when the disk is full",
		func(s *Settings) *int { return &s.Limits.ReserveMB }),
	number("limits.form_age", 0, "seconds a sign-up form must have been open before it may be sent",
		func(s *Settings) *int { return &s.Limits.FormAge }),
}

// SettingByKey returns the definition of key, or a NotFound error.
func SettingByKey(key string) (SettingDef, error) {
	for _, def := range settingDefs {
		if def.Key == key {
			return def, nil
		}
	}
	return SettingDef{}, Errorf(NotFound, "setting_unknown", "there is no setting %q; 'foyer settings get' lists them", key)
}

// Value returns the setting's value as text. For a secret that is its plain text: callers show SettingDef.Secret
// ones as set or not set.
func (d SettingDef) Value(s Settings) string {
	switch field := d.field.(type) {
	case func(*Settings) *bool:
		if *field(&s) {
			return "on"
		}
		return "off"
	case func(*Settings) *int:
		return strconv.Itoa(*field(&s))
	case func(*Settings) *string:
		return *field(&s)
	}
	return ""
}

// assign sets the setting from text and returns why it cannot, or "".
func (d SettingDef) assign(s *Settings, value string) string {
	switch field := d.field.(type) {
	case func(*Settings) *bool:
		if value != "on" && value != "off" {
			return "write on or off"
		}
		*field(s) = value == "on"
	case func(*Settings) *int:
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > maxLimit {
			return "write a whole number from 0 to " + strconv.Itoa(maxLimit) + "; 0 switches the limit off"
		}
		*field(s) = n
	case func(*Settings) *string:
		if d.Secret() && strings.ContainsAny(value, "\r\n\x00") {
			return "it contains a line end"
		}
		if d.check != nil {
			if why := d.check(value); why != "" {
				return why
			}
		}
		*field(s) = value
	}
	return ""
}

// maxLimit keeps the product of every limit and its unit, up to a day, below the 292 years a time.Duration holds: with
// more, "keep the audit for ever" would overflow and delete it.
const maxLimit = 100_000

// ParseSettings returns the settings that the stored texts give, with defaults for the keys that are missing. It
// ignores keys it does not know: they are of a newer version.
func ParseSettings(stored map[string]string) (Settings, error) {
	var s Settings
	for _, def := range settingDefs {
		value, ok := stored[def.Key]
		if !ok {
			value = def.Default
		}
		if why := def.assign(&s, value); why != "" {
			return Settings{}, Fieldf(def.Key, "setting_invalid", "the stored setting %s is not valid: %s", def.Key, why)
		}
	}
	return s, nil
}

// Change returns the settings with the changes made, or an error and no change: NotFound for an unknown key,
// Invalid (with the key as field) for a value that is not possible or does not fit the others.
func (s Settings) Change(changes map[string]string) (Settings, error) {
	next := s
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		def, err := SettingByKey(key)
		if err != nil {
			return s, err
		}
		if why := def.assign(&next, changes[key]); why != "" {
			return s, Fieldf(key, "setting_invalid", "%s cannot be set so: %s", key, why).With("Why", why)
		}
	}
	if err := next.checkTLS(); err != nil {
		return s, err
	}
	if err := next.Mail.check(); err != nil {
		return s, err
	}
	return next, nil
}

func (m MailSettings) check() error {
	if m.Transport == "direct" && m.From == "" {
		return Fieldf("mail.from", "setting_invalid", "mail.transport=direct needs mail.from, the sender's address")
	}
	if m.Transport != "smarthost" {
		return nil
	}
	switch {
	case m.Smarthost == "":
		return Fieldf("mail.smarthost", "setting_invalid", "mail.transport=smarthost needs mail.smarthost=HOST:PORT")
	case m.From == "":
		return Fieldf("mail.from", "setting_invalid", "mail.transport=smarthost needs mail.from, the sender's address")
	case m.Auth != "none" && m.TLS == "none":
		return Fieldf("mail.auth", "setting_invalid", "a password or a token is sent over TLS only: set mail.tls to starttls or implicit, or mail.auth to none")
	case m.Auth == "xoauth2":
		return m.checkOAuth()
	case m.Auth != "none" && (m.Username == "" || m.Password == ""):
		return Fieldf("mail.username", "setting_invalid", "mail.auth=%s needs mail.username and mail.password", m.Auth)
	}
	return nil
}

// checkOAuth returns what is missing for a token, all at once: its field is the first of them.
func (m MailSettings) checkOAuth() error {
	o := m.OAuth
	var missing []string
	for _, need := range []struct {
		key, value string
		provider   string // "" for both
	}{
		{"mail.username", m.Username, ""},
		{"mail.oauth_provider", o.Provider, ""},
		{"mail.oauth_tenant", o.Tenant, MailMicrosoft},
		{"mail.oauth_client_id", o.ClientID, ""},
		{"mail.oauth_client_secret", o.ClientSecret, ""},
		{"mail.oauth_refresh_token", o.RefreshToken, MailGoogle},
	} {
		if need.value == "" && (need.provider == "" || need.provider == o.Provider) {
			missing = append(missing, need.key)
		}
	}
	switch {
	case len(missing) > 0:
		return Fieldf(missing[0], "setting_invalid", "mail.auth=xoauth2 needs more: set %s", strings.Join(missing, ", "))
	case o.Provider == MailMicrosoft && IsTenant(lowerASCII(o.ClientSecret)):
		return Fieldf("mail.oauth_client_secret", "setting_invalid",
			"mail.oauth_client_secret is the secret's ID; set the value, which Microsoft shows once when the secret is made")
	}
	return nil
}

// Sender returns the address mails are sent from: mail.from, or foyer@ and the public host while mail is
// captured and none is set.
func (s Settings) Sender() string {
	if addr, err := ParseAddress(s.Mail.From); err == nil {
		return addr.String() // an international domain as A-labels, which every mail server understands
	}
	host := "localhost"
	if u, err := url.Parse(s.PublicURL); err == nil && isHostname(u.Hostname()) && net.ParseIP(u.Hostname()) == nil {
		host = u.Hostname()
	}
	return "foyer@" + host
}

// Secure reports whether browsers reach the pages over HTTPS.
func (s Settings) Secure() bool { return strings.HasPrefix(s.PublicURL, "https://") }

// URL returns the full address of a page: the public URL and the path.
func (s Settings) URL(path string) string { return s.PublicURL + path }

// ConfirmTTL returns how long a confirmation link is valid.
func (l Limits) ConfirmTTL() time.Duration { return orForever(l.ConfirmHours, time.Hour) }

// ResetTTL returns how long a reset link is valid.
func (l Limits) ResetTTL() time.Duration { return orForever(l.ResetMinutes, time.Minute) }

// IdleTTL returns how long a session lives without a request.
func (l Limits) IdleTTL() time.Duration { return orForever(l.SessionIdle, time.Minute) }

// SessionTTL returns how long a session lives at most.
func (l Limits) SessionTTL() time.Duration { return orForever(l.SessionHours, time.Hour) }

// FreshTTL returns how long after a sign-in the ways in may be changed.
func (l Limits) FreshTTL() time.Duration { return orForever(l.FreshMinutes, time.Minute) }

// RelayTTL returns how long a mail of a program is tried.
func (l Limits) RelayTTL() time.Duration { return orForever(l.RelayHours, time.Hour) }

// orForever returns n units, or ten years when the limit is switched off.
func orForever(n int, unit time.Duration) time.Duration {
	if n == 0 {
		return 10 * 365 * 24 * time.Hour
	}
	return time.Duration(n) * unit
}

func checkSiteName(v string) string {
	if v == "" {
		return "it is empty"
	}
	return checkText(v, 60)
}

func oneOf(values ...string) func(string) string {
	return func(v string) string {
		if !slices.Contains(values, v) {
			return "write " + strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
		}
		return ""
	}
}

func checkMailProvider(v string) string {
	if v == "" {
		return ""
	}
	return oneOf(MailMicrosoft, MailGoogle)(v)
}

// checkMailTenant lets nothing but a GUID into the address of the token endpoint.
func checkMailTenant(v string) string {
	if v != "" && !IsTenant(lowerASCII(v)) {
		return "write the directory (tenant) ID, a GUID as in 11111111-2222-3333-4444-555555555555"
	}
	return ""
}

func checkFrom(v string) string {
	if v == "" {
		return ""
	}
	if _, err := ParseAddress(v); err != nil {
		return MessageOf(err)
	}
	return ""
}

// checkSelector takes one label of a DNS name with room for what the keys add to it.
func checkSelector(v string) string {
	if len(v) > 50 || !isHostname(v) || strings.ContainsRune(v, '.') || v != lowerASCII(v) {
		return "write 1 to 50 small letters, digits and hyphens, as in foyer; no hyphen at an end"
	}
	return ""
}

func checkHostPort(v string) string {
	if v == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(v)
	if err != nil || !isPort(port) || !isHostOrIP(host) {
		return "write HOST:PORT, as in smtp.office.example:587"
	}
	return ""
}

func checkClockSource(v string) string {
	if v == Off || isHostOrIP(v) || checkHostPort(v) == "" && v != "" {
		return ""
	}
	return "write the name of a time server, as in pool.ntp.org, or off"
}

// checkMetricsListen lets the figures be read on this machine only: they have no password.
func checkMetricsListen(v string) string {
	if v == Off {
		return ""
	}
	host, port, err := net.SplitHostPort(v)
	if err != nil || !isPort(port) || !IsLoopbackHost(host) {
		return "write an address of this machine for itself with a port, as in 127.0.0.1:9108, or off"
	}
	return ""
}

// checkMDNSName lets the name be one label below "local" (RFC 6762, 3).
func checkMDNSName(v string) string {
	name, found := strings.CutSuffix(v, ".local")
	if v == Off || found && len(name) <= 50 && isHostname(name) && !strings.ContainsRune(name, '.') && name == lowerASCII(name) {
		return ""
	}
	return "write one word of small letters, digits and hyphens and .local, as in foyer.local, or off"
}

// isPort reports whether s is the number of a TCP port.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func isHostOrIP(host string) bool {
	return net.ParseIP(host) != nil || (isHostname(host) && len(host) <= 253)
}

func checkPublicURL(v string) string {
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || !isHostOrIP(u.Hostname()):
		return "write http:// or https:// and a host, as in https://accounts.office.example"
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(v, "#") || strings.HasSuffix(v, "?"):
		return "write no more than scheme, host and port, without a slash at the end"
	case strings.HasSuffix(u.Host, ":") || (u.Port() != "" && !isPort(u.Port())):
		return "the port is a number from 1 to 65535"
	case strings.ToLower(v) != v:
		return "write it in lower case"
	}
	return ""
}

// IsPublicName reports whether the host of a public URL is a name with a domain, by which others can know this machine.
func IsPublicName(publicURL string) bool {
	u, err := url.Parse(publicURL)
	if err != nil || net.ParseIP(u.Hostname()) != nil {
		return false
	}
	_, domain, _ := strings.Cut(u.Hostname(), ".")
	return domain != "" && isHostname(u.Hostname())
}

// CheckPublicHost reports whether name can be the host of a public URL.
func CheckPublicHost(name string) bool { return checkPublicURL("http://"+name) == "" }

// hashing returns how long a password check waits for a free core.
func (l Limits) hashing() HashBounds {
	return HashBounds{Queue: l.HashQueue, Wait: time.Duration(l.HashSeconds) * time.Second}
}
