package app

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
)

// LetsEncrypt is the directory of the authority that is asked for a certificate when the settings name no other.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// TLSSettings says how browsers reach the pages over HTTPS. Nothing but Mode counts while that is TLSOff.
type TLSSettings struct {
	Mode     string // TLSOff and so on
	Listen   string // HOST:PORT of the pages
	Redirect string // HOST:PORT that leads browsers to them, or "off"

	CertFile string // with TLSFiles
	KeyFile  string

	ACMEEmail     string // with TLSACME: where the authority writes to; may be empty
	ACMEDirectory string // which authority it is
	ACMEAgree     bool   // its terms are accepted
	ACMECAFile    string // who signs the certificate of the authority's own address; "" is the system's authorities
}

// On reports whether the service serves HTTPS itself.
func (t TLSSettings) On() bool { return t.Mode != TLSOff && t.Mode != "" }

// RedirectOn reports whether there is an address that only leads browsers to the pages.
func (t TLSSettings) RedirectOn() bool { return t.On() && t.Redirect != "off" }

// publicURL returns how browsers reach the pages as far as the addresses tell; plain is that without TLS.
func (t TLSSettings) publicURL(plain string) string {
	if !t.On() {
		return plain
	}
	host := hostOf(plain)
	if _, port, err := net.SplitHostPort(t.Listen); err == nil && port != "443" && port != "0" {
		return "https://" + net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return "https://" + host
}

// Host returns the host of the public URL, without its port.
func (s Settings) Host() string { return hostOf(s.PublicURL) }

// checkTLS returns what does not fit together.
func (s Settings) checkTLS() error {
	t := s.TLS
	if !t.On() {
		return nil
	}
	if s.PublicURL != "" && !s.Secure() {
		return Fieldf("public_url", "setting_invalid", "with tls.mode=%s browsers come by https: set public_url too, as in public_url=https://%s", t.Mode, hostOf(s.PublicURL))
	}
	if t.RedirectOn() && sameAddress(t.Redirect, t.Listen) {
		return Fieldf("tls.redirect", "setting_invalid", "tls.redirect and tls.listen are the same address: one is for http and one for https; write another, or tls.redirect=off")
	}
	switch {
	case t.Mode == TLSFiles && t.CertFile == "":
		return Fieldf("tls.cert_file", "setting_invalid", "tls.mode=files needs tls.cert_file, the file with the certificate and what it was signed by")
	case t.Mode == TLSFiles && t.KeyFile == "":
		return Fieldf("tls.key_file", "setting_invalid", "tls.mode=files needs tls.key_file, the file with the key of the certificate")
	case t.Mode == TLSACME && !t.ACMEAgree:
		return Fieldf("tls.acme_agree", "setting_invalid", "tls.mode=acme needs tls.acme_agree=on: it says that you accept the terms of the certificate authority")
	case t.Mode == TLSACME && !IsPublicName(s.PublicURL):
		return Fieldf("public_url", "setting_invalid", "tls.mode=acme needs public_url with a full name, as in https://accounts.office.example: an authority certifies no bare names and no addresses")
	}
	return nil
}

// sameAddress reports whether two addresses to listen at, which are valid, cannot be had at one time.
func sameAddress(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && portA != "0" && (hostA == hostB || anywhere(hostA) || anywhere(hostB))
}

func anywhere(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

// checkListen takes HOST:PORT with an address of this machine; port 0 is one that the system chooses.
func checkListen(v string) string {
	host, port, err := net.SplitHostPort(v)
	if err != nil || port != "0" && !isPort(port) {
		return "write :PORT or HOST:PORT, as in :443 or 192.0.2.1:443"
	}
	if _, err := netip.ParseAddr(host); host != "" && host != "localhost" && err != nil {
		return "write an address of this machine, as in 192.0.2.1:443, or only :443 for all of them"
	}
	return ""
}

func checkRedirect(v string) string {
	if v == "off" {
		return ""
	}
	if why := checkListen(v); why != "" {
		return why + "; or off"
	}
	return ""
}

func checkPath(v string) string {
	if v != "" && (!filepath.IsAbs(v) || strings.ContainsAny(v, "\r\n\x00")) {
		return "write the whole path of the file, as in /etc/foyer/tls/cert.pem"
	}
	return ""
}

// checkDirectory takes the address of an ACME directory. Plain http is for trying out on this machine.
func checkDirectory(v string) string {
	u, err := url.Parse(v)
	if err != nil || u.User != nil || !isHostOrIP(u.Hostname()) || u.Scheme != "https" && (u.Scheme != "http" || !IsLoopbackHost(u.Hostname())) {
		return "write the https:// address of the authority's ACME directory, as in " + LetsEncrypt
	}
	return ""
}
