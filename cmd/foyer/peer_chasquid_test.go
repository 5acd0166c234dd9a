package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// chasquid is a chasquid of its own, below one directory.
type chasquid struct {
	*peer
	dir        string
	smtp       string // for other mail servers
	submission string // for its users, with STARTTLS
	tls        string // for its users, with implicit TLS
}

// chasquidConfig says what a chasquid is to do.
type chasquidConfig struct {
	authority *mailAuthority
	domain    string            // whose mail it takes
	users     map[string]string // of the domain, with their passwords
	aliases   string            // of the domain
	outPort   string            // where other mail servers listen; "" for 25
	dns       string            // the DNS server it asks; "" for the system's
}

// startChasquid starts a chasquid that puts each mail for the domain into a file below mail.
func startChasquid(tb testing.TB, c chasquidConfig) *chasquid {
	tb.Helper()
	program, util := tool(tb, "chasquid", "chasquid"), tool(tb, "chasquid-util", "chasquid")
	s := &chasquid{dir: tb.TempDir(), smtp: freeAddr(tb)}
	host := hostOf(tb, s.smtp)
	s.submission, s.tls = net.JoinHostPort(host, portOf(tb, freeAddr(tb))), net.JoinHostPort(host, portOf(tb, freeAddr(tb)))
	config, inbox := filepath.Join(s.dir, "config"), filepath.Join(s.dir, "mail")
	for _, dir := range []string{inbox, filepath.Join(s.dir, "data"), filepath.Join(config, "domains", c.domain)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	c.authority.issue(tb, filepath.Join(config, "certs", "chasquid.test"), nil, host, "chasquid.test")
	writeFile(tb, filepath.Join(config, "domains", c.domain, "aliases"), c.aliases)
	writeFile(tb, filepath.Join(config, "chasquid.conf"), strings.Join([]string{
		`hostname: "chasquid.test"`,
		fmt.Sprintf("smtp_address: %q", s.smtp),
		fmt.Sprintf("submission_address: %q", s.submission),
		fmt.Sprintf("submission_over_tls_address: %q", s.tls),
		fmt.Sprintf("data_dir: %q", filepath.Join(s.dir, "data")),
		fmt.Sprintf("mail_log_path: %q", filepath.Join(s.dir, "log")),
		`mail_delivery_agent_bin: "/bin/sh"`,
		`mail_delivery_agent_args: "-c"`,
		// A file has its last name when it is whole.
		fmt.Sprintf("mail_delivery_agent_args: %q", "mkdir -p "+inbox+"/tmp && cat > "+inbox+"/tmp/$$ && mv "+inbox+"/tmp/$$ "+inbox+"/$$"),
	}, "\n")+"\n")
	for user, password := range c.users {
		command(tb, util, "--configdir="+config, "user-add", user+"@"+c.domain, "--password="+password)
	}
	args := []string{"-config_dir", config}
	if c.outPort != "" {
		args = append(args, "-testing__outgoing_smtp_port", c.outPort)
	}
	cmd := exec.Command(program, args...)
	if c.dns != "" {
		cmd = withDNS(tb, c.dns, append([]string{program}, args...))
	}
	s.peer = startPeer(tb, s.smtp, cmd)
	s.listens(s.submission)
	s.listens(s.tls)
	return s
}

// withDNS makes a command see a resolv.conf of its own, in a mount namespace of its own: Go's resolver, and the C
// library's, ask what the file names at port 53.
func withDNS(tb testing.TB, server string, args []string) *exec.Cmd {
	tb.Helper()
	asRoot(tb, "a program gets a resolv.conf of its own by root only")
	unshare := tool(tb, "unshare", "util-linux")
	resolv := filepath.Join(tb.TempDir(), "resolv.conf")
	writeFile(tb, resolv, "nameserver "+server+"\n")
	if out, err := exec.Command(unshare, "--mount", "mount", "--bind", resolv, "/etc/resolv.conf").CombinedOutput(); err != nil {
		tb.Skipf("root may not mount here: %v\n%s", err, out)
	}
	return exec.Command(unshare, append([]string{
		"--mount", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, resolv,
	}, args...)...)
}

// startDNS starts a dnsmasq at port 53 of a loopback address of its own, and returns the address. It knows what the
// arguments say and asks nobody else.
func startDNS(tb testing.TB, args ...string) string {
	tb.Helper()
	program := tool(tb, "dnsmasq", "dnsmasq-base")
	asRoot(tb, "only root listens at port 53")
	ip := hostOf(tb, freeAddr(tb))
	startPeer(tb, net.JoinHostPort(ip, "53"), exec.Command(program, append([]string{
		"--keep-in-foreground", "--conf-file=/dev/null", "--listen-address=" + ip, "--bind-interfaces", "--no-resolv", "--no-hosts",
		"--pid-file=", "--user=root", "--log-facility=-", "--local=/test/",
	}, args...)...))
	return ip
}
