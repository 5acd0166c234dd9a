package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"foyer/app"
)

func withWays(h *house) {
	since := time.Date(2026, 11, 3, 10, 0, 0, 0, time.UTC)
	h.domain.identities(func(d *fakeIdentities) {
		d.ways = []app.WayIn{
			{ID: 7, Connector: "google", Title: "Google", Email: "jane@gmail.com", Since: since, Seen: since.AddDate(0, 0, 9), Usable: true},
			{ID: 8, Title: "Old Login", Since: since, Seen: since},
		}
	})
}

func TestWaysIn(t *testing.T) {
	h := open(t)
	withWays(h)
	me := h.domain.signIn()
	a := h.get("/account", cookie(me))
	a.want(t, "fresh", 200, "Ways to sign in", "jane@gmail.com", "3 November 2026", "12 November 2026", "off at present", `name="id" value="7"`,
		`href="/auth/work/start?link=`+me.CSRF()+`"`, "Add Office 365 / Entra ID", "Add Novák Login")
	if strings.Contains(a.body, "Add Google") || strings.Contains(a.body, "/account/again") {
		t.Error("what is there can be added, or a fresh session is not enough")
	}
	h.domain.identities(func(d *fakeIdentities) { d.stale = true })
	a = h.get("/account", cookie(me))
	a.want(t, "stale", 200, "Ways to sign in", "jane@gmail.com", `href="/account/again"`)
	if strings.Contains(a.body, "/account/unlink") || strings.Contains(a.body, "link=") {
		t.Error("a stale session has buttons that change the ways in")
	}
	h.domain.account.PasswordHash = ""
	a = h.get("/account", cookie(me))
	a.want(t, "no password", 200, "This account has no password", `href="/forgot"`)
	if strings.Contains(a.body, "current_password") {
		t.Error("the page asks for a password the account does not have")
	}
	h.domain.identities(func(d *fakeIdentities) { d.ways, d.connectors = nil, nil })
	if a := h.get("/account", cookie(me)); strings.Contains(a.body, "Ways to sign in") {
		t.Error("a card of ways in where there are none")
	}
}

func TestUnlink(t *testing.T) {
	h := open(t)
	withWays(h)
	me := h.domain.signIn()
	proof := "csrf=" + me.CSRF()
	for _, test := range []struct {
		name, body string
		err        error
		status     int
		text       string
	}{
		{"no proof", "id=7", nil, 403, ""},
		{"no number", proof + "&id=x", nil, 400, ""},
		{"no id", proof, nil, 400, ""},
		{"two ids", proof + "&id=7&id=8", nil, 400, ""},
		{"unknown", proof + "&id=7", app.Errorf(app.NotFound, "identity_unknown", "x"), 404, "is not there any more"},
		{"the last", proof + "&id=7", app.Errorf(app.Conflict, "last_way_in", "x"), 409, "This is the only way into your account."},
	} {
		h.domain.identities(func(d *fakeIdentities) { d.linkErr = test.err })
		h.post("/account/unlink", test.body, cookie(me)).want(t, test.name, test.status, test.text)
	}
	h.domain.identities(func(d *fakeIdentities) { d.linkErr, d.stale = nil, true })
	h.post("/account/unlink", proof+"&id=7", cookie(me)).wantRedirect(t, "stale", "/account/again")
	if len(h.domain.unlinked) != 0 {
		t.Fatalf("removed %v", h.domain.unlinked)
	}
	h.domain.identities(func(d *fakeIdentities) { d.stale = false })
	a := h.post("/account/unlink", proof+"&id=7", cookie(me))
	a.wantRedirect(t, "removed", "/account?notice=unlinked")
	next := app.Token(a.sessionCookie(t, "sid", "Path=/; HttpOnly; SameSite=Lax"))
	h.get("/account?notice=unlinked", cookie(next)).want(t, "after", 200, "It has been removed.")
	if got := fmt.Sprint(h.domain.unlinked); got != "[7]" {
		t.Errorf("removed %s, want [7]", got)
	}
}

