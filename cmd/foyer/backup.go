package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server"
)

func (p *program) backupCommand() *cobra.Command {
	return group("backup", "Backups: make, check, list, bring back",
		`A backup is one file with everything Foyer knew at one time. The service makes one each
night (settings backup.schedule and backup.keep_days), and before each update.

A plain backup does not have the key of the secrets (the mail password, client secrets,
DKIM keys): keep a copy of DATA/secret.key, and not beside the backup. An encrypted one
(backup.recipients, or --passphrase-file) has it inside. DATA is the data directory,
/var/lib/foyer unless it was set otherwise.`,
		`  foyer backup create
  foyer backup verify foyer-20261127-023000-nightly.db
  sudo foyer backup restore --stop-service foyer-20261127-023000-nightly.db`,
		p.backupCreate(), p.backupVerify(), p.backupRestore(), p.backupList(), p.backupRemove(), p.backupKey())
}

// madeBackup is what foyer backup create prints as JSON.
type madeBackup struct {
	localapi.Backup

	Path string `json:"path"` // where the file is
}

// createFlags are those of backup create.
type createFlags struct {
	recipients []string
	passphrase string
	keep       bool
}

func (p *program) backupCreate() *cobra.Command {
	var f createFlags
	cmd := &cobra.Command{
		Use:   "create [FILE]",
		Short: "Make a backup while the service runs",
		Long: `Make a backup, look at all of it, and write its SHA-256 beside it. It stays in
DATA/backups. With FILE it is written to FILE instead, which must not exist yet. Nobody
has to wait meanwhile.

It is encrypted to the keys of backup.recipients, to those of --recipient, or with a
passphrase. Then it holds the key of the secrets as well.`,
		Example: `  foyer backup create
  foyer backup create /mnt/usb/foyer.db
  foyer backup create /mnt/usb/foyer.db.age --passphrase-file passphrase.txt`,
		Args: between(0, 1),
	}
	g := p.progressFlag(cmd)
	cmd.Flags().StringArrayVar(&f.recipients, "recipient", nil, "encrypt it to this age public `KEY`; may be repeated")
	cmd.Flags().StringVar(&f.passphrase, "passphrase-file", "", "encrypt it with the passphrase in `FILE`; - is standard input")
	cmd.Flags().BoolVar(&f.keep, "keep", false, "with FILE: keep it in DATA/backups as well")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := g.check(cmd); err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		defer g.end()
		made, err := p.createBackup(ctx, g, f, append(args, "")[0])
		if err != nil {
			return err
		}
		g.end()
		return p.printMade(made)
	}
	return cmd
}

func (p *program) printMade(made madeBackup) error {
	if p.json {
		return p.printJSON(made)
	}
	if made.Encrypted {
		return p.say("made %s (%s, encrypted)", made.Path, app.SizeWords(made.Size))
	}
	if err := p.say("made %s (%s)", made.Path, app.SizeWords(made.Size)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.err, "secret.key is not in it: keep a copy of that file of the data directory in another place, or secrets have to be entered anew after a restore")
	return err
}

func (p *program) createBackup(ctx context.Context, g *progress, f createFlags, to string) (madeBackup, error) {
	options := localapi.BackupOptions{Recipients: strings.Join(f.recipients, ",")}
	var err error
	if f.passphrase != "" {
		if options.Passphrase, err = p.readPassphrase(f.passphrase); err != nil {
			return madeBackup{}, err
		}
	}
	if err := absent(to); err != nil {
		return madeBackup{}, err
	}
	job, err := p.client.StartBackup(ctx, options)
	if err != nil {
		return madeBackup{}, err
	}
	if job, err = p.client.Await(ctx, job, g.job); err != nil {
		return madeBackup{}, err
	}
	made, err := localapi.ResultOf[localapi.Backup](job)
	if err != nil {
		return madeBackup{}, err
	}
	if to == "" {
		kept, err := p.client.Backups(ctx)
		return madeBackup{made, filepath.Join(kept.Dir, made.Name)}, err
	}
	err = p.fetchBackup(ctx, g, made, to)
	if !f.keep {
		err = errors.Join(err, p.client.RemoveBackup(context.WithoutCancel(ctx), made.Name))
	}
	return madeBackup{made, to}, err
}

// absent returns a Conflict error when there is something at a path, or where its sum is to be.
func absent(path string) error {
	if path == "" {
		return nil
	}
	for _, name := range []string{path, path + ".sha256"} {
		if _, err := os.Lstat(name); err == nil {
			return app.Errorf(app.Conflict, "file_exists", "%s is there already, and nothing is written over: name another file", name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return app.Errorf(app.Invalid, "file_path", "%s cannot be written: %v", name, err)
		}
	}
	return nil
}

// fetchBackup copies a backup of the service into a new file, and its sum beside it. Both are on the disk when it returns; neither is
// there after an error.
func (p *program) fetchBackup(ctx context.Context, g *progress, made localapi.Backup, to string) (err error) {
	f, err := newFile(to)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	sum := sha256.New()
	err = p.client.CopyBackup(ctx, made.Name, io.MultiWriter(f, sum), func(done, total int64) { g.tell("fetch", done, total) })
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != made.SHA256 {
		return app.Errorf(app.Internal, "backup_copy", "%s is not what the service has made: its SHA-256 is another; try it again", to)
	}
	return server.WriteBackupSum(to, app.Backup{SHA256: made.SHA256, Schema: made.Schema, Version: made.Version})
}

// newFile makes a file that nobody else may read.
func newFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // whoever calls names it
	if err != nil {
		return nil, app.Errorf(app.Invalid, "file_path", "%s cannot be written: %v", path, err)
	}
	return f, nil
}

