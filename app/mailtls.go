package app

import (
	"context"
	"strings"
	"time"
)

// TLSHost is a mail server of another domain that has had TLS. While that is remembered it gets no mail in the clear.
type TLSHost struct {
	Host    string // in lower case
	Seen    time.Time
	Version string    // of TLS, as in "TLS 1.3"
	Cipher  string    // as in "TLS_AES_128_GCM_SHA256"
	Lost    time.Time // since when it has none; zero while it has
}

// The modes of an STSPolicy.
const (
	STSEnforce = "enforce" // mail goes to servers it names only, over TLS with a valid certificate
	STSTesting = "testing" // what would be wrong is only reported
	STSNone    = "none"
)

// STSPolicy is what a domain says about TLS to its mail servers (RFC 8461).
type STSPolicy struct {
	Domain    string
	ID        string // of the record that announced it
	Mode      string
	MX        []string // names of mail servers; "*." stands for one label
	FetchedAt time.Time
	ExpiresAt time.Time
}

// TLSHosts returns the mail servers that have had TLS, by name.
func (s *Service) TLSHosts(ctx context.Context) ([]TLSHost, error) {
	return s.store.TLSHosts(ctx)
}

// ForgetTLS lets a mail server get mail in the clear although it has had TLS. NotFound.
func (s *Service) ForgetTLS(ctx context.Context, actor, host string) error {
	host = strings.TrimSuffix(lowerASCII(host), ".")
	if err := s.store.ForgetTLS(ctx, host, adminEvent(actor, ActMailTLSForget, host)); err != nil {
		return err
	}
	s.outbox.Look()
	return nil
}
