package mail_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"foyer/app"
	"foyer/server/mail"
)

// loginServer is AUTH LOGIN, of the kind that asks before it takes anything.
type loginServer struct {
	*sink
	given []string
}

func (s *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if response != nil {
		s.given = append(s.given, string(response))
	} else if len(s.given) > 0 {
		return nil, false, errors.New("no answer")
	}
	if len(s.given) < len(s.questions) {
		return []byte(s.questions[len(s.given)]), false, nil
	}
	good := len(s.given) == 2 && s.given[0] == username && s.given[1] == password
	return nil, true, s.judge(good, strings.Join(s.given, " "))
}

// xoauth2Server is AUTH XOAUTH2: it reports what is wrong with a token in a challenge, and refuses it when that has its
// empty answer.
type xoauth2Server struct {
	*sink
	refused string
}

func (s *xoauth2Server) Next(response []byte) (challenge []byte, done bool, err error) {
	if s.refused != "" {
		if len(response) != 0 {
			return nil, false, fmt.Errorf("got %q, want an empty answer", response)
		}
		whole := "user=" + username + "\x01auth=Bearer " + s.refused + "\x01\x01"
		return nil, true, s.judge(false, s.refused+"\n"+base64.StdEncoding.EncodeToString([]byte(whole)))
	}
	token, ok := strings.CutPrefix(string(response), "user="+username+"\x01auth=Bearer ")
	token, end := strings.CutSuffix(token, "\x01\x01")
	switch {
	case !ok || !end:
		return nil, false, fmt.Errorf("got %q", response)
	case !s.token(token):
		s.refused = token
		return []byte(`{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}`), false, nil
	}
	return nil, true, s.judge(true, "")
}

func TestLogin(t *testing.T) {
	ca := newAuthority(t)
	config := ca.issue(t, nil)
	tests := []struct {
		name      string
		mode      string
		questions []string
		password  string
		reason    string // "" for delivered
	}{
		{"STARTTLS", "starttls", []string{"Username:", "Password:"}, password, ""},
		{"implicit TLS", "implicit", []string{"User Name\x00", "Password\x00"}, password, ""},
		{"silent questions", "starttls", []string{"", ""}, password, ""},
		{"wrong password", "starttls", []string{"Username:", "Password:"}, "canary-wrong-s3cret", "auth_failed"},
		{"a third question", "starttls", []string{"Username:", "Password:", "Mother's name:"}, password, "protocol"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &sink{mechanisms: "LOGIN", questions: tt.questions}
			c := mail.SmarthostConfig{Mail: settings(s.serve(t, config, tt.mode == "implicit"), tt.mode, "login"), RootCAs: ca.pool}
			c.Mail.Password = tt.password
			_, err := deliver(t, c, message(t))
			if tt.reason == "" {
				if got := s.got(); err != nil || len(got) != 1 || s.auths != 1 {
					t.Errorf("got %v, %d mails and %d sign-ins, want 1 each", err, len(got), s.auths)
				}
				return
			}
			wantReason(t, err, tt.reason, false, true)
			if got := s.got(); len(got) != 0 || strings.Contains(err.Error(), tt.password) {
				t.Errorf("got %d mails and %q, want none, and no password", len(got), err)
			}
		})
	}
}

// When the server offers another way than the one that is set, the error names it.
func TestWaysToSignIn(t *testing.T) {
	ca := newAuthority(t)
	config := ca.issue(t, nil)
	tests := []struct{ offered, auth, reason, says string }{
		{"LOGIN", "plain", "auth_unsupported", "does not offer to sign in with AUTH PLAIN but with LOGIN; set mail.auth=login"},
		{"PLAIN", "login", "auth_unsupported", "AUTH LOGIN but with PLAIN; set mail.auth=plain"},
		{"LOGIN PLAIN", "xoauth2", "auth_unsupported", "AUTH XOAUTH2 but with PLAIN; set mail.auth=plain"},
		{"XOAUTH2", "plain", "auth_unsupported", "AUTH PLAIN but with XOAUTH2; set mail.auth=xoauth2"},
		{"CRAM-MD5", "login", "auth_unsupported", "AUTH LOGIN; set mail.auth=none if it knows"},
		{"PLAIN", "cram-md5", "not_configured", "mail.auth=cram-md5 is not supported"},
		{"XOAUTH2", "xoauth2", "not_configured", "mail.oauth_provider"},
	}
	for _, tt := range tests {
		s := &sink{mechanisms: tt.offered}
		_, err := deliver(t, mail.SmarthostConfig{Mail: settings(s.serve(t, config, false), "starttls", tt.auth), RootCAs: ca.pool}, message(t))
		wantReason(t, err, tt.reason, false, true)
		if !strings.Contains(err.Error(), tt.says) || s.auths != 0 {
			t.Errorf("%s is set, %s offered: got %q and %d sign-ins, want %q and none", tt.auth, tt.offered, err, s.auths, tt.says)
		}
	}
}

