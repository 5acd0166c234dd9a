// Package localapi is the admin API: HTTP and JSON on a Unix socket, both ends of it. The service serves it with
// NewServer on what Listen returns; the command line and the desktop program call it through Client. Who calls is
// told by the kernel, not by the caller. It may be imported by server, cmd and gui; it imports app only.
package localapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"foyer/app"
)

// API is the version of the admin API. It changes when a client of the old one could misunderstand the new one;
// new routes and new fields do not change it.
const API = 1

// Headers every answer carries, by which a client knows whom it talks to.
const (
	headerAPI     = "Foyer-Api"
	headerVersion = "Foyer-Version"
	headerSize    = "Foyer-Size" // bytes of what is sent piece by piece
)

// Bounds of one page of a list. A client may ask for fewer items than maxPage, never for more.
const (
	defaultPage = 100
	maxPage     = 1000

	// maxSearch bounds what is searched for, in bytes.
	maxSearch = 1000
)

// The paths of the API. What stands in braces is one path segment, percent-encoded by the client.
const (
	pathVersion         = "/v1/version"
	pathCompanies       = "/v1/companies"
	pathCompany         = "/v1/companies/{name}"
	pathCompanyRename   = "/v1/companies/{name}/rename"
	pathCompanyEnable   = "/v1/companies/{name}/enable"
	pathCompanyDisable  = "/v1/companies/{name}/disable"
	pathAllow           = "/v1/companies/{name}/allow"
	pathDisallow        = "/v1/companies/{name}/disallow"
	pathTenants         = "/v1/companies/{name}/tenants"
	pathAllowTest       = "/v1/allow/test"
	pathConnectors      = "/v1/connectors"
	pathConnector       = "/v1/connectors/{name}"
	pathAccounts        = "/v1/accounts"
	pathAccount         = "/v1/accounts/{email}"
	pathAccountEnable   = "/v1/accounts/{email}/enable"
	pathAccountDisable  = "/v1/accounts/{email}/disable"
	pathAccountUnlink   = "/v1/accounts/{email}/unlink"
	pathRegistrations   = "/v1/registrations"
	pathRegistration    = "/v1/registrations/{email}"
	pathResend          = "/v1/registrations/{email}/resend"
	pathSettings        = "/v1/settings"
	pathMessages        = "/v1/messages"
	pathMessage         = "/v1/messages/{id}"
	pathMessageRetry    = "/v1/messages/{id}/retry"
	pathMailDNS         = "/v1/mail/dns"
	pathMailStatus      = "/v1/mail/status"
	pathMessageHold     = "/v1/messages/{id}/hold"
	pathMessageRelease  = "/v1/messages/{id}/release"
	pathSuppressed      = "/v1/suppressed"
	pathUnsuppress      = "/v1/suppressed/{address}"
	pathMailTLS         = "/v1/mail/tls"
	pathMailTLSHost     = "/v1/mail/tls/{host}"
	pathBlocked         = "/v1/blocked"
	pathUnblock         = "/v1/blocked/{address}"
	pathEvents          = "/v1/events"
	pathPrograms        = "/v1/programs"
	pathProgram         = "/v1/programs/{name}"
	pathProgramPassword = "/v1/programs/{name}/password" //nolint:gosec // a path
	pathMailListener    = "/v1/mail/listener"

	pathStats            = "/v1/stats"
	pathAttention        = "/v1/attention"
	pathWatch            = "/v1/watch"
	pathAllowCheck       = "/v1/allow/check"
	pathCompanySummaries = "/v1/company-summaries"
	pathConnectorTest    = "/v1/connectors/{name}/test"
	pathPublicURLTest    = "/v1/public-url/test"
	pathAccountSessions  = "/v1/accounts/{email}/sessions"
	pathAccountMove      = "/v1/accounts/{email}/move"
	pathAccountReset     = "/v1/accounts/{email}/reset"

	pathJobs          = "/v1/jobs"
	pathJob           = "/v1/jobs/{id}"
	pathBackups       = "/v1/backups"
	pathBackup        = "/v1/backups/{name}"
	pathBackupVerify  = "/v1/backups/{name}/verify"
	pathBackupData    = "/v1/backups/{name}/data"
	pathAddress       = "/v1/address"
	pathAddressKeep   = "/v1/address/keep"
	pathAddressRevert = "/v1/address/revert"
	pathCheckup       = "/v1/checkup"
	pathMetrics       = "/v1/metrics"
)

