package main_test

import (
	"strings"
	"syscall"
	"testing"
)

const (
	firstPassword  = "correct horse battery"
	secondPassword = "another long password"
	thirdPassword  = "yet another password"
)

// TestMainJob is the way of a customer's employee from the login screen to the account page, through the built binary, a
// real browser and a real SMTP server.
func TestMainJob(t *testing.T) {
	office := newPostOffice(t)
	p := serve(t, t.TempDir())
	p.run("company", "add", "Acme s.r.o.", "acme.example", "!intern@acme.example")
	p.run("settings", "set", "site_name=Office & Sons", "contact=Anna, anna@office.example", "limits.login_per_ip=0", "limits.mail_per_address=0")
	p.run(office.settings()...)
	b := newBrowser(t, "en")

	b.open(p.url + "/login")
	b.sees("/login", "Office & Sons")
	b.shoot("01-login-without-link")
	if strings.Contains(b.html(), `href="/register"`) {
		t.Error("the link to create an account is shown while it is switched off")
	}
	p.run("settings", "set", "login_link=on")
	b.open(p.url + "/login")
	b.shoot("02-login")
	b.click(`//a[@href="/register"]`)
	b.shoot("03-register")
	b.fill(map[string]string{"first_name": "Jana", "last_name": "O'Néill", "email": "jana@acme..example", "phone": "+421 2 123"})
	b.submit("first_name")
	b.sees("/register", "Anna")
	b.shoot("04-register-refused")
	b.fill(map[string]string{"email": "Jana@acme.example"})
	b.submit("first_name")
	b.sees("/register/sent")
	b.shoot("05-sent")

	mail := office.next(t, "Jana@acme.example")
	if mail.From != "accounts@office.example" || mail.Header.Get("Auto-Submitted") != "auto-generated" || !strings.Contains(mail.Text, "Acme s.r.o.") {
		t.Errorf("the mail: from %s, header %v\n%s", mail.From, mail.Header, mail.Text)
	}
	link := mail.find(t, confirmLink)
	b.open(link)
	b.sees("/confirm", "Jana@acme.example", "Acme s.r.o.")
	b.shoot("06-confirm")
	b.fill(map[string]string{"password": firstPassword, "password_confirm": firstPassword + "x"})
	b.submit("password_confirm")
	b.shoot("07-confirm-refused")
	b.fill(map[string]string{"password": firstPassword, "password_confirm": firstPassword})
	b.submit("password_confirm")
	b.sees("/login")
	b.shoot("08-confirmed")
	signIn(b, "jana@acme.example", "not the password")
	b.sees("/login")
	b.shoot("09-login-refused")
	signIn(b, "jana@acme.example", firstPassword)
	b.sees("/account", "Acme s.r.o.", "Customer Accounts", "Jana@acme.example", "Jana O'Néill")
	b.shoot("10-account")

	account := query[map[string]any](p, "account", "show", "jana@acme.example")
	for key, want := range map[string]any{
		"email": "Jana@acme.example", "first_name": "Jana", "last_name": "O'Néill", "phone": "+421 2 123", "company": "Acme s.r.o.",
		"state": "active", "list_match": true,
	} {
		if account[key] != want {
			t.Errorf("account show: %s is %v, want %v", key, account[key], want)
		}
	}
	if groups, ok := account["groups"].([]any); !ok || len(groups) != 1 || groups[0] != "Customer Accounts" {
		t.Errorf("account show: groups %v", account["groups"])
	}
	t.Run("a second visit", func(*testing.T) {
		b.open(link)
		b.sees("/confirm", "already")
		b.shoot("11-already-confirmed")
	})
	t.Run("profile and password", func(t *testing.T) { profileAndPassword(t, p, b, office) })
	t.Run("forgotten password", func(t *testing.T) { forgotten(t, p, office) })
	t.Run("by code, in Slovak", func(t *testing.T) { byCode(t, p, office) })
	t.Run("not me", func(t *testing.T) { notMe(t, p, office) })
	t.Run("audit", func(t *testing.T) { auditTells(t, p) })
	p.stop(syscall.SIGTERM)
	if p.err != nil {
		t.Errorf("an orderly stop ended with %v:\n%s", p.err, p.log)
	}
	for _, canary := range []string{firstPassword, secondPassword, strings.TrimPrefix(link, p.url+"/confirm/"), "Jana@acme.example"} {
		if strings.Contains(p.log.String(), canary) {
			t.Errorf("the log contains %q", canary)
		}
	}
}

func signIn(b *browser, email, password string) {
	b.tb.Helper()
	b.fill(map[string]string{"email": email, "password": password})
	b.submit("password")
}

func profileAndPassword(t *testing.T, p *process, b *browser, office *postOffice) {
	b.open(p.url + "/account")
	b.fill(map[string]string{"last_name": "Nováková", "phone": ""})
	b.submit("last_name")
	b.sees("/account", "Nováková")
	b.fill(map[string]string{"current_password": "wrong", "password": secondPassword, "password_confirm": secondPassword})
	b.submit("current_password")
	b.shoot("12-password-refused")
	b.fill(map[string]string{"current_password": firstPassword, "password": secondPassword, "password_confirm": secondPassword})
	b.submit("current_password")
	b.sees("/account")
	b.shoot("13-password-changed")
	office.next(t, "Jana@acme.example")
	b.click(`//form[@action="/logout"]//button`)
	b.sees("/login")
	b.shoot("14-signed-out")
	b.open(p.url + "/account")
	b.sees("/login")
}

