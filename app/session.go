package app

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
)

// Session is one browser that is signed in.
type Session struct {
	Account   Account
	CreatedAt time.Time
	SeenAt    time.Time
	Hash      TokenHash
	IP        string // where it was begun from
	Browser   string // as it calls itself, shortened; "" when that is not known
	Through   string // the connector it was begun with, "" for the password
}

// Token is a secret in a link or a cookie: 32 random bytes as base64url. Only its hash is stored.
type Token string

// TokenHash is the SHA-256 of a Token. A plain hash is enough for a secret of 256 random bits (OWASP ASVS 6.5.2).
type TokenHash [sha256.Size]byte

// NewToken returns a fresh token.
func NewToken() Token {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never returns an error (crypto/rand)
	return Token(base64.RawURLEncoding.EncodeToString(b[:]))
}

// Hash returns what is stored of the token.
func (t Token) Hash() TokenHash { return sha256.Sum256([]byte(t)) }

// CSRF returns the value a session's forms carry. It is derived from the session's secret, so there is nothing
// to store, and it does not give the secret away.
func (t Token) CSRF() string {
	mac := hmac.New(sha256.New, []byte(t))
	mac.Write([]byte("form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

// codeAlphabet has no letters that are read as digits or as each other.
const codeAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// NewCode returns a fresh confirmation code: 8 characters, 40 random bits.
func NewCode() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never returns an error (crypto/rand)
	for i := range b {
		b[i] = codeAlphabet[b[i]%32]
	}
	return string(b[:])
}

// NormalizeCode returns a typed code as NewCode made it: blanks and hyphens gone, letters in upper case.
func NormalizeCode(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}
