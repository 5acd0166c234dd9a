package cert_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
	"foyer/server/cert"
)

func certificate(tb testing.TB, text string) *x509.Certificate {
	tb.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		tb.Fatalf("no PEM: %q", text)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func leaf(tb testing.TB, s cert.Source) *x509.Certificate {
	tb.Helper()
	c, err := s.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		tb.Fatal(err)
	}
	return c.Leaf
}

// write writes a private file, as a Local has it written.
func write(path string, data []byte) error { return os.WriteFile(path, data, 0o600) }

// local opens the authority in a directory for a host.
func local(tb testing.TB, dir, host string, names ...string) *cert.Local {
	tb.Helper()
	l, err := cert.OpenLocal(cert.LocalConfig{Write: write, Dir: dir, Host: host, Names: func() []string { return names }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(l.Close)
	return l
}

func poolOf(certs ...*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool
}

// stolen returns a certificate for a name that a thief of the authority's key has made.
func stolen(tb testing.TB, dir, name string) *x509.Certificate {
	tb.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.root.pem"))
	if err != nil || len(found) != 1 {
		tb.Fatalf("%q, %v", found, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		tb.Fatal(err)
	}
	root, err := tls.X509KeyPair(data, data)
	if err != nil {
		tb.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}}
	if ip := net.ParseIP(name); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, root.Leaf, key.Public(), root.PrivateKey)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// TestAuthorityIsLimited has an authority that cannot certify the web, not even for whoever has stolen its key.
func TestAuthorityIsLimited(t *testing.T) {
	for _, test := range []struct {
		host     string
		names    string // of the machine
		want     string // that the certificate is for
		may, not string // what a thief may certify with it, and what not
	}{
		{
			"accounts.office.example", "foyer foyer.local www.office.example google.com 192.168.1.2 8.8.8.8 fd00::1 2001:db8::1 localhost",
			"accounts.office.example foyer.local www.office.example localhost 192.168.1.2 fd00::1",
			"office.example a.b.office.example printer.lan 10.1.2.3", "example google.com xoffice.example 8.8.8.8 2001:db8::1",
		},
		{"foyer", "foyer foyer.local other", "foyer foyer.local", "foyer", "other com"},
		{"203.0.113.7", "203.0.113.8 10.0.0.1", "203.0.113.7 10.0.0.1", "203.0.113.7", "203.0.113.8"},
		{"shop.co.uk", "other.co.uk", "shop.co.uk", "www.shop.co.uk", "other.co.uk"},
	} {
		dir := filepath.Join(t.TempDir(), "ca")
		l := local(t, dir, test.host, strings.Fields(test.names)...)
		status := l.Status()
		root := certificate(t, status.Authority.PEM)
		roots := poolOf(root)
		if got := strings.Join(status.Certificate.Names, " "); got != test.want {
			t.Errorf("%s: the certificate is for %q, want %q", test.host, got, test.want)
		}
		for _, name := range status.Certificate.Names {
			if _, err := leaf(t, l).Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
				t.Errorf("%s: not good for %s: %v", test.host, name, err)
			}
		}
		for name := range strings.FieldsSeq(test.may) {
			if _, err := stolen(t, dir, name).Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
				t.Errorf("%s: %s may be certified: %v", test.host, name, err)
			}
		}
		for name := range strings.FieldsSeq(test.not) {
			if _, err := stolen(t, dir, name).Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err == nil {
				t.Errorf("%s: a stolen key is good for %s", test.host, name)
			}
		}
		if !root.PermittedDNSDomainsCritical || !root.IsCA || !root.MaxPathLenZero || status.Certificate.Trusted || len(status.Certificate.Chain) != 2 {
			t.Errorf("%s: the authority is %+v, the certificate %+v", test.host, root, status.Certificate)
		}
	}
}

// TestAuthoritiesStay has another authority for another domain, and the old one again when the host is its own again.
func TestAuthoritiesStay(t *testing.T) {
	dir := t.TempDir()
	first := local(t, dir, "a.office.example").Status()
	sibling := local(t, dir, "b.office.example").Status()
	other := local(t, dir, "b.another.example").Status()
	back := local(t, dir, "a.office.example").Status()
	if sibling.Authority.SHA256 != first.Authority.SHA256 || sibling.Certificate.SHA256 == first.Certificate.SHA256 {
		t.Error("a host of the same domain has another authority, or the same certificate")
	}
	if other.Authority.SHA256 == first.Authority.SHA256 {
		t.Error("one authority certifies two domains")
	}
	if back.Authority.SHA256 != first.Authority.SHA256 {
		t.Error("devices would have to trust another authority for the host they knew")
	}
}

