package app

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// ConnectorKind is the sort of identity provider a connector signs in with.
type ConnectorKind string

// The kinds of connectors.
const (
	ConnectorEntra  ConnectorKind = "entra"  // Microsoft Entra ID: one tenant, or several
	ConnectorGoogle ConnectorKind = "google" // Google accounts and Workspace
	ConnectorOIDC   ConnectorKind = "oidc"   // any OpenID provider
)

// ConnectorKinds returns the kinds in the order in which they are listed.
func ConnectorKinds() []ConnectorKind {
	return []ConnectorKind{ConnectorEntra, ConnectorGoogle, ConnectorOIDC}
}

// Issuers whose names are fixed.
const (
	GoogleIssuer = "https://accounts.google.com"
	// entraAuthority stands before the tenant in the issuer of an Entra tenant.
	entraAuthority = "https://login.microsoftonline.com/"
)

// personalTenant is the tenant of all personal Microsoft accounts.
const personalTenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

// ManyTenants is the tenant of an Entra connector whose people come from the tenants that are set for the companies.
const ManyTenants = "organizations"

// EntraIssuer returns the issuer of a tenant, or of ManyTenants the form of the issuers of all.
func EntraIssuer(tenant string) string { return entraAuthority + tenant + "/v2.0" }

// Connector is one configured way to sign in with an identity provider.
type Connector struct {
	ID            int64
	Name          string // in its addresses: /auth/NAME/start
	Kind          ConnectorKind
	Label         string // what the button says after "Sign in with"; "" for the kind's own
	ClientID      string
	ClientSecret  string
	SecretExpires time.Time // the day, UTC; zero when it is not known
	Tenant        string    // entra: a GUID or ManyTenants
	Issuer        string    // oidc
	Enabled       bool
	SignUp        bool // "Allow new customer accounts to be created"
	TrustVerified bool // no confirmation mail for an address the provider vouches for
	CreatedAt     time.Time
	SecretWarned  int // for how many days before SecretExpires the last warning was written; 0 for none

	// Tenants are the tenants whose people may come, whatever their company: the one of Tenant, or with ManyTenants
	// those that are set for a company. The Service fills it in.
	Tenants []string
}

// Title returns what the button says after "Sign in with".
func (c Connector) Title() string {
	switch {
	case c.Label != "":
		return c.Label
	case c.Kind == ConnectorEntra:
		return "Office 365 / Entra ID"
	case c.Kind == ConnectorGoogle:
		return "Google"
	default:
		return c.Name
	}
}

// Issues reports whether identities of the issuer sign in through the connector.
func (c Connector) Issues(issuer string) bool {
	switch c.Kind {
	case ConnectorGoogle:
		return issuer == GoogleIssuer
	case ConnectorEntra:
		return slices.ContainsFunc(c.Tenants, func(tenant string) bool { return issuer == EntraIssuer(tenant) })
	case ConnectorOIDC:
		return issuer == c.Issuer
	}
	return false
}

// RedirectURI returns the address to register at the provider.
func (c Connector) RedirectURI(publicURL string) string {
	return publicURL + "/auth/" + c.Name + "/callback"
}

// ConnectorKey is one thing that can be set of a connector.
type ConnectorKey struct {
	Key   string
	Kind  string // KindSwitch, KindText or KindSecret
	Help  string
	kinds []ConnectorKind // nil for all
	field any             // func(*Connector) *bool or *string, or func(*Connector) *time.Time
	check func(string) string
}

// Secret reports whether the key is write-only.
func (k ConnectorKey) Secret() bool { return k.Kind == KindSecret }

// Of reports whether connectors of the kind have the key.
func (k ConnectorKey) Of(kind ConnectorKind) bool {
	return k.kinds == nil || slices.Contains(k.kinds, kind)
}

// ConnectorKeys returns every key, in the order in which they are listed.
func ConnectorKeys() []ConnectorKey { return slices.Clone(connectorKeys) }

