package gui

import (
	"context"
	"errors"
	"image"
	"net/url"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// addressCard shows the address to give to customers, or why there is none.
type addressCard struct {
	desk    *desk
	bar     *bar
	office  string
	address string

	qr    *qrView
	label *widget.Label
	print *widget.Button
	on    fyne.CanvasObject // there is an address
	off   fyne.CanvasObject // the login link is off
	unset fyne.CanvasObject // nobody has said where the pages are

	preview *dialog.CustomDialog
	box     *fyne.Container // of the three
	content fyne.CanvasObject
}

// qrSide is how large the code is on the screen: four dots a module for most addresses.
const qrSide = 152

func newAddressCard(d *desk, b *bar) *addressCard {
	c := &addressCard{desk: d, bar: b, qr: newQR(qrSide)}
	field, label := newCopyField("", d.tell)
	c.label = label
	open := newButton(tr("home.address.open"), nil, c.open)
	c.print = newButton(tr("home.address.print"), nil, c.draw)
	label.Truncation, label.Wrapping = fyne.TextTruncateOff, fyne.TextWrapBreak // the whole of it is what it is here for
	buttons := container.NewVBox(layout.NewSpacer(), open, c.print, layout.NewSpacer())
	c.on = container.NewVBox(newBorder(nil, nil, container.New(layout.NewCustomPaddedLayout(0, 0, 0, 5), c.qr), nil, buttons), field)
	c.off = container.NewVBox(newText(tr("home.address.off")),
		newMainButton(tr("home.go.login_link"), nil, func() { d.open(pageUsers, "") }))
	c.unset = container.NewVBox(newText(tr("home.address.unset")),
		newMainButton(tr("home.go.public_url"), nil, func() { d.open(pageSettings, "public_url") }))
	c.on.Hide()
	c.off.Hide()
	c.unset.Hide()
	c.box = container.NewVBox(c.on, c.off, c.unset)
	c.content = newCard(tr("home.address"), c.box)
	return c
}

// show shows what the settings say.
func (c *addressCard) show(s localapi.Settings) {
	c.office = s["site_name"].Text
	c.on.Hide()
	c.off.Hide()
	c.unset.Hide()
	address := registerAddress(s["public_url"].Text)
	switch {
	case address == "":
		c.unset.Show()
	case s["login_link"].Text != "on":
		c.off.Show()
	default:
		if address != c.label.Text { // it may be known since before the link was on
			c.qr.show(address)
			c.label.SetText(address)
		}
		c.on.Show()
	}
	c.box.Refresh() // lays out what was hidden when the window got its size
	c.address = address
}

// registerAddress returns the address of the page on which customers sign up, or "" when that is not known.
func registerAddress(public string) string {
	u, err := url.Parse(public)
	if err != nil || public == "" {
		return ""
	}
	return u.JoinPath("register").String()
}

// open shows the page in the browser.
func (c *addressCard) open() {
	if !openAddress(c.address) {
		c.bar.say(levelError, tr("home.address.no_browser"))
	}
}

// openAddress opens an address with the program that the system has for it. It reports whether there is one.
func openAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && fyne.CurrentApp().OpenURL(u) == nil
}

// draw draws the poster and shows it.
func (c *addressCard) draw() {
	c.print.SetText(tr("home.poster.drawing"))
	c.print.Disable()
	p := poster{office: c.office, heading: tr("home.poster.heading"), hint: tr("home.poster.hint"), address: c.address}
	c.desk.run(func(context.Context) func() {
		img, err := p.draw()
		var file []byte
		if err == nil {
			file, err = encodePoster(img)
		}
		return func() {
			c.print.SetText(tr("home.address.print"))
			c.print.Enable()
			if err != nil {
				c.desk.failed(c.bar, err)
				return
			}
			c.offer(img, file)
		}
	})
}

// offer shows the poster and what can be done with it.
func (c *addressCard) offer(img image.Image, file []byte) {
	picture := canvas.NewImageFromImage(img)
	picture.FillMode = canvas.ImageFillContain
	picture.ScaleMode = canvas.ImageScaleSmooth
	picture.SetMinSize(fyne.NewSize(230, 230*posterHeight/posterWidth))
	problem := newBar()
	text := container.NewVBox(newText(tr("home.poster.text")), problem)
	framed := newPanel(colorSurface, colorLine, 2, 4, picture)

	var dlg *dialog.CustomDialog
	shut := widget.NewButton(tr("close"), func() { dlg.Hide() })
	save := newButton(tr("home.poster.save"), theme.DocumentSaveIcon(), func() { c.askWhere(file, problem) })
	show := newMainButton(tr("home.poster.show"), theme.DocumentPrintIcon(), func() { c.openPoster(file, problem) })
	dlg = dialog.NewCustomWithoutButtons(tr("home.poster.title"), newFixed(560, newBorder(nil, nil, framed, nil, text)), c.desk.window)
	dlg.SetButtons([]fyne.CanvasObject{shut, save, show})
	dlg.Show()
	c.preview = dlg
	c.desk.window.Canvas().Focus(shut)
}

// askWhere asks for a file and writes the poster to it.
func (c *addressCard) askWhere(file []byte, problem *bar) {
	dlg := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		switch {
		case err != nil:
			problem.say(levelError, tr("home.poster.not_saved", args{"Why": err.Error()}))
		case w != nil:
			c.save(w, file, problem)
		}
	}, c.desk.window)
	dlg.SetFileName(posterName())
	dlg.SetFilter(storage.NewExtensionFileFilter([]string{".png"}))
	dlg.Resize(fyne.NewSize(700, 500))
	dlg.Show()
}

// save writes the poster to a file.
func (c *addressCard) save(w fyne.URIWriteCloser, file []byte, problem *bar) {
	c.desk.run(func(context.Context) func() {
		err := writeAll(w, file)
		return func() {
			if err != nil {
				problem.say(levelError, tr("home.poster.not_saved", args{"Why": err.Error()}))
				return
			}
			c.preview.Hide()
			c.desk.tell(tr("home.poster.saved", args{"File": w.URI().Name()}))
		}
	})
}

// openPoster writes the poster among the program's own files and opens it with the system's viewer of pictures, which prints.
func (c *addressCard) openPoster(file []byte, problem *bar) {
	docs := fyne.CurrentApp().Storage()
	c.desk.run(func(context.Context) func() {
		address, err := keep(docs, file)
		return func() {
			if err != nil || !openAddress(address) {
				problem.say(levelWarning, tr("home.poster.no_viewer"))
				return
			}
			c.preview.Hide()
		}
	})
}

// keep writes the poster among the program's own files and returns its address.
func keep(docs fyne.Storage, file []byte) (string, error) {
	w, err := docs.Create(posterName())
	if errors.Is(err, storage.ErrAlreadyExists) {
		w, err = docs.Save(posterName())
	}
	if err != nil {
		return "", err
	}
	return w.URI().String(), writeAll(w, file)
}
