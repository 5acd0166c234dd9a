package app

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Program is the account of one of the office's programs that hands over mail.
type Program struct {
	Name string
	// Password is the hash of the password, which Foyer makes: 256 random bits. Nobody guesses those, however fast the
	// hash is, so it is a plain one (OWASP ASVS 6.5.2): programs sign in for every mail, and argon2id would cost each
	// of them 47 ms and 19 MiB.
	Password  TokenHash
	Senders   []Entry // addresses and domains it may send as; none is nobody
	LocalUser string  // a user of this machine whose processes need no password, by name or number; "" for none
	Enabled   bool
	CreatedAt time.Time
	SeenAt    time.Time // when it last signed in or handed over a mail; zero for never
}

// MaySend reports whether the program may send as addr: an entry is that address, or exactly its domain.
func (p Program) MaySend(addr Address) bool {
	key, domain := addr.Key(), addr.Domain()
	return slices.ContainsFunc(p.Senders, func(e Entry) bool {
		switch e.Kind {
		case EntryAddress:
			return e.Value == key
		case EntryDomain:
			return e.Value == domain
		default:
			return false
		}
	})
}

// SendersText returns the senders as they are written in the field.
func (p Program) SendersText() string { return joinEntries(p.Senders) }

// ProgramKey is one thing that can be set of a program's account.
type ProgramKey struct {
	Key  string
	Help string
}

// ProgramKeys returns every key, in the order in which they are listed.
func ProgramKeys() []ProgramKey {
	return []ProgramKey{
		{Key: "senders", Help: "addresses and domains it may send as, as in scanner@office.example office.example"},
		{Key: "local_user", Help: "a user of this machine whose processes need no password"},
		{Key: "enabled", Help: "on or off"},
	}
}

// Value returns a key's value as text.
func (p Program) Value(key string) string {
	switch key {
	case "senders":
		return p.SendersText()
	case "local_user":
		return p.LocalUser
	case "enabled":
		return onOff(p.Enabled)
	}
	return ""
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// Change returns the program with the changes made, or an error and no change: NotFound for an unknown key, Invalid
// (with the key as field) for a value that is not possible.
func (p Program) Change(changes map[string]string) (Program, error) {
	next := p
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		if err := next.assign(key, changes[key]); err != nil {
			return p, err
		}
	}
	return next, nil
}

func (p *Program) assign(key, value string) (err error) {
	switch key {
	case "senders":
		p.Senders, err = ParseSenders(value)
		return err
	case "local_user":
		if value != "" && !localUser.MatchString(value) {
			return Fieldf(key, "program_invalid", "local_user cannot be set so: write the name of a user of this machine, as in www-data, or its number")
		}
		p.LocalUser = value
	case "enabled":
		if value != "on" && value != "off" {
			return Fieldf(key, "program_invalid", "enabled cannot be set so: write on or off")
		}
		p.Enabled = value == "on"
	default:
		return Errorf(NotFound, "program_key_unknown", "there is no key %q; a program has senders, local_user and enabled", key)
	}
	return nil
}

// localUser is what useradd takes, and the "$" and capitals that directories have.
var localUser = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.@-]{0,62}\$?$`)

// ParseSenders returns the senders in a field, as typed: commas, semicolons, blanks and new lines separate. They are
// addresses and domains. Invalid on field "senders" for others: a wildcard would cover domains nobody has thought of.
func ParseSenders(field string) ([]Entry, error) {
	entries, err := ParseEntries(field)
	if err != nil {
		return nil, Fieldf("senders", "sender_invalid", "%s", MessageOf(err))
	}
	for _, e := range entries {
		if e.Deny || e.Kind == EntryWildcard {
			return nil, Fieldf("senders", "sender_invalid", "%q cannot be a sender: write addresses and domains, as in scanner@office.example or office.example", e.String())
		}
	}
	return entries, nil
}

// CheckProgramName returns nil when name can be a program's name, or an Invalid error on field "name".
func CheckProgramName(name string) error {
	if !programName.MatchString(name) {
		return Fieldf("name", "program_name_invalid",
			"%q cannot be a program's name: it signs in with it, so write 1 to 64 of a-z, 0-9 and . _ -, a letter or a digit first", name)
	}
	return nil
}

var programName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// ListenState is one address at which programs can hand over mail, or could.
type ListenState struct {
	Address string // HOST:PORT
	TLS     string // "none", "starttls" or "implicit"
	Open    bool
	Problem string // why it is not open although it should be, or what else is wrong; "" for nothing
}

// MailListener is where programs hand over mail.
type MailListener interface {
	// Look tells that programs were changed. It returns when the addresses are open, or shut, as they should be.
	Look()
	// Status returns the addresses, in the order of the configuration; none when the way in is switched off there.
	Status() []ListenState
}

// joinWords returns words as a phrase: "a, b and c".
func joinWords(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
