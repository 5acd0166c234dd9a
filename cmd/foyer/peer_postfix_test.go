package main_test

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// postfix is a Postfix of its own: queue, configuration and mailboxes are below one directory.
type postfix struct {
	*peer
	dir  string
	addr string // STARTTLS, where there is a certificate
	tls  string // implicit TLS, likewise
}

// postfixConfig says what a Postfix is to do.
type postfixConfig struct {
	addr     string   // where it listens; "" for anywhere
	settings []string // lines of main.cf
	cert     string   // files of its certificate and key; "" for no TLS
	key      string
	env      []string
}

// startPostfix starts a Postfix that listens on a loopback address of its own. Its queue must belong to the user
// postfix and its master runs as root only.
func startPostfix(tb testing.TB, c postfixConfig) *postfix {
	tb.Helper()
	asRoot(tb, "Postfix starts as root only")
	daemons := strings.TrimSpace(command(tb, tool(tb, "postconf", "postfix"), "-d", "-h", "daemon_directory"))
	if c.addr == "" {
		c.addr = freeAddr(tb)
	}
	p := &postfix{dir: sharedDir(tb), addr: c.addr}
	p.tls = net.JoinHostPort(hostOf(tb, p.addr), portOf(tb, freeAddr(tb)))
	p.mkdirs(tb)
	config := filepath.Join(p.dir, "config")
	writeFile(tb, filepath.Join(config, "main.cf"), p.mainConfig(daemons, c))
	writeFile(tb, filepath.Join(config, "master.cf"), p.masterConfig(c.cert != ""))
	// Each program of Postfix waits until main.cf has not changed for 2 seconds.
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(filepath.Join(config, "main.cf"), past, past); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			log, _ := os.ReadFile(filepath.Join(p.dir, "log")) // "" says that there is none
			tb.Logf("Postfix logged:\n%s", tail(string(log), 4000))
		}
	})
	cmd := exec.Command(filepath.Join(daemons, "master"), "-c", config, "-s")
	cmd.Env = append(append(os.Environ(), "MAIL_CONFIG="+config), c.env...)
	p.peer = startPeer(tb, p.addr, cmd)
	return p
}

// mkdirs makes the directories of a Postfix as "postfix check" does, which takes 3 seconds for them.
func (p *postfix) mkdirs(tb testing.TB) {
	tb.Helper()
	owner, err := user.Lookup("postfix")
	if err != nil {
		tb.Skipf("the package postfix is not set up: %v", err)
	}
	group, err := user.LookupGroup("postdrop")
	if err != nil {
		tb.Skipf("the package postfix is not set up: %v", err)
	}
	postfix, err := strconv.Atoi(owner.Uid)
	if err != nil {
		tb.Fatal(err)
	}
	postdrop, err := strconv.Atoi(group.Gid)
	if err != nil {
		tb.Fatal(err)
	}
	made := []error{os.Mkdir(filepath.Join(p.dir, "queue"), 0o755), os.Mkdir(filepath.Join(p.dir, "queue", "pid"), 0o755)}
	for dir, gid := range map[string]int{
		"active": 0, "bounce": 0, "corrupt": 0, "defer": 0, "deferred": 0, "flush": 0, "hold": 0, "incoming": 0, "private": 0,
		"saved": 0, "trace": 0, "maildrop": postdrop, "public": postdrop, "../data": 0,
	} {
		path, mode := filepath.Join(p.dir, "queue", dir), os.FileMode(0o700)
		if gid == postdrop {
			mode = 0o730
		}
		made = append(made, os.Mkdir(path, mode), os.Chmod(path, mode), os.Chown(path, postfix, gid))
	}
	if err := errors.Join(made...); err != nil {
		tb.Fatal(err)
	}
	open(tb, 0o755, filepath.Join(p.dir, "queue"), filepath.Join(p.dir, "queue", "pid"))
}

func (p *postfix) mainConfig(daemons string, c postfixConfig) string {
	lines := []string{
		"compatibility_level = 3.6",
		"daemon_directory = " + daemons,
		"queue_directory = " + filepath.Join(p.dir, "queue"),
		"data_directory = " + filepath.Join(p.dir, "data"),
		"maillog_file = " + filepath.Join(p.dir, "log"),
		"maillog_file_prefixes = " + p.dir,
		"myhostname = postfix.test",
		"mydestination =",
		"inet_interfaces = loopback-only",
		"inet_protocols = ipv4",
		"import_environment = MAIL_CONFIG MAIL_LOGTAG LANG=C LD_PRELOAD",
	}
	if c.cert != "" {
		lines = append(lines, "smtpd_tls_security_level = may", "smtpd_tls_cert_file = "+c.cert, "smtpd_tls_key_file = "+c.key,
			"smtpd_tls_received_header = yes")
	}
	return strings.Join(append(lines, c.settings...), "\n") + "\n"
}

// masterConfig is that of the package without what is not used here, and without chroot.
func (p *postfix) masterConfig(encrypted bool) string {
	lines := []string{p.addr + " inet n - n - - smtpd"}
	if encrypted {
		lines = append(lines, p.tls+" inet n - n - - smtpd -o smtpd_tls_wrappermode=yes")
	}
	return strings.Join(append(lines,
		"pickup unix n - n 60 1 pickup",
		"cleanup unix n - n - 0 cleanup",
		"qmgr unix n - n 300 1 qmgr",
		"tlsmgr unix - - n 1000? 1 tlsmgr",
		"rewrite unix - - n - - trivial-rewrite",
		"bounce unix - - n - 0 bounce",
		"defer unix - - n - 0 bounce",
		"trace unix - - n - 0 bounce",
		"verify unix - - n - 1 verify",
		"flush unix n - n 1000? 0 flush",
		"proxymap unix - - n - - proxymap",
		"smtp unix - - n - - smtp",
		"relay unix - - n - - smtp",
		"showq unix n - n - - showq",
		"error unix - - n - - error",
		"retry unix - - n - - error",
		"discard unix - - n - - discard",
		"virtual unix - n n - - virtual",
		"anvil unix - - n - 1 anvil",
		"scache unix - - n - 1 scache",
		"postlog unix-dgram n - n - 1 postlogd",
	), "\n") + "\n"
}

