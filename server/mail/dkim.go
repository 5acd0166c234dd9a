package mail

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	netmail "net/mail"
	"sync"

	"github.com/emersion/go-msgauth/dkim"

	"foyer/app"
)

// KeyStore is where the keys that sign mail live.
type KeyStore interface {
	// DKIMKeys returns the keys, with their private parts.
	DKIMKeys(ctx context.Context) ([]app.DKIMKey, error)

	// AddDKIMKeys adds keys and returns all there are then. Of two of one algorithm the first stays.
	AddDKIMKeys(ctx context.Context, keys []app.DKIMKey) ([]app.DKIMKey, error)
}

// DKIM signs mail (RFC 6376): each with an RSA key, which everybody can verify, and an Ed25519 one (RFC 8463). It makes
// the keys on first use. It is safe for concurrent use.
type DKIM struct {
	store KeyStore

	mu   sync.Mutex
	keys []dkimKey // in the order of algorithms; nil until they were needed
}

// NewDKIM returns a signer whose keys are in store.
func NewDKIM(store KeyStore) *DKIM { return &DKIM{store: store} }

// algorithms lists the keys a mail is signed with, and what each adds to the selector.
var algorithms = []struct{ name, suffix string }{{app.DKIMRSA, "-rsa"}, {app.DKIMEd25519, "-ed"}}

// dkimKey is a parsed key: parsing takes longer than signing with Ed25519.
type dkimKey struct {
	algorithm string
	suffix    string
	signer    crypto.Signer
	public    string // the tag p= of the record
}

// record returns the text of the key's TXT record.
func (k dkimKey) record() string { return "v=DKIM1; k=" + k.algorithm + "; p=" + k.public }

// load returns the keys, and makes those that are missing. Only one caller does at a time, and what it makes counts only
// as the store has it.
func (d *DKIM) load(ctx context.Context) ([]dkimKey, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys != nil {
		return d.keys, nil
	}
	stored, err := d.store.DKIMKeys(ctx)
	if err != nil {
		return nil, err
	}
	made, err := makeKeys(stored)
	if err != nil {
		return nil, err
	}
	if len(made) > 0 {
		if stored, err = d.store.AddDKIMKeys(ctx, made); err != nil {
			return nil, err
		}
	}
	keys, err := parseKeys(stored)
	if err != nil {
		return nil, err
	}
	d.keys = keys
	return keys, nil
}

// makeKeys returns a new key for each algorithm that stored has none of.
func makeKeys(stored []app.DKIMKey) ([]app.DKIMKey, error) {
	var made []app.DKIMKey
	for _, a := range algorithms {
		if _, ok := keyFor(stored, a.name); ok {
			continue
		}
		var private any
		var err error
		if a.name == app.DKIMRSA {
			// RFC 8301, 3.2, wants 2048 bits; with more, the record exceeds the 512 bytes of a plain DNS answer.
			private, err = rsa.GenerateKey(rand.Reader, 2048)
		} else {
			_, private, err = ed25519.GenerateKey(rand.Reader)
		}
		if err != nil {
			return nil, fmt.Errorf("make a DKIM key: %w", err)
		}
		encoded, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			return nil, fmt.Errorf("encode a DKIM key: %w", err)
		}
		made = append(made, app.DKIMKey{Algorithm: a.name, Private: encoded, CreatedAt: wallNow()})
	}
	return made, nil
}

func keyFor(keys []app.DKIMKey, algorithm string) (app.DKIMKey, bool) {
	for _, k := range keys {
		if k.Algorithm == algorithm {
			return k, true
		}
	}
	return app.DKIMKey{}, false
}

func parseKeys(stored []app.DKIMKey) ([]dkimKey, error) {
	var keys []dkimKey
	for _, a := range algorithms {
		k, ok := keyFor(stored, a.name)
		if !ok {
			return nil, fmt.Errorf("the %s was not kept", app.DKIMKey{Algorithm: a.name})
		}
		private, err := x509.ParsePKCS8PrivateKey(k.Private)
		if err != nil {
			return nil, fmt.Errorf("parse the %s: %w", k, err)
		}
		signer, ok := private.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("the %s cannot sign", k)
		}
		public, err := publicPart(signer.Public())
		if err != nil {
			return nil, fmt.Errorf("encode the %s: %w", k, err)
		}
		keys = append(keys, dkimKey{algorithm: a.name, suffix: a.suffix, signer: signer, public: public})
	}
	return keys, nil
}