var connectorKeys = []ConnectorKey{
	{
		Key: "label", Kind: KindText, Help: "what the button says after 'Sign in with'; empty for the usual words",
		field: func(c *Connector) *string { return &c.Label }, check: func(v string) string { return checkText(v, 60) },
	},
	{
		Key: "client_id", Kind: KindText, Help: "the client id the provider gave (Entra: application id)",
		field: func(c *Connector) *string { return &c.ClientID }, check: checkClientID,
	},
	{
		Key: "client_secret", Kind: KindSecret, Help: "the client secret the provider gave; write-only",
		field: func(c *Connector) *string { return &c.ClientSecret }, check: checkSecret,
	},
	{
		Key: "secret_expires", Kind: KindText, Help: "the day the secret expires, as in 2027-01-31; Foyer warns before",
		field: func(c *Connector) *time.Time { return &c.SecretExpires },
	},
	{
		Key: "tenant", Kind: KindText, Help: "the Entra tenant's id (a GUID), or organizations for the companies' tenants",
		kinds: []ConnectorKind{ConnectorEntra}, field: func(c *Connector) *string { return &c.Tenant }, check: checkTenantOrMany,
	},
	{
		Key: "issuer", Kind: KindText, Help: "the OpenID provider's issuer, as in https://login.office.example",
		kinds: []ConnectorKind{ConnectorOIDC}, field: func(c *Connector) *string { return &c.Issuer }, check: checkIssuer,
	},
	{
		Key: "enabled", Kind: KindSwitch, Help: "people may sign in with it",
		field: func(c *Connector) *bool { return &c.Enabled },
	},
	{
		Key: "signup", Kind: KindSwitch, Help: "allow new customer accounts to be created",
		field: func(c *Connector) *bool { return &c.SignUp },
	},
	{
		Key: "trust_verified", Kind: KindSwitch, Help: "no confirmation mail for addresses the provider vouches for",
		kinds: []ConnectorKind{ConnectorEntra, ConnectorGoogle}, field: func(c *Connector) *bool { return &c.TrustVerified },
	},
}

// ConnectorKeyByName returns the definition of key, or a NotFound error.
func ConnectorKeyByName(key string) (ConnectorKey, error) {
	words := make([]string, len(connectorKeys))
	for i, k := range connectorKeys {
		if k.Key == key {
			return k, nil
		}
		words[i] = k.Key
	}
	return ConnectorKey{}, Errorf(NotFound, "connector_key_unknown", "there is no key %q; a connector has %s", key, strings.Join(words, ", "))
}

// Value returns the key's value as text. For a secret that is its plain text: callers show ConnectorKey.Secret ones
// as set or not set.
func (k ConnectorKey) Value(c Connector) string {
	switch field := k.field.(type) {
	case func(*Connector) *bool:
		if *field(&c) {
			return "on"
		}
		return "off"
	case func(*Connector) *time.Time:
		if field(&c).IsZero() {
			return ""
		}
		return field(&c).UTC().Format(time.DateOnly)
	case func(*Connector) *string:
		return *field(&c)
	}
	return ""
}

// assign sets the key from text and returns why it cannot, or "".
func (k ConnectorKey) assign(c *Connector, value string) string {
	switch field := k.field.(type) {
	case func(*Connector) *bool:
		if value != "on" && value != "off" {
			return "write on or off"
		}
		*field(c) = value == "on"
	case func(*Connector) *time.Time:
		day, err := time.Parse(time.DateOnly, value)
		if err != nil && value != "" {
			return "write a day, as in 2027-01-31"
		}
		*field(c) = day
	case func(*Connector) *string:
		if why := k.check(value); why != "" {
			return why
		}
		*field(c) = value
	}
	return ""
}

// Change returns the connector with the changes made, or an error and no change: NotFound for an unknown key, Invalid
// (with the key as field) for one that the kind does not have, or a value that is not possible. Switches are "on" and
// "off"; a tenant is stored in lower case.
func (c Connector) Change(changes map[string]string) (Connector, error) {
	next := c
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		k, err := ConnectorKeyByName(key)
		if err != nil {
			return c, err
		}
		if !k.Of(c.Kind) {
			return c, Fieldf(key, "connector_invalid", "%s cannot be set: a connector of the kind %s has none", key, c.Kind)
		}
		value := changes[key]
		if key == "tenant" {
			value = lowerASCII(value)
		}
		if why := k.assign(&next, value); why != "" {
			return c, Fieldf(key, "connector_invalid", "%s cannot be set so: %s", key, why).With("Why", why)
		}
	}
	if c.Kind == ConnectorEntra && next.ClientSecret != c.ClientSecret && IsTenant(lowerASCII(next.ClientSecret)) {
		return c, Fieldf("client_secret", "connector_invalid", "client_secret cannot be set so: this is the secret's id; copy what stands under Value")
	}
	if !next.SecretExpires.Equal(c.SecretExpires) {
		next.SecretWarned = 0
	}
	return next, nil
}

// CheckConnectorName returns nil when name can be a connector's name, or an Invalid error on field "name".
func CheckConnectorName(name string) error {
	if !connectorName.MatchString(name) {
		return Fieldf("name", "connector_name_invalid",
			"%q cannot be a connector's name: it stands in addresses, so write 1 to 32 of a-z, 0-9 and -, a letter first", name)
	}
	return nil
}