func forgotten(t *testing.T, p *process, office *postOffice) {
	b := newBrowser(t, "en")
	b.open(p.url + "/login")
	b.click(`//a[@href="/forgot"]`)
	b.shoot("15-forgot")
	b.fill(map[string]string{"email": "jana@acme.example"})
	b.submit("email")
	b.sees("/forgot/sent")
	b.shoot("16-forgot-sent")
	link := office.next(t, "Jana@acme.example").find(t, resetLink)
	b.open(link)
	b.shoot("17-reset")
	b.fill(map[string]string{"password": thirdPassword, "password_confirm": thirdPassword})
	b.submit("password_confirm")
	b.sees("/login")
	signIn(b, "jana@acme.example", secondPassword)
	b.sees("/login")
	signIn(b, "jana@acme.example", thirdPassword)
	b.sees("/account", "Nováková")
	b.open(link)
	b.sees("/reset")
	b.shoot("18-link-gone")
}

// byCode goes on where the neutral page stands, in a browser that asks for Slovak.
func byCode(t *testing.T, p *process, office *postOffice) {
	b := newBrowser(t, "sk")
	b.open(p.url + "/register")
	b.shoot("19-register-sk")
	if !strings.Contains(b.html(), `lang="sk"`) {
		t.Error("the page is not in the browser's language")
	}
	b.fill(map[string]string{"first_name": "Ján", "last_name": "Kováč", "email": "jan@acme.example"})
	b.submit("first_name")
	b.sees("/register/sent")
	b.shoot("20-sent-sk")
	mail := office.next(t, "jan@acme.example")
	if mail.Header.Get("Content-Language") != "sk" {
		t.Errorf("the mail is in %q, not in the language of its registration", mail.Header.Get("Content-Language"))
	}
	b.fill(map[string]string{"email": "jan@acme.example", "code": strings.ToLower(mail.find(t, codeInMail))})
	b.submit("code")
	b.sees("/confirm", "Acme s.r.o.", "jan@acme.example")
	b.shoot("21-confirm-by-code-sk")
	b.fill(map[string]string{"password": firstPassword, "password_confirm": firstPassword})
	b.submit("password_confirm")
	b.sees("/login")
	signIn(b, "jan@acme.example", firstPassword)
	b.sees("/account", "Acme s.r.o.", "Customer Accounts")
	b.shoot("22-account-sk")
	b.open(p.url + "/account?lang=en")
	if !strings.Contains(b.html(), `lang="en"`) {
		t.Error("the link to the other language changes nothing")
	}
}

func notMe(t *testing.T, p *process, office *postOffice) {
	b := newBrowser(t, "en")
	b.open(p.url + "/register")
	b.fill(map[string]string{"first_name": "Some", "last_name": "Body", "email": "victim@acme.example"})
	b.submit("first_name")
	mail := office.next(t, "victim@acme.example")
	b.open(mail.find(t, stopLink))
	b.shoot("23-not-me")
	b.fill(map[string]string{"email": "victim@acme.example"})
	b.submit("email")
	b.shoot("24-not-me-done")
	b.open(mail.find(t, confirmLink))
	b.sees("/confirm")
	if blocked := p.run("mail", "blocked"); !strings.Contains(blocked, "victim@acme.example") {
		t.Errorf("mail blocked: %s", blocked)
	}
	b.open(p.url + "/nowhere")
	b.shoot("25-not-found")
}

func auditTells(t *testing.T, p *process) {
	events := query[[]map[string]any](p, "audit", "list")
	seen := map[string]map[string]any{}
	for _, ev := range events {
		seen[ev["action"].(string)+" "+ev["outcome"].(string)+" "+ev["subject"].(string)] = ev
	}
	for _, want := range []string{
		"company.add ok Acme s.r.o.", "registration.signup ok Jana@acme.example", "account.confirm ok Jana@acme.example",
		"account.signin ok jana@acme.example", "account.signin signin_wrong jana@acme.example", "account.reset ok Jana@acme.example",
		"account.password ok Jana@acme.example", "account.signout ok Jana@acme.example", "mail.block ok victim@acme.example",
	} {
		if seen[want] == nil {
			t.Errorf("the audit has no event %q", want)
		}
	}
	if ev := seen["account.confirm ok Jana@acme.example"]; ev != nil && (ev["company"] != "Acme s.r.o." || ev["entry"] != "acme.example") {
		t.Errorf("the confirmation does not say which entry matched: %v", ev)
	}
	if ev := seen["company.add ok Acme s.r.o."]; ev != nil && !strings.Contains(ev["actor"].(string), "uid") {
		t.Errorf("the audit does not say who added the company: %v", ev)
	}
}
