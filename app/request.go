package app

// Request is a visitor's wish for a mail: a sign-up, a forgotten password, or the code that links an identity.
type Request struct {
	Registration           // the sign-up; for a forgotten password only Email, Lang, IP, CreatedAt and ExpiresAt count
	Token        TokenHash // of the link the mail will carry
	Code         TokenHash // the keyed hash of the code it will carry
	Refuse       string    // a reason known beforehand (a limit, a trap), or ""
	Limits       Limits
	Event        Event // Action says which wish it is: ActSignUp, ActForgot or ActLinkCode
	// Compose writes the mail that was decided on.
	Compose func(l Letter) (Message, error)
}

// Letter says what a Request's mail is and whom it is for.
type Letter struct {
	Kind    MessageKind
	To      Address
	Company string
	Lang    string
	IP      string // who asked
	Through string // the name of the connector it is about, "" for none
}

// Letter returns the mail that the decision asks for. Mail about an account goes to the address the account has, in the
// account's language, and never to what was typed: the two may differ in more than meets the eye (the password resets
// of GitHub in 2019 went to the address that was typed).
func (r Request) Letter(d Decision, a *Account) Letter {
	l := Letter{Kind: d.Mail, To: r.Email, Company: d.Verdict.Company, Lang: r.Lang, IP: r.IP, Through: r.Through()}
	if a != nil {
		l.To, l.Lang = a.Email, a.Lang
	}
	return l
}

// Through returns the name of the connector a registration came through, "" for the form.
func (r Registration) Through() string {
	if r.Identity == nil {
		return ""
	}
	return r.Identity.Connector
}

// RequestFacts is what the database knows about the address of a Request.
type RequestFacts struct {
	Verdict    Verdict
	Account    *Account // nil when there is none; Email, ID, State, Lang, Company and CompanyEnabled are set
	Blocked    bool     // its owner said "this was not me"
	Suppressed bool     // a mail to it has failed for good
	MailsHour  int      // mails to the address in the last hour
	MailsDay   int      // and in the last day
	DomainHour int      // mails to its domain in the last hour
	GlobalHour int      // mails to anybody in the last hour
	Queued     int      // mails that wait to be delivered
	BaseDay    int      // other addresses with the same base that registered in the last day
	Waiting    int      // registrations that wait
}

// Decision says what becomes of a Request.
type Decision struct {
	Mail    MessageKind // the mail that is sent, or "" for none
	Reason  string      // OK, or why there is no mail or another one than was hoped for
	Verdict Verdict
	Message Message // as it was written, when Mail is not ""
}

// Decide returns what becomes of the request. Strangers are never mailed: an address without an account gets a
// mail only when the gate lets it in.
func (r Request) Decide(f RequestFacts) Decision {
	d := Decision{Verdict: f.Verdict, Reason: OK}
	switch {
	case r.Refuse != "":
		d.Reason = r.Refuse
	case f.Account != nil:
		d.Mail, d.Reason = r.mailForAccount(*f.Account)
	case r.Event.Action == ActForgot || r.Event.Action == ActLinkCode:
		d.Reason = "no_account"
	case !f.Verdict.Allowed:
		d.Reason = string(f.Verdict.Reason)
	case over(r.Limits.Registrations, f.Waiting):
		d.Reason = "limit_registrations"
	case over(r.Limits.AccountsPerBase, f.BaseDay):
		d.Reason = "limit_accounts_per_base"
	default:
		d.Mail = MailConfirm
	}
	if d.Mail == "" {
		return d
	}
	if reason := r.mailLimit(f); reason != "" {
		d.Mail, d.Reason = "", reason
	}
	return d
}

func (r Request) mailForAccount(a Account) (MessageKind, string) {
	switch {
	// Who signs up with an identity is told on the page: a mail would only say it again.
	case r.Identity != nil && r.Event.Action == ActSignUp:
		return "", "account_exists"
	case r.Event.Action == ActLinkCode && a.MayEnter() == nil:
		return MailLinkCode, OK
	case r.Event.Action == ActLinkCode:
		return "", ReasonOf(a.MayEnter())
	case a.State != AccountActive:
		return MailDisabled, "account_disabled"
	case !a.CompanyEnabled:
		return MailDisabled, "company_disabled"
	case r.Event.Action == ActForgot:
		return MailReset, OK
	default:
		return MailExists, "account_exists"
	}
}

func (r Request) mailLimit(f RequestFacts) string {
	switch {
	case f.Blocked:
		return "blocked_by_owner"
	case f.Suppressed:
		return "suppressed"
	case over(r.Limits.MailPerAddress, f.MailsHour):
		return "limit_mail_per_address"
	case over(r.Limits.MailPerAddressDay, f.MailsDay):
		return "limit_mail_per_address_day"
	case over(r.Limits.MailPerDomain, f.DomainHour):
		return "limit_mail_per_domain"
	case over(r.Limits.MailGlobal, f.GlobalHour):
		return "limit_mail_global"
	case over(r.Limits.QueueMessages, f.Queued):
		return "limit_queue_messages"
	}
	return ""
}

// over reports whether one more would pass the limit; 0 is no limit.
func over(limit, count int) bool { return limit > 0 && count >= limit }
