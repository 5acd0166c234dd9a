package gui

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// backupCopy writes a backup that the service keeps into a file of the person's choice.
type backupCopy struct {
	desk     *desk
	backup   localapi.Backup
	path     string
	progress *progressBar
	dialog   *dialog.CustomDialog
}

// askCopy asks where the chosen backup is to be copied to. The dialog asks before it replaces a file.
func (v *upkeepBackups) askCopy() {
	if v.save.Disabled() {
		return
	}
	b := v.chosen
	d := dialog.NewFileSave(func(file fyne.URIWriteCloser, err error) {
		switch {
		case err != nil:
			v.fail(copyError(err))
		case file != nil:
			v.copyTo(b, file)
		}
	}, v.desk.window)
	d.SetTitleText(tr("upkeep.copy.title"))
	d.SetConfirmText(tr("save"))
	d.SetDismissText(tr("cancel"))
	d.SetFileName(b.Name)
	showFiles(v.desk, d)
}

// copyTo copies a backup to where file is.
func (v *upkeepBackups) copyTo(b localapi.Backup, file fyne.URIWriteCloser) {
	// The dialog has made the file already, for everybody to read: only its place is needed.
	if err := file.Close(); err != nil {
		v.fail(copyError(err))
		return
	}
	v.bar.clear()
	c := &backupCopy{desk: v.desk, backup: b, path: file.URI().Path(), progress: newProgressBar()}
	v.copying = true
	v.enable()
	c.begin(func(err error) {
		v.copying = false
		v.enable()
		switch {
		case err == nil:
			v.bar.say(levelOK, copiedText(c.path, b))
		case !errors.Is(err, context.Canceled):
			v.fail(err)
		}
	})
}

// copiedText says where the copy is, and how to treat it.
func copiedText(path string, b localapi.Backup) string {
	text := tr("upkeep.copied", args{"File": path})
	if b.Encrypted {
		return text
	}
	return text + "\n" + tr("upkeep.copied.plain")
}

// begin copies and tells when that is done; what was begun and is not whole is gone then.
func (c *backupCopy) begin(done func(error)) {
	text := tr("upkeep.copying", args{"File": filepath.Base(c.path)})
	c.progress.show(text, 0, c.backup.Size)
	ctx, cancel := context.WithCancel(context.Background())
	stop := widget.NewButton(tr("cancel"), cancel)
	c.dialog = dialog.NewCustomWithoutButtons(tr("upkeep.copy.title"), newFixed(420, c.progress.content), c.desk.window)
	c.dialog.SetButtons([]fyne.CanvasObject{stop})
	c.dialog.Show()
	c.desk.window.Canvas().Focus(stop)
	told := perMille(func(p Progress) {
		c.desk.post(func() { c.progress.show(text, p.Done, p.Total) })
	})
	c.desk.runFor(copyTimeout, func(limit context.Context) func() {
		defer cancel()
		defer context.AfterFunc(limit, cancel)()
		err := c.write(ctx, func(done, total int64) { told(Progress{Done: done, Total: max(total, c.backup.Size)}) })
		if err != nil && ctx.Err() != nil && limit.Err() == nil {
			err = ctx.Err() // whatever else it is called: the person has broken it off
		}
		return func() {
			c.dialog.Hide()
			done(err)
		}
	})
}

// write writes the backup beside its place, for nobody else to read, and puts it there when it is whole.
func (c *backupCopy) write(ctx context.Context, progress func(done, total int64)) (err error) {
	part, err := os.CreateTemp(filepath.Dir(c.path), ".foyer-*") // of mode 0600
	if err != nil {
		return copyError(err)
	}
	defer func() {
		if err == nil {
			return
		}
		_ = part.Close()           // it may be closed already
		_ = os.Remove(part.Name()) // half a backup is none
		if info, statErr := os.Stat(c.path); statErr == nil && info.Size() == 0 {
			_ = os.Remove(c.path) // what the dialog has made
		}
	}()
	sum := sha256.New()
	if err := c.desk.client.CopyBackup(ctx, c.backup.Name, io.MultiWriter(part, sum), progress); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); c.backup.SHA256 != "" && got != c.backup.SHA256 {
		return &app.Error{Code: app.Unavailable, Message: tr("upkeep.copy.sum")}
	}
	if err := errors.Join(part.Sync(), part.Close()); err != nil {
		return copyError(err)
	}
	return copyError(os.Rename(part.Name(), c.path))
}

// copyError says of an error that the copy could not be written.
func copyError(err error) error {
	if err == nil {
		return nil
	}
	return &app.Error{Code: app.Unavailable, Message: tr("upkeep.copy.failed", args{"Problem": err.Error()}), Err: err}
}
