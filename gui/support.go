package gui

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
)

// supportLines is how many lines of the service's log are for support.
const supportLines = 500

// supportPart is one file of what is handed to support.
type supportPart struct{ name, text string }

// supportForm shows what would be handed to support, and saves it. It is sent nowhere.
type supportForm struct {
	desk  *desk
	ask   *askForm
	parts []supportPart
	names *fyne.Container
	text  *widget.Label
	shown *container.Scroll
	at    time.Time
}

func askSupport(d *desk) { (&supportForm{desk: d, at: time.Now()}).open() }

// open gathers what support needs to know, and shows it.
func (f *supportForm) open() {
	d := f.desk
	f.names, f.text = container.NewVBox(), widget.NewLabel(tr("about.support.gathering"))
	f.text.TextStyle.Monospace, f.text.SizeName = true, theme.SizeNameCaptionText
	f.text.Selectable = true
	f.shown = container.NewScroll(f.text)
	view := newFixedHeight(336, newBorder(nil, nil, newFixed(190, f.names), nil, newPanel(theme.ColorNameInputBackground, colorLine, 6, 2, f.shown)))
	f.ask = newAskForm(d, tr("about.support.title"), tr("about.support.save"), widget.HighImportance, container.NewVBox(newText(tr("about.support.text")), view), f.choose)
	f.ask.no.SetText(tr("close"))
	f.ask.yes.Disable()
	f.ask.show(f.ask.no)
	f.ask.width(760)
	d.run(func(ctx context.Context) func() {
		parts := gatherSupport(ctx, d)
		return func() {
			f.parts = parts
			for i, part := range parts {
				b := newButton(part.name, theme.FileTextIcon(), func() { f.look(i) })
				b.Alignment, b.Importance = widget.ButtonAlignLeading, widget.LowImportance
				f.names.Add(b)
			}
			f.look(0)
			f.ask.yes.Enable()
			f.desk.window.Canvas().Focus(f.ask.yes)
		}
	})
}

// supportShown is how much of a part is shown, in bytes: its end, as the end of a log says most.
const supportShown = 20_000

// look shows a part.
func (f *supportForm) look(i int) {
	text := f.parts[i].text
	if len(text) > supportShown {
		text = "…" + strings.ToValidUTF8(text[len(text)-supportShown:], "")
	}
	f.text.SetText(text)
	f.shown.ScrollToTop()
	for n, o := range f.names.Objects {
		b, ok := o.(*widget.Button)
		if !ok {
			continue
		}
		b.Importance = widget.LowImportance
		if n == i {
			b.Importance = widget.MediumImportance
		}
		b.Refresh()
	}
}

// choose asks for the folder to save it in.
func (f *supportForm) choose() {
	d := dialog.NewFolderOpen(func(dir fyne.ListableURI, err error) {
		switch {
		case err != nil:
			f.ask.bar.say(levelError, tr("about.support.failed", args{"Problem": err.Error()}))
		case dir != nil:
			f.save(dir.Path())
		}
	}, f.desk.window)
	d.SetTitleText(tr("about.support.folder"))
	d.SetConfirmText(tr("about.support.here"))
	d.SetDismissText(tr("cancel"))
	showFiles(f.desk, d)
}

// save writes the file into a folder.
func (f *supportForm) save(dir string) {
	path := filepath.Join(dir, "foyer-support-"+f.at.Format("20060102-150405")+".zip")
	parts := f.parts
	f.ask.bar.clear()
	f.ask.yes.Disable()
	f.desk.run(func(context.Context) func() {
		err := writeSupport(path, parts)
		return func() {
			f.ask.yes.Enable()
			if err != nil {
				f.ask.bar.say(levelError, tr("about.support.failed", args{"Problem": err.Error()}))
			} else {
				f.ask.bar.say(levelOK, tr("about.support.saved", args{"File": path}))
			}
			f.ask.dialog.Refresh()
		}
	})
}

