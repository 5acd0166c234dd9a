package app

import (
	"context"
	"time"
)

// Store is what the domain needs of a database. Each method that changes something is one whole unit of work in one
// transaction: the change is durable when the method returns nil, and nothing of it is there when it returns an
// error, but that a refusal may have been counted and written to the audit. A change by a person writes its audit
// Event in the same transaction. Reads may be several statements.
//
// Errors are *Error: NotFound, Conflict, Gone as each method says, and Unavailable or Internal when the
// database cannot do it now.
type Store interface {
	VisitorStore
	AdminStore
	ProgramStore
}

// VisitorStore holds the units of work behind the web pages.
type VisitorStore interface {
	// Request decides about a visitor's request for a mail (see Request.Decide) and, in the same transaction,
	// writes what the decision asks for: a registration or a reset token, and the mail. It does the same
	// work, and undoes it, when the answer is no: the time it takes tells nothing.
	Request(ctx context.Context, r Request) (Decision, error)

	// RegistrationByToken returns the registration a confirmation link belongs to. Gone: "link_spent" when it
	// was confirmed, "link_expired" when it is too old, "link_unknown" when there is none (any more).
	RegistrationByToken(ctx context.Context, hash TokenHash, now time.Time) (Registration, error)

	// RegistrationByCode returns the registration of addr and the hash of its link when the code is right. Each
	// wrong code is counted and written to the audit. Gone, "code_wrong", whatever is the matter.
	RegistrationByCode(ctx context.Context, c CodeTry) (Registration, TokenHash, error)

	// Activate makes an account of a registration. The list is matched again and must give the company the
	// registration shows. Every registration of the address is deleted. Of parallel calls one succeeds. Gone as
	// RegistrationByToken; Conflict, "no_longer_eligible", when the gate says no or another company. A registration by
	// form gets the account's password. One by an identity gets none, and only whom Registration.HeldBy lets may activate
	// it: Denied, "identity_needed", for others; Conflict, "identity_taken", when the identity is linked by now.
	Activate(ctx context.Context, a Activation) (Account, error)

	// CreateAccount makes an account of a registration that needs no confirmation, with its identity, and starts a
	// session. It does what Activate does. Conflict, "no_longer_eligible", "account_exists" or "identity_taken".
	CreateAccount(ctx context.Context, r Registration, s Session, ev Event) (Account, error)

	// AccountByEmail returns the account of addr, with its identities. NotFound when there is none.
	AccountByEmail(ctx context.Context, addr Address) (Account, error)

	// AccountByIdentity returns the account an identity is linked to, with its identities. NotFound, "identity_unknown".
	AccountByIdentity(ctx context.Context, key IdentityKey) (Account, error)

	// RegistrationByIdentity returns the registration of an identity that waits for its mail. NotFound.
	RegistrationByIdentity(ctx context.Context, key IdentityKey, now time.Time) (Registration, error)

	// SignInIdentity starts a session of the account an identity is linked to, and writes when it was seen and which
	// address its provider says it has now. An address that is another than before gets an event of its own. NotFound,
	// "identity_unknown"; Denied, "account_disabled" or "company_disabled".
	SignInIdentity(ctx context.Context, in IdentitySignIn) (Account, error)

	// RequestLink writes the code with which an identity can be linked to the account of an address, and its mail, in
	// place of an earlier code for the same account and identity. What the limits say is decided by Request.Decide.
	RequestLink(ctx context.Context, r Request) (Decision, error)

	// LinkByCode links an identity to the account a code was sent to, if the code is right, and does the rest as Link. A
	// wrong code is counted and written to the audit: Gone, "code_wrong", whatever is the matter.
	LinkByCode(ctx context.Context, c CodeTry, l LinkChange) error

	// Link links an identity to an account, ends every session and reset link of the account, starts the session Keep and
	// writes the notice mail. Denied as MayEnter, and "signin_needed" when the session Session is gone; Conflict,
	// "identity_taken" when it is linked already, "identity_other" when another identity of the same issuer is.
	Link(ctx context.Context, l LinkChange) error

	// Unlink is Link the other way round. NotFound, "identity_unknown"; Conflict, "last_way_in", when the account would
	// have neither a password nor an identity for which LinkChange.Usable is true.
	Unlink(ctx context.Context, l LinkChange) error

	// StartSession writes a session. When rehash is not "" it replaces the account's password hash. Denied,
	// "account_disabled" or "company_disabled", when the account may not sign in any more.
	StartSession(ctx context.Context, s Session, rehash string, ev Event) error

	// Session returns the session of a cookie that began after oldest. NotFound when there is none, or when its
	// account or company is disabled.
	Session(ctx context.Context, hash TokenHash, oldest time.Time) (Session, error)

	// TouchSessions writes when sessions were last seen.
	TouchSessions(ctx context.Context, seen map[TokenHash]time.Time) error

	// EndSession deletes a session, if it is there.
	EndSession(ctx context.Context, hash TokenHash, ev Event) error

	// AccountByResetToken returns the account a reset link belongs to. Gone: "link_expired" or "link_unknown".
	AccountByResetToken(ctx context.Context, hash TokenHash, now time.Time) (Account, error)

	// SetPassword stores a new password hash, deletes every session and every reset token of the account,
	// starts the session Keep if there is one, and writes the notice mail. What was checked before the hash was
	// computed must still hold: the account may enter (Denied), a Reset token is valid (Gone), and for a change
	// from the account page the password and the session are still those that were checked (Denied,
	// "signin_needed").
	SetPassword(ctx context.Context, p PasswordChange) error

	// UpdateProfile stores names and phone number of an account.
	UpdateProfile(ctx context.Context, accountID int64, p Profile, ev Event) error

	// BlockAddress stops mail to addr until the given time and deletes its registration and reset tokens.
	BlockAddress(ctx context.Context, addr Address, until time.Time, ev Event) error

	// AddEvent writes an audit event that belongs to no other change.
	AddEvent(ctx context.Context, ev Event) error
}

