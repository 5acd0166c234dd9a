package localapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"foyer/app"
)

// BackupBackend keeps backups.
type BackupBackend interface {
	Backups(ctx context.Context) (app.BackupStatus, error)
	// StartBackup begins a job whose result is an app.Backup.
	StartBackup(ctx context.Context, actor string, o app.BackupOptions) (app.Job, error)
	// StartVerify begins a job whose result is an app.BackupCheck. secret opens an encrypted backup: a passphrase or an age identity.
	StartVerify(ctx context.Context, name, secret string) (app.Job, error)
	// OpenBackup returns a backup's bytes. NotFound.
	OpenBackup(ctx context.Context, actor, name string) (app.Backup, io.ReadCloser, error)
	RemoveBackup(ctx context.Context, actor, name string) error
}

// Backup is a file that holds everything Foyer knew at one time.
type Backup struct {
	Name      string    `json:"name"`
	Reason    string    `json:"reason"` // "nightly", "manual", "update" or "restore"
	At        time.Time `json:"at"`
	Size      int64     `json:"size"` // bytes
	SHA256    string    `json:"sha256"`
	Encrypted bool      `json:"encrypted"`
	Version   string    `json:"version"` // of the program that made it
	Schema    int64     `json:"schema"`  // version of the database
}

// Backups is which backups are kept, and how it stands with the next one.
type Backups struct {
	Dir       string     `json:"dir"`
	Items     []Backup   `json:"items"`     // the latest first
	NextAt    *time.Time `json:"next_at"`   // null when none is scheduled
	FailedAt  *time.Time `json:"failed_at"` // when the last one failed; null when it did not
	Failure   string     `json:"failure"`
	FreeBytes int64      `json:"free_bytes"`
}

// BackupOptions say how a backup is made.
type BackupOptions struct {
	Recipients string `json:"recipients,omitempty"` // age public keys, separated by commas; "" is the setting backup.recipients
	Passphrase string `json:"passphrase,omitempty"`
}

// BackupCheck is what a backup was found to hold.
type BackupCheck struct {
	Name      string     `json:"name"`
	At        *time.Time `json:"at"`
	Size      int64      `json:"size"`
	SHA256    string     `json:"sha256"`
	HashKnown bool       `json:"hash_known"` // the sum was written down when it was made, and is that of the file
	Encrypted bool       `json:"encrypted"`
	Version   string     `json:"version"`
	Schema    int64      `json:"schema"`
	HasKey    bool       `json:"has_key"` // it holds the key of the secrets
	Companies int        `json:"companies"`
	Accounts  int        `json:"accounts"`
	Messages  int        `json:"messages"` // mails that waited
}

type backupVerify struct {
	Secret string `json:"secret"`
}

// Backups returns the backups that are kept.
func (c *Client) Backups(ctx context.Context) (Backups, error) {
	return do[Backups](ctx, c, "GET", pathBackups, "", nil)
}

// StartBackup begins a backup; the result of the job is a Backup. Conflict, "job_running", when one is made already; Invalid.
func (c *Client) StartBackup(ctx context.Context, o BackupOptions) (Job, error) {
	return do[Job](ctx, c, "POST", pathBackups, "", o)
}

// StartVerify begins to check a backup that the service keeps; the result of the job is a BackupCheck. NotFound.
func (c *Client) StartVerify(ctx context.Context, name, secret string) (Job, error) {
	return do[Job](ctx, c, "POST", pathBackupVerify, name, backupVerify{secret})
}

// RemoveBackup deletes a backup that the service keeps. NotFound.
func (c *Client) RemoveBackup(ctx context.Context, name string) error {
	_, err := do[Removed](ctx, c, "DELETE", pathBackup, name, nil)
	return err
}

