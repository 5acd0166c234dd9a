package main_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The peers of these tests are mail programs that nobody here wrote: Postfix, chasquid, swaks and Postfix's smtp-sink
// and smtp-source. Each test starts its own, on loopback and with everything in a directory of its own.

// tool returns where a program of a Debian package is, and skips the test where it is not. Those for root are not on
// the path of everybody.
func tool(tb testing.TB, name, debianPackage string) string {
	tb.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	tb.Skipf("%s is not installed; .ci/need test, or the package %s, brings it", name, debianPackage)
	return ""
}

// asRoot skips the test when it is not run by root.
func asRoot(tb testing.TB, why string) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("not run as root: " + why)
	}
}

// freeAddr returns an address nothing listens at. It is on a loopback address of its own: another process that asks the
// kernel for any port at 127.0.0.1 cannot get this one before it is used.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	ip := fmt.Sprintf("127.%d.%d.%d", 1+mathrand.IntN(254), 1+mathrand.IntN(254), 1+mathrand.IntN(254))
	l, err := net.Listen("tcp", ip+":0")
	if err != nil {
		tb.Skipf("this system has one loopback address only: %v", err)
	}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return l.Addr().String()
}

func hostOf(tb testing.TB, addr string) string {
	tb.Helper()
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		tb.Fatal(err)
	}
	return host
}

func portOf(tb testing.TB, addr string) string {
	tb.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

// peer is a mail program that runs.
type peer struct {
	tb   testing.TB
	cmd  *exec.Cmd
	log  *lockedBuffer
	done chan struct{}
}

// startPeer starts a program and returns when it accepts connections at addr.
func startPeer(tb testing.TB, addr string, cmd *exec.Cmd) *peer {
	tb.Helper()
	p := &peer{tb: tb, cmd: cmd, log: &lockedBuffer{}, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.log
	}
	cmd.Stderr = p.log
	cmd.WaitDelay = 10 * time.Second // what it started may keep its output open
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // it ends by a signal
	}()
	tb.Cleanup(func() {
		p.stop()
		if tb.Failed() {
			tb.Logf("%s said:\n%s", cmd.Args[0], tail(p.log.String(), 4000))
		}
	})
	p.listens(addr)
	return p
}

// listens waits until the program accepts connections at addr.
func (p *peer) listens(addr string) {
	p.tb.Helper()
	eventually(p.tb, p.cmd.Args[0]+" listens at "+addr, func() bool {
		select {
		case <-p.done:
			p.tb.Fatalf("%s has ended: %v\n%s", p.cmd.Args[0], p.cmd.ProcessState, p.log)
		default:
		}
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		_ = conn.Close() // it was a question only
		return true
	})
}

// stop ends the program and waits until it is gone.
func (p *peer) stop() {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Error(err)
	}
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill() // the test says that it would not end
		<-p.done
		p.tb.Errorf("%s did not end by SIGTERM", p.cmd.Args[0])
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// command runs a program to its end and returns what it printed; it must succeed.
func command(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// sharedDir is TempDir for programs that run as another user: TempDir's own parent is for its owner only.
func sharedDir(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	open(tb, 0o755, filepath.Dir(dir), dir)
	return dir
}

// open sets permissions for what was made. Foyer itself, run inside this process by other tests, has taken them from all
// others.
func open(tb testing.TB, mode os.FileMode, paths ...string) {
	tb.Helper()
	for _, path := range paths {
		if err := os.Chmod(path, mode); err != nil {
			tb.Fatal(err)
		}
	}
}

func writeFile(tb testing.TB, path, content string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		tb.Fatal(err)
	}
	open(tb, 0o755, filepath.Dir(path))
	open(tb, 0o644, path)
}

// mailFiles returns the content of every file below a directory, with CRLF line ends, as it went over the wire.
func mailFiles(tb testing.TB, dir string) []string {
	tb.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil // it was moved on, or there is none yet
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "tmp":
			return filepath.SkipDir // of a maildir: not whole yet
		case entry.IsDir():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found = append(found, strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n", "\r\n"))
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// mailAuthority is an authority for the certificates of mail servers, and a file with its own for who should trust it.
type mailAuthority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newMailAuthority(tb testing.TB) *mailAuthority {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of a test"}, NotBefore: time.Now().Add(-48 * time.Hour),
		NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	a := &mailAuthority{cert: cert, key: key, file: filepath.Join(tb.TempDir(), "authority.pem")}
	writeFile(tb, a.file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return a
}

// env makes a service trust the authority, and no other.
func (a *mailAuthority) env() []string {
	return []string{"SSL_CERT_FILE=" + a.file, "SSL_CERT_DIR=" + filepath.Join(filepath.Dir(a.file), "none")}
}

// issue writes a certificate for names and IP addresses, changed by change, and its key into a directory.
func (a *mailAuthority) issue(tb testing.TB, dir string, change func(*x509.Certificate), names ...string) (certFile, keyFile string) {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if change != nil {
		change(template)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		tb.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "fullchain.pem"), filepath.Join(dir, "privkey.pem")
	writeFile(tb, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(tb, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return certFile, keyFile
}

// wire is a proxy that keeps what a client says to a server in plain text, and can change what the server says.
type wire struct {
	addr string
	mu   sync.Mutex
	said bytes.Buffer
}

// newWire starts a proxy before a server, at the same IP address: the server's certificate is for that. change is what it makes of the server's words; nil for nothing.
func newWire(tb testing.TB, server string, change func([]byte) []byte) *wire {
	tb.Helper()
	w := &wire{}
	w.addr = listen(tb, hostOf(tb, server), func(client net.Conn) {
		up, err := net.Dial("tcp", server)
		if err != nil {
			return // the client sees that nobody is there
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(up, io.TeeReader(client, w)) // it ends when either side does
			_ = up.(*net.TCPConn).CloseWrite()
		}()
		buffer := make([]byte, 32<<10)
		for {
			n, err := up.Read(buffer)
			words := buffer[:n]
			if change != nil {
				words = change(words)
			}
			if _, werr := client.Write(words); err != nil || werr != nil {
				break
			}
		}
		_ = client.Close() // both sides are through
		<-done
		_ = up.Close()
	})
	return w
}

// Write keeps what the client says.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.Write(p)
}

func (w *wire) heard() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.String()
}

// serveLines starts a server in the test and returns its address. talk has one connection.
func serveLines(tb testing.TB, talk func(r *bufio.Reader, w io.Writer)) string {
	tb.Helper()
	return listen(tb, "127.0.0.1", func(conn net.Conn) { talk(bufio.NewReader(conn), conn) })
}

// listen is serveLines at any host of this machine, with the bare connection.
func listen(tb testing.TB, host string, talk func(conn net.Conn)) string {
	tb.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		tb.Fatal(err)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			group.Go(func() {
				talk(conn)
				_ = conn.Close() // there is nothing more to say
				mu.Lock()
				delete(open, conn)
				mu.Unlock()
			})
		}
	})
	tb.Cleanup(func() {
		_ = l.Close() // the test is over
		mu.Lock()
		for conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		group.Wait()
	})
	return l.Addr().String()
}
