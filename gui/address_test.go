package gui

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

func TestAddressShown(t *testing.T) {
	d, v := openServing(t, sampleSettings(), "public_url")
	d.sees(
		"What browsers reach now", "HTTPS with the own authority", "[::]:443 · HTTPS", "[::]:80 · HTTP, leads to HTTPS", "foyer.local",
		"accounts.office.example, foyer.local, 192.0.2.10", "2027-02-24", "89 days left", "Trust it once they are told to", "By itself on 2027-01-25",
		"<https://accounts.office.example>", "<:443>", "<:80>", "Foyer makes a certificate authority of its own",
	)
	d.seesNot("Certificate file", "I accept the terms", "Name of the office", "[Save]", "3F A4")
	if got := d.window.Canvas().Focused(); got != v.address.form.field(keyPublicURL).focus {
		t.Errorf("the keyboard is at %T, not at the address", got)
	}
	if v.Unsaved() || !d.button("Apply…").Disabled() {
		t.Error("nothing was typed, and there is something to apply")
	}
	d.window.Canvas().Unfocus()
	test.AssertRendersToMarkup(t, "address.xml", d.window.Canvas())
	homePicture(d, "address")
	d.tap("Fingerprint and chain")
	d.sees("3F A4 C1 D2", "issued by Foyer authority of office-server, until 2036-11-23")
	homePicture(d, "address-details")
	d.tap("Hide fingerprint and chain")
	d.seesNot("3F A4 C1 D2")
}

// TestAddressStates shows every way of serving, and what is wrong with it.
func TestAddressStates(t *testing.T) {
	change := func(do func(a *localapi.Address)) localapi.Address {
		a := sampleAddress().now
		do(&a)
		return a
	}
	for _, c := range []struct {
		name    string
		address localapi.Address
		sees    []string
		seesNot []string
	}{
		{
			"off",
			localapi.Address{Mode: app.TLSOff, PublicURL: "http://192.0.2.10:8080", Listeners: []localapi.PageListener{{Address: "[::]:8080", Kind: "http"}}},
			[]string{"Plain HTTP: not encrypted", "[::]:8080 · HTTP"},
			[]string{"Valid until", "Tell devices"},
		},
		{"ahead", localapi.Address{Mode: app.TLSOff, PublicURL: "https://accounts.office.example"}, []string{"Plain HTTP behind a proxy", "Nowhere"}, nil},
		{"unset", localapi.Address{Mode: app.TLSOff}, []string{"Nobody has set it yet"}, nil},
		{
			"expiring", change(func(a *localapi.Address) {
				a.Certificate.NotAfter = addressClock().Add(3*24*time.Hour + time.Hour)
				a.Certificate.RenewAt = nil
			}),
			[]string{"3 days left", "Not by itself"},
			[]string{"By itself on"},
		},
		{"expired", change(func(a *localapi.Address) { a.Certificate.NotAfter = addressClock().Add(-time.Hour) }), []string{"Expired"}, []string{"days left"}},
		{"files", change(func(a *localapi.Address) {
			a.Mode, a.Authority, a.Certificate.Trusted, a.Certificate.RenewAt = app.TLSFiles, nil, true, nil
		}), []string{"HTTPS with certificate files", "Trust it", "put new files in their place"}, []string{"Tell devices"}},
		{
			"acme", change(func(a *localapi.Address) {
				a.Mode, a.Certificate, a.Problem, a.Text = app.TLSACME, nil, "something_new", "the moon is full"
			}),
			[]string{"HTTPS with a certificate by ACME", "The moon is full."},
			[]string{"Valid until"},
		},
		{
			"taken", change(func(a *localapi.Address) { a.Listeners[0].Error = "another program has this address" }),
			[]string{"[::]:443 · HTTPS: not served. Another program has this address."},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sampleSettings()
			s.address.now = c.address
			d, _ := openServing(t, s, "address")
			d.sees(c.sees...)
			d.seesNot(c.seesNot...)
			homePicture(d, "address-"+c.name)
		})
	}
}