// TestDamagedAuthority does not put another one in the place of one that devices trust.
func TestDamagedAuthority(t *testing.T) {
	dir := t.TempDir()
	local(t, dir, "a.office.example")
	found, err := filepath.Glob(filepath.Join(dir, "*.root.pem"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if err := os.WriteFile(found[0], []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := cert.OpenLocal(cert.LocalConfig{Write: write, Dir: dir, Host: "a.office.example"})
	if app.CodeOf(err) != app.Unavailable || app.ReasonOf(err) != cert.ProblemAuthority {
		t.Fatalf("got %v", err)
	}
	if s := l.Status(); s.Certificate != nil || s.Problem != cert.ProblemAuthority {
		t.Errorf("status %+v", s)
	}
	if _, err := l.GetCertificate(nil); err == nil {
		t.Error("there is a certificate")
	}
}

// TestLocalRenewal lets ten years pass. The certificate is renewed in time, and the authority makes place for another one.
func TestLocalRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"10.0.0.1"}
		told := 0
		l, err := cert.OpenLocal(cert.LocalConfig{Write: write, Dir: t.TempDir(), Host: "a.office.example", Names: func() []string { return names }, Changed: func() { told++ }})
		if err != nil {
			t.Fatal(err)
		}
		first, authority := leaf(t, l), l.Status().Authority.SHA256
		l.Look(time.Now())
		if told != 1 || !leaf(t, l).Equal(first) {
			t.Errorf("a look has changed something: told %d times", told)
		}
		names = append(names, "10.0.0.2") // the machine has moved
		l.Look(time.Now())
		if c := leaf(t, l); c.Equal(first) || c.VerifyHostname("10.0.0.2") != nil || told != 2 {
			t.Errorf("the new address is not in the certificate for %v", c.IPAddresses)
		}
		authorities := map[string]bool{authority: true}
		made := 0
		for last := leaf(t, l); time.Since(first.NotBefore) < 11*365*24*time.Hour; {
			wait(t, 24*time.Hour)
			l.Look(time.Now())
			c := leaf(t, l)
			if left := time.Until(c.NotAfter); left < 29*24*time.Hour {
				t.Fatalf("%v: %v are left", time.Now(), left)
			}
			if life := c.NotAfter.Sub(c.NotBefore); life > 397*24*time.Hour {
				t.Fatalf("it lives %v", life)
			}
			if !c.Equal(last) {
				last, made = c, made+1
			}
			authorities[l.Status().Authority.SHA256] = true
		}
		if len(authorities) != 2 || made < 10 || made > 20 {
			t.Errorf("%d authorities, %d certificates in eleven years", len(authorities), made)
		}
	})
}

// TestClockBehind starts with a clock that is years behind, as machines without a battery do: devices go on to trust what they know. An
// authority that was made while the clock was ahead is replaced once the clock has had time to be set.
func TestClockBehind(t *testing.T) {
	dir := t.TempDir()
	root, chain := certificates(t, dir, "a.office.example") // now
	synctest.Test(t, func(t *testing.T) {                   // in the year 2000
		l := local(t, dir, "a.office.example")
		if s := l.Status(); s.Authority.SHA256 != root || s.Certificate.SHA256 != chain {
			t.Error("a clock that is behind has made another authority or certificate")
		}
		wait(t, 59*time.Minute)
		l.Look(time.Now())
		if l.Status().Authority.SHA256 != root {
			t.Error("another authority is made before the clock could be set")
		}
		l.Look(time.Now().AddDate(30, 0, 0)) // it is set
		if s := l.Status(); s.Authority.SHA256 != root || !leaf(t, l).NotAfter.After(time.Now().AddDate(30, 0, 0)) {
			t.Error("the clock is right, and it has another authority or an old certificate")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		l := local(t, dir, "a.office.example")
		wait(t, time.Hour)
		l.Look(time.Now())
		if s := l.Status(); s.Authority.SHA256 == root || leaf(t, l).NotBefore.After(time.Now()) {
			t.Error("what was made while the clock was ahead is still in use")
		}
	})
	if again, _ := certificates(t, dir, "a.office.example"); again != root {
		t.Error("the clock is right again, and devices would have to trust another authority")
	}
}

// certificates opens the authority in a directory and returns the sums of its own certificate and of the one that it has made.
func certificates(tb testing.TB, dir, host string) (root, leaf string) {
	tb.Helper()
	s := local(tb, dir, host).Status()
	return s.Authority.SHA256, s.Certificate.SHA256
}

// wait lets time pass in a bubble.
func wait(tb testing.TB, d time.Duration) {
	tb.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// TestLocalKept fails when the files cannot be written, and tries again.
func TestLocalKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file in the place of the directory
		t.Fatal(err)
	}
	l, err := cert.OpenLocal(cert.LocalConfig{Write: write, Dir: dir, Host: "foyer"})
	if app.CodeOf(err) != app.Unavailable {
		t.Fatalf("got %v", err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	l.Look(time.Now().Add(time.Minute))
	if _, err := l.GetCertificate(nil); err == nil {
		t.Error("it is tried too soon")
	}
	l.Look(time.Now().Add(time.Hour))
	if s := l.Status(); s.Problem != "" || s.Certificate == nil {
		t.Errorf("status %+v", s)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Error(errors.Join(err, errors.New("not two files")), entries)
	}
}
