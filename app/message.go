package app

import "time"

// MessageKind says what a mail is for.
type MessageKind string

// The kinds of mail Foyer writes.
const (
	MailConfirm  MessageKind = "confirm"          // link and code that confirm a registration
	MailExists   MessageKind = "exists"           // somebody signed up with an address that has an account
	MailDisabled MessageKind = "disabled"         // the account is disabled; whom to ask
	MailReset    MessageKind = "reset"            // link to choose a new password
	MailChanged  MessageKind = "password_changed" // notice that the password was changed
	MailLinkCode MessageKind = "link_code"        // code that links an identity at a provider to the account
	MailLinked   MessageKind = "linked"           // notice that an identity was linked
	MailUnlinked MessageKind = "unlinked"         // notice that it was unlinked
	MailTest     MessageKind = "test"             // the administrator's test
	MailRelayed  MessageKind = "relayed"          // a program of the office's has handed it over
	MailDelay    MessageKind = "delay"            // tells the sender of a relayed mail that it is late (RFC 3464)
	MailBounce   MessageKind = "bounce"           // tells the sender that it will not arrive
)

// MessageState says where a mail is.
type MessageState string

// The states of a message. Queued, sending and deferred are on their way, held waits for the
// administrator; the others are ends.
const (
	MessageQueued    MessageState = "queued"    // waits for its first attempt
	MessageSending   MessageState = "sending"   // an attempt is booked and under way
	MessageDeferred  MessageState = "deferred"  // refused for now; NextAttempt says when it is tried again
	MessageHeld      MessageState = "held"      // the administrator keeps it here until it is released
	MessageDelivered MessageState = "delivered" // the other side has taken it; Reply has its words
	MessageFailed    MessageState = "failed"    // refused for good or expired; Reply says why
	MessageCaptured  MessageState = "captured"  // kept here and sent nowhere
)

// Message is one mail to one recipient, as bytes ready to send.
type Message struct {
	ID          int64
	Kind        MessageKind
	Program     string // who has handed over a relayed mail
	Sender      string // the envelope sender; "" for what must not be answered (RFC 5321, 4.5.5)
	Recipient   Address
	Subject     string // decoded
	MessageID   string // with its angle brackets; the same on every attempt
	Data        []byte // the whole message, CRLF line ends
	State       MessageState
	Attempts    int
	CreatedAt   time.Time
	NextAttempt time.Time  // zero when no attempt is due
	ExpiresAt   time.Time  // after this the message is given up: what it carries is worthless then
	Reply       string     // the other side's last words, or what went wrong on the way to it
	Steps       []MailStep // of the last attempt; not in lists
	Suppressed  string     // why the recipient gets no mail, when a relayed one is claimed; "" when it does
	Late        bool       // its sender was told that it is late
}

// Relayed reports whether messages of this kind belong to what programs hand over. Foyer's own go first.
func (k MessageKind) Relayed() bool { return k == MailRelayed || k == MailDelay || k == MailBounce }

// Claim says which of the messages that are due are wanted.
type Claim struct {
	Now     time.Time
	Limit   int                              // how many at most
	Reserve int                              // of those, how many are not for what programs hand over
	Room    Room                             // nil for no such bound
	Only    func(relayed bool) []string      // which domains alone may have room now, nil for every one; it is asked only if Room is there
	Bytes   int                              // how many bytes of data at most, that of the last one aside; 0 for no bound
	Lease   time.Duration                    // how long an attempt may take
	Backoff func(attempts int) time.Duration // after which time the attempt after this one is made
}

// Room says how many messages are wanted at most for a recipient's domain, of Foyer's own or of those programs hand over.
type Room func(domain string, relayed bool) int

// Outcome is how an attempt to deliver a message has ended.
type Outcome struct {
	ID int64
	Delivery
}

// Delivery says how an attempt to deliver a message has ended.
type Delivery struct {
	State    MessageState
	Reply    string     // the other side's words, or what went wrong on the way to it
	Steps    []MailStep // of the attempt
	Next     time.Time  // when a deferred message is tried again
	Suppress bool       // the other side says of the recipient's address that no mail to it will ever arrive
	Untried  bool       // there was no attempt: the one that was booked does not count
	Notice   *Message   // what the sender is told about it, written in the same transaction; nil for nothing
}

// Report is what a courier has to tell about an attempt.
type Report struct {
	Reply string // the other side's words when it has taken the message
	Steps []MailStep
}

// MailStep is one step of an attempt, in words for the administrator.
type MailStep struct {
	Name   string        // "name", "connection", "greeting", "tls", "auth", "sender", "recipient", "data" or "reply"
	OK     bool          // it went well
	Detail string        // what was found or answered
	Took   time.Duration // how long it took
}

// Submission is a mail that a program of the office's hands over, as it will be sent.
type Submission struct {
	Program    string // the name of its account
	Sender     string // the envelope sender
	Recipients []Address
	Subject    string // decoded
	MessageID  string // with its angle brackets
	Data       []byte // the whole message, CRLF line ends
}

// Suppression is an address that gets no mail because one to it has failed for good.
type Suppression struct {
	Address Address
	Reason  string // the other side's words
	Since   time.Time
}

// SuppressedReply is the Reply of a mail that was not sent because an earlier one to its address has failed for a reason.
func SuppressedReply(reason string) string {
	return "not sent: an earlier mail to this address has failed for good: " + reason
}

// Notice is what a mail has to say; a Composer turns it into a Message. Of what people type it holds nothing but
// the address: a form must not be a way to send text to others.
type Notice struct {
	Kind     MessageKind
	To       Address
	Lang     string // "en" or "sk"
	Company  string // the company's name, for MailConfirm
	Through  string // how people call the provider: of a sign-up with one, and for the mails about linking
	Link     string // the full link of this mail: confirmation or reset
	Code     string // the confirmation code
	IP       string // who asked, from where
	SignIn   string // full link to the sign-in page
	Reset    string // full link to the page that sends a reset link
	Stop     string // full link to "this was not me"
	SiteName string
	Contact  string
	From     string // the sender's address
	Valid    time.Duration
	Now      time.Time
}

// Composer writes mails. The Message it returns has Kind, Sender, Recipient, Subject, MessageID and Data set.
type Composer interface {
	Compose(n Notice) (Message, error)
}
