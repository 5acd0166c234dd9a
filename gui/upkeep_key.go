package gui

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"

	"foyer/app"
)

// keyName is what the file with a key for backups is called, before its end.
const keyName = "foyer-backup"

// askKey asks for the folder of a new key for backups. The dialog for files would empty one that is there before it is asked.
func (f *planForm) askKey() {
	d := dialog.NewFolderOpen(func(dir fyne.ListableURI, err error) {
		switch {
		case err != nil:
			f.ask.bar.say(levelError, errorText(keyError(err)))
		case dir != nil:
			f.makeKey(dir.Path())
		}
	}, f.view.desk.window)
	d.SetTitleText(tr("upkeep.key.title"))
	d.SetConfirmText(tr("upkeep.key.here"))
	d.SetDismissText(tr("cancel"))
	showFiles(f.view.desk, d)
}

// makeKey makes a key, saves its secret half in a new file of a folder, and has backups encrypted for the other half once this is saved.
func (f *planForm) makeKey(dir string) {
	f.ask.bar.clear()
	f.key.Disable()
	host := f.view.desk.host
	f.view.desk.run(func(context.Context) func() {
		identity, recipient, err := host.NewBackupKey()
		path := ""
		if err == nil {
			path, err = saveKey(dir, identity)
		}
		return func() {
			f.key.Enable()
			if err != nil {
				f.ask.bar.say(levelError, errorText(keyError(err)))
				return
			}
			entry := f.entries[settingRecipients]
			if has := strings.Trim(entry.Text, ", "); has != "" {
				recipient = has + "," + recipient
			}
			entry.SetText(recipient)
			f.ask.bar.say(levelOK, tr("upkeep.key.made", args{"File": path}))
			f.ask.dialog.Refresh()
			f.view.desk.window.Canvas().Focus(f.ask.yes)
		}
	})
}

// keyTries is how many files of a folder may have the name of a key already.
const keyTries = 100

// saveKey writes the secret half of a key into a new file that nobody else may read, and returns its path. A file that is there stays.
func saveKey(dir, identity string) (path string, err error) {
	for i := 1; i <= keyTries; i++ {
		path = filepath.Join(dir, keyName+".key")
		if i > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d.key", keyName, i))
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // in a folder that the person has chosen
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = file.WriteString(identity)
		if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
			return "", errors.Join(err, os.Remove(path)) // half a key is none
		}
		return path, nil
	}
	return "", &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
}

// keyError says of an error that the key could not be saved.
func keyError(err error) error {
	if appError(err) != nil {
		return err
	}
	return &app.Error{Code: app.Unavailable, Message: tr("upkeep.key.failed", args{"Problem": err.Error()}), Err: err}
}
