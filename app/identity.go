package app

import (
	"strings"
	"time"
)

// IdentityKey is what an identity is known by: the provider, and its own name for the person. Never the address.
type IdentityKey struct {
	Issuer  string
	Subject string
}

// Identity is a person at an identity provider, linked to one account.
type Identity struct {
	ID int64
	IdentityKey
	Tenant    string // Entra: tid
	Object    string // Entra: oid
	Connector string // the name of the connector it first came through
	Email     string // what the provider says the address is now, to show; "" for none
	CreatedAt time.Time
	SeenAt    time.Time // the last sign-in with it
}

// SamePerson reports whether two identities of one issuer are the same person's. Entra makes a subject for each
// application: once Foyer is registered there anew, all have another one, and only the tenant's own id of the person
// tells (learn.microsoft.com, "ID token claims reference").
func (i Identity) SamePerson(other Identity) bool {
	return i.Subject == other.Subject || i.Object != "" && i.Object == other.Object && i.Tenant == other.Tenant
}

// Claims is what an identity provider has said about a person, after every check of who said it and to whom. What it
// says about the address is a suggestion and no proof.
type Claims struct {
	IdentityKey
	Tenant        string // Entra: tid
	Object        string // Entra: oid
	Email         string // as claimed, "" when there is none
	EmailVerified bool   // email_verified is JSON true
	HostedDomain  string // Google: hd
	DomainOwned   bool   // Entra: xms_edov is there and true
	Member        bool   // Entra: acct is there and 0
	Guest         bool   // Entra: acct says so, or a name with #EXT#
	FirstName     string
	LastName      string
	Name          string
	Username      string // preferred_username: to show, never to match
}

// guestMark stands in the made-up addresses of guests in an Entra tenant.
const guestMark = "#ext#"

// Address returns the address the provider suggests. Denied, "identity_guest" or "identity_email_missing", when there is
// none that could be matched; it is parsed by the one parser and never repaired.
func (c Claims) Address() (Address, error) {
	guest := strings.Contains(lowerASCII(c.Email), guestMark)
	if guest || c.Email == "" && c.Guest {
		return Address{}, Errorf(Denied, "identity_guest", "this is a guest's sign-in without an address of its own; sign in with the account of your own organisation")
	}
	if c.Email == "" {
		return Address{}, Errorf(Denied, "identity_email_missing", "the provider did not say which address this account has")
	}
	addr, err := ParseAddress(c.Email)
	if err != nil {
		return Address{}, Errorf(Denied, "identity_email_invalid", "the address of this account cannot be used here")
	}
	return addr, nil
}

// Profile returns the names for the form, as far as they can be names. The person may change them.
func (c Claims) Profile() Profile {
	first, last := c.FirstName, c.LastName
	if first == "" && last == "" {
		first, last = splitName(c.Name)
	}
	return Profile{FirstName: nameOrNone(first), LastName: nameOrNone(last)}
}

// splitName takes the last word for the family name: it is a suggestion in a form.
func splitName(name string) (first, last string) {
	words := strings.Fields(name)
	if len(words) < 2 {
		return name, ""
	}
	return strings.Join(words[:len(words)-1], " "), words[len(words)-1]
}

func nameOrNone(name string) string {
	if name = strings.TrimSpace(name); checkText(name, 64) != "" {
		return ""
	}
	return name
}

// Vouched reports whether the provider's word for the address is as good as a confirmation mail, for a connector whose
// administrator trusts it, given the tenants that are set for the company the address belongs to.
//
//   - Google only where it runs the mailbox: the address is verified, and at gmail.com or at the account's own Workspace
//     domain. (Google: without hd it "is not authoritative", even when email_verified is true.)
//   - Entra only for a tenant that is set for that very company, no guest, and a domain the tenant has proved to own. A
//     claim that is absent says no (hanko and supabase/auth took it for yes).
func (c Claims) Vouched(conn Connector, addr Address, tenants []string) bool {
	if !conn.TrustVerified {
		return false
	}
	switch conn.Kind {
	case ConnectorGoogle:
		return c.EmailVerified && (addr.Domain() == "gmail.com" || c.HostedDomain != "" && lowerASCII(c.HostedDomain) == addr.Domain())
	case ConnectorEntra:
		return len(tenants) > 0 && conn.TenantAllowed(tenants, c.Tenant) && c.Tenant != "" && c.Member && !c.Guest && c.DomainOwned
	case ConnectorOIDC:
	}
	return false
}

// identity returns what is stored of the claims.
func (c Claims) identity(connector string, now time.Time) Identity {
	email := c.Email
	if checkText(email, 254) != "" {
		email = ""
	}
	return Identity{
		IdentityKey: c.IdentityKey, Tenant: c.Tenant, Object: c.Object, Connector: connector, Email: email,
		CreatedAt: now, SeenAt: now,
	}
}

// HeldBy reports whether a browser may confirm the registration of an identity: it is the one that brought the identity,
// or it has just signed in with the same one. Whoever only has the mail may not: a stranger's identity could wait for the
// owner of the address to follow the link ("trojan identifier", USENIX Security 2022, Sudhodanan and Paverd).
func (r Registration) HeldBy(browser TokenHash, signedIn *IdentityKey) bool {
	if r.Identity == nil {
		return false
	}
	return browser != (TokenHash{}) && same(r.Browser, browser) || signedIn != nil && *signedIn == r.Identity.IdentityKey
}