func TestAddressChange(t *testing.T) {
	c := sampleSettings()
	c.trial = localapi.Trial{OK: true, Steps: []localapi.TrialStep{{Name: "name", OK: true, Detail: "192.0.2.10"}}, Verdict: "the pages answer there"}
	d, v := openServing(t, c, "public_url")
	address := v.address.form.field(keyPublicURL)
	address.set(localapi.Setting{Text: "https://new.office.example"})
	v.address.form.way.SetSelected(v.address.form.ways.text(app.TLSFiles))
	d.tap("Apply…")
	d.sees("Write the path of the certificate file.", "Write the path of the key file.")
	formPicture(d, v, "address-missing")
	v.address.form.field(keyTLSCert).set(localapi.Setting{Text: "/etc/foyer/cert.pem"})
	v.address.form.field(keyTLSKey).set(localapi.Setting{Text: "/etc/foyer/key.pem"})
	d.seesNot("Write the path of the certificate file.")
	d.sees("4 changes are not applied")
	entry, ok := address.focus.(*widget.Entry)
	if !ok {
		t.Fatal("the address is not typed into an entry")
	}
	entry.OnSubmitted("") // Enter
	d.sees("Change how the pages are served?", "https://accounts.office.example", "https://new.office.example", "nothing", "/etc/foyer/key.pem", "for 60 seconds", "redirect URI of every connector")
	d.picture("address-ask")
	d.tap("Cancel")
	if c.address.changes != nil {
		t.Fatalf("Cancel changed %v", c.address.changes)
	}
	d.tap("Apply…")
	d.tap("Change it")
	want := map[string]string{keyPublicURL: "https://new.office.example", keyTLSMode: app.TLSFiles, keyTLSCert: "/etc/foyer/cert.pem", keyTLSKey: "/etc/foyer/key.pem"}
	if !maps.Equal(c.address.changes, want) || c.address.within != time.Minute {
		t.Fatalf("changed %v for %v, want %v for a minute", c.address.changes, c.address.within, want)
	}
	d.sees("Keep this address? It goes back in 60 s.", "The pages answer there.")
	if d.window.Canvas().Focused() != v.address.pending.back {
		t.Errorf("the keyboard is at %T, not at the button that goes back", d.window.Canvas().Focused())
	}
	if want := []string{"https://new.office.example"}; !slices.Equal(c.address.tried, want) {
		t.Errorf("tried %q, want %q", c.address.tried, want)
	}
	if !v.Unsaved() || !d.button("Apply…").Disabled() {
		t.Error("while a change waits it can be left without a word, or another one be made")
	}
	homePicture(d, "address-pending")
	v.address.now = func() time.Time { return addressClock().Add(18 * time.Second) }
	d.tick()
	d.sees("It goes back in 42 s.")
	d.tap("Keep")
	d.sees("The new address is kept.", "<https://new.office.example>")
	d.seesNot("It goes back in")
	if c.address.decided != "keep" || v.Unsaved() {
		t.Errorf("decided %q, unsaved %v", c.address.decided, v.Unsaved())
	}
}

func TestAddressGoesBack(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(d *testDesk, v *settingsView, s *settingsService)
		says string
	}{
		{"by the button", func(d *testDesk, _ *settingsView, _ *settingsService) { d.tap("Go back") }, "Everything is as it was before the change."},
		{"by itself", func(d *testDesk, v *settingsView, s *settingsService) {
			v.address.now = func() time.Time { return addressClock().Add(61 * time.Second) }
			d.tick()
			d.sees("The time is over. Going back…")
			d.tick() // the service has not done it yet
			d.sees("The time is over. Going back…")
			if _, err := s.settle("", true); err != nil {
				t.Fatal(err)
			}
			d.tick()
		}, "Nobody kept the new address in time"},
		{"elsewhere", func(d *testDesk, v *settingsView, s *settingsService) {
			if _, err := s.settle("", true); err != nil {
				t.Fatal(err)
			}
			v.Changed(topics{localapi.TopicAddress: true})
			d.drain()
		}, "Nobody kept the new address in time"},
		{"too late", func(d *testDesk, _ *settingsView, s *settingsService) {
			if _, err := s.settle("", true); err != nil {
				t.Fatal(err)
			}
			d.tap("Keep")
		}, "Nobody kept the new address in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sampleSettings()
			s.trial = localapi.Trial{Steps: []localapi.TrialStep{{Name: "name", OK: true, Detail: "found"}, {Name: "connection", Detail: "nobody answers"}}, Verdict: "the pages do not answer there"}
			d, v := openServing(t, s, "public_url")
			v.address.form.field(keyPublicURL).set(localapi.Setting{Text: "https://wrong.office.example"})
			d.tap("Apply…")
			d.tap("Change it")
			d.sees("Keep this address?", "The pages do not answer there.", "Nobody answers.")
			d.seesNot("Found.")
			homePicture(d, "address-pending-wrong")
			c.end(d, v, s)
			d.sees(c.says, "<https://accounts.office.example>")
			d.seesNot("Keep this address?")
			if v.Unsaved() {
				t.Error("what has gone back is not saved")
			}
			homePicture(d, "address-back")
			d.tick() // the count has ended
			d.seesNot("Keep this address?")
		})
	}
}

func TestAddressKeptElsewhere(t *testing.T) {
	c := sampleSettings()
	d, v := openServing(t, c, "address")
	v.address.form.field(keyTLSListen).set(localapi.Setting{Text: ":8443"})
	d.tap("Apply…")
	d.tap("Change it")
	if _, err := c.KeepAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.Changed(topics{localapi.TopicAddress: true})
	d.drain()
	d.sees("The new address is kept.", "<:8443>")
}

