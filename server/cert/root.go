package cert

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"foyer/app"
)

const (
	rootLife = 10 * 365 * 24 * time.Hour
	// rootLate is how long before its end an authority makes place for another one.
	rootLate = 30 * 24 * time.Hour
)

// root is a certificate authority of the service's own: a certificate that devices are told to trust, and its key. What it
// may certify is limited (RFC 5280, 4.2.1.10): a stolen key must not be good for the whole web on the devices of the office.
type root struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// localDomains are names that stand for machines of the local network only (RFC 6762, RFC 8375, RFC 6761, and the one ICANN
// has set aside).
var localDomains = []string{"local", "home.arpa", "localhost", "internal", "lan"}

// localNetworks are addresses that stand for machines of the local network only.
var localNetworks = []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "fc00::/7", "fe80::/10", "::1/128"}

// newRoot returns a new authority that may certify a host, its domain, and what is local.
func newRoot(host string, now time.Time) (*root, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), NotBefore: now.Add(-backdated), NotAfter: now.Add(rootLife),
		Subject:               pkix.Name{Organization: []string{"Foyer"}, CommonName: fmt.Sprintf("Foyer at %s, %s", host, now.UTC().Format("2006-01-02"))},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: slices.Clone(localDomains),
	}
	for _, network := range localNetworks {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			return nil, err
		}
		template.PermittedIPRanges = append(template.PermittedIPRanges, n)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		template.PermittedIPRanges = append(template.PermittedIPRanges, &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(addr.BitLen(), addr.BitLen())})
	} else {
		template.PermittedDNSDomains = append(template.PermittedDNSDomains, domainOf(host))
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(raw)
	return &root{cert, key}, err
}

// domainOf returns the domain a host belongs to, as it is registered; a host without one is its own.
func domainOf(host string) string {
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}

func serial() *big.Int {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never returns an error (crypto/rand)
	raw[0] &= 0x7f        // positive (RFC 5280, 4.1.2.2)
	raw[0] |= 0x40        // and not zero
	return new(big.Int).SetBytes(raw)
}

// permits reports whether the authority may certify a name or an address.
func (r *root) permits(name string) bool {
	if addr, err := netip.ParseAddr(name); err == nil {
		return slices.ContainsFunc(r.cert.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(addr.AsSlice()) })
	}
	return slices.ContainsFunc(r.cert.PermittedDNSDomains, func(domain string) bool { return name == domain || strings.HasSuffix(name, "."+domain) })
}

// serves reports whether the authority may certify a host, now and for a while.
func (r *root) serves(host string, now time.Time) bool {
	return r.permits(host) && now.Add(rootLate).Before(r.cert.NotAfter) && !now.Before(r.cert.NotBefore)
}

// signed reports whether a certificate is the authority's.
func (r *root) signed(c *x509.Certificate) bool { return c.CheckSignatureFrom(r.cert) == nil }

// issue returns a certificate for names and addresses.
func (r *root) issue(names []string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	end := now.Add(leafLife - backdated)
	if end.After(r.cert.NotAfter) {
		end = r.cert.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial(), NotBefore: now.Add(-backdated), NotAfter: end,
		Subject:  pkix.Name{Organization: []string{"Foyer"}, CommonName: names[0]},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, name := range names {
		if addr, err := netip.ParseAddr(name); err == nil {
			template.IPAddresses = append(template.IPAddresses, addr.AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, r.cert, key.Public(), r.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(raw)
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}, err
}

// about returns what is to be known of the authority.
func (r *root) about() *app.Authority {
	sum := sha256.Sum256(r.cert.Raw)
	return &app.Authority{Name: r.cert.Subject.CommonName, NotAfter: r.cert.NotAfter, SHA256: hex.EncodeToString(sum[:]), PEM: string(encode(r.cert))}
}

// id names the files of the authority.
func (r *root) id() string {
	sum := sha256.Sum256(r.cert.Raw)
	return hex.EncodeToString(sum[:8])
}

// The files of an authority are its id and these.
const (
	rootFile = ".root.pem" // the certificate and the key
	leafFile = ".leaf.pem"
)

// keep writes the authority into the directory.
func (r *root) keep(c LocalConfig) error {
	return writePair(c, r.id()+rootFile, r.cert, r.key)
}

// keepLeaf writes a certificate of the authority beside it.
func (r *root) keepLeaf(c LocalConfig, leaf *tls.Certificate) error {
	key, ok := leaf.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return errors.New("a key of another kind")
	}
	return writePair(c, r.id()+leafFile, leaf.Leaf, key)
}

// readLeaf returns the certificate that is beside the authority; nil when there is none that can be used: another is made.
func (r *root) readLeaf(dir string) *tls.Certificate {
	pair, err := readPair(filepath.Join(dir, r.id()+leafFile))
	if err != nil {
		return nil
	}
	return pair
}

// readRoots returns the authorities in a directory, the newest first. One that cannot be read is an error: devices may
// trust it, and another one in its place would have to be spread anew.
func readRoots(dir string) ([]*root, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var roots []*root
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), rootFile) {
			continue
		}
		pair, err := readPair(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("%s has a key of another kind", entry.Name())
		}
		roots = append(roots, &root{pair.Leaf, key})
	}
	slices.SortFunc(roots, func(a, b *root) int { return cmp.Compare(b.cert.NotAfter.Unix(), a.cert.NotAfter.Unix()) })
	return roots, nil
}

func readPair(path string) (*tls.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return &pair, nil
}

// writePair writes a certificate with its key into a private file, whole or not at all.
func writePair(c LocalConfig, name string, cert *x509.Certificate, key *ecdsa.PrivateKey) error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return c.Write(filepath.Join(c.Dir, name), append(encode(cert), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})...))
}