// checkName returns nil when a name can be a segment of a path, or an Invalid error on field "name". There is one that
// cannot: http.ServeMux takes the segment "%2F" for the end of the path.
func checkName(name string) error {
	if name == "/" {
		return app.Fieldf("name", "company_name_invalid", "%q cannot be a name: it needs a letter or a digit", name)
	}
	return nil
}

// Version says what runs, and whether the caller may do anything with it.
type Version struct {
	Version   string `json:"version"`
	API       int    `json:"api"`
	Go        string `json:"go"`
	SQLite    string `json:"sqlite,omitempty"`
	Caller    string `json:"caller"`            // who the kernel says is asking, as in "anna (uid 1000)"
	Permitted bool   `json:"permitted"`         // whether the caller may use the rest of the API
	Missing   string `json:"missing,omitempty"` // what the caller needs for that, as a sentence
	Join      string `json:"join,omitempty"`    // the command by which an administrator lets the caller in; "" when there is none

	// Starting is how far the service is that does not do its work yet: it brings its database up to date, say. Whatever else it
	// is asked for is Unavailable, "service_starting". null when it has started.
	Starting *Starting `json:"starting,omitempty"`
}

// Starting is how far the start of the service is.
type Starting struct {
	Step  string `json:"step"`  // what is being done, a stable name
	Done  int64  `json:"done"`  // how much of the step is done
	Total int64  `json:"total"` // of how much; 0 where that is not known
}

// Page is one page of a list. Next is the cursor of the page that follows, or "" on the last one.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
	Total int    `json:"total,omitempty"` // how many the filter has in all, where the list counts them
}

// Company is a customer company with its list.
type Company struct {
	Name      string    `json:"name"`
	Enabled   bool      `json:"enabled"`
	CreatedAt time.Time `json:"created_at"`
	Accounts  int       `json:"accounts"` // how many accounts it has
	Entries   []Entry   `json:"entries"`
	Overlaps  []Overlap `json:"overlaps"`
	Tenants   []string  `json:"tenants"` // the Entra tenants whose people are its people
}

// Entry is one line of a company's list.
type Entry struct {
	Entry       string `json:"entry"`        // as stored: A-labels, with "!" when it refuses
	Display     string `json:"display"`      // the same with U-labels
	Kind        string `json:"kind"`         // "address", "domain" or "wildcard"
	Deny        bool   `json:"deny"`         // it refuses what it covers
	MixedScript bool   `json:"mixed_script"` // as look-alike domains do
	Warning     string `json:"warning"`      // why it would not be accepted as new, or ""
}

// Overlap is an entry of another company that covers addresses in common with one of this company.
type Overlap struct {
	Entry        string `json:"entry"`
	Other        string `json:"other"`
	OtherCompany string `json:"other_company"`
}

// Disallowed is a company after entries were removed from its list.
type Disallowed struct {
	Company
	OffList int `json:"off_list"` // how many of its accounts are not on the list any more; they keep working
}

// Connector is one configured way to sign in with an identity provider. Like settings, its secret is write-only.
type Connector struct {
	Name          string     `json:"name"`
	Kind          string     `json:"kind"`  // "entra", "google" or "oidc"
	Label         string     `json:"label"` // as set; "" for the usual words
	Title         string     `json:"title"` // what the button says after "Sign in with"
	ClientID      string     `json:"client_id"`
	ClientSecret  Setting    `json:"client_secret"`
	SecretExpires *string    `json:"secret_expires"` // a day, as in "2027-01-31"; null when it is not known
	Tenant        string     `json:"tenant"`
	Issuer        string     `json:"issuer"`
	Enabled       bool       `json:"enabled"`
	SignUp        bool       `json:"signup"`
	TrustVerified bool       `json:"trust_verified"`
	Works         bool       `json:"works"`        // people can sign in with it while it is enabled
	RedirectURI   string     `json:"redirect_uri"` // to be registered at the provider
	Findings      []Finding  `json:"findings"`
	LastSignIn    *time.Time `json:"last_sign_in"`    // since the service started; null when there was none
	LastProblem   string     `json:"last_problem"`    // "" when the last sign-in went well
	LastProblemAt *time.Time `json:"last_problem_at"` // null when there was none
	CreatedAt     time.Time  `json:"created_at"`
}

// Finding is something about a connector that the administrator should know.
type Finding struct {
	Code   string `json:"code"`
	Blocks bool   `json:"blocks"` // the connector cannot work: its button is not shown
	Text   string `json:"text"`   // what to do
}

