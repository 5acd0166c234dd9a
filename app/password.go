package app

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The bounds of a password, in characters (NIST SP 800-63B asks for at least 8 and at least 64 to be taken).
const (
	MinPassword = 8
	MaxPassword = 128
)

//go:embed common_passwords.txt
var commonPasswordsFile string

var commonPasswords = wordSet(commonPasswordsFile)

// CheckPassword returns nil when password, typed twice, can be the password of an account with this address, or
// an Invalid error on field "password" or "password_confirm". There are no rules of composition, and the
// password is used exactly as received.
func CheckPassword(password, confirm string, addr Address) error {
	length := utf8.RuneCountInString(password)
	switch {
	case length < MinPassword:
		return Fieldf("password", "password_short", "a password needs at least %d characters", MinPassword)
	case length > MaxPassword:
		return Fieldf("password", "password_long", "a password has at most %d characters", MaxPassword)
	case commonPasswords[lowerASCII(password)]:
		return Fieldf("password", "password_common", "this password is on every list of guesses; choose another")
	case lowerASCII(password) == addr.Key():
		return Fieldf("password", "password_address", "your address is no secret; choose another password")
	case password != confirm:
		return Fieldf("password_confirm", "password_differs", "the two passwords are not the same")
	}
	return nil
}

// Argon2 holds the cost parameters of argon2id. Memory is in KiB.
type Argon2 struct {
	Memory  uint32
	Time    uint32
	Threads uint8
}

// DefaultArgon2 is the minimum OWASP's password storage cheat sheet names (19 MiB, 2 passes, 1 lane).
var DefaultArgon2 = Argon2{Memory: 19456, Time: 2, Threads: 1}

const (
	saltLen = 16
	keyLen  = 32
)

// Hasher hashes and verifies passwords, on at most as many cores as it was given: one hash takes 19 MiB, and
// 50 at once were measured at 950 MiB.
type Hasher struct {
	params Argon2
	cores  chan struct{}
	inside atomic.Int64 // those who compute and those who wait
}

// NewHasher returns a hasher with the given cost that computes at most cores hashes at a time.
func NewHasher(params Argon2, cores int) *Hasher {
	return &Hasher{params: params, cores: make(chan struct{}, cores)}
}

// HashBounds say how long a hash waits for a free core. 0 is no bound.
type HashBounds struct {
	Queue int           // others that may wait
	Wait  time.Duration // for a core
}

// Hash returns password as a PHC string. Unavailable, "busy", when more others wait than may, or it has waited too long.
func (h *Hasher) Hash(ctx context.Context, password string, bounds HashBounds) (string, error) {
	if err := h.enter(ctx, bounds); err != nil {
		return "", err
	}
	defer h.leave()
	var salt [saltLen]byte
	_, _ = rand.Read(salt[:]) // never returns an error (crypto/rand)
	key := argon2.IDKey([]byte(password), salt[:], h.params.Time, h.params.Memory, h.params.Threads, keyLen)
	return h.params.encode(salt[:], key), nil
}

// Verify reports whether password is the one that phc was made of, and whether phc was made with other
// parameters than today's, so that it should be made anew. A phc of "" stands for an account that does not
// exist or has no password: it costs the same and is never right. Unavailable as Hash.
func (h *Hasher) Verify(ctx context.Context, phc, password string, bounds HashBounds) (ok, stale bool, err error) {
	if err := h.enter(ctx, bounds); err != nil {
		return false, false, err
	}
	defer h.leave()
	params, salt, want, err := decodePHC(phc)
	if err != nil {
		// The dummy: a salt and a key that no password gives.
		params, salt, want = h.params, make([]byte, saltLen), make([]byte, keyLen)
		_, _ = rand.Read(want) // never returns an error (crypto/rand)
	}
	got := argon2.IDKey([]byte(password), salt, params.Time, params.Memory, params.Threads, uint32(len(want))) //nolint:gosec // at most 64
	same := subtle.ConstantTimeCompare(got, want) == 1
	return same && err == nil, params != h.params, nil
}

func (h *Hasher) enter(ctx context.Context, bounds HashBounds) error {
	if n := h.inside.Add(1); bounds.Queue > 0 && n > int64(bounds.Queue+cap(h.cores)) {
		h.inside.Add(-1)
		return errBusy()
	}
	var late <-chan time.Time
	if bounds.Wait > 0 {
		timer := time.NewTimer(bounds.Wait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case h.cores <- struct{}{}:
		return nil
	case <-late:
		// On a slow machine the queue is longer than the connection lives: an answer now is better than none.
		h.inside.Add(-1)
		return errBusy()
	case <-ctx.Done():
		h.inside.Add(-1)
		return Errorf(Unavailable, "busy", "the request was given up while it waited")
	}
}

func errBusy() error {
	return Errorf(Unavailable, "busy", "too many people are signing in at this moment; try again in a few seconds")
}

func (h *Hasher) leave() {
	<-h.cores
	h.inside.Add(-1)
}

// encode returns the PHC string format (the reference implementation's, base64 without padding).
func (p Argon2) encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Time, p.Threads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

// decodePHC is strict, and bounds the cost, so that a damaged row cannot make the service compute for hours.
func decodePHC(phc string) (p Argon2, salt, key []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, fmt.Errorf("not an argon2id PHC string")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Time, &p.Threads); err != nil {
		return p, nil, nil, fmt.Errorf("PHC parameters: %w", err)
	}
	salt, err = base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return p, nil, nil, fmt.Errorf("PHC salt: %w", err)
	}
	key, err = base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return p, nil, nil, fmt.Errorf("PHC key: %w", err)
	}
	if p.Memory > 1<<20 || p.Time < 1 || p.Time > 20 || p.Threads < 1 || len(key) < 16 || len(key) > 64 {
		return p, nil, nil, fmt.Errorf("PHC parameters out of bounds")
	}
	// Sscanf stops where it has enough, and base64 skips line ends: only what encode writes is a PHC string.
	if p.encode(salt, key) != phc {
		return p, nil, nil, fmt.Errorf("PHC string is damaged")
	}
	return p, salt, key, nil
}