func TestAddressRefused(t *testing.T) {
	c := sampleSettings()
	d, v := openServing(t, c, "address")
	v.address.form.field(keyTLSListen).set(localapi.Setting{Text: ":80"})
	d.tap("Apply…")
	c.err = app.Fieldf(keyTLSListen, "address_taken", "another program has :80").With("Why", "another program has :80")
	d.tap("Change it")
	d.sees("Nothing was changed: see what stands in red.", "Another program has :80.", "<:80>")
	if got := d.window.Canvas().Focused(); got != v.address.form.field(keyTLSListen).focus {
		t.Errorf("the keyboard is at %T, not at what is wrong", got)
	}
	formPicture(d, v, "address-refused")
	c.err = app.Errorf(app.Conflict, "something_new", "the disk is full")
	d.tap("Apply…")
	d.tap("Change it")
	d.sees("The disk is full.")
	c.err = &app.Error{Code: app.Unavailable, Reason: "service_unreachable", Message: "nobody answers"}
	d.tap("Apply…")
	d.tap("Change it")
	if len(d.losses) != 1 || !v.Unsaved() {
		t.Errorf("lost %v, unsaved %v", d.losses, v.Unsaved())
	}
	c.err = nil
	d.tap("Discard")
	d.sees("<:443>")
	d.seesNot("Another program has :80.")
}

func TestAddressFixed(t *testing.T) {
	c := sampleSettings()
	c.address.now.Fixed = []string{keyPublicURL, keyTLSMode}
	d, v := openServing(t, c, "public_url")
	d.sees("Set in the configuration file of the service")
	if !v.address.form.field(keyPublicURL).fixed() || !v.address.form.way.Disabled() || v.address.form.field(keyTLSListen).fixed() {
		t.Error("what the configuration file says can be changed, or something else cannot")
	}
	formPicture(d, v, "address-fixed")
}

func TestAddressSecured(t *testing.T) {
	for _, c := range []struct{ address, listen, want string }{
		{"http://office.example:8080", ":443", "https://office.example"},
		{"http://office.example", ":8443", "https://office.example:8443"},
		{"http://[2001:db8::1]:8080", "", "https://[2001:db8::1]"},
		{"http://[2001:db8::1]", "[::]:8443", "https://[2001:db8::1]:8443"},
		{"https://office.example", ":443", ""},
		{"http://", ":443", ""},
		{"", ":443", ""},
	} {
		if got := secured(c.address, c.listen); got != c.want {
			t.Errorf("secured(%q, %q) is %q, want %q", c.address, c.listen, got, c.want)
		}
	}
	c := sampleSettings()
	c.now[keyPublicURL] = localapi.Setting{Text: "http://office.example:8080"}
	d, v := openServing(t, c, "address")
	d.sees("browsers come by https, at https://office.example.")
	d.tap("Use it")
	d.seesNot("browsers come by https")
	if got := v.address.form.field(keyPublicURL).value(); got != "https://office.example" {
		t.Errorf("the address is %q", got)
	}
}

func TestAddressTypedStays(t *testing.T) {
	c := sampleSettings()
	d, v := openServing(t, c, "address")
	v.address.form.field(keyPublicURL).set(localapi.Setting{Text: "https://half.typed"})
	c.address.now.Announced = "foyer-2.local"
	c.now[keyTLSListen] = localapi.Setting{Text: ":8443"}
	v.Changed(topics{localapi.TopicAddress: true})
	d.drain()
	d.sees("<https://half.typed>", "<:8443>", "foyer-2.local", "1 change is not applied")
	c.trial = localapi.Trial{Steps: []localapi.TrialStep{{Name: "name", Detail: "the name half.typed is not in the DNS"}}, Verdict: "no name"}
	d.tap("Does it work?")
	d.sees("The name half.typed is not in the DNS.")
	if want := []string{"https://half.typed"}; !slices.Equal(c.address.tried, want) {
		t.Errorf("tried %q, want %q", c.address.tried, want)
	}
	v.search.SetText("certificate file")
	d.tick()
	d.tap("Go there")
	d.sees("What browsers reach now", "<https://half.typed>")
}

// TestAddressAsks says that a certificate authority is asked while it is, which may take a minute.
func TestAddressAsks(t *testing.T) {
	c := sampleSettings()
	d, v := openServing(t, c, "address")
	v.address.form.way.SetSelected(v.address.form.ways.text(app.TLSACME))
	v.address.form.field(keyACMEAgree).set(localapi.Setting{Text: "on"})
	d.tap("Apply…")
	test.Tap(d.button("Change it"))
	d.sees("The certificate authority is being asked", "Applying…")
	if !d.button("Applying…").Disabled() {
		t.Error("it can be applied again while it is")
	}
	d.drain()
	d.seesNot("The certificate authority is being asked")
	d.sees("Keep this address?")
}

