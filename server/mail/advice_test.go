package mail_test

import (
	"strings"
	"testing"

	"foyer/server/mail"
)

// TestAdvice has refusals as providers give them, and expects the setting that is to be changed in the step, and the reply
// to be the server's words alone.
func TestAdvice(t *testing.T) {
	for _, tt := range []struct {
		at, answer, want string
	}{
		{"MAIL", "553 5.7.1 <accounts@office.example>: Sender address rejected: not owned by user foyer", "mail.from"},
		{"MAIL", "553 sorry, that sender is not allowed", "mail.from"},
		{"RCPT", "554 5.7.1 <jane@acme.example>: Relay access denied", "mail.auth"},
		{"RCPT", "550 5.7.64 TenantAttribution; Relay Access Denied", "mail.auth"},
		{"DATA", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "Send As"},
		{".", "554 5.2.252 SendAsDenied; foyer@office.example not allowed to send as accounts@office.example", "Send As"},
		{".", "550 5.7.23 The message was rejected because of an SPF violation", "foyer mail dns"},
		{".", "550 5.7.26 This mail has been blocked because the sender is unauthenticated", "mail.dkim=on"},
		{".", "421 4.7.26 unauthenticated for now", "mail.dkim=on"},
		{".", "550 5.7.25 no PTR record", "PTR"},
		{"MAIL", "550 5.1.8 Sender address rejected: Domain not found", "mail.from"},
		{"RCPT", "550 5.1.1 no such user", ""},
		{".", "554 5.6.0 I do not like it", ""},
		{"RCPT", "450 4.7.1 greylisted", ""},
	} {
		addr := runScript(t, func(s *script) { s.upTo(tt.at); s.say("%s", tt.answer); s.expect("QUIT") })
		steps, err := stepsOf(t, mail.SmarthostConfig{Mail: settings(addr, "none", "none")}, message(t))
		last := steps[len(steps)-1]
		if err == nil || err.Error() != tt.answer || !strings.Contains(last, tt.want) || !strings.Contains(last, tt.answer) {
			t.Errorf("%s at %s: got %v and %q, want %q", tt.answer, tt.at, err, last, tt.want)
		}
		if advised := !strings.HasSuffix(last, "false "+tt.answer); advised != (tt.want != "") {
			t.Errorf("%s at %s: got %q", tt.answer, tt.at, last)
		}
	}
}

// TestAdviceOnSigningIn expects to be told what the provider has switched off.
func TestAdviceOnSigningIn(t *testing.T) {
	ca := newAuthority(t)
	for _, tt := range []struct{ answer, want string }{
		{"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant", "set mail.auth=xoauth2"},
		{"534 5.7.9 Application-specific password required", "application password"},
		{"535 5.7.8 no", "check mail.username and mail.password"},
	} {
		addr := runScriptTLS(t, ca.issue(t, nil), func(s *script) {
			s.say("220 odd.example")
			s.expect("EHLO")
			s.say("250-odd.example\r\n250 AUTH PLAIN")
			s.expect("AUTH")
			s.say("%s", tt.answer)
			s.expect("*") // go-smtp ends a sign-in twice
			s.say("501 ended")
			s.expect("QUIT")
			s.say("221 bye")
		})
		steps, err := stepsOf(t, mail.SmarthostConfig{Mail: settings(addr, "implicit", "plain"), RootCAs: ca.pool}, message(t))
		wantReason(t, err, "auth_failed", false, true)
		if last := steps[len(steps)-1]; !strings.HasPrefix(last, "auth false ") || !strings.Contains(last, tt.want) || !strings.Contains(last, tt.answer) {
			t.Errorf("%s: got %q, want %q", tt.answer, last, tt.want)
		}
	}
}

// TestAdviceToAccount expects, once this machine has signed in, to hear of its sender and not of signing in: Postfix refuses
// a sender after RCPT TO.
func TestAdviceToAccount(t *testing.T) {
	ca := newAuthority(t)
	const answer = "553 5.7.1 <boss@office.example>: Sender address rejected: not owned by user accounts"
	addr := runScriptTLS(t, ca.issue(t, nil), func(s *script) {
		s.say("220 odd.example")
		s.expect("EHLO")
		s.say("250-odd.example\r\n250 AUTH PLAIN")
		s.expect("AUTH")
		s.say("235 welcome")
		s.expect("MAIL")
		s.say("250 ok")
		s.expect("RCPT")
		s.say("%s", answer)
		s.expect("QUIT")
		s.say("221 bye")
	})
	steps, err := stepsOf(t, mail.SmarthostConfig{Mail: settings(addr, "implicit", "plain"), RootCAs: ca.pool}, message(t))
	last := steps[len(steps)-1]
	if err == nil || err.Error() != answer || !strings.Contains(last, "set mail.from") || strings.Contains(last, "set mail.auth") {
		t.Errorf("got %v and %q, want the sender to be named", err, last)
	}
}
