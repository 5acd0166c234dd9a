package app

import "time"

// The values of the setting tls.mode.
const (
	TLSOff   = "off"   // plain HTTP, or something before the service has the certificate
	TLSFiles = "files" // certificate and key are files, read again when they change
	TLSACME  = "acme"  // a certificate authority gives and renews it by itself (RFC 8555)
	TLSLocal = "local" // an authority of this service's own
)

// Serving is where and how the pages are served.
type Serving struct {
	Mode        string // TLSOff and so on
	PublicURL   string
	Listeners   []PageListener
	Certificate *Certificate // nil with TLSOff, and while there is none
	Problem     string       // stable name of what is wrong with it; "" for nothing
	Text        string       // a sentence about it
	Authority   *Authority   // of this service's own, once there is one
	Announced   string       // the name that is told to the local network; "" for none
	Pending     *PendingServing
	Fixed       []string // keys of settings that the configuration file or a flag gives at every start
}

// PageListener is one address at which browsers are answered.
type PageListener struct {
	Address string // as in "[::]:443"
	Kind    string // "http", "https" or "redirect"
	Error   string // why it is not served; "" when it is
}

// Certificate is what browsers are shown.
type Certificate struct {
	Names     []string // that it is valid for
	Issuer    string
	NotBefore time.Time
	NotAfter  time.Time
	SHA256    string             // fingerprint, in hexadecimal digits
	Trusted   bool               // browsers trust it without being told to
	RenewAt   time.Time          // when it is renewed by itself; zero when it is not
	Chain     []CertificateChain // from the certificate to its root, where that is known
}

// CertificateChain is one certificate of a chain.
type CertificateChain struct {
	Subject  string
	Issuer   string
	NotAfter time.Time
}

// Authority is the certificate authority of the service's own.
type Authority struct {
	Name     string
	NotAfter time.Time
	SHA256   string
	PEM      string // its certificate, which devices are told to trust
}

// PendingServing is a change that is undone unless somebody says that it is right.
type PendingServing struct {
	Until   time.Time
	Changes map[string]string // the settings as they are now
	Before  map[string]string // and what they go back to
}