// mailboxes returns the settings of a Postfix that takes mail for a domain into one maildir, and the maildir.
func mailboxes(tb testing.TB, domain string) (settings []string, dir string) {
	tb.Helper()
	nobody, err := user.Lookup("nobody")
	if err != nil {
		tb.Fatal(err)
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		tb.Fatal(err)
	}
	base := sharedDir(tb)
	if err := os.Chown(base, uid, -1); err != nil {
		tb.Fatal(err)
	}
	return []string{
		"virtual_mailbox_domains = " + domain,
		"virtual_mailbox_base = " + base,
		"virtual_mailbox_maps = static:box/",
		"virtual_minimum_uid = 1",
		"virtual_uid_maps = static:" + nobody.Uid,
		"virtual_gid_maps = static:" + nobody.Gid,
	}, filepath.Join(base, "box")
}

// passwordServer answers Postfix as Dovecot does whether a password is right, in Dovecot's authentication protocol 1.1.
type passwordServer struct {
	addr               string
	username, password string
	mu                 sync.Mutex
	tries              []string // mechanism, user and whether it was right
}

// newPasswordServer starts one that knows one user, and returns it with the settings of a Postfix that asks it, takes a
// password over TLS only, and mail only from who has signed in.
func newPasswordServer(tb testing.TB, username, password string) (server *passwordServer, settings []string) {
	tb.Helper()
	s := &passwordServer{username: username, password: password}
	s.addr = serveLines(tb, s.serve)
	return s, []string{
		"smtpd_sasl_auth_enable = yes",
		"smtpd_sasl_type = dovecot",
		"smtpd_sasl_path = inet:" + s.addr,
		"smtpd_tls_auth_only = yes",
		"smtpd_recipient_restrictions = permit_sasl_authenticated, reject",
	}
}

func (s *passwordServer) serve(r *bufio.Reader, w io.Writer) {
	fmt.Fprint(w, "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n")
	type dialogue struct {
		mechanism string
		given     []string
	}
	open := map[string]*dialogue{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) < 3 || (fields[0] != "AUTH" && fields[0] != "CONT") {
			continue // who it is
		}
		id, response := fields[1], fields[2]
		if fields[0] == "AUTH" {
			open[id] = &dialogue{mechanism: fields[2]}
			var given bool
			// It is the last one, and it may be empty.
			if response, given = strings.CutPrefix(fields[len(fields)-1], "resp="); !given {
				fmt.Fprintf(w, "CONT\t%s\t%s\n", id, s.question(fields[2], 0))
				continue
			}
		}
		d := open[id]
		words, err := base64.StdEncoding.DecodeString(response)
		if err != nil || d == nil {
			fmt.Fprintf(w, "FAIL\t%s\treason=not base64\n", id)
			continue
		}
		d.given = append(d.given, string(words))
		switch {
		case d.mechanism == "LOGIN" && len(d.given) == 1:
			fmt.Fprintf(w, "CONT\t%s\t%s\n", id, s.question(d.mechanism, 1))
		case s.judge(d.mechanism, d.given):
			fmt.Fprintf(w, "OK\t%s\tuser=%s\n", id, s.username)
		default:
			fmt.Fprintf(w, "FAIL\t%s\tuser=%s\n", id, s.username)
		}
	}
}

// question is what a mechanism asks first and second, in base64.
func (s *passwordServer) question(mechanism string, n int) string {
	if mechanism != "LOGIN" {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte([]string{"Username:", "Password:"}[n]))
}

func (s *passwordServer) judge(mechanism string, given []string) bool {
	if mechanism == "PLAIN" {
		given = strings.Split(given[0], "\x00")[1:]
	}
	right := len(given) == 2 && given[0] == s.username && given[1] == s.password
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries = append(s.tries, fmt.Sprint(mechanism, " ", given[0], " ", right))
	return right
}

// seen returns the sign-ins so far.
func (s *passwordServer) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.tries, ", ")
}

// greylist is a policy server of Postfix that defers everybody while it is closed.
type greylist struct {
	addr string
	mu   sync.Mutex
	open bool
}

// newGreylist starts one and returns it with the settings of a Postfix that asks it.
func newGreylist(tb testing.TB) (g *greylist, settings []string) {
	tb.Helper()
	g = &greylist{}
	g.addr = serveLines(tb, g.serve)
	return g, []string{"smtpd_recipient_restrictions = check_policy_service inet:" + g.addr + ", permit_mynetworks, reject"}
}

func (g *greylist) serve(r *bufio.Reader, w io.Writer) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if line != "\n" {
			continue // an attribute of the question, which ends with an empty line
		}
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		if open {
			fmt.Fprint(w, "action=DUNNO\n\n")
		} else {
			fmt.Fprint(w, "action=450 4.7.1 Greylisted, come back in five minutes\n\n")
		}
	}
}

// wait is over: from now on mail is let in.
func (g *greylist) letIn() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
}