// Program is the account of one of the office's programs that hands over mail.
type Program struct {
	Name      string     `json:"name"`
	Senders   []string   `json:"senders"`    // addresses and domains it may send as
	LocalUser string     `json:"local_user"` // a user of this machine whose processes need no password, or ""
	Enabled   bool       `json:"enabled"`
	CreatedAt time.Time  `json:"created_at"`
	SeenAt    *time.Time `json:"seen_at"` // when it last signed in or handed over a mail; null for never
}

// NewProgram is a program with its password, which is told this once.
type NewProgram struct {
	Program
	Password string `json:"password"`
}

// ListenState is one address at which programs can hand over mail, or could.
type ListenState struct {
	Address string `json:"address"` // HOST:PORT
	TLS     string `json:"tls"`     // "none", "starttls" or "implicit"
	Open    bool   `json:"open"`
	Problem string `json:"problem"` // why it is not open although it should be; "" for nothing
}

// Account is a confirmed person.
type Account struct {
	Email      string     `json:"email"`
	FirstName  string     `json:"first_name"`
	LastName   string     `json:"last_name"`
	Phone      string     `json:"phone"`
	Company    string     `json:"company"`
	Groups     []string   `json:"groups"`
	State      string     `json:"state"` // "active" or "disabled"
	CreatedAt  time.Time  `json:"created_at"`
	Identities []Identity `json:"identities"`
	ListMatch  bool       `json:"list_match"` // still on its company's list
	Entry      string     `json:"entry"`      // the allow-list entry that matched when the account was created
}

// AccountDetail is an account with what became of the last mail to its address.
type AccountDetail struct {
	Account
	LastMail *LastMail `json:"last_mail"` // null when there is none, or none is kept any more
}

// LastMail is the newest mail to an address.
type LastMail struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	Reply     string    `json:"reply"` // the other side's last words, or what went wrong
}

// Identity is an account's identity at an identity provider.
type Identity struct {
	ID        string    `json:"id"`
	Issuer    string    `json:"issuer"`
	Subject   string    `json:"subject"`
	Tenant    string    `json:"tenant"`    // Entra: the tenant's id
	Object    string    `json:"object"`    // Entra: the person's object id
	Connector string    `json:"connector"` // the name of the connector it first came through
	Email     string    `json:"email"`     // what the provider says the address is now, or ""
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"` // the last sign-in with it
}

// Registration is a sign-up that waits for its confirmation mail.
type Registration struct {
	Email     string    `json:"email"`
	FirstName string    `json:"first_name"`
	LastName  string    `json:"last_name"`
	Phone     string    `json:"phone"`
	Company   string    `json:"company"`
	Entry     string    `json:"entry"`
	Through   string    `json:"through"` // the name of the connector it came through, "" for the form
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	CodeTries int       `json:"code_tries"` // wrong codes so far
}

// AllowTest is the gate's verdict on one address.
type AllowTest struct {
	Address    string     `json:"address"`
	Allowed    bool       `json:"allowed"`
	Company    string     `json:"company"`     // the owner of Entry, or ""
	Entry      string     `json:"entry"`       // the entry that won, or ""
	Reason     string     `json:"reason"`      // one sentence
	ReasonCode string     `json:"reason_code"` // "listed", "refused_by_entry", "not_listed" or "company_disabled"
	Ways       []Way      `json:"ways"`
	Covering   []Covering `json:"covering"` // every entry that covers the address, the winner first
}

// Way says what one way in would do for the address now.
type Way struct {
	Name   string `json:"name"`
	Result string `json:"result"`
}

// Covering is an entry that covers an address, and its owner.
type Covering struct {
	Entry   string `json:"entry"`
	Company string `json:"company"`
}

// Message is a mail to one recipient. IDs are strings: they do not fit the numbers of every JSON reader.
type Message struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind"`
	Recipient   string     `json:"recipient"`
	Subject     string     `json:"subject"`
	State       string     `json:"state"`
	Attempts    int        `json:"attempts"`
	NextAttempt *time.Time `json:"next_attempt"` // null when none is due
	Reply       string     `json:"reply"`        // the other side's last words, or what went wrong
	CreatedAt   time.Time  `json:"created_at"`
	Program     string     `json:"program"` // who has handed over a relayed mail; "" for Foyer's own
}

