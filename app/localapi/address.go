package localapi

import (
	"context"
	"time"

	"foyer/app"
)

// AddressBackend knows and changes where the pages are served.
type AddressBackend interface {
	Serving(ctx context.Context) (app.Serving, error)
	// ChangeAddress changes settings of the address and the certificate. When within is not zero, the change is undone after that
	// time unless KeepAddress is called. Invalid, Conflict when an address cannot be served; nothing has changed then.
	ChangeAddress(ctx context.Context, actor string, changes map[string]string, within time.Duration) (app.Serving, error)
	// KeepAddress makes a pending change last, RevertAddress undoes it. Conflict, "address_settled", when there is none.
	KeepAddress(ctx context.Context, actor string) (app.Serving, error)
	RevertAddress(ctx context.Context, actor string) (app.Serving, error)
}

// Address is where and how the pages are served.
type Address struct {
	Mode        string         `json:"mode"` // "off", "files", "acme" or "local"
	PublicURL   string         `json:"public_url"`
	Listeners   []PageListener `json:"listeners"`
	Certificate *Certificate   `json:"certificate"` // null when there is none
	Problem     string         `json:"problem"`     // stable name of what is wrong with it; "" for nothing
	Text        string         `json:"text"`        // a sentence about it, in English
	Authority   *Authority     `json:"authority"`   // of the service's own; null when there is none
	Announced   string         `json:"announced"`   // the name that is told to the local network
	Pending     *Pending       `json:"pending"`     // a change that waits to be confirmed; null for none
	Fixed       []string       `json:"fixed"`       // keys of settings that the configuration file or a flag gives at every start
}

// PageListener is one address at which browsers are answered.
type PageListener struct {
	Address string `json:"address"`
	Kind    string `json:"kind"`  // "http", "https" or "redirect"
	Error   string `json:"error"` // why it is not served; "" when it is
}

// Certificate is what browsers are shown.
type Certificate struct {
	Names     []string           `json:"names"`
	Issuer    string             `json:"issuer"`
	NotBefore time.Time          `json:"not_before"`
	NotAfter  time.Time          `json:"not_after"`
	SHA256    string             `json:"sha256"`
	Trusted   bool               `json:"trusted"`  // browsers trust it without being told to
	RenewAt   *time.Time         `json:"renew_at"` // when it is renewed by itself; null when it is not
	Chain     []CertificateChain `json:"chain"`
}

// CertificateChain is one certificate of a chain.
type CertificateChain struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"not_after"`
}

// Authority is the certificate authority of the service's own.
type Authority struct {
	Name     string    `json:"name"`
	NotAfter time.Time `json:"not_after"`
	SHA256   string    `json:"sha256"`
	PEM      string    `json:"pem"`
}

// Pending is a change that is undone unless somebody says that it is right.
type Pending struct {
	Until   time.Time         `json:"until"`
	Changes map[string]string `json:"changes"` // the settings as they are now
	Before  map[string]string `json:"before"`  // and what they go back to
}

type addressChange struct {
	Changes map[string]settingInput `json:"changes"`
	Within  int                     `json:"within"` // seconds
}

// Address returns where and how the pages are served.
func (c *Client) Address(ctx context.Context) (Address, error) {
	return do[Address](ctx, c, "GET", pathAddress, "", nil)
}

// ChangeAddress changes settings of the address and the certificate, all or none. When within is not zero, the change is undone
// after that time, in seconds, unless KeepAddress is called. Invalid; Conflict when an address cannot be served.
func (c *Client) ChangeAddress(ctx context.Context, changes map[string]string, within time.Duration) (Address, error) {
	body := addressChange{Changes: make(map[string]settingInput, len(changes)), Within: int(within / time.Second)}
	for key, value := range changes {
		body.Changes[key] = settingInput(value)
	}
	return do[Address](ctx, c, "PATCH", pathAddress, "", body)
}

// KeepAddress makes a pending change last. Conflict, "address_settled", when there is none.
func (c *Client) KeepAddress(ctx context.Context) (Address, error) {
	return do[Address](ctx, c, "POST", pathAddressKeep, "", nil)
}

// RevertAddress undoes a pending change. Conflict, "address_settled", when there is none.
func (c *Client) RevertAddress(ctx context.Context) (Address, error) {
	return do[Address](ctx, c, "POST", pathAddressRevert, "", nil)
}

// maxWithin bounds how long a change may wait to be confirmed, in seconds.
const maxWithin = 3600

func (h *handler) addressRoutes() []route {
	if h.Address == nil {
		return nil
	}
	return []route{
		{method: "GET", path: pathAddress, serve: h.address},
		{method: "PATCH", path: pathAddress, serve: h.changeAddress},
		{method: "POST", path: pathAddressKeep, serve: func(r *request) (any, error) {
			return address(h.Address.KeepAddress(r.Context(), r.actor()))
		}},
		{method: "POST", path: pathAddressRevert, serve: func(r *request) (any, error) {
			return address(h.Address.RevertAddress(r.Context(), r.actor()))
		}},
	}
}

func (h *handler) address(r *request) (any, error) {
	if _, err := r.query(); err != nil {
		return nil, err
	}
	return address(h.Address.Serving(r.Context()))
}

func (h *handler) changeAddress(r *request) (any, error) {
	var body addressChange
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.Within < 0 || body.Within > maxWithin {
		return nil, app.Fieldf("within", "within_invalid", "a change can wait 0 to %d seconds to be confirmed", maxWithin)
	}
	if len(body.Changes) == 0 {
		return nil, app.Errorf(app.Invalid, "settings_missing", "name at least one setting to change")
	}
	return address(h.Address.ChangeAddress(r.Context(), r.actor(), texts(body.Changes), time.Duration(body.Within)*time.Second))
}

// address is what every call about the address answers.
func address(s app.Serving, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	out := Address{
		Mode: s.Mode, PublicURL: s.PublicURL, Listeners: make([]PageListener, 0, len(s.Listeners)), Problem: s.Problem, Text: s.Text,
		Announced: s.Announced, Fixed: append([]string{}, s.Fixed...),
	}
	for _, l := range s.Listeners {
		out.Listeners = append(out.Listeners, PageListener(l))
	}
	if c := s.Certificate; c != nil {
		out.Certificate = &Certificate{
			Names: append([]string{}, c.Names...), Issuer: c.Issuer, NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), SHA256: c.SHA256,
			Trusted: c.Trusted, RenewAt: timeOrNull(c.RenewAt), Chain: make([]CertificateChain, 0, len(c.Chain)),
		}
		for _, link := range c.Chain {
			out.Certificate.Chain = append(out.Certificate.Chain, CertificateChain{link.Subject, link.Issuer, link.NotAfter.UTC()})
		}
	}
	if a := s.Authority; a != nil {
		out.Authority = &Authority{Name: a.Name, NotAfter: a.NotAfter.UTC(), SHA256: a.SHA256, PEM: a.PEM}
	}
	if p := s.Pending; p != nil {
		out.Pending = &Pending{Until: p.Until.UTC(), Changes: p.Changes, Before: p.Before}
	}
	return out, nil
}