// AdminStore holds the units of work behind the admin API. Companies are named by their name, accounts and
// registrations by their address.
type AdminStore interface {
	Companies(ctx context.Context) ([]Company, error)
	// Company returns a company with its entries and overlaps. NotFound.
	Company(ctx context.Context, name string) (Company, error)
	// CompanyList returns a company with its entries and tenants, without overlaps. NotFound.
	CompanyList(ctx context.Context, name string) (Company, error)
	// CompanyPage returns one page of companies by name, and how many the query has in all.
	CompanyPage(ctx context.Context, q CompanyQuery) ([]CompanySummary, int, error)
	// SaveCompany changes a company, whole or not at all, and writes what has changed to the audit as actor's. It returns
	// how many of its accounts are not on the list any more, 0 when its list is as before. NotFound, Invalid for an entry
	// that is not accepted as new, or Conflict, "entry_taken" or "company_taken".
	SaveCompany(ctx context.Context, name, actor string, at time.Time, save CompanySave) (Company, int, error)
	// Overlaps returns the entries of companies other than companyID that cover part of what one of entries covers, or the
	// other way round.
	Overlaps(ctx context.Context, companyID int64, entries []Entry) ([]Overlap, error)
	// AccountAddresses returns the addresses of a company's accounts whose key comes after after, in order.
	AccountAddresses(ctx context.Context, companyID int64, after string, limit int) ([]Address, error)
	// AddCompany adds a company with entries. Conflict when the name or an entry is taken.
	AddCompany(ctx context.Context, name string, entries []Entry, ev Event) (Company, error)
	// RenameCompany renames. NotFound, or Conflict when the new name is taken.
	RenameCompany(ctx context.Context, name, to string, ev Event) (Company, error)
	// EnableCompany sets the company's switch; switching off ends the sessions of its people. NotFound.
	EnableCompany(ctx context.Context, name string, on bool, ev Event) (Company, error)
	// RemoveCompany removes a company, its entries and its registrations. NotFound, or Conflict while it has
	// accounts.
	RemoveCompany(ctx context.Context, name string, ev Event) error
	// AddEntries adds entries to a company. With move an entry of another company changes its owner, without
	// it is a Conflict, "entry_taken", whose arguments are Entry and Company, the owner. Entries that are new are judged by Entry.Refusal.
	AddEntries(ctx context.Context, name string, entries []Entry, move bool, ev Event) (Company, error)
	// RemoveEntries removes entries and returns how many of the company's accounts are not on the list any
	// more. NotFound when the company or one of the entries is not there.
	RemoveEntries(ctx context.Context, name string, entries []Entry, ev Event) (Company, int, error)
	// EntriesFor returns the entries whose value is one of values.
	EntriesFor(ctx context.Context, values []string) ([]OwnedEntry, error)
	// SetTenants adds and removes Entra tenants of a company. NotFound, also when one to remove is not there.
	SetTenants(ctx context.Context, name string, add, remove []string, ev Event) (Company, error)
	// Tenants returns the Entra tenants of all companies that have some, by the company's ID.
	Tenants(ctx context.Context) (map[int64][]string, error)

	// Connectors returns all connectors by name, with their secrets in plain and without Tenants.
	Connectors(ctx context.Context) ([]Connector, error)
	// AddConnector adds a connector and returns it with its ID. Conflict when the name is taken.
	AddConnector(ctx context.Context, c Connector, ev Event) (Connector, error)
	// SetConnector stores a connector whole, by its ID. NotFound.
	SetConnector(ctx context.Context, c Connector, ev Event) error
	// RemoveConnector removes a connector. The identities that came through it stay with their accounts. NotFound.
	RemoveConnector(ctx context.Context, name string, ev Event) error

	// Accounts returns one page of accounts, whole. NotFound when there is no such company; Invalid when After is no
	// Next of a page with the same Sort.
	Accounts(ctx context.Context, q AccountQuery) (AccountPage, error)
	// SetAccountState enables or disables; disabling ends the account's sessions. NotFound.
	SetAccountState(ctx context.Context, addr Address, state AccountState, ev Event) (Account, error)
	// RemoveIdentity removes an identity from an account and ends its sessions, also when it is its only way in. NotFound.
	RemoveIdentity(ctx context.Context, addr Address, id int64, ev Event) (Account, error)
	// AccountSessions returns the sessions of an account that began after oldest, the newest first. NotFound.
	AccountSessions(ctx context.Context, addr Address, oldest time.Time) ([]Session, error)
	// EndSessions ends every session of an account and returns how many there were. NotFound.
	EndSessions(ctx context.Context, addr Address, ev Event) (int, error)
	// MoveAccount places an account in another company. NotFound, also when there is no such company.
	MoveAccount(ctx context.Context, addr Address, company string, ev Event) error
	// SendReset gives an account a new reset link and writes its mail, whatever the limits are. NotFound; Conflict,
	// "account_disabled", "company_disabled", "suppressed" or "blocked".
	SendReset(ctx context.Context, r Request) (Message, error)
	// RemoveAccount removes an account with everything that belongs to it. NotFound.
	RemoveAccount(ctx context.Context, addr Address, ev Event) error

	// Registrations returns one page of registrations, the oldest first.
	Registrations(ctx context.Context, after int64, limit int) ([]Registration, error)
	// Resend gives the registration of an address a new link, code and validity, and writes its mail; older
	// links are worthless from then on. NotFound, or Conflict "no_longer_eligible" or "suppressed".
	Resend(ctx context.Context, r Request) (Registration, Message, error)
	// RemoveRegistration removes the registration of an address. NotFound.
	RemoveRegistration(ctx context.Context, addr Address, ev Event) error

	// Settings returns every stored setting as text, secrets in plain.
	Settings(ctx context.Context) (map[string]string, error)
	// SaveSettings stores changed settings.
	SaveSettings(ctx context.Context, changes map[string]string, ev Event) error

	// Messages returns one page of messages without Data, the newest first.
	Messages(ctx context.Context, q MessageQuery) ([]Message, error)
	// Message returns a message whole. NotFound.
	Message(ctx context.Context, id int64) (Message, error)
	// AddMessage writes a mail of the administrator's own to the queue and returns it with its ID.
	AddMessage(ctx context.Context, m Message, ev Event) (Message, error)
	// AddSubmission writes a mail that a program has handed over, one message for each recipient. They are durable when
	// it returns. Unavailable "queue_full" when those of programs that wait would be too many, or all of them take too much
	// room; "storage_full" when the disk is full.
	AddSubmission(ctx context.Context, sub Submission, now, expires time.Time, l Limits) error
	// RetryMessage makes an ended or waiting message due now. NotFound, or Conflict while it is being sent or
	// when it has expired.
	RetryMessage(ctx context.Context, id int64, now time.Time, ev Event) (Message, error)
	// RemoveMessage removes a message. NotFound, or Conflict while it is being sent.
	RemoveMessage(ctx context.Context, id int64, ev Event) error
	// HoldMessage holds a queued or deferred message. NotFound, or Conflict while it is being sent or when it does not
	// wait.
	HoldMessage(ctx context.Context, id int64, ev Event) (Message, error)
	// ReleaseMessage makes a held message due now. NotFound, or Conflict when it is not held or has expired.
	ReleaseMessage(ctx context.Context, id int64, now time.Time, ev Event) (Message, error)
	// HoldWaiting holds every queued or deferred message and returns how many there were.
	HoldWaiting(ctx context.Context, ev Event) (int, error)
	// ReleaseHeld makes every held message due now and returns how many there were. The queue fails those that have
	// expired.
	ReleaseHeld(ctx context.Context, now time.Time, ev Event) (int, error)
	// MailBacklog counts the messages there are.
	MailBacklog(ctx context.Context) (MailBacklog, error)
	// LastMessage returns the newest message to an address, without Data. NotFound.
	LastMessage(ctx context.Context, addr Address) (Message, error)
	// Suppressed returns the addresses whose mail failed for good, by address.
	Suppressed(ctx context.Context) ([]Suppression, error)
	// Unsuppress lets an address get mail again. NotFound.
	Unsuppress(ctx context.Context, addr Address, ev Event) error
	// TLSHosts returns the mail servers that have had TLS, by name.
	TLSHosts(ctx context.Context) ([]TLSHost, error)
	// ForgetTLS forgets that a mail server has had TLS. NotFound.
	ForgetTLS(ctx context.Context, host string, ev Event) error
	// Blocked returns the addresses that get no mail, and until when.
	Blocked(ctx context.Context, now time.Time) (map[string]time.Time, error)
	// Unblock lets an address get mail again. NotFound.
	Unblock(ctx context.Context, addr Address, ev Event) error

	// Stats counts what happened on so many days of 24 hours, of which the first begins at first.
	Stats(ctx context.Context, first time.Time, days int) (Stats, error)
	// AttentionFacts returns what wants attention at a moment, as far as it is known at once.
	AttentionFacts(ctx context.Context, now time.Time) (AttentionFacts, error)
	// ListHealth goes through all lists and accounts, and takes its time. An entry that was made before old can be Unused.
	ListHealth(ctx context.Context, old time.Time) (ListHealth, error)
	// Events returns one page of the audit, the newest first.
	Events(ctx context.Context, q EventQuery) ([]Event, error)
	// Purge deletes what is past its time: registrations, tokens, sessions, ended messages, audit events.
	Purge(ctx context.Context, now time.Time, l Limits) error
	// Reserve keeps megabytes of the disk set aside, so that what was begun can be written to its end on a disk that is
	// full; 0 keeps none. Then what would begin anything new is refused, until there is room again: a request for a mail,
	// a mail of a program or of the administrator's, an account without a confirmation. Unavailable, "storage_full".
	Reserve(megabytes int)
	// Changes tells of everything that changes, once it is durable.
	Changes() *Changes
}