// MessageDetail is a message whole.
type MessageDetail struct {
	Message
	Sender    string     `json:"sender"`
	Data      string     `json:"data"` // the whole message as sent
	MessageID string     `json:"message_id"`
	ExpiresAt *time.Time `json:"expires_at"` // after this it is given up; null when never
	Steps     []MailStep `json:"steps"`      // of the last attempt
	Verdict   string     `json:"verdict"`    // what has become of it and what to do next, in a sentence
}

// MailStep is one step of an attempt to deliver a message.
type MailStep struct {
	Name   string `json:"name"` // "name", "connection", "greeting", "tls", "auth", "sender", "recipient", "data" or "reply"
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what was found or answered, or what to do about it
	TookMS int64  `json:"took_ms"`
}

// MailStatus says how mail stands: what waits, and what came of it since the service started.
type MailStatus struct {
	Transport    string            `json:"transport"`
	Held         bool              `json:"held"`
	Messages     map[string]int    `json:"messages"` // how many there are, by state
	Oldest       *time.Time        `json:"oldest"`   // of those that wait; null when none does
	Since        time.Time         `json:"since"`
	Attempts     map[string]int64  `json:"attempts"`     // how they have ended since then, by state
	AttemptTime  Durations         `json:"attempt_time"` // how long they took
	DeliveryAge  Durations         `json:"delivery_age"` // how old messages were when they were delivered
	Destinations []MailDestination `json:"destinations"`
}

// Durations is a histogram of times in seconds.
type Durations struct {
	Buckets []Bucket `json:"buckets"` // each holds those of the ones before it
	Sum     float64  `json:"sum"`
}

// Bucket is how many took at most so many seconds; null for any time.
type Bucket struct {
	AtMost *float64 `json:"at_most"`
	Count  int64    `json:"count"`
}

// MailDestination is a mail server, or those of a domain, that there is something to do with.
type MailDestination struct {
	Name        string     `json:"name"`
	Connections int        `json:"connections"`
	UnderWay    int        `json:"under_way"`
	Failures    int        `json:"failures"`
	RestsUntil  *time.Time `json:"rests_until"` // null when it does not rest
}

// DNSRecords is the DNS records that mail from the sender's domain is judged by.
type DNSRecords struct {
	Records []DNSRecord `json:"records"`
}

// DNSRecord is one of them, as it should be and as it is.
type DNSRecord struct {
	Kind     string   `json:"kind"` // "spf", "dkim", "dmarc", "mx", "mta_sts" or "ptr"
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Value    string   `json:"value"`    // to paste; "" when nobody but the office can say
	Found    []string `json:"found"`    // what the DNS has now
	State    string   `json:"state"`    // "ok", "missing", "differs" or "unknown"
	Required bool     `json:"required"` // Foyer's mail needs it; others are for information
	Text     string   `json:"text"`     // what to do
}

// allMessages stands in place of a message's ID for every one that can be held, or is.
const allMessages = "all"

// Changed tells how many messages were held or released.
type Changed struct {
	Changed int `json:"changed"`
}

// Suppressed is an address that gets no mail because one to it has failed for good.
type Suppressed struct {
	Address string    `json:"address"`
	Since   time.Time `json:"since"`
	Reason  string    `json:"reason"` // the other side's words
}

// TLSHost is a mail server that has had TLS and gets no mail in the clear.
type TLSHost struct {
	Host    string     `json:"host"`
	SeenAt  time.Time  `json:"seen_at"` // when it had TLS the last time
	Version string     `json:"version"`
	Cipher  string     `json:"cipher"`
	LostAt  *time.Time `json:"lost_at"` // since when it has none; null while it has
}

// Blocked is an address whose owner asked for no mail.
type Blocked struct {
	Address string    `json:"address"`
	Until   time.Time `json:"until"`
}

// Event is one line of the audit.
type Event struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	IP      string    `json:"ip"`
	Action  string    `json:"action"`
	Outcome string    `json:"outcome"`
	Subject string    `json:"subject"`
	Company string    `json:"company"`
	Entry   string    `json:"entry"`
	Detail  string    `json:"detail"`
}

// Removed tells what is gone.
type Removed struct {
	Removed string `json:"removed"`
}

// Settings are the values of all settings by key.
type Settings map[string]Setting

// Setting is one setting's value. On the wire a number is a JSON number, a secret is {"set": true} or
// {"set": false}, anything else a string; switches are "on" and "off".
type Setting struct {
	Text   string // the value of all but secrets
	Number bool   // Text is a whole number
	Secret bool   // write-only: only Set is known
	Set    bool   // whether the secret has a value
}

