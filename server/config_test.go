package server_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server"
)

const wholeConfig = `
data = "/srv/foyer"
socket = "/run/foyer/admin.sock"
listen = "192.0.2.1:80"
public_url = "https://accounts.office.example"
hosts = ["foyer.local"]
trusted_proxies = ["127.0.0.1", "10.0.0.0/8", "::1"]
operators = ["anna"]

[web]
max_body = 1000
max_header = 2000
connections = 10
connections_per_ip = 5
read_header_timeout = "1s"
read_timeout = "2s"
write_timeout = "3s"
idle_timeout = "1m"

[smtp]
listen = ["127.0.0.1:2525", "192.0.2.1:587"]
tls = "implicit"
tls_cert = "/etc/foyer/mail.pem"
tls_key = "/etc/foyer/mail.key"
connections = 20
connections_per_ip = 6
memory_mib = 64
command_timeout = "4m"
data_timeout = "3m"
write_timeout = "2m"
`

func TestParseConfig(t *testing.T) {
	c, err := server.ParseConfig(wholeConfig)
	if err != nil {
		t.Fatal(err)
	}
	if c.DataDir != "/srv/foyer" || c.Socket != "/run/foyer/admin.sock" || c.Listen != "192.0.2.1:80" || c.PublicURL != "https://accounts.office.example" ||
		len(c.TrustedProxies) != 3 || c.Operators[0] != "anna" || c.Hosts[0] != "foyer.local" || c.Web.MaxBody != 1000 || c.Web.MaxHeader != 2000 ||
		c.Web.Connections != 10 || c.Web.ConnectionsPerIP != 5 || c.Web.ReadHeaderTimeout != time.Second || c.Web.IdleTimeout != time.Minute {
		t.Errorf("config %+v", c)
	}
	if s := c.SMTP; !slices.Equal(s.Listen, []string{"127.0.0.1:2525", "192.0.2.1:587"}) || s.TLS != "implicit" || s.Cert != "/etc/foyer/mail.pem" ||
		s.Key != "/etc/foyer/mail.key" || s.Connections != 20 || s.ConnectionsPerIP != 6 || s.MemoryMiB != 64 ||
		s.CommandTimeout != 4*time.Minute || s.DataTimeout != 3*time.Minute || s.WriteTimeout != 2*time.Minute {
		t.Errorf("[smtp] %+v", s)
	}
	if _, given := c.Settings["tls.mode"]; given {
		t.Errorf("without [tls] there are the settings %v", c.Settings)
	}
	tls, err := server.ParseConfig("[tls]\nmode = \"acme\"\nlisten = \":8443\"\nacme_agree = true\nacme_email = \"\"")
	if want := map[string]string{"tls.mode": "acme", "tls.listen": ":8443", "tls.acme_agree": "on", "tls.acme_email": ""}; err != nil || !maps.Equal(tls.Settings, want) {
		t.Errorf("[tls]: got %v, %v, want %v", tls.Settings, err, want)
	}
	for text, want := range map[string][]string{
		"": nil, "[smtp]\nlisten = \":25\"": {":25"}, "[smtp]\nlisten = \"off\"": {"off"}, "[smtp]\nlisten = []": {"off"},
	} {
		if c, err := server.ParseConfig(text); err != nil || !slices.Equal(c.SMTP.Listen, want) {
			t.Errorf("%q: listen %q, %v, want %q", text, c.SMTP.Listen, err, want)
		}
	}
	for _, test := range []struct{ text, says string }{
		{`listenn = ":80"`, `no key "listenn"`},
		{"[web]\nbody = 1", `no key "web.body"`},
		{"data = 7", "data"},
		{"data = ", "line 1"},
		{"[web]\nread_timeout = \"soon\"", `"soon" is not a duration`},
		{"[web]\nread_timeout = \"-1s\"", `"-1s" is not a duration`},
		{"[web]\nconnections = -1", "negative"},
		{"[smtp]\nconnections = -1", "negative"},
		{"[smtp]\nlisten = 25", "listen is HOST:PORT, or a list of them"},
		{"[smtp]\nlisten = [25]", "listen is HOST:PORT, or a list of them"},
		{"[tls]\nagree = true", `no key "tls.agree"`},
		{"[tls]\nacme_agree = \"on\"", "acme_agree"},
		{"[smtp]\nport = 25", `no key "smtp.port"`},
		{`trusted_proxies = ["office"]`, `"office" is neither an address nor a network`},
	} {
		_, err := server.ParseConfig(test.text)
		if app.CodeOf(err) != app.Invalid || !strings.Contains(app.MessageOf(err), test.says) {
			t.Errorf("%q: %v, want it to say %q", test.text, err, test.says)
		}
	}
}

func TestLoadConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "foyer.toml")
	if _, err := server.LoadConfig(path); app.CodeOf(err) != app.Invalid || !strings.Contains(err.Error(), path) {
		t.Errorf("a file that was named and is missing: %v", err)
	}
	if err := os.WriteFile(path, []byte("unknown = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.LoadConfig(path); !strings.Contains(app.MessageOf(err), path) || !strings.Contains(app.MessageOf(err), `"unknown"`) {
		t.Errorf("unknown key: %v", err)
	}
	if err := os.WriteFile(path, []byte(wholeConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := server.LoadConfig(path); err != nil || c.DataDir != "/srv/foyer" {
		t.Errorf("config %+v, %v", c, err)
	}
}

// FuzzParseConfig wants a whole configuration or an error for the person who wrote the file, never a panic.
func FuzzParseConfig(f *testing.F) {
	f.Add(wholeConfig)
	f.Add("")
	f.Add("[web]\nidle_timeout = \"99999999999h\"")
	f.Add("data = \"\\u0000\"")
	f.Add("[[web]]")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := server.ParseConfig(text)
		if err != nil {
			if app.CodeOf(err) != app.Invalid || app.MessageOf(err) == "" || c.DataDir != "" {
				t.Errorf("%q: %v beside %+v", text, err, c)
			}
			return
		}
		if c.Web.ReadTimeout < 0 || c.Web.MaxBody < 0 || c.Web.Connections < 0 {
			t.Errorf("%q gives %+v", text, c)
		}
	})
}
