package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server"
)

// openFlags are those of commands that open a backup.
type openFlags struct{ identity, passphrase string }

func (f *openFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.identity, "identity", "", "open an encrypted backup with the age identity in `FILE`")
	cmd.Flags().StringVar(&f.passphrase, "passphrase-file", "", "open an encrypted backup with the passphrase in `FILE`; - is standard input")
	cmd.MarkFlagsMutuallyExclusive("identity", "passphrase-file")
}

// secret returns what opens the backup, "" when nothing was named.
func (f *openFlags) secret(p *program) (string, error) {
	switch {
	case f.identity != "":
		data, err := os.ReadFile(f.identity)
		if err != nil {
			return "", app.Fieldf("identity", "secret_missing", "the identity cannot be read: %v", err)
		}
		return string(data), nil
	case f.passphrase != "":
		return p.readPassphrase(f.passphrase)
	}
	return "", nil
}

func (p *program) backupVerify() *cobra.Command {
	var f openFlags
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Look at all of a backup, and say what it holds",
		Long: `Read all of a backup: its SHA-256, every page and every index of the database in it, and
what it holds. FILE is any file, or the name of one in DATA/backups. The service need not
run; it is asked only for one in DATA/backups that you may not read yourself.`,
		Example: `  foyer backup verify /mnt/usb/foyer.db
  foyer backup verify /mnt/usb/foyer.db.age --identity foyer-backup.key`,
		Args: exactly(1),
	}
	g := p.progressFlag(cmd)
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := g.check(cmd); err != nil {
			return err
		}
		secret, err := f.secret(p)
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		defer g.end()
		check, err := p.verifyBackup(ctx, g, args[0], secret)
		if err != nil {
			return err
		}
		g.end()
		if p.json {
			return p.printJSON(check)
		}
		return p.printCheck(check)
	}
	return cmd
}

// verifyBackup looks at a file, or has the service look at one that only it may read.
func (p *program) verifyBackup(ctx context.Context, g *progress, name, secret string) (localapi.BackupCheck, error) {
	file, err := p.openBackup(name)
	if err == nil {
		check, err := p.verifyFile(ctx, g, file, secret)
		return wireCheck(check), errors.Join(err, file.Close())
	}
	if filepath.Base(name) != name || (app.CodeOf(err) != app.NotFound && app.CodeOf(err) != app.Denied) {
		return localapi.BackupCheck{}, err
	}
	job, startErr := p.client.StartVerify(ctx, name, secret)
	if startErr != nil {
		if app.CodeOf(startErr) == app.Unavailable {
			return localapi.BackupCheck{}, err
		}
		return localapi.BackupCheck{}, startErr
	}
	if job, err = p.client.Await(ctx, job, g.job); err != nil {
		return localapi.BackupCheck{}, err
	}
	return localapi.ResultOf[localapi.BackupCheck](job)
}

// openBackup opens a file, or one of that name in the directory of the backups.
func (p *program) openBackup(name string) (*server.BackupFile, error) {
	file, err := p.openFile(name)
	if app.ReasonOf(err) != "backup_unknown" || filepath.Base(name) != name {
		return file, err
	}
	dir, dirErr := p.dataDir()
	if dirErr != nil {
		return nil, dirErr
	}
	dir = filepath.Join(dir, "backups")
	if file, err = p.openFile(filepath.Join(dir, name)); app.ReasonOf(err) == "backup_unknown" {
		err = app.Errorf(app.NotFound, "backup_unknown", "there is no backup %s, neither here nor in %s; foyer backup list lists those there", name, dir)
	}
	return file, err
}

func (p *program) openFile(path string) (file *server.BackupFile, err error) {
	err = p.asReaderOf(path, func() (err error) {
		file, err = server.OpenBackupFile(path)
		return err
	})
	return file, err
}

func (p *program) verifyFile(ctx context.Context, g *progress, file *server.BackupFile, secret string) (check app.BackupCheck, err error) {
	err = p.asReaderOf(file.Path(), func() (err error) {
		check, err = file.Verify(ctx, secret, g.tell)
		return err
	})
	return check, err
}

// asReaderOf does the work with the rights by which a file is read: what is below the data directory may be a link that the user of
// the service has put there, and leads root nowhere that user may not read.
func (p *program) asReaderOf(path string, work func() error) error {
	dir, err := p.dataDir()
	if err != nil || !isBelow(path, dir) {
		return work()
	}
	return asOwnerOf(dir, work)
}

// isBelow reports whether a path is below a directory, as it is written or as its links lead.
func isBelow(path, dir string) bool {
	below := func(path, dir string) bool {
		rel, err := filepath.Rel(dir, path)
		return err == nil && filepath.IsLocal(rel)
	}
	path, pathErr := filepath.Abs(path)
	dir, dirErr := filepath.Abs(dir)
	if pathErr != nil || dirErr != nil || below(path, dir) {
		return true
	}
	at, pathErr := filepath.EvalSymlinks(filepath.Dir(path))
	dir, dirErr = filepath.EvalSymlinks(dir)
	return pathErr == nil && dirErr == nil && below(at, dir)
}

