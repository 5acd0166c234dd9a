package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server/mail"
)

// Where things are when neither a flag, the environment nor the configuration file says otherwise.
const (
	DefaultSocket = localapi.DefaultSocket
	DefaultListen = ":8080"
)

// Config is what the service needs before its database is open. Everything else is a setting in the database.
type Config struct {
	DataDir   string // the data directory
	Socket    string // the admin socket; "" means DefaultSocket
	Listen    string // where the pages are served, HOST:PORT
	PublicURL string // when not "", stored as the setting public_url at start
	// Settings are stored at start too, by their keys: those that the configuration file gives.
	Settings map[string]string

	Hosts          []string // host names the pages answer to, besides the public URL's
	TrustedProxies []string // addresses or networks whose X-Forwarded-For is believed
	Operators      []string // user names that may use the admin socket, besides root and the group
	Web            WebLimits
	SMTP           mail.ListenerConfig // where the office's programs hand over mail

	Log *slog.Logger
	// Level is what Log leaves out what is below. The setting log.level changes it; nil is never.
	Level *slog.LevelVar
	// LevelGiven makes Level stay as it is until somebody sets log.level.
	LevelGiven bool
	Version    string
	Captured   func(m app.Message) // called for every mail that is captured; may be nil

	// Starting is told how far the start is; nil is nobody.
	Starting app.Progress

	// ProviderTransport carries what is asked of identity providers; nil is the network.
	ProviderTransport http.RoundTripper
	// Resolver is asked for the DNS records of the office's mail; nil is the system's.
	Resolver mail.Resolver
	// Names is asked for the way to the mail servers of recipients; nil is the system's resolver.
	Names mail.Names
	// MailDial connects to those mail servers, and to the hosts of MTA-STS policies; nil is the network.
	MailDial func(ctx context.Context, network, address string) (net.Conn, error)
	// PagesLookup and PagesDial are by what the pages are looked for at the public URL; nil is the network.
	PagesLookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	PagesDial   func(ctx context.Context, network, address string) (net.Conn, error)
	// MailRoots may sign their certificates where these count; nil is the system's authorities.
	MailRoots *x509.CertPool
	// WebRoots are the authorities that browsers trust by themselves; nil is the system's.
	WebRoots *x509.CertPool
}

// WebLimits bounds what browsers may take. A zero field means its default.
type WebLimits struct {
	MaxBody           int64         // bytes of a form; 64 KiB
	MaxHeader         int           // bytes of a request's headers; 16 KiB
	Connections       int           // at one time in all; 1000
	ConnectionsPerIP  int           // at one time from one address; 256
	ReadHeaderTimeout time.Duration // 5 s
	ReadTimeout       time.Duration // 15 s
	WriteTimeout      time.Duration // 30 s
	IdleTimeout       time.Duration // 60 s
}

// file is the configuration file. Its keys are those that README names.
type file struct {
	Data           string   `toml:"data"`
	Socket         string   `toml:"socket"`
	Listen         string   `toml:"listen"`
	PublicURL      string   `toml:"public_url"`
	Hosts          []string `toml:"hosts"`
	TrustedProxies []string `toml:"trusted_proxies"`
	Operators      []string `toml:"operators"`
	Web            struct {
		MaxBody           int64    `toml:"max_body"`
		MaxHeader         int      `toml:"max_header"`
		Connections       int      `toml:"connections"`
		ConnectionsPerIP  int      `toml:"connections_per_ip"`
		ReadHeaderTimeout duration `toml:"read_header_timeout"`
		ReadTimeout       duration `toml:"read_timeout"`
		WriteTimeout      duration `toml:"write_timeout"`
		IdleTimeout       duration `toml:"idle_timeout"`
	} `toml:"web"`
	TLS struct {
		Mode          string `toml:"mode"`
		Listen        string `toml:"listen"`
		Redirect      string `toml:"redirect"`
		CertFile      string `toml:"cert_file"`
		KeyFile       string `toml:"key_file"`
		ACMEEmail     string `toml:"acme_email"`
		ACMEDirectory string `toml:"acme_directory"`
		ACMEAgree     bool   `toml:"acme_agree"`
		ACMECAFile    string `toml:"acme_ca_file"`
	} `toml:"tls"`
	SMTP struct {
		Listen           addresses `toml:"listen"`
		TLS              string    `toml:"tls"`
		Cert             string    `toml:"tls_cert"`
		Key              string    `toml:"tls_key"`
		Connections      int       `toml:"connections"`
		ConnectionsPerIP int       `toml:"connections_per_ip"`
		MemoryMiB        int       `toml:"memory_mib"`
		CommandTimeout   duration  `toml:"command_timeout"`
		DataTimeout      duration  `toml:"data_timeout"`
		WriteTimeout     duration  `toml:"write_timeout"`
	} `toml:"smtp"`
}

// duration is written as text: "15s", "2m".
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed <= 0 {
		return fmt.Errorf("%q is not a duration; write for example \"15s\"", text)
	}
	*d = duration(parsed)
	return nil
}

// addresses is one address or a list of them.
type addresses []string

func (a *addresses) UnmarshalTOML(value any) error {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, item := range list {
		text, ok := item.(string)
		if !ok || text == "" {
			return errors.New(`listen is HOST:PORT, or a list of them, as in ["127.0.0.1:2525", "192.0.2.1:587"]`)
		}
		*a = append(*a, text)
	}
	if len(list) == 0 {
		*a = addresses{"off"}
	}
	return nil
}

