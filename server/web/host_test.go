package web_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"foyer/app"
	"foyer/server/web"
)

func TestHostAllowList(t *testing.T) {
	tests := []struct {
		host string
		want int
	}{
		{"accounts.novak.example", 200},
		{"accounts.novak.example:8443", 200},
		{"ACCOUNTS.Novak.Example", 200},
		{"localhost", 200},
		{"LOCALHOST:1", 200},
		{"foyer.lan", 200},
		{"Foyer.LAN:8080", 200},
		{"127.0.0.1", 200}, // the address the connection arrived at
		{"127.0.0.1:99", 200},
		{"127.0.0.2", 421},
		{"192.0.2.1", 421},
		{"[::1]", 421},
		{"[::ffff:127.0.0.1]:80", 200},
		{"evil.example", 421},
		{"accounts.novak.example.evil.example", 421},
		{"evil-accounts.novak.example", 421},
		{"localhost.evil.example", 421},
		{"localhost.", 421},
		{"accounts.novak.example@evil.example", 400}, // net/http itself
		{"2130706433", 421},                          // 127.0.0.1 as one number
		{"0x7f.1", 421},
	}
	h := open(t, func(c *web.Config) { c.Hosts = []string{"Foyer.lan:8080"} })
	h.domain.set(func(s *app.Settings) { s.PublicURL = "http://accounts.novak.example" })
	for _, test := range tests {
		if got := h.raw("GET /login HTTP/1.1\r\nHost: " + test.host + "\r\nConnection: close\r\n\r\n"); got != test.want {
			t.Errorf("host %q: got %d, want %d", test.host, got, test.want)
		}
	}
	// A request line that names a host decides, not the Host header (RFC 9112, 3.2.2).
	if got := h.raw("GET http://evil.example/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); got != 421 {
		t.Errorf("absolute-form request: got %d, want 421", got)
	}
	if got := h.raw("GET /login HTTP/1.0\r\n\r\n"); got != 421 {
		t.Errorf("no host: got %d, want 421", got)
	}
}

func TestOddRequestLines(t *testing.T) {
	h := open(t)
	tests := []struct {
		line string
		want int
	}{
		{"OPTIONS * HTTP/1.1", 404},
		{"CONNECT localhost:80 HTTP/1.1", 404},
		{"GET localhost HTTP/1.1", 400},
		{"GET /../../etc/passwd HTTP/1.1", 404},
		{"GET /confirm/ HTTP/1.1", 404},
		{"GET /confirm/a/b HTTP/1.1", 404},
		{"GET /login?a;b=%zz HTTP/1.1", 200},
	}
	for _, test := range tests {
		if got := h.raw(test.line + "\r\nHost: localhost\r\nConnection: close\r\n\r\n"); got != test.want {
			t.Errorf("%s: got %d, want %d", test.line, got, test.want)
		}
	}
}

// raw sends bytes as they are and returns the status of the answer.
func (h *house) raw(request string) int {
	h.t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(h.t.Context(), "tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			h.t.Error(err)
		}
	}()
	if _, err := fmt.Fprint(conn, request); err != nil {
		h.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		h.t.Fatalf("%q: %v", request, err)
	}
	if err := response.Body.Close(); err != nil {
		h.t.Error(err)
	}
	return response.StatusCode
}

func TestClientAddress(t *testing.T) {
	tests := []struct {
		name    string
		trusted []string
		forward []string
		want    string
	}{
		{"nobody is trusted", nil, []string{"1.2.3.4"}, "127.0.0.1"},
		{"another proxy is trusted", []string{"10.0.0.0/8"}, []string{"1.2.3.4"}, "127.0.0.1"},
		{"the proxy is trusted", []string{"127.0.0.0/8"}, []string{"198.51.100.7"}, "198.51.100.7"},
		{"what stands left is forged", []string{"127.0.0.0/8"}, []string{"1.2.3.4, 198.51.100.7"}, "198.51.100.7"},
		{"the lines are one list", []string{"127.0.0.0/8"}, []string{"1.2.3.4", "198.51.100.7"}, "198.51.100.7"},
		{"a chain of proxies", []string{"127.0.0.0/8", "10.0.0.0/8"}, []string{"1.2.3.4, 198.51.100.7, 10.1.1.1"}, "198.51.100.7"},
		{"proxies only", []string{"127.0.0.0/8", "10.0.0.0/8"}, []string{"10.1.1.1"}, "127.0.0.1"},
		{"rubbish", []string{"127.0.0.0/8"}, []string{"198.51.100.7, unknown"}, "127.0.0.1"},
		{"nothing", []string{"127.0.0.0/8"}, nil, "127.0.0.1"},
		{"IPv6", []string{"127.0.0.0/8"}, []string{"2001:DB8::1"}, "2001:db8::1"},
		{"IPv4 in IPv6", []string{"127.0.0.0/8"}, []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := open(t, trusted(test.trusted...))
			headers := []func(*http.Request){header("X-Real-IP", "9.9.9.9"), header("Forwarded", "for=9.9.9.9")}
			for _, line := range test.forward {
				headers = append(headers, header("X-Forwarded-For", line))
			}
			h.post("/login", "email=a@b.example&password=x", headers...)
			if got := h.domain.visitors[0].IP; got != test.want {
				t.Errorf("X-Forwarded-For %q: got %s, want %s", test.forward, got, test.want)
			}
		})
	}
}
