package backup

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"filippo.io/age"

	"foyer/app"
)

// What is in an encrypted backup: a tar with these two files.
const (
	databaseName = "foyer.db"
	keyName      = "secret.key"
)

// maxKey bounds what is read of the key of the secrets.
const maxKey = 4 << 10

// maxWork bounds what a file may ask for to try a passphrase: 2 to the power of this, KiB. Ours ask for 18; age would take 22, which
// is 4 GiB.
const maxWork = 19

// NewIdentity returns a new age identity, as age-keygen writes it, and its recipient.
func NewIdentity(now time.Time) (file, recipient string, err error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", err
	}
	recipient = identity.Recipient().String()
	return fmt.Sprintf("# created: %s\n# public key: %s\n%s\n", now.UTC().Format(time.RFC3339), recipient, identity), recipient, nil
}

// Recipients are whom a backup is encrypted to.
type Recipients []age.Recipient

// ParseRecipients returns whom a backup is encrypted to: a passphrase, or age public keys separated by commas or blanks. None for
// neither. Invalid.
func ParseRecipients(o app.BackupOptions) (Recipients, error) {
	if o.Passphrase != "" {
		r, err := age.NewScryptRecipient(o.Passphrase)
		if err != nil {
			return nil, app.Fieldf("passphrase", "passphrase_invalid", "the passphrase cannot be used: %v", err)
		}
		return Recipients{r}, nil
	}
	var all Recipients
	for _, text := range app.BackupRecipients(o.Recipients) {
		parsed, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return nil, app.Fieldf("recipients", "recipient_invalid", "%q is not an age public key as in age1...; foyer backup key makes one", text)
		}
		all = append(all, parsed...)
	}
	return all, nil
}

// Encrypt writes the database at path and the key of the secrets, encrypted, into a file that is made for it. The step is
// "encrypt".
func Encrypt(ctx context.Context, to, path string, key []byte, recipients Recipients, progress app.Progress) (err error) {
	db, err := os.Open(path) //nolint:gosec // a copy of ours
	if err != nil {
		return err
	}
	defer db.Close()
	info, err := db.Stat()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // a file of ours
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	out := bufio.NewWriterSize(f, 256<<10)
	sealed, err := age.Encrypt(out, recipients...)
	if err != nil {
		return err
	}
	t := tar.NewWriter(sealed)
	now := time.Now()
	write := func(name string, size int64, r io.Reader) error {
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: now, Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err := io.Copy(t, r)
		return err
	}
	// The key is first: who reads knows it before the database.
	err = write(keyName, int64(len(key)), strings.NewReader(string(key)))
	if err == nil {
		err = write(databaseName, info.Size(), Counted(ctx, db, "encrypt", info.Size(), progress))
	}
	if err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	if err := sealed.Close(); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return f.Sync()
}

// IsEncrypted reports whether a file begins as those of age do. It leaves the file at its beginning.
func IsEncrypted(f io.ReadSeeker) (bool, error) {
	const magic = "age-encryption.org/v1\n"
	begin := make([]byte, len(magic))
	n, err := io.ReadFull(f, begin)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return false, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return string(begin[:n]) == magic, err
}

// Decrypt writes the database that is in an encrypted backup into a file that is made for it, and returns the key of the secrets.
// secret is a passphrase, or what an age identity file holds. What it has written is worth something only when it returns no
// error. Invalid, "backup_secret_needed", "backup_secret_wrong" or "backup_damaged".
func Decrypt(to string, from io.Reader, secret string) (key []byte, err error) {
	identities, err := identitiesOf(secret)
	if err != nil {
		return nil, err
	}
	opened, err := age.Decrypt(from, identities...)
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return nil, app.Errorf(app.Invalid, "backup_secret_wrong", "it cannot be opened with this passphrase or identity")
	}
	if err != nil {
		return nil, damaged(err)
	}
	t := tar.NewReader(opened)
	found := false
	for {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, damaged(err)
		}
		if isSparse(header) {
			return nil, damaged(errors.New("it is not as Foyer makes them"))
		}
		switch header.Name {
		case keyName:
			if key, err = io.ReadAll(io.LimitReader(t, maxKey)); err != nil {
				return nil, damaged(err)
			}
		case databaseName:
			found = true
			if err := writeFile(to, t); err != nil {
				return nil, err
			}
		}
	}
	// What follows the last file is read as well: only at its end age has seen that nothing is cut off.
	if _, err := io.Copy(io.Discard, opened); err != nil {
		return nil, damaged(err)
	}
	if !found {
		return nil, damaged(errors.New("there is no database in it"))
	}
	return key, nil
}

// isSparse reports whether a file in a tar has holes, which take no room there and fill a disk when they are written. Whoever knows
// the public key can make one.
func isSparse(header *tar.Header) bool {
	for record := range header.PAXRecords {
		if strings.HasPrefix(record, "GNU.sparse.") {
			return true
		}
	}
	return header.Typeflag != tar.TypeReg
}

func damaged(err error) error {
	return &app.Error{Code: app.Invalid, Reason: "backup_damaged", Message: "it is damaged: " + err.Error(), Args: map[string]string{"Why": err.Error()}, Err: err}
}

// source tells faults of reading from those of writing.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func writeFile(to string, r io.Reader) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // a file of ours
	if err != nil {
		return err
	}
	in := &source{Reader: r}
	_, err = io.Copy(f, in)
	if in.err != nil {
		return errors.Join(damaged(in.err), f.Close())
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// identitiesOf returns what a secret opens: each line of an age identity file, or a passphrase.
func identitiesOf(secret string) ([]age.Identity, error) {
	if secret == "" {
		return nil, app.Fieldf("secret", "backup_secret_needed", "it is encrypted: give the identity with --identity FILE, or the passphrase with --passphrase-file FILE")
	}
	if strings.Contains(secret, "AGE-SECRET-KEY-") {
		identities, err := age.ParseIdentities(strings.NewReader(secret))
		if err != nil {
			// What age says has the line in it, and jobs remember what is said here.
			return nil, app.Fieldf("secret", "backup_secret_wrong", "the identity is not one of age's: a line of it is to begin with AGE-SECRET-KEY-, and the others with #")
		}
		return identities, nil
	}
	identity, err := age.NewScryptIdentity(secret)
	if err != nil {
		return nil, app.Fieldf("secret", "backup_secret_wrong", "the passphrase cannot be used: %v", err)
	}
	identity.SetMaxWorkFactor(maxWork)
	return []age.Identity{identity}, nil
}

// CopyPlain writes a plain backup into a file that is made for it.
func CopyPlain(to string, from io.Reader) error { return writeFile(to, from) }
