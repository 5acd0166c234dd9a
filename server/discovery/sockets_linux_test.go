package discovery_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"

	"foyer/server/discovery"
)

const inNamespace = "FOYER_TEST_NAMESPACE"

// TestSockets speaks real multicast DNS over a cable between two network namespaces, where nobody else is.
func TestSockets(t *testing.T) {
	switch os.Getenv(inNamespace) {
	case "":
		for _, tool := range []string{"unshare", "ip"} {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skipf("%s is not installed", tool)
			}
		}
		out, err := namespace(t, "tell").CombinedOutput()
		switch {
		case err != nil && strings.Contains(string(out), "unshare"):
			t.Skipf("a network namespace needs root: %s", out)
		case err != nil:
			t.Fatalf("in the namespace: %v\n%s", err, out)
		case strings.Contains(string(out), "--- SKIP"):
			t.Skipf("in the namespace: %s", out)
		}
	case "tell":
		tell(t)
	default:
		if _, err := io.ReadAll(os.Stdin); err != nil { // it ends when the cable is plugged in
			t.Fatal(err)
		}
		ask(t)
	}
}

// namespace returns this program as it runs in a network namespace of its own.
func namespace(t *testing.T, part string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "unshare", "--net", os.Args[0], "-test.run=^TestSockets$", "-test.v") //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), inNamespace+"="+part)
	return cmd
}

func ip(t *testing.T, line string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(line)...).CombinedOutput(); err != nil {
		t.Skipf("ip %s: %v: %s", line, err, out)
	}
}

// tell announces at one end of the cable, and has the other end asked.
func tell(t *testing.T) {
	other := namespace(t, "ask")
	plugged, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	other.Stdout, other.Stderr = &out, &out
	ip(t, "link add here0 type veth peer name there0")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	awaitNamespace(t, other.Process.Pid)
	ip(t, "link set there0 netns "+strconv.Itoa(other.Process.Pid))
	ip(t, "addr add 10.9.0.1/24 dev here0")
	ip(t, "link set here0 up")
	ip(t, "route add default dev here0")
	here, err := net.InterfaceByName("here0")
	if err != nil {
		t.Fatal(err)
	}
	a := discovery.New(discovery.Config{
		Log:        slog.New(slog.DiscardHandler),
		Interfaces: func() ([]discovery.Interface, error) { return []discovery.Interface{discovery.Of(*here)}, nil },
	})
	a.Offer(office)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx)
	}()
	defer func() {
		cancel()
		<-done
	}()
	if err := plugged.Close(); err != nil {
		t.Fatal(err)
	}
	if err := other.Wait(); err != nil {
		t.Errorf("at the other end: %v\n%s", err, out.String())
	}
}

// awaitNamespace waits until a process is in a namespace of its own.
func awaitNamespace(t *testing.T, pid int) {
	t.Helper()
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); runtime.Gosched() {
		if theirs, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/net"); err == nil && theirs != own {
			return
		}
	}
	t.Fatal("the other process gets no namespace of its own")
}

// ask hears the announcement at its end of the cable, and asks as a machine that knows no multicast DNS.
func ask(t *testing.T) {
	ip(t, "addr add 10.9.0.2/24 dev there0")
	ip(t, "link set there0 up")
	there, err := net.InterfaceByName("there0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenMulticastUDP("udp4", there, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hears(t, conn, func() {}, "foyer.local. 10.9.0.1", "SRV foyer.local.")
	plain, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp4", "10.9.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	data, err := new(dns.Msg).SetQuestion("foyer.local.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	p := ipv4.NewPacketConn(plain)
	if err := p.SetMulticastInterface(there); err != nil {
		t.Fatal(err)
	}
	// While the name is asked for anew, because the interface has got one more address, nobody answers.
	hears(t, plain, func() {
		if _, err := p.WriteTo(data, nil, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}); err != nil {
			t.Fatal(err)
		}
	}, "foyer.local. 10.9.0.1")
	// Who asks this machine alone must be of its network.
	ip(t, "addr add 172.31.9.2/32 dev there0")
	far, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp4", "172.31.9.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	hears(t, plain, func() {
		for _, from := range []net.PacketConn{far, plain} {
			if _, err := from.WriteTo(data, &net.UDPAddr{IP: net.IPv4(10, 9, 0, 1), Port: 5353}); err != nil {
				t.Fatal(err)
			}
		}
	}, "foyer.local. 10.9.0.1")
	if err := far.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := far.ReadFrom(make([]byte, 9000)); err == nil {
		t.Error("a machine of another network was answered")
	}
}

// hears reads messages until one holds all of the texts. It asks first, and again when nothing comes for a second, as resolvers do.
func hears(t *testing.T, conn net.PacketConn, ask func(), want ...string) {
	t.Helper()
	b := make([]byte, 9000)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		ask()
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		for {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				break
			}
			m := new(dns.Msg)
			if m.Unpack(b[:n]) == nil && m.Response && !slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(texts(m.Answer), w) }) {
				return
			}
		}
	}
	t.Fatalf("nobody says %q", want)
}