func TestSignInAgain(t *testing.T) {
	h := open(t)
	withWays(h)
	h.domain.identities(func(d *fakeIdentities) { d.ways[1].Connector = "office-login" })
	me := h.domain.signIn()
	proof := "csrf=" + me.CSRF()
	a := h.get("/account/again", cookie(me))
	a.want(t, "page", 200, `name="current_password"`, `href="/auth/google/start?again=`+me.CSRF()+`"`)
	if strings.Count(a.body, "/auth/") != 1 {
		t.Error("a way in is offered that the account does not have, or that does not work")
	}
	h.get("/account/again").wantRedirect(t, "nobody", "/login")
	h.post("/account/again", "current_password=x", cookie(me)).want(t, "no proof", 403)
	h.post("/account/again", proof+"&current_password=x", cookie(me)).want(t, "wrong", 422, "This is not your present password.")
	h.domain.fail(app.Errorf(app.Limited, "wait", "x").With("Seconds", "17"))
	waits := h.post("/account/again", proof+"&current_password=x", cookie(me))
	waits.want(t, "wait", 429, "Please wait 17 s")
	if got := waits.header.Get("Retry-After"); got != "17" {
		t.Errorf("Retry-After %q, want 17", got)
	}
	h.domain.fail(nil)
	a = h.post("/account/again", proof+"&current_password="+strings.ReplaceAll(goodPassword, " ", "+"), cookie(me))
	a.wantRedirect(t, "right", "/account?notice=again")
	next := app.Token(a.sessionCookie(t, "sid", "Path=/; HttpOnly; SameSite=Lax"))
	h.get("/account?notice=again", cookie(next)).want(t, "after", 200, "you can change how you sign in")
	h.get("/account", cookie(me)).wantRedirect(t, "the session from before", "/login")

	h.domain.account.PasswordHash = ""
	if a := h.get("/account/again", cookie(next)); a.status != 200 || strings.Contains(a.body, "current_password") {
		t.Errorf("no password: got %d, or a field for it", a.status)
	}
	h.domain.identities(func(d *fakeIdentities) { d.ways = nil })
	h.get("/account/again", cookie(next)).want(t, "no way at all", 200, `href="/forgot"`)
}

func TestLinkToTheAccount(t *testing.T) {
	h := open(t)
	h.domain.identities(func(d *fakeIdentities) { d.offer.Account, d.offer.Address = "jane@gmail.com", app.Address{} })
	me := h.domain.signIn()
	proof := "csrf=" + me.CSRF()
	h.get("/account/link").wantRedirect(t, "nobody", "/login")
	h.get("/account/link", cookie(me)).want(t, "question", 200, "Add Google to your account?", "jane@gmail.com", "jane@example.com", `href="/account"`)
	h.post("/account/link", "", cookie(me)).want(t, "no proof", 403)
	for _, test := range []struct {
		err    *app.Error
		status int
		text   string
	}{
		{app.Errorf(app.Denied, "identity_gone", "x"), 403, "Please sign in with the provider again"},
		{app.Errorf(app.Conflict, "identity_taken", "x").With("Through", "Google"), 409, "This account at Google belongs to another account here."},
		{app.Errorf(app.Conflict, "identity_other", "x").With("Through", "Google"), 409, "connected with another account at Google"},
	} {
		h.domain.identities(func(d *fakeIdentities) { d.linkErr = test.err })
		h.post("/account/link", proof, cookie(me)).want(t, test.err.Reason, test.status, test.text, `href="/account"`)
	}
	h.domain.identities(func(d *fakeIdentities) { d.linkErr = app.Errorf(app.Denied, "identity_gone", "x") })
	h.get("/account/link", cookie(me)).want(t, "nothing brought", 403, `href="/account"`)
	h.domain.identities(func(d *fakeIdentities) { d.linkErr, d.stale = nil, true })
	h.post("/account/link", proof, cookie(me)).wantRedirect(t, "stale", "/account/again")
	h.domain.identities(func(d *fakeIdentities) { d.stale = false })
	a := h.post("/account/link", proof, cookie(me))
	a.wantRedirect(t, "linked", "/account?notice=linked")
	next := app.Token(a.sessionCookie(t, "sid", "Path=/; HttpOnly; SameSite=Lax"))
	h.get("/account", cookie(next)).want(t, "after", 200)
	h.get("/account", cookie(me)).wantRedirect(t, "the session from before", "/login")
}
