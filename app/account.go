package app

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// AccountState says whether an account may sign in.
type AccountState string

// The states of an account.
const (
	AccountActive   AccountState = "active"
	AccountDisabled AccountState = "disabled"
)

// CustomerAccounts is the built-in group every account that a person creates is placed in.
const CustomerAccounts = "Customer Accounts"

// Account is a confirmed person.
type Account struct {
	ID             int64
	Email          Address
	FirstName      string
	LastName       string
	Phone          string
	CompanyID      int64
	Company        string
	CompanyEnabled bool
	Groups         []string
	State          AccountState
	Lang           string // of the mails, "en" or "sk"
	PasswordHash   string // a PHC string, or "" for an account without a password
	Entry          string // the allow-list entry that matched when the account was created
	ListMatch      bool   // whether the gate gives the account's address its company today
	Identities     []Identity
	CreatedAt      time.Time
}

// NameKey returns a name as it is sorted: the last name first, in lower case and without accents, so that Čech comes
// before Cedar.
func NameKey(first, last string) string {
	bare := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(last+" "+first))
	return strings.ToLower(bare)
}

// Registration is a sign-up that waits for its confirmation mail.
type Registration struct {
	ID        int64
	Email     Address
	FirstName string
	LastName  string
	Phone     string
	CompanyID int64
	Company   string
	Entry     string // the entry that matched at sign-up
	Lang      string
	IP        string
	CodeTries int // wrong codes so far
	CreatedAt time.Time
	ExpiresAt time.Time

	// Identity is the identity at a provider that signed up, nil for the form. The registration is bound to it, and to
	// the browser that brought it.
	Identity *Identity
	Browser  TokenHash

	link TokenHash // of its mail, when it was found by its code
}

// Profile is what a person says of himself or herself.
type Profile struct {
	FirstName string
	LastName  string
	Phone     string
}

// Check returns nil or an Invalid error that names the first field that is wrong: "first_name", "last_name" or
// "phone". Names are 1 to 64 characters; the phone number may be empty and is at most 32.
func (p Profile) Check() error {
	names := []struct{ field, value string }{{"first_name", p.FirstName}, {"last_name", p.LastName}}
	for _, name := range names {
		if name.value == "" {
			return Fieldf(name.field, "name_missing", "enter a name")
		}
		if checkText(name.value, 64) != "" {
			return Fieldf(name.field, "name_invalid", "this cannot be a name: at most 64 characters, and none that is invisible")
		}
	}
	if len(p.Phone) > 32 || strings.Trim(p.Phone, "+0123456789 ()-./") != "" {
		return Fieldf("phone", "phone_invalid", "a phone number has at most 32 characters: digits, blanks and + ( ) - . /")
	}
	return nil
}
