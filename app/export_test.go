package app

import (
	"context"
	"time"
)

// What the tests of this package need to see of its inside.

const (
	SharedDomainsFile   = "shared_domains.txt"
	CommonPasswordsFile = "common_passwords.txt"
)

func SharedDomains() map[string]bool   { return sharedDomains }
func CommonPasswords() map[string]bool { return commonPasswords }

func IsHostname(s string) bool { return isHostname(s) }

func WordSet(file string) map[string]bool { return wordSet(file) }

func (v Visitor) Network() string { return v.network() }

// Occupy takes one of the hasher's cores, and Release gives it back.
func (h *Hasher) Occupy(ctx context.Context) error { return h.enter(ctx, HashBounds{}) }
func (h *Hasher) Release()                         { h.leave() }

func (l *Limiter) Len() int { return len(l.entries) }

func CodeHash(key []byte, addr Address, code string) TokenHash {
	return (&Service{key: key}).codeHash(addr, code)
}

func StopToken(key []byte, addr Address, now time.Time) Token {
	return (&Service{key: key}).stopToken(addr, now)
}
