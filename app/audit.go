package app

import (
	"slices"
	"strings"
	"time"
)

// Event is one line of the audit: who did what, with what result. It never holds a secret.
type Event struct {
	ID      int64
	At      time.Time
	Actor   string // "root (uid 0)" for an administrator, "visitor", the account's address, or what acted by itself
	IP      string // where a browser's request came from; "" for the administrator
	Action  Action
	Outcome string // "ok", or the reason of a refusal
	Subject string // what it was done to: an address, a company, a setting
	Company string // the company concerned, by name: the audit keeps it after the company is gone
	Entry   string // for an account or a registration: the allow-list entry that matched
	Detail  string // anything more, in words
	Through string // the connector it came by, "" for none. It is counted, and not kept
}

// Action names what was done. The part before the dot is the family.
type Action string

// The actions of the audit.
const (
	ActSignUp          Action = "registration.signup"
	ActResend          Action = "registration.resend"
	ActRegRemove       Action = "registration.remove"
	ActConfirm         Action = "account.confirm"
	ActSignIn          Action = "account.signin"
	ActSignOut         Action = "account.signout"
	ActForgot          Action = "account.forgot"
	ActReset           Action = "account.reset"
	ActPassword        Action = "account.password"
	ActProfile         Action = "account.profile"
	ActAccountDisable  Action = "account.disable"
	ActAccountEnable   Action = "account.enable"
	ActAccountRemove   Action = "account.remove"
	ActAccountMove     Action = "account.move"       // to another company
	ActSessionsEnd     Action = "account.sessions"   // the administrator has ended them
	ActSendReset       Action = "account.send_reset" // the administrator has sent the mail
	ActLink            Action = "account.link"
	ActLinkCode        Action = "account.link_code"
	ActUnlink          Action = "account.unlink"
	ActIdentity        Action = "account.identity" // what a provider says of an account has changed
	ActConnectorAdd    Action = "connector.add"
	ActConnectorSet    Action = "connector.set"
	ActConnectorDel    Action = "connector.remove"
	ActConnectorWarn   Action = "connector.secret" // the client secret expires soon, or has
	ActTenants         Action = "company.tenants"
	ActCompanyAdd      Action = "company.add"
	ActCompanyRename   Action = "company.rename"
	ActCompanyEnable   Action = "company.enable"
	ActCompanyDisable  Action = "company.disable"
	ActCompanyRemove   Action = "company.remove"
	ActAllow           Action = "company.allow"
	ActDisallow        Action = "company.disallow"
	ActSettings        Action = "settings.set"
	ActMailRetry       Action = "mail.retry"
	ActMailRemove      Action = "mail.remove"
	ActMailTest        Action = "mail.test"
	ActMailBlock       Action = "mail.block"
	ActMailUnblock     Action = "mail.unblock"
	ActMailHold        Action = "mail.hold"
	ActMailRelease     Action = "mail.release"
	ActMailSuppress    Action = "mail.suppress"
	ActMailUnsuppress  Action = "mail.unsuppress"
	ActMailTLSLost     Action = "mail.tls_lost" // a mail server that had TLS offers none, so it gets no mail
	ActMailTLSForget   Action = "mail.tls_forget"
	ActProgramAdd      Action = "program.add"
	ActProgramSet      Action = "program.set"
	ActProgramPassword Action = "program.password"
	ActProgramRemove   Action = "program.remove"
	ActProgramSignIn   Action = "program.signin" // refusals only: programs sign in for every mail
	ActStorage         Action = "storage.space"  // the disk is full, or has room again
	ActBackupCreate    Action = "backup.create"
	ActBackupRemove    Action = "backup.remove"
	ActBackupCopy      Action = "backup.copy" // somebody took the data away
	ActBackupRestore   Action = "backup.restore"
	ActBackupVerify    Action = "backup.verify" // one that was kept has been found damaged
)

// OK is the outcome of an event that is no refusal.
const OK = "ok"

// Refused reports whether somebody was refused something. There are events whose outcome only tells what was found.
func (e Event) Refused() bool {
	return e.Outcome != OK && !slices.Contains(FoundActions(), e.Action)
}

// FoundActions returns the actions whose outcome is no refusal, whatever it is.
func FoundActions() []Action { return []Action{ActConnectorWarn, ActIdentity} }

// Actions returns the actions of the audit.
func Actions() []Action {
	return []Action{
		ActSignUp, ActResend, ActRegRemove, ActConfirm, ActSignIn, ActSignOut, ActForgot, ActReset, ActPassword, ActProfile,
		ActAccountDisable, ActAccountEnable, ActAccountRemove, ActAccountMove, ActSessionsEnd, ActSendReset, ActLink, ActLinkCode, ActUnlink, ActIdentity, ActConnectorAdd,
		ActConnectorSet, ActConnectorDel, ActConnectorWarn, ActTenants, ActCompanyAdd, ActCompanyRename, ActCompanyEnable,
		ActCompanyDisable, ActCompanyRemove, ActAllow, ActDisallow, ActSettings, ActMailRetry, ActMailRemove, ActMailTest,
		ActMailBlock, ActMailUnblock, ActMailHold, ActMailRelease, ActMailSuppress, ActMailUnsuppress, ActMailTLSLost,
		ActMailTLSForget, ActProgramAdd, ActProgramSet, ActProgramPassword, ActProgramRemove, ActProgramSignIn, ActStorage,
		ActBackupCreate, ActBackupRemove, ActBackupCopy, ActBackupRestore, ActBackupVerify,
	}
}

// EventQuery selects audit events. Before is the ID of the last one of the page before, or 0.
type EventQuery struct {
	Search  string // part of an address, company, actor, action, outcome or detail, or ""
	Action  string // an action, or a family of them with its dot, as in "account."; "" for all
	Refused bool   // only those of which Event.Refused is true
	Since   time.Time
	Until   time.Time // before then; the zero time for no bound
	Before  int64
	Limit   int
}

// check returns an Invalid error for an action that there is not.
func (q EventQuery) check() error {
	if q.Action == "" || slices.ContainsFunc(Actions(), func(a Action) bool {
		return string(a) == q.Action || (strings.HasSuffix(q.Action, ".") && strings.HasPrefix(string(a), q.Action))
	}) {
		return nil
	}
	return Fieldf("action", "action_unknown", "nothing in the audit is called %q; it is one action as in company.add, or a family of them with its dot as in company.", q.Action)
}