// CompanyQuery selects companies. After is the CompanyKey of the last one of the page before, or "".
type CompanyQuery struct {
	Search string // part of a name or of an entry, or ""
	After  string
	Limit  int
}

// AccountSort is what a list of accounts is sorted by. Accounts for which that is the same are sorted by address.
type AccountSort string

// The ways to sort accounts.
const (
	SortByEmail   AccountSort = "email"
	SortByName    AccountSort = "name" // the last name first, as in a telephone book
	SortByCompany AccountSort = "company"
	SortByCreated AccountSort = "created"
)

// AccountSorts returns the ways to sort accounts.
func AccountSorts() []AccountSort {
	return []AccountSort{SortByEmail, SortByName, SortByCompany, SortByCreated}
}

// AccountQuery selects accounts. Limit bounds the page; After is the Next of the page before it, or "".
type AccountQuery struct {
	Company string       // a company's name, or "" for all
	Search  string       // part of an address or a name, or ""
	State   AccountState // "" for all
	OffList bool         // only those that are not on their company's list any more
	Sort    AccountSort  // "" is SortByEmail
	Reverse bool
	After   string
	Limit   int
}

// AccountPage is one page of accounts. A page of those that are off their list may have fewer than its limit although
// others follow: only so many are looked at for one.
type AccountPage struct {
	Accounts []Account
	Next     string // where the next page begins, "" when there is none
	Total    int    // how many there are in all; on the first page only, and not of those that are off their list
}

