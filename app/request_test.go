package app_test

import (
	"testing"
	"time"

	"foyer/app"
)

func listed() app.Verdict {
	return app.Verdict{Allowed: true, Reason: app.Listed, CompanyID: 1, Company: "Acme", Entry: "company.com"}
}

func account(state app.AccountState, companyEnabled bool) *app.Account {
	return &app.Account{ID: 1, State: state, Company: "Acme", CompanyID: 1, CompanyEnabled: companyEnabled}
}

// limits of which each is another number, so that none can stand for another.
var requestLimits = app.Limits{
	MailPerAddress: 3, MailPerAddressDay: 5, MailPerDomain: 60, MailGlobal: 300, AccountsPerBase: 4, Registrations: 10_000, QueueMessages: 5_000,
}

func TestDecide(t *testing.T) {
	refused := app.Verdict{Reason: app.RefusedByEntry, CompanyID: 1, Company: "Acme", Entry: "!company.com"}
	disabled := app.Verdict{Reason: app.CompanyDisabled, CompanyID: 1, Company: "Acme", Entry: "company.com"}
	off := app.Verdict{Reason: app.NotListed}
	tests := []struct {
		name   string
		action app.Action
		refuse string
		facts  app.RequestFacts
		mail   app.MessageKind
		reason string
	}{
		// Sign-up of an address without an account.
		{"listed", app.ActSignUp, "", app.RequestFacts{Verdict: listed()}, app.MailConfirm, app.OK},
		{"off the list", app.ActSignUp, "", app.RequestFacts{Verdict: off}, "", "not_listed"},
		{"refused by an entry", app.ActSignUp, "", app.RequestFacts{Verdict: refused}, "", "refused_by_entry"},
		{"company disabled", app.ActSignUp, "", app.RequestFacts{Verdict: disabled}, "", "company_disabled"},
		// Sign-up of an address that has one: whatever the list says.
		{"exists", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), Account: account(app.AccountActive, true)}, app.MailExists, "account_exists"},
		{"exists, off the list", app.ActSignUp, "", app.RequestFacts{Verdict: off, Account: account(app.AccountActive, true)}, app.MailExists, "account_exists"},
		{"exists, disabled", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), Account: account(app.AccountDisabled, true)}, app.MailDisabled, "account_disabled"},
		{"exists, company disabled", app.ActSignUp, "", app.RequestFacts{Verdict: disabled, Account: account(app.AccountActive, false)}, app.MailDisabled, "company_disabled"},
		{"exists, both disabled", app.ActSignUp, "", app.RequestFacts{Verdict: disabled, Account: account(app.AccountDisabled, false)}, app.MailDisabled, "account_disabled"},
		// Forgotten password.
		{"forgot", app.ActForgot, "", app.RequestFacts{Verdict: listed(), Account: account(app.AccountActive, true)}, app.MailReset, app.OK},
		{"forgot, off the list now", app.ActForgot, "", app.RequestFacts{Verdict: off, Account: account(app.AccountActive, true)}, app.MailReset, app.OK},
		{"forgot, no account", app.ActForgot, "", app.RequestFacts{Verdict: listed()}, "", "no_account"},
		{"forgot, stranger", app.ActForgot, "", app.RequestFacts{Verdict: off}, "", "no_account"},
		{"forgot, disabled", app.ActForgot, "", app.RequestFacts{Verdict: listed(), Account: account(app.AccountDisabled, true)}, app.MailDisabled, "account_disabled"},
		{"forgot, company disabled", app.ActForgot, "", app.RequestFacts{Verdict: disabled, Account: account(app.AccountActive, false)}, app.MailDisabled, "company_disabled"},
		// A reason known beforehand wins over everything.
		{"trap", app.ActSignUp, "trap", app.RequestFacts{Verdict: listed()}, "", "trap"},
		{"trap, exists", app.ActSignUp, "trap", app.RequestFacts{Verdict: listed(), Account: account(app.AccountActive, true)}, "", "trap"},
		{"limit, forgot", app.ActForgot, "limit_signup_per_ip", app.RequestFacts{Account: account(app.AccountActive, true)}, "", "limit_signup_per_ip"},
		// The bounds, just below and at them.
		{"registrations, one more fits", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), Waiting: 9_999}, app.MailConfirm, app.OK},
		{"registrations, full", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), Waiting: 10_000}, "", "limit_registrations"},
		{"base, one more fits", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), BaseDay: 3}, app.MailConfirm, app.OK},
		{"base, full", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), BaseDay: 4}, "", "limit_accounts_per_base"},
		{"address, one more fits", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), MailsHour: 2}, app.MailConfirm, app.OK},
		{"address, full", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), MailsHour: 3}, "", "limit_mail_per_address"},
		{"day, one more fits", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), MailsDay: 4}, app.MailConfirm, app.OK},
		{"day, full", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), MailsDay: 5}, "", "limit_mail_per_address_day"},
		{"domain, one more fits", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), DomainHour: 59}, app.MailConfirm, app.OK},
		{"domain, full", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), DomainHour: 60}, "", "limit_mail_per_domain"},
		{"global, one more fits", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), GlobalHour: 299}, app.MailConfirm, app.OK},
		{"global, full", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), GlobalHour: 300}, "", "limit_mail_global"},
		{"queue, one more fits", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), Queued: 4_999}, app.MailConfirm, app.OK},
		{"queue, full", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), Queued: 5_000}, "", "limit_queue_messages"},
		{"passed long ago", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), GlobalHour: 100_000}, "", "limit_mail_global"},
		{"blocked by its owner", app.ActSignUp, "", app.RequestFacts{Verdict: listed(), Blocked: true}, "", "blocked_by_owner"},
		// They hold for mails about accounts too: else the form is a cannon against customers.
		{"exists, blocked", app.ActSignUp, "", app.RequestFacts{Account: account(app.AccountActive, true), Blocked: true}, "", "blocked_by_owner"},
		{"exists, address full", app.ActSignUp, "", app.RequestFacts{Account: account(app.AccountActive, true), MailsHour: 3}, "", "limit_mail_per_address"},
		{"exists, registrations full", app.ActSignUp, "", app.RequestFacts{Account: account(app.AccountActive, true), Waiting: 10_000, BaseDay: 9}, app.MailExists, "account_exists"},
		{"disabled, day full", app.ActSignUp, "", app.RequestFacts{Account: account(app.AccountDisabled, true), MailsDay: 5}, "", "limit_mail_per_address_day"},
		{"forgot, domain full", app.ActForgot, "", app.RequestFacts{Account: account(app.AccountActive, true), DomainHour: 60}, "", "limit_mail_per_domain"},
		{"forgot, blocked", app.ActForgot, "", app.RequestFacts{Account: account(app.AccountActive, true), Blocked: true}, "", "blocked_by_owner"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := app.Request{Refuse: tt.refuse, Limits: requestLimits, Event: app.Event{Action: tt.action}}
			got := r.Decide(tt.facts)
			if got.Mail != tt.mail || got.Reason != tt.reason {
				t.Errorf("Decide = mail %q, reason %q; want %q, %q", got.Mail, got.Reason, tt.mail, tt.reason)
			}
			if got.Verdict.Reason != tt.facts.Verdict.Reason || got.Verdict.Entry != tt.facts.Verdict.Entry {
				t.Errorf("Decide = verdict %+v, want that of the facts", got.Verdict)
			}
		})
	}
}