func wireCheck(c app.BackupCheck) localapi.BackupCheck {
	out := localapi.BackupCheck{
		Name: c.Name, Size: c.Size, SHA256: c.SHA256, HashKnown: c.HashKnown, Encrypted: c.Encrypted, Version: c.Version, Schema: c.Schema,
		HasKey: c.HasKey, Companies: c.Companies, Accounts: c.Accounts, Messages: c.Messages,
	}
	if !c.At.IsZero() {
		at := c.At.UTC()
		out.At = &at
	}
	return out
}

func (p *program) printCheck(c localapi.BackupCheck) error {
	if err := p.say("%s is whole.", c.Name); err != nil {
		return err
	}
	version := c.Version
	if version == "" {
		version = "not known"
	}
	sum, key := c.SHA256+", the same as when it was made", "in the backup"
	if !c.HashKnown {
		sum = c.SHA256 + "; there is no .sha256 file to compare it with"
	}
	if !c.HasKey {
		key = "not in the backup; without the secret.key of then, secrets have to be entered anew"
	}
	return p.facts("Made", atOr(c.At, "not known"), "By version", version, "Companies", fmt.Sprint(c.Companies), "Accounts", fmt.Sprint(c.Accounts),
		"Mails that wait", fmt.Sprint(c.Messages), "Size", app.SizeWords(c.Size), "SHA-256", sum, "Key of secrets", key)
}

// restoreFlags are those of backup restore.
type restoreFlags struct {
	openFlags

	yes         bool
	stopService bool
}

func (p *program) backupRestore() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the data",
		Long: `Put a backup in the place of the data, after all of it was read. FILE is any file, or the
name of one in DATA/backups. What is there now is kept as a backup; what is damaged is
moved aside. The service must not run; --stop-service stops it and starts it again.

Afterwards mail is held (foyer settings set mail.hold=off lets it leave), everybody has to
sign in anew, and the links in mails that were sent before are worthless: people who were
about to confirm can be sent a new mail with foyer registration resend. When it is broken
off, or the machine goes down, nothing was changed, or the next start of the service, or
the next restore, finishes it.`,
		Example: `  sudo foyer backup restore --stop-service foyer-20261127-023000-nightly.db
  foyer backup restore /mnt/usb/foyer.db.age --identity foyer-backup.key --data ./data`,
		Args: exactly(1),
	}
	g := p.progressFlag(cmd)
	f.add(cmd)
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask; who has no terminal is not asked either")
	cmd.Flags().BoolVar(&f.stopService, "stop-service", false, "stop the installed service first, and start it again afterwards; needs root")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := g.check(cmd); err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		defer g.end()
		return p.restoreBackup(ctx, cmd, g, f, args[0])
	}
	return cmd
}

// restored is what foyer backup restore prints as JSON.
type restored struct {
	Backup localapi.BackupCheck `json:"backup"`
	Data   string               `json:"data"`
	Kept   string               `json:"kept"`  // the backup of what was there before; "" for none
	Aside  string               `json:"aside"` // the directory of what was moved aside; "" for nothing
	Lost   []string             `json:"lost"`  // secrets that have to be entered anew
}