var connectorName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

var guid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// IsTenant reports whether s is the id of an Entra tenant: a GUID in lower case. Nothing else may get into the address
// of an issuer.
func IsTenant(s string) bool { return guid.MatchString(s) }

// ParseTenants returns the tenants in a field, as typed: commas, semicolons, blanks and new lines separate. Invalid on
// field "tenants", with the word that is none.
func ParseTenants(field string) ([]string, error) {
	var tenants []string
	for _, word := range strings.FieldsFunc(field, func(r rune) bool { return strings.ContainsRune(",; \t\r\n", r) }) {
		tenant := lowerASCII(word)
		if !IsTenant(tenant) {
			return nil, Fieldf("tenants", "tenant_invalid", "%q is no tenant id: it is a GUID, as in 72f988bf-86f1-41af-91ab-2d7cd011db47", word)
		}
		if !slices.Contains(tenants, tenant) {
			tenants = append(tenants, tenant)
		}
	}
	return tenants, nil
}

func checkTenantOrMany(v string) string {
	switch {
	case v == "" || v == ManyTenants || IsTenant(v):
		return ""
	case v == "common" || v == "consumers":
		return "with it anybody with a Microsoft account could come; write the tenant's id (a GUID), or organizations"
	default:
		return "write the tenant's id (a GUID, as in 72f988bf-86f1-41af-91ab-2d7cd011db47), or organizations"
	}
}

func checkClientID(v string) string {
	if strings.ContainsAny(v, " \t") {
		return "it contains a blank"
	}
	return checkText(v, 255)
}

func checkSecret(v string) string {
	if len(v) > 1024 {
		return "it is longer than 1024 bytes"
	}
	if strings.ContainsAny(v, "\r\n\x00") {
		return "it contains a line end"
	}
	if v != strings.TrimSpace(v) {
		return "it begins or ends with a blank"
	}
	return ""
}

// checkIssuer lets an issuer be anywhere, but speaks plain HTTP to this machine only: what comes from elsewhere could
// be anybody's.
func checkIssuer(v string) string {
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	switch {
	case err != nil || len(v) > 512 || (u.Scheme != "http" && u.Scheme != "https") || !isHostOrIP(u.Hostname()) ||
		(u.Port() != "" && !isPort(u.Port())) || strings.HasSuffix(u.Host, ":"):
		return "write https:// and what the provider calls its issuer, as in https://login.office.example"
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(v, "?") || strings.HasSuffix(v, "#"):
		return "an issuer has no user, no ? and no #"
	case u.Scheme == "http" && !IsLoopbackHost(u.Hostname()):
		return "plain http is for a provider on this machine only; write https://"
	case strings.ContainsAny(v, " \t"):
		return "an issuer has no blanks"
	case strings.Contains(u.Path, "/.well-known/"):
		return "write the issuer alone, without /.well-known/ and what follows"
	}
	return checkText(v, 512)
}

// IsLoopbackHost reports whether a host can only be this machine.
func IsLoopbackHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Finding is something about a connector that the administrator should know.
type Finding struct {
	Code   string // stable name
	Blocks bool   // the connector cannot work: its button is not shown
	Text   string // what to do, in English
}

// Works reports whether people can sign in with the connector when the pages are at publicURL.
func (c Connector) Works(publicURL string) bool {
	return !slices.ContainsFunc(c.Findings(publicURL, time.Time{}), func(f Finding) bool { return f.Blocks })
}

// Findings returns what keeps the connector from working with the pages at publicURL, and what is to be watched.
func (c Connector) Findings(publicURL string, now time.Time) []Finding {
	var found []Finding
	block := func(code, format string, args ...any) {
		found = append(found, Finding{Code: code, Blocks: true, Text: fmt.Sprintf(format, args...)})
	}
	if c.ClientID == "" {
		block("client_id_missing", "set client_id: the id the provider gave when you registered Foyer there")
	}
	if c.ClientSecret == "" && c.Kind != ConnectorOIDC {
		block("client_secret_missing", "set client_secret: the secret the provider gave when you registered Foyer there")
	}
	switch {
	case c.Kind == ConnectorOIDC && c.Issuer == "":
		block("issuer_missing", "set issuer, as in https://login.office.example")
	case c.Kind == ConnectorEntra && c.Tenant == "":
		block("tenant_missing", "set tenant: the tenant's id (a GUID), or organizations")
	case slices.Contains(c.Tenants, personalTenant):
		found = append(found, Finding{Code: "tenant_personal", Text: "the tenant " + personalTenant + " is that of all personal Microsoft accounts: anybody can have one"})
	case c.Kind == ConnectorEntra && len(c.Tenants) == 0:
		block("tenants_missing", "no company has an Entra tenant; set them with: foyer company tenant add COMPANY TENANT")
	}
	if code, text := c.urlProblem(publicURL); code != "" {
		block(code, "%s", text)
	}
	if f := c.secretFinding(now); f.Code != "" {
		found = append(found, f)
	}
	return found
}

