package gui

import (
	"maps"
	"slices"
	"testing"

	"fyne.io/fyne/v2/test"

	"foyer/app"
	"foyer/app/localapi"
)

func TestMailFormShown(t *testing.T) {
	d, v := showMail(t, newFakeMail(), "settings")
	f := v.out.form
	for _, c := range []struct {
		name string
		do   func()
		want []string
	}{
		{"a mail server with a password", func() {}, []string{"from", "smarthost", "tls", "auth", "username", "password", "dkim"}},
		{"without a sign-in", func() { f.auth.SetSelected("None") }, []string{"from", "smarthost", "tls", "auth", "dkim"}},
		{
			"with Microsoft's token",
			func() { f.auth.SetSelected("Token (OAuth 2.0)"); f.provider.SetSelected("Microsoft") },
			[]string{"from", "smarthost", "tls", "auth", "oauth_provider", "username", "oauth_tenant", "oauth_client_id", "oauth_client_secret", "dkim"},
		},
		{
			"with Google's", func() { f.provider.SetSelected("Google") },
			[]string{"from", "smarthost", "tls", "auth", "oauth_provider", "username", "oauth_client_id", "oauth_client_secret", "oauth_refresh_token", "dkim"},
		},
		{"direct", func() { f.transport.SetSelected("Straight to the recipients") }, []string{"from", "dkim", "private_mx"}},
		{
			"direct and signed", func() { f.input("mail.dkim").set(localapi.Setting{Text: "on"}) },
			[]string{"from", "dkim", "dkim_selector", "private_mx"},
		},
		{"captured", func() { f.transport.SetSelected("Keep it here, send nothing") }, nil},
	} {
		c.do()
		want := []string{"mail.transport"}
		for _, name := range c.want {
			want = append(want, "mail."+name)
		}
		want = append(want, "mail.hold")
		var got []string
		for _, i := range f.inputs {
			if i.box.Visible() {
				got = append(got, i.key)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: shown are %q, want %q", c.name, got, want)
		}
	}
	d.sees("For trying things out")
}

func TestMailFormSave(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "settings")
	form := v.out.form
	if v.Unsaved() || !d.button("Save").Disabled() {
		t.Error("nothing was changed, and there is something to save")
	}
	d.seesNot("secret")
	form.input("mail.smarthost").set(localapi.Setting{Text: "mx.office.example"})
	d.tap("Save")
	d.sees("Write the server's name and the port")
	if f.saved != nil {
		t.Errorf("saved %v although it is wrong", f.saved)
	}
	form.input("mail.smarthost").set(localapi.Setting{Text: "mx.office.example:465"})
	d.seesNot("Write the server's name and the port")
	d.tap("Replace…")
	test.Type(d.window.Canvas().Focused(), "new words")
	if !v.Unsaved() {
		t.Error("what was typed is not known to be unsaved")
	}
	// Somebody else has changed something meanwhile.
	f.settings["mail.username"] = localapi.Setting{Text: "office"}
	f.settings["mail.smarthost"] = localapi.Setting{Text: "other.office.example:25"}
	v.Changed(topics{localapi.TopicSettings: true})
	d.drain()
	d.sees("<office>", "<mx.office.example:465>", "<new words>")
	d.tap("Save")
	if want := map[string]string{"mail.smarthost": "mx.office.example:465", "mail.password": "new words"}; !maps.Equal(f.saved, want) {
		t.Errorf("saved %v, want %v", f.saved, want)
	}
	if v.Unsaved() || !slices.Equal(d.told, []string{"Saved"}) {
		t.Errorf("after saving: unsaved %v, told %q", v.Unsaved(), d.told)
	}
	d.seesNot("new words")
	d.sees("Replace…")
}

func TestMailFormProblems(t *testing.T) {
	f := newFakeMail()
	f.settings["mail.password"] = localapi.Setting{Secret: true}
	d, v := showMail(t, f, "settings")
	form := v.out.form
	for _, c := range []struct {
		key, value, field, want string
	}{
		{"mail.from", "nobody", "mail.from", "This is no address. Write one as in accounts@office.example."},
		{"mail.from", "", "mail.from", "This is needed."},
		{"mail.username", "acc", "mail.password", "This is needed."},
		{"mail.tls", "none", "mail.auth", "A password or a token is sent over an encrypted connection only. Choose an encryption, or no sign-in."},
	} {
		form.discard()
		form.input(c.key).set(localapi.Setting{Text: c.value})
		form.store(nil)
		if got := form.input(c.field).problem.Text; got != c.want || !form.input(c.field).wrong.Visible() {
			t.Errorf("%s=%q: at %s stands %q, want %q", c.key, c.value, c.field, got, c.want)
		}
	}
	form.discard()
	if v.Unsaved() {
		t.Error("unsaved after discarding")
	}
	// The service has the last word.
	form.auth.SetSelected("None")
	form.input("mail.dkim").set(localapi.Setting{Text: "on"})
	f.err = app.Fieldf("mail.dkim_selector", "setting_invalid", "mail.dkim_selector cannot be set so")
	d.tap("Save")
	d.sees("Write 1 to 50 small letters")
	f.err = app.Errorf(app.Unavailable, "disk_full", "the disk is full")
	d.tap("Save")
	d.sees("The disk is full.")
	if !v.Unsaved() {
		t.Error("what could not be saved is lost")
	}
	f.err = nil
	v.Open("")
	d.drain()
	if v.Unsaved() {
		t.Error("opening the page anew keeps what was to be lost")
	}
}

func TestMailTestMail(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "settings")
	if !d.button("Send a test mail").Disabled() {
		t.Error("a test mail can be sent to nobody")
	}
	steps := []localapi.MailStep{
		{Name: "connection", OK: true, Detail: "connected", TookMS: 3},
		{Name: "auth", Detail: "the user name or the password is not right: set mail.password"},
	}
	f.testSteps = []localapi.MessageDetail{
		{Message: localapi.Message{State: "sending"}, Steps: steps[:1]},
		{Message: localapi.Message{State: "failed"}, Steps: steps},
	}
	var ended []bool
	v.out.test.ended = func(ok bool) { ended = append(ended, ok) }
	test.Type(v.out.test.address, "it@office.example")
	v.out.test.address.OnSubmitted("")
	d.drain()
	d.sees("[Sending…]", "Sending", "Connection")
	d.tick()
	d.sees("Failed", "Sign-in", "Not taken, and not tried again. The user name or the password is not right", "[Send a test mail]")
	if !slices.Equal(f.calls, []string{"test it@office.example en"}) || !slices.Equal(ended, []bool{false}) {
		t.Errorf("calls %q, ended %v", f.calls, ended)
	}

	f.testSteps = []localapi.MessageDetail{{Message: localapi.Message{State: "queued"}}}
	d.tap("Send a test mail")
	for range mailTestPolls {
		d.tick()
	}
	d.sees("Still waiting", "Nothing came of it within a minute.")
	if d.tick(); v.out.test.id != "" {
		t.Error("it is still asked what became of the mail")
	}
	f.err = app.Fieldf("recipient", "email_invalid", "this is no address")
	d.tap("Send a test mail")
	d.sees("This is no address.")
}

func TestMailTestLive(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "settings")
	f.testSteps = []localapi.MessageDetail{{Message: localapi.Message{State: "queued"}}, {Message: localapi.Message{State: "delivered", Reply: "250 Ok"}}}
	test.Type(v.out.test.address, "it@office.example")
	d.tap("Send a test mail")
	v.Changed(topics{localapi.TopicMessages: true})
	d.drain()
	d.sees("Delivered", "The mail server of the recipient has taken it.")
}
