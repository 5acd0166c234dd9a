package gui

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// How long long work may take: the largest backup, a person who looks for a password, a slow disk.
const (
	copyTimeout    = 2 * time.Hour
	restoreTimeout = 2 * time.Hour
	updateTimeout  = time.Hour // the database may have to be brought up to date
)

// restoreSource is a backup that may take the place of the data.
type restoreSource struct {
	backup    string // its name, or the path of a file
	about     string // what it is, in words
	isFile    bool
	encrypted bool
}

// restoreOf returns a backup that the service keeps.
func restoreOf(b localapi.Backup) restoreSource {
	about := tr("restore.about", args{"At": moment(b.At), "Why": backupReason(b.Reason), "Size": sizeText(b.Size)})
	return restoreSource{backup: b.Name, about: about, encrypted: b.Encrypted}
}

// restoreForm asks whether a backup is to take the place of the data, says what that means, and has it done.
type restoreForm struct {
	desk     *desk
	source   restoreSource
	ask      *askForm
	secret   *secretInput
	word     *widget.Entry
	check    *widget.Button
	found    *bar
	progress *progressBar
	busy     bool
}

// askRestore asks about a backup.
func askRestore(d *desk, source restoreSource) {
	f := &restoreForm{desk: d, source: source, word: widget.NewEntry(), found: newBar(), progress: newProgressBar()}
	f.found.close.Hide()
	f.secret = newSecretInput(d, f.follow)
	f.secret.entry.OnSubmitted = func(string) { d.window.Canvas().Focus(f.word) }
	f.word.PlaceHolder = tr("restore.word")
	f.word.OnChanged = func(string) { f.follow() }
	f.word.OnSubmitted = func(string) { f.submit() }
	f.check = newButton(tr("restore.check"), theme.SearchIcon(), f.look)
	content := container.NewVBox(newHeading(source.about))
	for _, fact := range []string{tr("restore.stops"), tr("restore.replaces"), tr("restore.signs_out"), tr("restore.holds")} {
		content.Add(newIconText(theme.NavigateNextIcon(), newText(fact)))
	}
	if source.encrypted {
		content.Add(f.secret.content)
	}
	if source.isFile {
		content.Add(container.NewHBox(f.check))
		content.Add(f.found)
	}
	content.Add(newField(tr("confirm.type", args{"Word": tr("restore.word")}), f.word, ""))
	content.Add(f.progress.content)
	f.ask = newAskForm(d, tr("restore.title"), tr("restore.go"), widget.DangerImportance, content, f.submit)
	f.follow()
	switch {
	case source.encrypted:
		f.ask.show(f.secret.entry)
	case source.isFile:
		f.ask.show(f.word)
		f.look()
	default:
		f.ask.show(f.word)
	}
}

// follow enables what can be done now.
func (f *restoreForm) follow() {
	if f.ask == nil {
		return
	}
	opened := !f.source.encrypted || f.secret.given()
	enable(f.check, opened && !f.busy)
	enable(f.ask.yes, opened && !f.busy && f.word.Text == tr("restore.word"))
	enable(f.ask.no, !f.busy)
}

// look looks whether the file is a backup, and what it holds.
func (f *restoreForm) look() {
	f.begin(tr("restore.checking"))
	f.found.clear()
	secret, path := "", f.source.backup
	if f.source.encrypted {
		secret = f.secret.secret()
	}
	told := f.told()
	f.desk.runFor(restoreTimeout, func(ctx context.Context) func() {
		check, err := f.desk.host.VerifyFile(ctx, path, secret, told)
		return func() {
			f.end()
			if err != nil {
				f.found.say(levelError, errorText(err))
				return
			}
			f.found.say(levelOK, checkText(check))
		}
	})
}

// submit has the backup put in the place of the data.
func (f *restoreForm) submit() {
	if f.ask.yes.Disabled() {
		return
	}
	r := Restore{Backup: f.source.backup}
	if f.source.encrypted {
		r.Secret, r.Identity = f.secret.entry.Text, f.secret.path
	}
	f.ask.bar.clear()
	f.begin(tr("restore.doing"))
	told := f.told()
	f.desk.runFor(restoreTimeout, func(ctx context.Context) func() {
		err := f.desk.host.Restore(ctx, r, told)
		return func() {
			f.end()
			if err != nil {
				f.ask.bar.say(levelError, errorText(err))
				f.desk.retry() // it may have been stopped, or run again
				return
			}
			f.ask.dialog.Hide()
			f.desk.restored()
		}
	})
}

// told returns what a work tells its progress to.
func (f *restoreForm) told() func(Progress) {
	return perMille(func(p Progress) {
		f.desk.post(func() {
			if f.busy {
				f.progress.show(stepText(p.Step), p.Done, p.Total)
			}
		})
	})
}

func (f *restoreForm) begin(text string) {
	f.busy = true
	f.progress.show(text, 0, 0)
	f.word.Disable()
	f.secret.entry.Disable()
	f.follow()
}