// urlProblem returns why the provider would not send people back to publicURL. Entra takes https, and http for
// localhost only (learn.microsoft.com, "Redirect URI restrictions"); Google takes no addresses and no names below a
// private top-level domain, but for this machine (developers.google.com, "Using OAuth 2.0 for Web Server Applications").
func (c Connector) urlProblem(publicURL string) (code, text string) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return "public_url", "set public_url: it is where the provider sends people back to"
	}
	host := u.Hostname()
	switch c.Kind {
	case ConnectorOIDC:
		return "", ""
	case ConnectorEntra:
		if u.Scheme == "https" || host == "localhost" {
			return "", ""
		}
		return "public_url_http", fmt.Sprintf("Microsoft sends people back to https:// addresses only, and public_url is %s; give the pages a certificate and set public_url to https://", publicURL)
	case ConnectorGoogle:
	}
	switch {
	case IsLoopbackHost(host):
		return "", ""
	case net.ParseIP(host) != nil:
		return "public_url_address", fmt.Sprintf("Google does not send people back to a bare address, and public_url is %s; use a name on the internet, as in https://accounts.example.com", publicURL)
	case !isPublicName(host):
		return "public_url_private", fmt.Sprintf("Google does not send people back to a private name, and public_url is %s; use a name on the internet, as in https://accounts.example.com", publicURL)
	case u.Scheme != "https":
		return "public_url_http", fmt.Sprintf("Google sends people back to https:// addresses only, and public_url is %s; give the pages a certificate and set public_url to https://", publicURL)
	}
	return "", ""
}

// isPublicName reports whether a host name ends in a top-level domain of the internet, and is more than that.
func isPublicName(host string) bool {
	suffix, icann := publicsuffix.PublicSuffix(host)
	return suffix != host && (icann || strings.Contains(suffix, "."))
}

// secretWarnings are the days before a secret's expiry at which the administrator is warned.
var secretWarnings = []int{60, 30, 7}

// secretDays returns the whole days until the secret expires, less than 0 when it has; ok is false when the day is not
// known.
func (c Connector) secretDays(now time.Time) (days int, ok bool) {
	if c.SecretExpires.IsZero() || now.IsZero() {
		return 0, false
	}
	today := now.UTC().Truncate(24 * time.Hour)
	return int(c.SecretExpires.UTC().Truncate(24*time.Hour).Sub(today) / (24 * time.Hour)), true
}

func (c Connector) secretFinding(now time.Time) Finding {
	days, ok := c.secretDays(now)
	day := c.SecretExpires.UTC().Format(time.DateOnly)
	switch {
	case !ok || days > secretWarnings[0]:
		return Finding{}
	case days < 0:
		return Finding{Code: "secret_expired", Text: fmt.Sprintf("the client secret expired on %s; make a new one at the provider and set client_secret and secret_expires", day)}
	case days == 0:
		return Finding{Code: "secret_expires", Text: "the client secret expires today; make a new one at the provider and set client_secret and secret_expires"}
	default:
		return Finding{Code: "secret_expires", Text: fmt.Sprintf("the client secret expires on %s, in %d days; make a new one at the provider and set client_secret and secret_expires", day, days)}
	}
}

// SecretWarning returns which of the warnings before the secret's expiry is due now and was not written yet: 60, 30 or 7
// days, -1 for a secret that has expired, or 0 for none.
func (c Connector) SecretWarning(now time.Time) int {
	days, ok := c.secretDays(now)
	if !ok {
		return 0
	}
	due := 0
	for _, warning := range secretWarnings {
		if days <= warning {
			due = warning
		}
	}
	if days < 0 {
		due = -1
	}
	if due == 0 || c.SecretWarned != 0 && c.SecretWarned <= due {
		return 0
	}
	return due
}

// TenantAllowed reports whether people of a tenant may be in a company, given the tenants that are set for it. A company
// that names tenants takes people of no other. Without any, those of the connector's one tenant may come; with ManyTenants
// nobody, because then a company's list is what says whose people they are.
func (c Connector) TenantAllowed(ofCompany []string, tenant string) bool {
	if tenant == "" {
		return true
	}
	if len(ofCompany) > 0 {
		return slices.Contains(ofCompany, tenant)
	}
	return c.Tenant != ManyTenants
}
