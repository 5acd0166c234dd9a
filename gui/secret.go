package gui

import (
	"context"
	"errors"
	"io"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// secretInput asks for what opens an encrypted backup: its passphrase, or the file with the key.
type secretInput struct {
	desk     *desk
	entry    *widget.Entry
	file     *widget.Label
	path     string // of the file with the key
	identity string // what stands in it
	changed  func()
	content  fyne.CanvasObject
}

func newSecretInput(d *desk, changed func()) *secretInput {
	s := &secretInput{desk: d, entry: widget.NewPasswordEntry(), file: newHint(""), changed: changed}
	s.entry.OnChanged = func(text string) {
		if text != "" {
			s.path, s.identity = "", ""
			s.file.Hide()
		}
		s.changed()
	}
	s.file.Hide()
	key := newButton(tr("upkeep.secret.file"), theme.FileIcon(), s.choose)
	s.content = container.NewVBox(newField(tr("upkeep.secret"), newBorder(nil, nil, nil, key, s.entry), tr("upkeep.secret.hint")), s.file)
	return s
}

// given reports whether there is anything to open a backup with.
func (s *secretInput) given() bool { return s.secret() != "" }

// secret returns the passphrase, or what stands in the file.
func (s *secretInput) secret() string {
	if s.identity != "" {
		return s.identity
	}
	return s.entry.Text
}

func (s *secretInput) choose() {
	openFile(s.desk, tr("upkeep.secret.choose"), func(file fyne.URIReadCloser) {
		s.desk.run(func(context.Context) func() {
			const most = 64 << 10 // more than any key
			data, err := io.ReadAll(io.LimitReader(file, most))
			err = errors.Join(err, file.Close())
			return func() { s.use(file.URI(), strings.TrimSpace(string(data)), err) }
		})
	})
}

// use takes what stands in a file for the key.
func (s *secretInput) use(file fyne.URI, text string, err error) {
	switch {
	case err != nil:
		s.say(levelError, tr("upkeep.file.unread", args{"Problem": err.Error()}))
	case !strings.Contains(text, "AGE-SECRET-KEY-"):
		s.say(levelError, tr("upkeep.secret.no_key", args{"File": file.Name()}))
	default:
		s.entry.SetText("")
		s.path, s.identity = file.Path(), text
		s.say(levelPlain, tr("upkeep.secret.from", args{"File": file.Name()}))
	}
	s.changed()
}

func (s *secretInput) say(l level, text string) {
	s.file.Importance = widget.LowImportance
	if l == levelError {
		s.file.Importance = widget.DangerImportance
	}
	s.file.SetText(text)
	s.file.Show()
}

// openFile asks for a file to read; do has to close it.
func openFile(d *desk, title string, do func(fyne.URIReadCloser)) {
	dlg := dialog.NewFileOpen(func(file fyne.URIReadCloser, err error) {
		switch {
		case err != nil:
			d.refuse(tr("upkeep.file.unread", args{"Problem": err.Error()}))
		case file != nil:
			do(file)
		}
	}, d.window)
	dlg.SetTitleText(title)
	dlg.SetConfirmText(tr("upkeep.file.open"))
	dlg.SetDismissText(tr("cancel"))
	showFiles(d, dlg)
}

// showFiles shows a dialog of files as large as the window allows.
func showFiles(d *desk, dlg *dialog.FileDialog) {
	size := d.window.Canvas().Size()
	dlg.Show()
	dlg.Resize(fyne.NewSize(min(size.Width*0.9, 900), min(size.Height*0.9, 620))) // only what is shown has a size
}

// refuse says in a dialog why something that has no place of its own cannot be.
func (d *desk) refuse(text string) { dialog.ShowError(errors.New(text), d.window) }