// readPassphrase returns the first line of a file, or of standard input for "-".
func (p *program) readPassphrase(path string) (string, error) {
	var line string
	var err error
	if path == "-" {
		line, err = p.readSecretLine("passphrase", p.typed())
	} else {
		var data []byte
		data, err = os.ReadFile(path) //nolint:gosec // whoever calls names it
		line, _, _ = strings.Cut(string(data), "\n")
		line = strings.TrimSuffix(line, "\r")
	}
	if err == nil && line == "" {
		err = errors.New("the line is empty")
	}
	if err != nil {
		return "", app.Fieldf("passphrase", "secret_missing", "the passphrase cannot be read: %v", err)
	}
	return line, nil
}

func (p *program) backupList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the backups that are kept, and when the next one is made",
		Example: "  foyer backup list",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			kept, err := p.client.Backups(cmd.Context())
			if app.ReasonOf(err) == "service_unreachable" {
				// Who wants to bring one back has no service that could be asked.
				if local, localErr := p.localBackups(); localErr == nil {
					kept, err = local, nil
				}
			}
			if err != nil {
				return err
			}
			err = list(p, kept.Items, "no backups yet; make one with: foyer backup create", []string{"NAME", "MADE", "REASON", "SIZE", "VERSION"},
				func(b localapi.Backup) []string {
					return []string{b.Name, at(b.At), b.Reason, app.SizeWords(b.Size), b.Version}
				})
			if err != nil || p.json {
				return err
			}
			if kept.Failure != "" {
				if err := p.say("\nThe last attempt failed at %s UTC: %s", atOrNone(kept.FailedAt), kept.Failure); err != nil {
					return err
				}
			}
			if kept.NextAt == nil {
				return nil
			}
			return p.say("\nThe next one is made at %s UTC, in %s.", at(*kept.NextAt), kept.Dir)
		},
	}
}

// localBackups returns the backups of a data directory without its service.
func (p *program) localBackups() (localapi.Backups, error) {
	dir, err := p.dataDir()
	if err != nil {
		return localapi.Backups{}, err
	}
	var all []app.Backup
	err = asOwnerOf(dir, func() (err error) {
		all, err = server.ListBackups(dir)
		return err
	})
	if err != nil {
		return localapi.Backups{}, err
	}
	var kept localapi.Backups
	for _, b := range all {
		kept.Items = append(kept.Items, localapi.Backup(b))
	}
	return kept, nil
}

// dataDir returns the data directory: what the command line says, or else the configuration file.
func (p *program) dataDir() (string, error) {
	if p.data != "" {
		return p.data, nil
	}
	config, err := server.LoadConfig("")
	return cmp.Or(config.DataDir, server.DefaultDataDir), err
}

func (p *program) backupRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Delete a backup that the service keeps",
		Example: "  foyer backup remove foyer-20261127-101500-manual.db",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.RemoveBackup(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.done(localapi.Removed{Removed: args[0]}, "removed %s", args[0])
		},
	}
}

// backupKey is what foyer backup key prints as JSON.
type backupKey struct {
	Recipient string `json:"recipient"`
	File      string `json:"file,omitempty"`     // that has the identity
	Identity  string `json:"identity,omitempty"` // when there is no file
}

func (p *program) backupKey() *cobra.Command {
	return &cobra.Command{
		Use:   "key [FILE]",
		Short: "Make a key with which only you can open backups",
		Long: `Make a pair of keys of age. The secret one, the identity, is written into FILE, or to
standard output; the public one is printed, for backup.recipients. Backups that are
encrypted to it can be opened with the identity only: keep that on another machine or on
paper, not here. Whoever loses it has lost those backups. age-keygen makes the same.`,
		Example: "  foyer backup key foyer-backup.key\n  foyer settings set backup.recipients=age1...",
		Args:    between(0, 1),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			text, recipient, err := server.NewBackupIdentity()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return p.done(backupKey{Recipient: recipient, Identity: text}, "# public key: %s\n%s", recipient, lastLine(text))
			}
			f, err := newFile(args[0])
			if err != nil {
				return err
			}
			_, err = f.WriteString(text)
			if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
				return err
			}
			return p.done(backupKey{Recipient: recipient, File: args[0]}, "%s\n\nThe secret half is in %s. Move that file to another machine, and have backups encrypted with:\nfoyer settings set backup.recipients=%s", recipient, args[0], recipient)
		},
	}
}

// lastLine returns the last line of a text.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