// Everything is wrong; one after the other is put right. The reason that remains is always the first in order.
func TestDecideOrder(t *testing.T) {
	r := app.Request{Refuse: "trap", Limits: requestLimits, Event: app.Event{Action: app.ActSignUp}}
	f := app.RequestFacts{
		Verdict: app.Verdict{Reason: app.RefusedByEntry}, Account: account(app.AccountDisabled, false), Blocked: true, Suppressed: true,
		MailsHour: 3, MailsDay: 5, DomainHour: 60, GlobalHour: 300, Queued: 5_000, BaseDay: 4, Waiting: 10_000,
	}
	steps := []struct {
		reason string
		mail   app.MessageKind
		repair func()
	}{
		{"trap", "", func() { r.Refuse = "" }},
		{"blocked_by_owner", "", func() { f.Account = nil }}, // the account is known before the list is asked, the limits come behind
		{"refused_by_entry", "", func() { f.Verdict = listed() }},
		{"limit_registrations", "", func() { f.Waiting = 0 }},
		{"limit_accounts_per_base", "", func() { f.BaseDay = 0 }},
		{"blocked_by_owner", "", func() { f.Blocked = false }},
		{"suppressed", "", func() { f.Suppressed = false }},
		{"limit_mail_per_address", "", func() { f.MailsHour = 0 }},
		{"limit_mail_per_address_day", "", func() { f.MailsDay = 0 }},
		{"limit_mail_per_domain", "", func() { f.DomainHour = 0 }},
		{"limit_mail_global", "", func() { f.GlobalHour = 0 }},
		{"limit_queue_messages", "", func() { f.Queued = 0 }},
		{app.OK, app.MailConfirm, func() {}},
	}
	for _, step := range steps {
		if got := r.Decide(f); got.Reason != step.reason || got.Mail != step.mail {
			t.Errorf("Decide = mail %q, reason %q; want %q, %q", got.Mail, got.Reason, step.mail, step.reason)
		}
		step.repair()
	}
}

