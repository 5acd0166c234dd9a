package backup_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"foyer/app"
	"foyer/server/backup"
)

// TestDecryptHostile refuses files that would fill the memory or the disk, and keeps a secret that cannot be read to itself.
func TestDecryptHostile(t *testing.T) {
	identity, recipient, err := backup.NewIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	// 4 GiB of memory.
	greedy := "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 22\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	pasted := "key: AGE-SECRET-KEY-1CANARY\n"
	for _, test := range []struct {
		name, file, secret, reason string
	}{
		{"memory", greedy, "a passphrase", "backup_damaged"},
		{"old holes", sealed(t, recipient, oldSparse(1<<30)), identity, "backup_damaged"},
		{"new holes", sealed(t, recipient, newSparse(t, 1<<30)), identity, "backup_damaged"},
		{"a secret with words before it", greedy, pasted, "backup_secret_wrong"},
	} {
		to := filepath.Join(t.TempDir(), "foyer.db")
		_, err := backup.Decrypt(to, strings.NewReader(test.file), test.secret)
		if app.ReasonOf(err) != test.reason || strings.Contains(fmt.Sprint(err), "CANARY") || strings.Contains(app.MessageOf(err), "CANARY") {
			t.Errorf("%s: got %v, want %s", test.name, err, test.reason)
		}
		if info, err := os.Stat(to); err == nil && info.Size() > 1<<20 {
			t.Errorf("%s: %d bytes were written", test.name, info.Size())
		}
	}
}

func sealed(t *testing.T, recipient string, data []byte) string {
	t.Helper()
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// oldSparse returns a tar with a file of size bytes that has nothing but a hole, as GNU tar has written them.
func oldSparse(size int64) []byte {
	b := make([]byte, 512, 2048)
	copy(b, "foyer.db")
	copy(b[100:], "0000600\x000000000\x000000000\x0000000000000\x0000000000000\x00")
	b[156] = 'S'
	copy(b[257:], "ustar  \x00")
	copy(b[386:], fmt.Sprintf("%011o\x0000000000000\x00", size)) // one piece of no bytes at the end
	copy(b[483:], fmt.Sprintf("%011o\x00", size))
	sum := 8 * int(' ')
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(b, make([]byte, 1024)...)
}

// newSparse is oldSparse of today. The writer of Go makes none, so their records get another name first.
func newSparse(t *testing.T, size int64) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := w.WriteHeader(&tar.Header{Name: "foyer.db", Mode: 0o600, Typeflag: tar.TypeReg, PAXRecords: map[string]string{
		"GNU_sparse.size": fmt.Sprint(size), "GNU_sparse.numblocks": "1", "GNU_sparse.map": fmt.Sprint(size) + ",0",
	}})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(out.Bytes(), []byte("GNU_sparse"), []byte("GNU.sparse"))
}