func (f *restoreForm) end() {
	f.busy = false
	f.progress.clear()
	f.word.Enable()
	f.secret.entry.Enable()
	f.follow()
}

// chooseRestoreFile asks for the file of a backup, and then about it.
func chooseRestoreFile(d *desk) {
	openFile(d, tr("restore.choose"), func(file fyne.URIReadCloser) {
		d.run(func(context.Context) func() {
			source, err := fileSource(file)
			return func() {
				if err != nil {
					d.refuse(tr("upkeep.file.unread", args{"Problem": err.Error()}))
					return
				}
				askRestore(d, source)
			}
		})
	})
}

// ageMark begins every file that age has encrypted (age-encryption.org/v1).
const ageMark = "age-encryption.org/"

// fileSource looks what a file is, and closes it.
func fileSource(file fyne.URIReadCloser) (restoreSource, error) {
	head := make([]byte, len(ageMark))
	n, err := io.ReadFull(file, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // whether it is a backup is looked at later
	}
	path := file.URI().Path()
	about := tr("restore.about_file", args{"File": file.URI().Name()})
	if info, statErr := os.Stat(path); statErr == nil {
		about = tr("restore.about_file.size", args{"File": file.URI().Name(), "Size": sizeText(info.Size())})
	}
	source := restoreSource{backup: path, about: about, isFile: true, encrypted: strings.HasPrefix(string(head[:n]), ageMark)}
	return source, errors.Join(err, file.Close())
}

// restoreChoice asks for a backup while there is no service that could list them: one that is kept on this machine, for which the
// person is asked for the right to, or a file.
type restoreChoice struct {
	desk  *desk
	ask   *askForm
	kept  *widget.Button
	state *progressBar
	rows  *fyne.Container
}

func chooseRestore(d *desk) {
	c := &restoreChoice{desk: d, state: newProgressBar(), rows: container.NewVBox()}
	c.kept = newMainButton(tr("restore.kept"), theme.HistoryIcon(), c.list)
	file := newButton(tr("upkeep.restore_file"), theme.FolderOpenIcon(), func() {
		c.ask.dialog.Hide()
		chooseRestoreFile(d)
	})
	content := container.NewVBox(newText(tr("restore.where")), container.NewHBox(c.kept, file), c.state.content, c.rows)
	c.ask = newAskForm(d, tr("restore.title"), "", widget.MediumImportance, content, nil)
	c.ask.dialog.SetButtons([]fyne.CanvasObject{c.ask.no})
	c.ask.show(c.kept)
}

// list asks what this machine keeps.
func (c *restoreChoice) list() {
	c.ask.bar.clear()
	c.state.show(tr("restore.listing"), 0, 0)
	c.kept.Disable()
	c.desk.runFor(controlTimeout, func(ctx context.Context) func() {
		backups, err := c.desk.host.Backups(ctx)
		return func() {
			c.state.clear()
			c.kept.Enable()
			switch {
			case err != nil:
				c.ask.bar.say(levelError, errorText(err))
			case len(backups) == 0:
				c.ask.bar.say(levelWarning, tr("restore.none"))
			default:
				c.show(backups)
			}
		}
	})
}

// restoreRows is how many backups can be chosen among without a service: the latest.
const restoreRows = 6

// show shows backups, each with a button that asks about it.
func (c *restoreChoice) show(backups []localapi.Backup) {
	c.kept.Hide()
	for _, b := range backups[:min(len(backups), restoreRows)] {
		source := restoreOf(b)
		button := newButton(tr("upkeep.restore"), nil, func() {
			c.ask.dialog.Hide()
			askRestore(c.desk, source)
		})
		c.rows.Add(newBorder(nil, nil, nil, button, newText(source.about)))
	}
	if more := len(backups) - restoreRows; more > 0 {
		c.rows.Add(newHint(trn("restore.more", more)))
	}
	c.ask.dialog.Refresh()
}

// demoHost is this machine while the window is that of a demonstration: whatever is done there is not done to the service that is
// installed beside it.
type demoHost struct{ Host }

// Service knows of no service: a demonstration is none of the machine's.
func (demoHost) Service() ServiceState { return ServiceState{} }

// Control does nothing.
func (demoHost) Control(context.Context, string) error { return errDemo() }

// Install does nothing.
func (demoHost) Install(context.Context, InstallOptions) error { return errDemo() }

// Log has none: that of the machine is of another service.
func (demoHost) Log(context.Context, int) (string, error) { return "", errDemo() }

// Backups lists none.
func (demoHost) Backups(context.Context) ([]localapi.Backup, error) { return nil, errDemo() }

// Restore does nothing.
func (demoHost) Restore(context.Context, Restore, func(Progress)) error { return errDemo() }

func errDemo() error {
	return app.Errorf(app.Denied, "demo", "this is a demonstration, which has nothing to restore; install the service first")
}