// TestAddressWidth finds a way of serving whose form is wider than the room beside the navigation: what does not fit would be cut off.
func TestAddressWidth(t *testing.T) {
	const room = 550
	_, v := openServing(t, sampleSettings(), "address")
	v.address.state.details = true
	v.address.state.lay()
	v.address.form.advanced = true
	for _, way := range v.address.form.ways.values {
		v.address.form.way.SetSelected(v.address.form.ways.text(way))
		if got := v.address.content.MinSize().Width; got > room {
			t.Errorf("%s needs a width of %.0f, and there are %d", way, got, room)
		}
	}
}

// TestAddressKeyboard goes through the form with the tab key in the order in which one reads.
func TestAddressKeyboard(t *testing.T) {
	d, v := openServing(t, sampleSettings(), "public_url")
	f := v.address.form
	f.way.SetSelected(f.ways.text(app.TLSACME))
	f.advanced = true
	f.arrange()
	want := []fyne.Focusable{f.field(keyACMEEmail).focus, f.field(keyACMEAgree).focus, f.field(keyTLSListen).focus, f.field(keyTLSRedirect).focus, f.field(keyACMEDir).focus, f.field(keyACMERoots).focus}
	var got []fyne.Focusable
	for range 40 {
		d.window.Canvas().FocusNext()
		if at := d.window.Canvas().Focused(); slices.Contains(want, at) && !slices.Contains(got, at) {
			got = append(got, at)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the tab key goes through %d of %d fields in another order", len(got), len(want))
	}
	formPicture(d, v, "address-acme-form")
}

func TestAddressTrust(t *testing.T) {
	d, _ := openServing(t, sampleSettings(), "address")
	d.tap("Tell devices…")
	d.sees("Let devices trust this service", "Foyer authority of office-server", "99 88 77 66", "http://accounts.office.example/ca.crt", "choose “Install Certificate”")
	if b, ok := d.window.Canvas().Focused().(*widget.Button); !ok || b.Text != "Close" {
		t.Error("the keyboard is not at the button that closes")
	}
	d.picture("address-trust")
	d.tap("Close")
	d.seesNot("99 88 77 66")
}

func TestAddressTrustSaved(t *testing.T) {
	c := sampleSettings()
	d, _ := openServing(t, c, "address")
	trust := newAddressAuthority(d.desk, c.address.now)
	trust.system.SetSelectedIndex(slices.Index(trustSystems(), "linux"))
	if !strings.Contains(trust.steps.Text, "update-ca-certificates") {
		t.Errorf("for Linux it says %q", trust.steps.Text)
	}
	file := storage.NewFileURI(t.TempDir() + "/ca.crt")
	w, err := storage.Writer(file)
	if err != nil {
		t.Fatal(err)
	}
	trust.write(w)
	d.drain()
	if len(d.told) != 1 || d.told[0] != "Saved as ca.crt" {
		t.Errorf("told %q", d.told)
	}
}

func TestAuthorityAddress(t *testing.T) {
	for _, c := range []struct {
		name      string
		public    string
		announced string
		listeners []localapi.PageListener
		want      string
	}{
		{"redirect", "https://office.example", "foyer.local", []localapi.PageListener{{Address: "[::]:443", Kind: "https"}, {Address: "[::]:80", Kind: "redirect"}}, "http://office.example/ca.crt"},
		{"another port", "https://office.example:8443", "", []localapi.PageListener{{Address: ":8080", Kind: "redirect"}}, "http://office.example:8080/ca.crt"},
		{"no address", "", "foyer.local", []localapi.PageListener{{Address: ":80", Kind: "redirect"}}, "http://foyer.local/ca.crt"},
		{"not served", "https://office.example", "", []localapi.PageListener{{Address: ":80", Kind: "redirect", Error: "taken"}}, ""},
		{"no redirect", "https://office.example", "", []localapi.PageListener{{Address: ":443", Kind: "https"}}, ""},
		{"several", "https://office.example", "", []localapi.PageListener{{Address: "[::]:8080", Kind: "redirect"}, {Address: "[::]:80", Kind: "redirect"}}, "http://office.example/ca.crt"},
		{"this machine only", "https://office.example", "", []localapi.PageListener{{Address: "127.0.0.1:8080", Kind: "redirect"}}, ""},
		{"number", "https://[2001:db8::1]", "", []localapi.PageListener{{Address: ":80", Kind: "redirect"}}, "http://[2001:db8::1]/ca.crt"},
		{"nothing", "", "", []localapi.PageListener{{Address: ":80", Kind: "redirect"}}, ""},
	} {
		if got := authorityAddress(localapi.Address{PublicURL: c.public, Announced: c.announced, Listeners: c.listeners}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