// MessageQuery selects messages. Before is the ID of the last one of the page before, or 0.
type MessageQuery struct {
	State  MessageState // "" for all
	Search string       // part of a recipient's address or of a subject, or ""
	Before int64
	Limit  int
}

// CodeTry is one attempt with a confirmation code.
type CodeTry struct {
	Email Address
	Code  TokenHash // the keyed hash of what was typed
	Now   time.Time
	Tries int // wrong codes allowed; 0 for no bound
	Event Event
}

// Activation is a confirmation with everything it needs.
type Activation struct {
	Token        TokenHash
	PasswordHash string       // for a registration by form
	Browser      TokenHash    // for one by an identity: the browser that confirms
	Identity     *IdentityKey // and the identity it has just signed in with, or nil
	Now          time.Time
	Event        Event
}

// IdentitySignIn is a sign-in with a provider, after all checks.
type IdentitySignIn struct {
	Key     IdentityKey
	Email   string  // what the provider says the address is now
	Session Session // Account is not set: the store knows it
	Event   Event
}

// LinkChange is an identity that is linked to an account, or unlinked.
type LinkChange struct {
	Account  Account // as it was read
	Identity Identity
	Usable   func(Identity) bool // whether one can sign in with an identity today
	Session  TokenHash           // the session the change is made in; zero with a code
	Keep     *Session            // and the one that goes on in its place
	Notice   Message
	Now      time.Time
	Event    Event
}

// PasswordChange is a new password, by reset link or on the account page.
type PasswordChange struct {
	Account Account // as it was read, with the password hash that was verified
	Hash    string
	Reset   *TokenHash // the reset link's hash; or else
	Session TokenHash  // the session the change was made in
	Keep    *Session   // and the one that goes on in its place
	Notice  Message
	Now     time.Time
	Event   Event
}