// tokenOffice is a smarthost that takes some tokens, and the endpoint that gives them.
type tokenOffice struct {
	*endpoint
	sink   *sink
	config mail.SmarthostConfig
}

func newOffice(t *testing.T, o app.MailOAuth, good func(token string) bool) *tokenOffice {
	t.Helper()
	ca := newAuthority(t)
	e := newEndpoint(t)
	s := &sink{mechanisms: "LOGIN XOAUTH2", token: good}
	c := mail.SmarthostConfig{Mail: settings(s.serve(t, ca.issue(t, nil), false), "starttls", "xoauth2"), RootCAs: ca.pool, Tokens: e.tokens}
	c.Mail.OAuth, c.Mail.Password = o, ""
	return &tokenOffice{endpoint: e, sink: s, config: c}
}

func every(string) bool { return true }

func TestXOAUTH2(t *testing.T) {
	for name, o := range map[string]app.MailOAuth{"microsoft": microsoft, "google": google} {
		t.Run(name, func(t *testing.T) {
			office := newOffice(t, o, every)
			for range 3 {
				if reply, err := deliver(t, office.config, message(t)); err != nil || !strings.HasPrefix(reply, "250 ") {
					t.Fatalf("Deliver: got %q, %v", reply, err)
				}
			}
			if got := office.count(); got != 1 {
				t.Errorf("three mails took %d tokens, want 1", got)
			}
			if office.sink.auths != 3 || len(office.sink.got()) != 3 {
				t.Errorf("got %d sign-ins and %d mails, want 3 each", office.sink.auths, len(office.sink.got()))
			}
		})
	}
}

func TestTokenIsRefused(t *testing.T) {
	tests := []struct {
		name    string
		oauth   app.MailOAuth
		good    func(token string) bool
		fetches int
		auths   int
		reason  string
		says    string
	}{
		{"withdrawn, then a fresh one", microsoft, func(token string) bool { return token == tokenNumber(2) }, 2, 2, "", ""},
		{"all, Microsoft", microsoft, func(string) bool { return false }, 2, 2, "auth_failed", "SMTP.SendAsApp"},
		{"all, Google", google, func(string) bool { return false }, 2, 2, "auth_failed", "mail.oauth_refresh_token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			office := newOffice(t, tt.oauth, tt.good)
			_, err := deliver(t, office.config, message(t))
			if got := office.count(); got != tt.fetches || office.sink.auths != tt.auths {
				t.Errorf("got %d tokens and %d sign-ins, want %d and %d", got, office.sink.auths, tt.fetches, tt.auths)
			}
			if tt.reason == "" {
				if err != nil || len(office.sink.got()) != 1 {
					t.Errorf("got %v and %d mails, want one", err, len(office.sink.got()))
				}
				return
			}
			wantReason(t, err, tt.reason, false, true)
			if !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "(535 wrong: *** 5.7.8 ***)") {
				t.Errorf("got %q, want %q, the answer, and no token", err, tt.says)
			}
		})
	}
}

// When one token is refused in many deliveries, one fresh one is enough for all.
func TestParallelDeliveriesShareAToken(t *testing.T) {
	for name, tt := range map[string]struct {
		good    func(string) bool
		fetches int
	}{
		"good":    {every, 1},
		"refused": {func(token string) bool { return token != tokenNumber(1) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			office := newOffice(t, microsoft, tt.good)
			m := message(t)
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					courier := mail.NewSmarthost(office.config)
					if _, err := courier.Deliver(t.Context(), m); err != nil {
						t.Error(err)
					}
					if err := courier.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if got := office.count(); got != tt.fetches || len(office.sink.got()) != 20 {
				t.Errorf("got %d tokens and %d mails, want %d and 20", got, len(office.sink.got()), tt.fetches)
			}
		})
	}
}

// A token that stands in the middle of an answer, is cut off by the end of its line, or goes on in the next.
func TestHidden(t *testing.T) {
	long := strings.Repeat("abcdefghijklmnopqrstuvwxyz0123456789", 60)
	for _, tt := range []struct{ words, secret, want string }{
		{"wrong: s3cret.", "s3cret", "wrong: ***."},
		{"nothing of it", "s3cret", "nothing of it"},
		{"x " + long + " y", long, "x *** y"},
		{"x " + long[:980], long, "x ***"},
		{"x " + long[:700] + "\n" + long[700:1500] + " y", long, "x ***\n*** y"},
		{"abcdefghijklmno", long, "abcdefghijklmno"}, // too little to tell
	} {
		if got := mail.Hidden(tt.words, tt.secret); got != tt.want {
			t.Errorf("hidden(%.60q, %.20q...) = %.80q, want %q", tt.words, tt.secret, got, tt.want)
		}
	}
}