func TestDecideWithoutLimits(t *testing.T) {
	r := app.Request{Event: app.Event{Action: app.ActSignUp}}
	f := app.RequestFacts{Verdict: listed(), MailsHour: 1 << 30, MailsDay: 1 << 30, DomainHour: 1 << 30, GlobalHour: 1 << 30, BaseDay: 1 << 30, Waiting: 1 << 30, Queued: 1 << 30}
	if got := r.Decide(f); got.Mail != app.MailConfirm || got.Reason != app.OK {
		t.Errorf("Decide = mail %q, reason %q; want %q: 0 switches a limit off", got.Mail, got.Reason, app.MailConfirm)
	}
}

// Whatever the facts, a stranger gets no mail: neither by the form, nor by "forgot", nor by the administrator.
func TestDecideNeverMailsStrangers(t *testing.T) {
	for _, action := range []app.Action{app.ActSignUp, app.ActForgot, ""} {
		for _, reason := range []app.VerdictReason{app.NotListed, app.RefusedByEntry, app.CompanyDisabled, ""} {
			for _, lim := range []app.Limits{{}, requestLimits} {
				r := app.Request{Limits: lim, Event: app.Event{Action: action}, Registration: app.Registration{CreatedAt: time.Now()}}
				if got := r.Decide(app.RequestFacts{Verdict: app.Verdict{Reason: reason}}); got.Mail != "" {
					t.Errorf("%q with verdict %q: mail %q, want none", action, reason, got.Mail)
				}
			}
		}
	}
}

// Mail about an account goes to the address the account has, whatever was typed.
func TestLetter(t *testing.T) {
	r := app.Request{Registration: app.Registration{Email: address(t, "JANE@company.com"), Lang: "en", IP: "192.0.2.1"}}
	d := app.Decision{Mail: app.MailConfirm, Verdict: listed()}
	want := app.Letter{Kind: app.MailConfirm, To: r.Email, Company: "Acme", Lang: "en", IP: "192.0.2.1"}
	if got := r.Letter(d, nil); got != want {
		t.Errorf("Letter without an account = %+v, want %+v", got, want)
	}
	d.Mail = app.MailReset
	a := account(app.AccountActive, true)
	a.Email, a.Lang = address(t, "Jane@company.com"), "sk"
	want = app.Letter{Kind: app.MailReset, To: a.Email, Company: "Acme", Lang: "sk", IP: "192.0.2.1"}
	if got := r.Letter(d, a); got != want {
		t.Errorf("Letter about an account = %+v, want %+v", got, want)
	}
}
