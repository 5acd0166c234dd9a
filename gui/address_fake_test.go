package gui

import (
	"context"
	"maps"
	"testing"
	"time"

	"fyne.io/fyne/v2/container"

	"foyer/app"
	"foyer/app/localapi"
)

// addressClock is when the tests of the address are.
func addressClock() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) }

// addressService is where a service serves its pages.
type addressService struct {
	now     localapi.Address
	changes map[string]string
	within  time.Duration
	tried   []string // addresses that were tried
	decided string   // "keep" or "revert"
	err     error
}

// sampleAddress returns a service with an authority of its own.
func sampleAddress() addressService {
	renew := time.Date(2027, 1, 25, 3, 0, 0, 0, time.UTC)
	const name = "Foyer authority of office-server"
	return addressService{now: localapi.Address{
		Mode: app.TLSLocal, PublicURL: "https://accounts.office.example", Announced: "foyer.local",
		Listeners: []localapi.PageListener{{Address: "[::]:443", Kind: "https"}, {Address: "[::]:80", Kind: "redirect"}},
		Certificate: &localapi.Certificate{
			Names: []string{"accounts.office.example", "foyer.local", "192.0.2.10"}, Issuer: name,
			NotBefore: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 2, 24, 9, 0, 0, 0, time.UTC), RenewAt: &renew,
			SHA256: "3fa4c1d2e5b697887766554433221100aabbccddeeff00112233445566778899",
			Chain: []localapi.CertificateChain{
				{Subject: "accounts.office.example", Issuer: name, NotAfter: time.Date(2027, 2, 24, 9, 0, 0, 0, time.UTC)},
				{Subject: name, Issuer: name, NotAfter: time.Date(2036, 11, 23, 9, 0, 0, 0, time.UTC)},
			},
		},
		Authority: &localapi.Authority{
			Name: name, NotAfter: time.Date(2036, 11, 23, 9, 0, 0, 0, time.UTC),
			SHA256: "9988776655443322110000ffeeddccbbaa00112233445566778879b6e5d2c1a4", PEM: "-----BEGIN CERTIFICATE-----\n",
		},
	}}
}

func (c *settingsService) Address(context.Context) (localapi.Address, error) {
	return c.address.now, c.address.err
}

func (c *settingsService) ChangeAddress(_ context.Context, changes map[string]string, within time.Duration) (localapi.Address, error) {
	if c.err != nil {
		return localapi.Address{}, c.err
	}
	before := map[string]string{}
	for key, value := range changes {
		before[key] = c.now[key].Text
		c.now[key] = localapi.Setting{Text: value}
	}
	c.address.changes, c.address.within = changes, within
	c.address.now.PublicURL = c.now[keyPublicURL].Text
	if within > 0 {
		c.address.now.Pending = &localapi.Pending{Until: addressClock().Add(within), Changes: changes, Before: before}
	}
	return c.address.now, nil
}

// settle ends the trial of a change as the service does.
func (c *settingsService) settle(decided string, back bool) (localapi.Address, error) {
	p := c.address.now.Pending
	if p == nil {
		return localapi.Address{}, app.Errorf(app.Conflict, "address_settled", "nothing waits")
	}
	if back {
		for key, value := range p.Before {
			c.now[key] = localapi.Setting{Text: value}
		}
	}
	c.address.decided = decided
	c.address.now.PublicURL, c.address.now.Pending = c.now[keyPublicURL].Text, nil
	return c.address.now, nil
}

func (c *settingsService) KeepAddress(context.Context) (localapi.Address, error) {
	return c.settle("keep", false)
}

func (c *settingsService) RevertAddress(context.Context) (localapi.Address, error) {
	return c.settle("revert", true)
}

// openServing shows the group of the address among the settings of a service with an authority of its own.
func openServing(t *testing.T, c *settingsService, subject string) (*testDesk, *settingsView) {
	t.Helper()
	for key, value := range map[string]string{
		keyTLSMode: app.TLSLocal, keyTLSListen: ":443", keyTLSRedirect: ":80", keyTLSCert: "", keyTLSKey: "", keyACMEEmail: "", keyACMEAgree: "off",
		keyACMEDir: "https://acme-v02.api.letsencrypt.org/directory", keyACMERoots: "",
	} {
		if c.now[key] == (localapi.Setting{}) || key == keyTLSMode {
			c.now[key] = localapi.Setting{Text: value}
		}
	}
	c.now = maps.Clone(c.now)
	d := newTestDesk(t, c)
	v, ok := newSettings(d.desk).(*settingsView)
	if !ok {
		t.Fatal("the page of settings is no settingsView")
	}
	v.address.now = addressClock
	d.show(v, subject)
	return d, v
}

// formPicture writes the form of the address as wide as it is beside the navigation: on the page its end is below what can be seen.
func formPicture(d *testDesk, v *settingsView, name string) {
	d.tb.Helper()
	content := d.window.Content()
	d.window.SetContent(container.NewHBox(newFixed(575, newPanel(colorSurface, "", 0, 10, v.address.form.content))))
	d.picture(name)
	d.window.SetContent(content)
}