// LoadConfig reads the configuration file at path; "" means DefaultConfigFile if it is there. The error is an
// Invalid app.Error that names the file and what is wrong in it.
func LoadConfig(path string) (Config, error) {
	optional := path == ""
	if optional {
		path = DefaultConfigFile
	}
	data, err := os.ReadFile(path)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, &app.Error{Code: app.Invalid, Reason: "config_unreadable", Message: fmt.Sprintf("the configuration file %s cannot be read", path), Err: err}
	}
	c, err := ParseConfig(string(data))
	if err != nil {
		return Config{}, app.Errorf(app.Invalid, "config_invalid", "the configuration file %s is not valid: %s", path, app.MessageOf(err))
	}
	return c, nil
}

// ParseConfig returns the configuration a file's text gives, or an Invalid error that says what is wrong. Unknown keys
// are errors: a misspelt one would be silently without effect.
func ParseConfig(text string) (Config, error) {
	var f file
	meta, err := toml.Decode(text, &f)
	if err != nil {
		if parse, ok := errors.AsType[toml.ParseError](err); ok {
			return Config{}, app.Errorf(app.Invalid, "config_syntax", "line %d: %s", parse.Position.Line, parse.Message)
		}
		return Config{}, app.Errorf(app.Invalid, "config_value", "%s", strings.TrimPrefix(err.Error(), "toml: "))
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Config{}, app.Errorf(app.Invalid, "config_unknown", "there is no key %q", unknown[0].String())
	}
	c := Config{
		DataDir: f.Data, Socket: f.Socket, Listen: f.Listen, PublicURL: f.PublicURL,
		Hosts: f.Hosts, TrustedProxies: f.TrustedProxies, Operators: f.Operators,
		Web: WebLimits{
			MaxBody: f.Web.MaxBody, MaxHeader: f.Web.MaxHeader, Connections: f.Web.Connections, ConnectionsPerIP: f.Web.ConnectionsPerIP,
			ReadHeaderTimeout: time.Duration(f.Web.ReadHeaderTimeout), ReadTimeout: time.Duration(f.Web.ReadTimeout),
			WriteTimeout: time.Duration(f.Web.WriteTimeout), IdleTimeout: time.Duration(f.Web.IdleTimeout),
		},
	}
	c.SMTP = mail.ListenerConfig{
		Listen: f.SMTP.Listen, TLS: f.SMTP.TLS, Cert: f.SMTP.Cert, Key: f.SMTP.Key,
		Connections: f.SMTP.Connections, ConnectionsPerIP: f.SMTP.ConnectionsPerIP, MemoryMiB: f.SMTP.MemoryMiB,
		CommandTimeout: time.Duration(f.SMTP.CommandTimeout), DataTimeout: time.Duration(f.SMTP.DataTimeout),
		WriteTimeout: time.Duration(f.SMTP.WriteTimeout),
	}
	c.Settings = f.tlsSettings(meta)
	if c.SMTP.Connections < 0 || c.SMTP.ConnectionsPerIP < 0 || c.SMTP.MemoryMiB < 0 {
		return Config{}, app.Errorf(app.Invalid, "config_value", "a limit in [smtp] is negative")
	}
	if c.Web.MaxBody < 0 || c.Web.MaxHeader < 0 || c.Web.Connections < 0 || c.Web.ConnectionsPerIP < 0 {
		return Config{}, app.Errorf(app.Invalid, "config_value", "a limit in [web] is negative")
	}
	_, err = c.proxies()
	return c, err
}

// tlsSettings returns the settings that the table tls gives.
func (f file) tlsSettings(meta toml.MetaData) map[string]string {
	agree := "off"
	if f.TLS.ACMEAgree {
		agree = "on"
	}
	settings := map[string]string{}
	for key, value := range map[string]string{
		"mode": f.TLS.Mode, "listen": f.TLS.Listen, "redirect": f.TLS.Redirect, "cert_file": f.TLS.CertFile, "key_file": f.TLS.KeyFile,
		"acme_email": f.TLS.ACMEEmail, "acme_directory": f.TLS.ACMEDirectory, "acme_agree": agree, "acme_ca_file": f.TLS.ACMECAFile,
	} {
		if meta.IsDefined("tls", key) {
			settings["tls."+key] = value
		}
	}
	return settings
}

// fixed returns the settings that are stored at every start.
func (c Config) fixed() map[string]string {
	settings := map[string]string{}
	maps.Copy(settings, c.Settings)
	if c.PublicURL != "" {
		settings["public_url"] = c.PublicURL
	}
	return settings
}

// fixedKeys returns the keys of fixed.
func (c Config) fixedKeys() []string { return slices.Sorted(maps.Keys(c.fixed())) }

// proxies returns TrustedProxies as networks; a single address is a network of one.
func (c Config) proxies() ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range c.TrustedProxies {
		prefix, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return nil, app.Errorf(app.Invalid, "config_value", "trusted_proxies: %q is neither an address nor a network", text)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}

// withDefaults fills what was left open.
func (c Config) withDefaults() Config {
	if c.DataDir == "" {
		c.DataDir = DefaultDataDir
	}
	if c.Socket == "" {
		// Also with another data directory: the commands do not read the configuration file.
		c.Socket = DefaultSocket
	}
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