// String returns the value as text: for a secret "set" or "not set".
func (s Setting) String() string {
	switch {
	case !s.Secret:
		return s.Text
	case s.Set:
		return "set"
	default:
		return "not set"
	}
}

type secretState struct {
	Set bool `json:"set"`
}

// MarshalJSON writes the form of the wire.
func (s Setting) MarshalJSON() ([]byte, error) {
	switch {
	case s.Secret:
		return json.Marshal(secretState{s.Set})
	case s.Number:
		n, err := strconv.Atoi(s.Text)
		if err != nil {
			return nil, err
		}
		return json.Marshal(n)
	default:
		return json.Marshal(s.Text)
	}
}

// UnmarshalJSON reads the form of the wire.
func (s *Setting) UnmarshalJSON(data []byte) error {
	*s = Setting{}
	switch {
	case bytes.HasPrefix(data, []byte("{")):
		var state secretState
		if err := json.Unmarshal(data, &state); err != nil {
			return err
		}
		s.Secret, s.Set = true, state.Set
		return nil
	case bytes.HasPrefix(data, []byte(`"`)):
		return json.Unmarshal(data, &s.Text)
	default:
		var n int
		if err := json.Unmarshal(data, &n); err != nil {
			return err
		}
		s.Text, s.Number = strconv.Itoa(n), true
		return nil
	}
}

// Bodies of requests.
type (
	companyAdd struct {
		Name    string `json:"name"`
		Entries string `json:"entries"` // the field as typed: commas, blanks and new lines separate
	}
	companyRename struct {
		Name string `json:"name"`
	}
	companyAllow struct {
		Entries string `json:"entries"`
		Move    bool   `json:"move"` // take the entries from the companies that have them
	}
	companyDisallow struct {
		Entries string `json:"entries"`
	}
	companyTenants struct {
		Add    string `json:"add"` // fields as typed, as those of entries
		Remove string `json:"remove"`
	}
	accountUnlink struct {
		ID string `json:"id"` // of the identity
	}
	settingsChange map[string]settingInput
	// connectorChange is keys of a connector and their new values; of a new one also "kind" and "name".
	connectorChange map[string]connectorInput
	// programChange is keys of a program and their new values; of a new one also "name".
	programChange map[string]programInput
	messageTest   struct {
		Recipient string `json:"recipient"`
		Lang      string `json:"lang"` // "en" or "sk"; "" for the first of them
	}
)

// settingInput is a new value as text. Numbers may be given as JSON numbers, so that what was read can be sent
// back.
type settingInput string

// UnmarshalJSON takes a string or a whole number. The error does not repeat what was given: it may be a secret.
func (v *settingInput) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte(`"`)) {
		return json.Unmarshal(data, (*string)(v))
	}
	var n *int // null is no number
	if err := json.Unmarshal(data, &n); err != nil || n == nil {
		return errors.New("a value of a setting is a string or a whole number")
	}
	*v = settingInput(strconv.Itoa(*n))
	return nil
}

// programInput is a new value as text. Switches may be given as JSON booleans and senders as a list, so that what was read
// can be sent back.
type programInput string

// UnmarshalJSON takes a string, true, false or a list of strings.
func (v *programInput) UnmarshalJSON(data []byte) error {
	switch {
	case string(data) == "true":
		*v = "on"
	case string(data) == "false":
		*v = "off"
	case bytes.HasPrefix(data, []byte("[")):
		var list []string
		if err := json.Unmarshal(data, &list); err != nil {
			return errors.New("the senders of a program are a list of strings")
		}
		*v = programInput(strings.Join(list, " "))
	case bytes.HasPrefix(data, []byte(`"`)):
		return json.Unmarshal(data, (*string)(v))
	default:
		return errors.New("a value of a program is a string, a list of strings, true or false")
	}
	return nil
}

// connectorInput is a new value as text. Switches may be given as JSON booleans and an unknown day as null, so that
// what was read can be sent back.
type connectorInput string

// UnmarshalJSON takes a string, true, false or null. The error does not repeat what was given: it may be a secret.
func (v *connectorInput) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true":
		*v = "on"
	case "false":
		*v = "off"
	case "null":
		*v = ""
	default:
		if err := json.Unmarshal(data, (*string)(v)); err != nil {
			return errors.New("a value of a connector is a string, true, false or null")
		}
	}
	return nil
}
