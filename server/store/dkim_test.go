package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"foyer/app"
)

func dkimKey(algorithm, private string) app.DKIMKey {
	return app.DKIMKey{Algorithm: algorithm, Private: []byte(private), CreatedAt: start}
}

// TestDKIMKeys has keys that stay: the first of each algorithm, from twenty callers at once, and over a restart. The
// files of the database do not give them away.
func TestDKIMKeys(t *testing.T) {
	const canary = "canary-private-key"
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	if keys, err := s.DKIMKeys(t.Context()); err != nil || len(keys) != 0 {
		t.Fatalf("at first: %v, %v; want none", keys, err)
	}
	if _, err := s.AddDKIMKeys(t.Context(), []app.DKIMKey{dkimKey("rsa", canary)}); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			keys, err := s.AddDKIMKeys(t.Context(), []app.DKIMKey{dkimKey("rsa", "another"), dkimKey("ed25519", canary+"-ed")})
			if err != nil || len(keys) != 2 || string(keys[1].Private) != canary {
				t.Errorf("added again: %d keys, %v; want the first of each to stay", len(keys), err)
			}
		})
	}
	group.Wait()
	for _, name := range []string{"foyer.db", "foyer.db-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(canary)) {
			t.Errorf("%s contains a key", name)
		}
		if name == "foyer.db-wal" && !bytes.Contains(data, []byte("ed25519")) {
			t.Error("the search finds nothing at all: the test is blind")
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	keys, err := s.DKIMKeys(t.Context())
	if err != nil || len(keys) != 2 {
		t.Fatalf("after a restart: %v, %v", keys, err)
	}
	for i, want := range []app.DKIMKey{dkimKey("ed25519", canary+"-ed"), dkimKey("rsa", canary)} {
		if got := keys[i]; got.Algorithm != want.Algorithm || !bytes.Equal(got.Private, want.Private) || !got.CreatedAt.Equal(start) {
			t.Errorf("after a restart: got %s made at %v, want %s", got, got.CreatedAt, want)
		}
	}
}

// TestDKIMKeyStaysInItsPlace moves a sealed key to another row, where it must not open.
func TestDKIMKeyStaysInItsPlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	if _, err := s.AddDKIMKeys(t.Context(), []app.DKIMKey{dkimKey("rsa", "a"), dkimKey("ed25519", "b")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err := direct(filepath.Join(dir, "foyer.db"), "UPDATE dkim_key SET private_key = (SELECT private_key FROM dkim_key WHERE algorithm = 'rsa')")
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if keys, err := s.DKIMKeys(t.Context()); err != nil || len(keys) != 1 || keys[0].Algorithm != "rsa" {
		t.Errorf("got %v, %v, want the key that was not moved", keys, err)
	}
	// A new one takes the place of what cannot be opened, and of nothing else.
	keys, err := s.AddDKIMKeys(t.Context(), []app.DKIMKey{dkimKey("rsa", "c"), dkimKey("ed25519", "d")})
	if err != nil || len(keys) != 2 || string(keys[0].Private) != "d" || string(keys[1].Private) != "a" {
		t.Errorf("got %v, %v, want the new ed25519 and the old rsa", keys, err)
	}
}
