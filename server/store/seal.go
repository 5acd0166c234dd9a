package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// keyFile holds the key that seals secrets. It is apart from the database: a copied database gives none away.
const keyFile = "secret.key"

const keySize = 32

// LoadKey returns the key in the data directory's secret.key (0600), and makes it on a first start. A *DataError
// says why it cannot: a database without its key must not get a new one, which would lose every secret for good.
func LoadKey(dir string, log *slog.Logger) ([]byte, error) {
	if err := MakeDir(dir, log); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, keyFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(dir, path)
	}
	if err != nil {
		return nil, dataErrorf(dir, err, "%s cannot be read", keyFile)
	}
	key, err := ParseKey(string(data))
	if err != nil {
		return nil, dataErrorf(dir, nil, "%s is damaged; restore it from a backup", keyFile)
	}
	return key, tighten(path, log)
}

// ParseKey returns the key that the text of a secret.key holds.
func ParseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err == nil && len(key) != keySize {
		err = fmt.Errorf("a key of %d bytes", len(key))
	}
	return key, err
}

func makeKey(dir, path string) ([]byte, error) {
	if _, err := os.Stat(filepath.Join(dir, databaseFile)); err == nil {
		return nil, dataErrorf(dir, nil, "%s is missing beside %s; restore it from a backup", keyFile, databaseFile)
	}
	text := NewKey()
	if err := ReplaceFile(path, []byte(text)); err != nil {
		return nil, dataErrorf(dir, err, "%s cannot be written", keyFile)
	}
	return ParseKey(text)
}

// NewKey returns the text of a secret.key with a new key.
func NewKey() string {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never returns an error (crypto/rand)
	return base64.StdEncoding.EncodeToString(key) + "\n"
}

// DeriveKey returns a key of its own for one purpose, so that no two uses share one.
func DeriveKey(key []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, key, nil, "foyer "+purpose, keySize)
}

// sealer encrypts what must not be readable in a copied database: AES-256-GCM with a random nonce in front, bound to
// the place it stands in, so that a sealed value cannot be moved to another row.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (*sealer, error) {
	derived, err := DeriveKey(key, "sealed at rest")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

func (s *sealer) seal(plain []byte, place string) []byte {
	return s.aead.Seal(nil, nil, plain, []byte(place)) //nolint:gosec // this AEAD makes a random nonce of its own
}

func (s *sealer) open(sealed []byte, place string) ([]byte, error) {
	plain, err := s.aead.Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return nil, fmt.Errorf("unseal %s: %w", place, err)
	}
	return plain, nil
}

// sealText and openText do the same for a column of text, in base64.
func (s *sealer) sealText(plain, place string) string {
	return base64.StdEncoding.EncodeToString(s.seal([]byte(plain), place))
}

func (s *sealer) openText(value, place string) (string, error) {
	sealed, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return "", fmt.Errorf("decode %s: %w", place, err)
	}
	plain, err := s.open(sealed, place)
	return string(plain), err
}