// publicPart returns a key as the tag p= wants it: RSA with its algorithm around it (RFC 6376, 3.6.1, and every record in
// the field), Ed25519 bare (RFC 8463, 4.2).
func publicPart(public crypto.PublicKey) (string, error) {
	if bare, ok := public.(ed25519.PublicKey); ok {
		return base64.StdEncoding.EncodeToString(bare), nil
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	return base64.StdEncoding.EncodeToString(der), err
}

// signedFields are the header fields a signature covers. Each is named twice, so that nobody can add one, or a second one,
// that people are shown instead (RFC 6376, 8.15): whoever has got one mail of the office could send it to everybody, with
// another subject, or with another type that makes another text of its body.
var signedFields = []string{
	"From", "From", "To", "To", "Cc", "Cc", "Reply-To", "Reply-To", "Subject", "Subject", "Date", "Date", "Message-ID", "Message-ID",
	"MIME-Version", "MIME-Version", "Content-Type", "Content-Type", "Content-Transfer-Encoding", "Content-Transfer-Encoding",
}

// Sign returns data with two signatures of a domain in front. The selectors begin with selector.
func (d *DKIM) Sign(ctx context.Context, domain, selector string, data []byte) ([]byte, error) {
	keys, err := d.load(ctx)
	if err != nil {
		return nil, err
	}
	var signed bytes.Buffer
	for _, k := range keys {
		signature, err := k.sign(domain, selector, data)
		if err != nil {
			return nil, fmt.Errorf("sign with %s: %w", k.algorithm, err)
		}
		signed.WriteString(signature)
	}
	signed.Write(data)
	return signed.Bytes(), nil
}

func (k dkimKey) sign(domain, selector string, data []byte) (string, error) {
	s, err := dkim.NewSigner(&dkim.SignOptions{
		Domain: domain, Selector: selector + k.suffix, Signer: k.signer, Hash: crypto.SHA256, HeaderKeys: signedFields,
		// Servers on the way fold lines and take blanks off their ends; "simple" would not survive that.
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		return "", err
	}
	_, err = s.Write(data)
	if closeErr := s.Close(); err == nil {
		err = closeErr // of the two, the first is the cause
	}
	if err != nil {
		return "", err
	}
	return s.Signature(), nil
}

// signing is a Courier that signs what another delivers. It signs at each attempt and not when a mail is composed, so
// that the key and the selector of the moment hold; the message in the store, which people are shown, stays as it was
// written, Message-ID included.
type signing struct {
	Courier
	dkim     *DKIM
	from     string // the setting mail.from
	selector string
}

// Deliver signs m in the name of the domain in From: DMARC wants them alike (RFC 7489, 3.1.1). Foyer's own mail has its
// sender there; what programs send is signed when it is of the domain whose keys are in the DNS, that of mail.from.
func (s signing) Deliver(ctx context.Context, m app.Message) (app.Report, error) {
	if err := checkMessage(m); err != nil {
		return app.Report{}, err
	}
	domain := domainOf(m.Sender)
	if m.Kind.Relayed() {
		if domain = domainOf(s.from); domainInFrom(m.Data) != domain {
			return s.Courier.Deliver(ctx, m)
		}
	}
	// A mail that goes out unsigned by mistake may be refused for good: it had better wait.
	signed, err := s.dkim.Sign(ctx, domain, s.selector, m.Data)
	if err != nil {
		return app.Report{}, &ReplyError{
			Reason: "fault", Message: "the mail cannot be signed; the service's log has why. Until that is mended, mail leaves with mail.dkim=off", Err: err,
		}
	}
	m.Data = signed
	return s.Courier.Deliver(ctx, m)
}

// domainOf returns the domain of an address as it is compared, or "" when it is none.
func domainOf(address string) string {
	a, err := app.ParseAddress(address)
	if err != nil {
		return ""
	}
	return a.Domain()
}

// domainInFrom returns the domain of the one address in the field From of a mail, or "" when there is not just one.
func domainInFrom(data []byte) string {
	m, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil || len(m.Header["From"]) != 1 {
		return ""
	}
	list, err := m.Header.AddressList("From")
	if err != nil || len(list) != 1 {
		return ""
	}
	return domainOf(list[0].Address)
}