// writeSupport writes parts into a new zip that nobody else may read.
func writeSupport(path string, parts []supportPart) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // in a folder that the person has chosen
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	z := zip.NewWriter(file)
	for _, part := range parts {
		w, err := z.Create(part.name)
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte(part.text)); err != nil {
			return err
		}
	}
	return errors.Join(z.Close(), file.Sync())
}

// gatherSupport returns what support needs to know, in English as support reads it, without secrets and without the names of people's
// mailboxes. What cannot be had says so in its place.
func gatherSupport(ctx context.Context, d *desk) []supportPart {
	c := d.client
	state := d.host.Service()
	version, err := c.Version(ctx)
	about := fmt.Sprintf("Program: %s\nService: %s\nSystem: %s %s\nGo: %s\nSQLite: %s\nMay administer: %t\n", d.version, orDash(version.Version), runtime.GOOS, runtime.GOARCH,
		orDash(version.Go), orDash(version.SQLite), version.Permitted)
	if err != nil {
		about += "The service does not answer: " + app.MessageOf(err) + "\n"
	}
	parts := []supportPart{{"about.txt", about}, jsonPart("service.json", state, nil)}
	settings, err := c.Settings(ctx)
	parts = append(parts, jsonPart("settings.json", settings, err))
	address, err := c.Address(ctx)
	parts = append(parts, jsonPart("address.json", address, err))
	notices, err := c.Attention(ctx)
	parts = append(parts, jsonPart("attention.json", notices, err))
	checkup, err := c.LastCheckup(ctx)
	parts = append(parts, jsonPart("checkup.json", checkup, err))
	mail, err := c.MailStatus(ctx)
	parts = append(parts, jsonPart("mail.json", mail, err))
	lines, err := d.host.Log(ctx, supportLines)
	if err != nil {
		lines = notHad(err)
	}
	parts = append(parts, supportPart{"log.txt", lines})
	home, err := os.UserHomeDir()
	for i := range parts {
		parts[i].text = withoutSecrets(parts[i].text)
		if err == nil && len(home) > 1 {
			parts[i].text = strings.ReplaceAll(parts[i].text, home, "~") // it has the name of who is here
		}
	}
	return parts
}

// jsonPart returns a part that holds a value.
func jsonPart(name string, value any, err error) supportPart {
	var text []byte
	if err == nil {
		text, err = json.MarshalIndent(value, "", "  ")
	}
	if err != nil {
		return supportPart{name, notHad(err)}
	}
	return supportPart{name, string(text) + "\n"}
}

func notHad(err error) string { return "This could not be had: " + app.MessageOf(err) + "\n" }

var (
	// secretWord matches what programs write of a secret: its name, and what stands behind it.
	secretWord = regexp.MustCompile(`(?i)\b([a-z_.]*(?:password|passphrase|secret|token|authorization|cookie|api_key)["']?\s*[=:]\s*)("[^"]*"|'[^']*'|(?:bearer |basic )?[^\s,;{}]+)`)
	// secretKey matches identities of age and private keys in PEM.
	secretKey = regexp.MustCompile(`AGE-SECRET-KEY-[A-Za-z0-9]+|(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----`)
	// secretLink matches what makes a link of a mail worth something.
	secretLink = regexp.MustCompile(`([?&](?:t|token|code|state|key)=)[^\s&"]+`)
	// mailbox matches the part of a mail address that names a person.
	mailbox = regexp.MustCompile("[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@")
)

// withoutSecrets returns a text without what may be a secret, and without who people are: of addresses the domain stays.
func withoutSecrets(text string) string {
	text = secretKey.ReplaceAllString(text, "(removed)")
	text = secretWord.ReplaceAllString(text, `$1"(removed)"`)
	text = secretLink.ReplaceAllString(text, "$1(removed)")
	return mailbox.ReplaceAllString(text, "someone@")
}
