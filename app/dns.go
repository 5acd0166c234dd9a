package app

import (
	"context"
	"log/slog"
	"time"
)

// The algorithms of DKIM keys, as the tag k= of their records calls them (RFC 6376, 3.6.1; RFC 8463).
const (
	DKIMRSA     = "rsa"
	DKIMEd25519 = "ed25519"
)

// DKIMKey is a key that signs mail.
type DKIMKey struct {
	Algorithm string // DKIMRSA or DKIMEd25519
	Private   []byte // PKCS #8; it leaves the process sealed only
	CreatedAt time.Time
}

// String returns the algorithm: the key itself must not get into a message or a log by accident.
func (k DKIMKey) String() string { return "DKIM key " + k.Algorithm }

// LogValue returns what String does.
func (k DKIMKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// RecordState says how a record in the DNS compares with what it should be.
type RecordState string

// The states of a record.
const (
	RecordOK      RecordState = "ok"
	RecordMissing RecordState = "missing"
	RecordDiffers RecordState = "differs"
	RecordUnknown RecordState = "unknown" // the DNS could not be asked
)

// DNSRecord is one record that mail of the office is judged by.
type DNSRecord struct {
	Kind     string // "spf", "dkim", "dmarc", "mx", "mta_sts" or "ptr"
	Name     string // where it stands, without the dot at the end
	Type     string // "TXT", "MX" or "PTR"
	Value    string // to paste; "" when nobody but the office can say
	Found    []string
	State    RecordState
	Required bool   // Foyer's mail needs it; others are for information
	Text     string // what to do about it, one sentence or two
}

// MailDNS knows the DNS records of the office's mail.
type MailDNS interface {
	// Records returns what should stand in the DNS with the settings s, and what stands there now. That the DNS cannot be
	// asked is no error but RecordUnknown.
	Records(ctx context.Context, s Settings) ([]DNSRecord, error)
}

// MailDNS returns the DNS records that mail from mail.from is judged by. Conflict while mail.from is not set;
// Unavailable when the service was made without a way to ask.
func (s *Service) MailDNS(ctx context.Context) ([]DNSRecord, error) {
	settings := s.Settings()
	switch {
	case s.mailDNS == nil:
		return nil, Errorf(Unavailable, "mail_dns", "this service cannot ask the DNS")
	case settings.Mail.From == "":
		return nil, Errorf(Conflict, "mail_from_missing", "the records depend on the sender's domain: set mail.from first, as in foyer settings set mail.from=accounts@office.example")
	}
	return s.mailDNS.Records(ctx, settings)
}