// CopyBackup writes the bytes of a backup that the service keeps to w, and tells progress how many of how many, when that is not
// nil. Whoever keeps the copy compares its sum. NotFound.
func (c *Client) CopyBackup(ctx context.Context, name string, w io.Writer, progress func(done, total int64)) error {
	path, err := fill(pathBackupData, name)
	if err != nil {
		return err
	}
	resp, err := c.stream(ctx, path)
	if err != nil {
		return c.transportError(err)
	}
	defer resp.Body.Close()
	total, _ := strconv.ParseInt(resp.Header.Get(headerSize), 10, 64) // 0 is not known
	in := &counted{r: resp.Body, tell: func(done int64) {
		if progress != nil {
			progress(done, total)
		}
	}}
	n, err := io.Copy(w, in)
	switch {
	case in.err != nil:
		return c.transportError(in.err)
	case err != nil:
		return &app.Error{Code: app.Unavailable, Reason: "backup_not_written", Message: "the copy of the backup cannot be written: " + err.Error(), Err: err}
	case total > 0 && n != total:
		return c.transportError(io.ErrUnexpectedEOF)
	}
	return nil
}

// counted tells how much was read.
type counted struct {
	r    io.Reader
	n    int64
	tell func(n int64)
	err  error // of reading
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	c.tell(c.n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

func (h *handler) backupRoutes() []route {
	if h.Backups == nil {
		return nil
	}
	return []route{
		{method: "GET", path: pathBackups, serve: h.backups},
		{method: "POST", path: pathBackups, serve: h.startBackup},
		{method: "DELETE", path: pathBackup, serve: h.removeBackup},
		{method: "POST", path: pathBackupVerify, serve: h.startVerify},
		{method: "GET", path: pathBackupData, serve: h.backupData},
	}
}

func (h *handler) backups(r *request) (any, error) {
	if _, err := r.query(); err != nil {
		return nil, err
	}
	status, err := h.Backups.Backups(r.Context())
	if err != nil {
		return nil, err
	}
	out := Backups{
		Dir: status.Dir, Items: make([]Backup, 0, len(status.Backups)), NextAt: timeOrNull(status.NextAt),
		FailedAt: timeOrNull(status.FailedAt), Failure: status.Failure, FreeBytes: status.FreeBytes,
	}
	for _, b := range status.Backups {
		out.Items = append(out.Items, backupOf(b))
	}
	return out, nil
}

func (h *handler) startBackup(r *request) (any, error) {
	var body BackupOptions
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return job(h.Backups.StartBackup(r.Context(), r.actor(), app.BackupOptions(body)))
}

func (h *handler) startVerify(r *request) (any, error) {
	var body backupVerify
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return job(h.Backups.StartVerify(r.Context(), r.PathValue("name"), body.Secret))
}

func (h *handler) removeBackup(r *request) (any, error) {
	name := r.PathValue("name")
	return Removed{name}, h.Backups.RemoveBackup(r.Context(), r.actor(), name)
}

// backupData answers with the bytes of a backup.
func (h *handler) backupData(r *request) (any, error) {
	b, data, err := h.Backups.OpenBackup(r.Context(), r.actor(), r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	out := http.NewResponseController(r.w)
	r.w.Header().Set(headerSize, strconv.FormatInt(b.Size, 10))
	return stream{"application/octet-stream", func() error {
		defer data.Close()
		for {
			// A large one may take longer than a call; a client that reads nothing may not.
			if err := out.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
				return err
			}
			if _, err := io.CopyN(r.w, data, 1<<20); err == io.EOF { //nolint:errorlint // as io.CopyN says
				return nil
			} else if err != nil {
				return fmt.Errorf("send the backup: %w", err)
			}
		}
	}}, nil
}

func backupOf(b app.Backup) Backup {
	return Backup{
		Name: b.Name, Reason: b.Reason, At: b.At.UTC(), Size: b.Size, SHA256: b.SHA256, Encrypted: b.Encrypted, Version: b.Version, Schema: b.Schema,
	}
}

func backupCheckOf(c app.BackupCheck) BackupCheck {
	return BackupCheck{
		Name: c.Name, At: timeOrNull(c.At), Size: c.Size, SHA256: c.SHA256, HashKnown: c.HashKnown, Encrypted: c.Encrypted, Version: c.Version,
		Schema: c.Schema, HasKey: c.HasKey, Companies: c.Companies, Accounts: c.Accounts, Messages: c.Messages,
	}
}