func (p *program) restoreBackup(ctx context.Context, cmd *cobra.Command, g *progress, f restoreFlags, name string) (err error) {
	secret, err := f.secret(p)
	if err != nil {
		return err
	}
	file, err := p.openBackup(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	dir, err := p.restoreDir(ctx, cmd, f.stopService)
	if err != nil {
		return err
	}
	c := server.RestoreConfig{
		DataDir: dir, File: file, Secret: secret, Actor: actorOf(), Version: version(), Log: slog.New(slog.NewTextHandler(p.err, nil)), Progress: g.tell,
		Confirm: func(plan server.RestorePlan) error { g.end(); return p.confirmRestore(plan, dir, f.yes) },
	}
	var got server.RestoreResult
	work := func() error {
		return asOwnerOf(c.DataDir, func() (err error) {
			got, err = server.Restore(ctx, c)
			return err
		})
	}
	runs := false
	if f.stopService {
		runs, err = p.withServiceStopped(ctx, g, &c, work)
	} else {
		err = work()
	}
	if errors.Is(err, server.ErrRunning) {
		return &serveError{fmt.Errorf("%w; stop it first, with %s, or have it done with --stop-service", err, app.AsRoot("foyer service stop"))}
	}
	if err != nil {
		return err
	}
	g.end()
	return p.printRestored(restored{wireCheck(got.Backup), dir, got.Kept, got.Aside, append([]string{}, got.Lost...)}, runs)
}

// restoreDir returns the data directory: with --stop-service that of the installed service.
func (p *program) restoreDir(ctx context.Context, cmd *cobra.Command, stopService bool) (string, error) {
	if !stopService {
		return p.dataDir()
	}
	s := p.services()
	if err := s.mayChange(cmd, nil); err != nil {
		return "", err
	}
	st, err := s.manager.status(ctx)
	if err == nil && !st.Installed {
		err = errNotInstalled()
	}
	return st.Data, err
}

// actorOf returns who restores, for the audit.
func actorOf() string {
	who := fmt.Sprintf("uid %d", os.Getuid())
	if runtime.GOOS == "windows" { // it has no such numbers
		who = "somebody"
		if u, err := user.Current(); err == nil {
			who = u.Username
		}
	}
	if name := os.Getenv("SUDO_USER"); name != "" {
		who = name + " as " + who
	}
	return "foyer backup restore (" + who + ")"
}

// withServiceStopped looks at the backup and asks while the service still runs, stops it, does the work, and starts it again,
// however that has ended. It reports whether the service ran before, and so runs again.
func (p *program) withServiceStopped(ctx context.Context, g *progress, c *server.RestoreConfig, work func() error) (running bool, err error) {
	s := p.services()
	before, err := s.manager.status(ctx)
	if err != nil {
		return false, err
	}
	check, err := p.verifyFile(ctx, g, c.File, c.Secret)
	if err != nil {
		return false, err
	}
	if err := c.Confirm(server.RestorePlan{Backup: check, Unseen: true}); err != nil {
		return false, err
	}
	c.Confirm = nil
	running = before.State != stateStopped
	if running {
		g.tell("stop", 0, 0)
		err = s.manager.stop(ctx)
	}
	if err == nil {
		err = work()
	}
	if running { // also after a stop that was broken off: the service manager goes on with it
		g.tell("start", 0, 0)
		err = errors.Join(err, s.manager.start(context.WithoutCancel(ctx)))
	}
	return running, err
}

// confirmRestore says what is going to happen, and returns nil when somebody agrees. A script is not asked: it has said what it wants, and
// what is replaced is kept.
func (p *program) confirmRestore(plan server.RestorePlan, dir string, yes bool) error {
	if yes {
		return nil
	}
	b := plan.Backup
	made := "of a time that is not known"
	if !b.At.IsZero() {
		made = "of " + b.At.UTC().Format("2006-01-02 15:04:05") + " UTC (" + agoWords(time.Since(b.At)) + ")"
	}
	fmt.Fprintf(p.err, "The backup %s, with %s, %s and %s that waited, takes the place of the data in %s.\n", safe(made), count(b.Companies, "company", "companies"),
		count(b.Accounts, "account", "accounts"), count(b.Messages, "mail", "mails"), safe(dir))
	switch {
	case plan.Unseen:
		fmt.Fprintln(p.err, "What is there now is kept as a backup, or moved aside when it is damaged.")
		if !b.HasKey {
			fmt.Fprintln(p.err, "The key of the secrets is not in the backup: those that the key of this service does not open have to be entered anew.")
		}
	case plan.Keeps:
		fmt.Fprintln(p.err, "What is there now is kept as a backup.")
	case plan.Damaged != "":
		fmt.Fprintf(p.err, "What is there now is moved aside, because %s.\n", safe(plan.Damaged))
	}
	fmt.Fprintln(p.err, "Mail is held afterwards, and everybody has to sign in anew.")
	if len(plan.Lost) > 0 {
		fmt.Fprintf(p.err, "Their key is not in the backup, so you will have to enter anew: %s.\n", safe(strings.Join(plan.Lost, ", ")))
	}
	fmt.Fprint(p.err, "Go on? Type yes: ")
	typed, err := readLine(p.typed())
	if file, ok := p.in.(*os.File); ok && errors.Is(err, io.EOF) && !term.IsTerminal(int(file.Fd())) {
		fmt.Fprintln(p.err, "yes, as there is nobody to ask.")
		return nil
	}
	if err != nil || strings.TrimSpace(typed) != "yes" {
		return app.Errorf(app.Invalid, "not_confirmed", "nothing was changed; answer yes, or give --yes")
	}
	return nil
}

// agoWords returns how long ago something was.
func agoWords(d time.Duration) string {
	switch {
	case d < time.Hour:
		return "less than an hour ago"
	case d < 48*time.Hour:
		return count(int(d.Hours()), "hour", "hours") + " ago"
	default:
		return count(int(d.Hours()/24), "day", "days") + " ago"
	}
}

// printRestored says what was done, and what is to be done next.
func (p *program) printRestored(r restored, runs bool) error {
	if p.json {
		return p.printJSON(r)
	}
	if err := p.say("%s is restored into %s.", r.Backup.Name, r.Data); err != nil {
		return err
	}
	if r.Kept != "" {
		if err := p.say("What was there before is the backup %s.", r.Kept); err != nil {
			return err
		}
	}
	if r.Aside != "" {
		if err := p.say("What is in no backup was moved to %s.", r.Aside); err != nil {
			return err
		}
	}
	if len(r.Lost) > 0 {
		if err := p.say("Enter anew, because their key was not in the backup: %s.", strings.Join(r.Lost, ", ")); err != nil {
			return err
		}
	}
	next := "The service runs again."
	if !runs {
		next = "The service does not run; " + startHint(p.data)
	}
	if err := p.say("%s", next); err != nil {
		return err
	}
	return p.say("Mail is held: look at it with foyer mail list, then let it leave with foyer settings set mail.hold=off")
}
