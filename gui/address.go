package gui

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

const (
	// addressTrial is how long a change of the address is tried before it is undone, unless somebody keeps it.
	addressTrial = time.Minute
	// addressTimeout bounds a change: the service asks a certificate authority before it changes anything.
	addressTimeout = 2 * time.Minute
)

// addressView is where and how the pages are served: how it is now, and how it is to be. It stands among the settings.
type addressView struct {
	desk    *desk
	bar     *bar
	state   *addressState
	form    *addressForm
	pending *addressPending
	apply   *widget.Button
	undo    *widget.Button
	count   *widget.Label
	foot    fyne.CanvasObject // Apply and Discard, for where they belong
	content fyne.CanvasObject
	now     func() time.Time

	query    int
	applying bool
}

func newAddressView(d *desk) *addressView {
	v := &addressView{desk: d, bar: newBar(), count: newSmall(""), now: time.Now}
	v.state = newAddressState(d)
	v.form = newAddressForm(d, v.changed, v.submit)
	v.pending = newAddressPending(d, v.settled)
	v.pending.now = func() time.Time { return v.now() }
	v.apply = newMainButton(tr("address.apply"), theme.ConfirmIcon(), v.submit)
	v.undo = newButton(tr("discard"), nil, v.form.discard)
	v.foot = container.NewHBox(v.apply, v.undo, v.count)
	v.content = container.NewVBox(v.bar, newHeading(tr("address.now")), v.state.content, gap(8), newHeading(tr("address.change")), v.form.content)
	v.changed()
	return v
}

// unsaved reports whether something was typed, or a change waits for somebody to keep it.
func (v *addressView) unsaved() bool { return len(v.form.changes()) > 0 || v.pending.waits() }

// fits reports whether the words of a search are among those of this view.
func (v *addressView) fits(text string) bool {
	return slices.ContainsFunc(v.form.inputs, func(i *addressInput) bool {
		return strings.Contains(strings.ToLower(i.label+" "+i.key), text)
	}) || strings.Contains(strings.ToLower(tr("settings.group."+groupAddress)), text)
}

// read reads how it is now. What is typed stays.
func (v *addressView) read() {
	v.query++
	query := v.query
	v.desk.run(func(ctx context.Context) func() {
		address, settings, err := readAddress(ctx, v.desk.client)
		return func() {
			switch {
			case query != v.query:
			case err != nil:
				v.desk.failed(v.bar, err)
			default:
				v.show(address, settings)
			}
		}
	})
}

// readAddress returns where the pages are served, with the settings.
func readAddress(ctx context.Context, c Client) (localapi.Address, localapi.Settings, error) {
	address, err := c.Address(ctx)
	if err != nil {
		return localapi.Address{}, nil, err
	}
	settings, err := c.Settings(ctx)
	return address, settings, err
}

func (v *addressView) show(address localapi.Address, settings localapi.Settings) {
	v.state.show(address, v.now())
	v.form.take(settings, address.Fixed)
	v.pending.show(address.Pending, settings)
	v.changed()
}

// changed follows what is typed.
func (v *addressView) changed() {
	if v.apply == nil {
		return
	}
	n := len(v.form.changes())
	enable(v.apply, n > 0 && !v.applying && !v.pending.waits())
	enable(v.undo, n > 0 && !v.applying)
	switch {
	case v.pending.waits():
		v.count.SetText(tr("address.decide"))
	case n > 0:
		v.count.SetText(trn("address.changes", n))
	default:
		v.count.SetText("")
	}
}

// submit shows what will change, and changes it when the person says so.
func (v *addressView) submit() {
	changes := v.form.changes()
	if len(changes) == 0 || v.apply.Disabled() || !v.form.check() {
		return
	}
	v.desk.ask(tr("address.ask"), v.comparison(changes), tr("address.try"), widget.HighImportance, func() { v.store(changes) })
}

// comparison shows what each setting is and will be, and what comes of it.
func (v *addressView) comparison(changes map[string]string) fyne.CanvasObject {
	box := container.NewVBox()
	for _, i := range v.form.inputs {
		to, ok := changes[i.key]
		if !ok {
			continue
		}
		was, will := newText(addressValue(i.key, i.saved.Text)), newText(addressValue(i.key, to))
		was.Importance, will.TextStyle.Bold = widget.LowImportance, true
		arrow := container.NewVBox(container.New(layout.NewCustomPaddedLayout(8, 0, 4, 4), widget.NewIcon(theme.NavigateNextIcon())))
		values := newBorder(nil, nil, nil, nil, container.New(&sidesLayout{}, was, arrow, will))
		box.Add(container.New(layout.NewCustomPaddedVBoxLayout(-4), newSmall(i.label), values))
	}
	box.Add(widget.NewSeparator())
	if to, ok := changes[keyPublicURL]; ok && v.form.field(keyPublicURL).saved.Text != "" && to != "" {
		box.Add(newHint(tr("address.ask.public_url")))
	}
	if changes[keyTLSMode] == app.TLSOff {
		box.Add(newHint(tr("address.meaning.off")))
	}
	box.Add(newHint(tr("address.ask.trial", args{"Seconds": int(addressTrial / time.Second)})))
	return box
}

// addressValue returns what a setting says, in words.
func addressValue(key, value string) string {
	switch {
	case key == keyTLSMode && value != "":
		return tr("address.served." + value)
	case value == "":
		return tr("address.nothing")
	case value == switchOn:
		return tr("on")
	case value == switchOff:
		return tr("off")
	default:
		return value
	}
}

// store makes the change, for a time.
func (v *addressView) store(changes map[string]string) {
	v.bar.clear()
	v.pending.clear()
	v.applying = true
	v.query++ // what was asked before is older than the answer
	v.apply.SetText(tr("address.applying"))
	v.changed()
	v.form.asking(v.bar)
	changeAddress(v.desk, changes, addressTrial, func(address localapi.Address, settings localapi.Settings, err error) {
		v.bar.clear()
		v.applying = false
		v.apply.SetText(tr("address.apply"))
		if err != nil {
			v.changed()
			v.refused(err)
			return
		}
		v.stored(address, settings, changes)
	})
}

// changeAddress changes settings of the address, for a time unless within is zero, and tells how it is then.
func changeAddress(d *desk, changes map[string]string, within time.Duration, tell func(localapi.Address, localapi.Settings, error)) {
	d.runFor(addressTimeout, func(ctx context.Context) func() {
		address, err := d.client.ChangeAddress(ctx, changes, within)
		var settings localapi.Settings
		if err == nil {
			settings, err = d.client.Settings(ctx)
		}
		return func() { tell(address, settings, err) }
	})
}

func (v *addressView) refused(err error) {
	if !v.form.refuse(err) {
		v.desk.failed(v.bar, err)
		return
	}
	v.bar.say(levelError, tr("address.refused"))
}

// stored shows what the pages are like now, and keeps what was typed meanwhile.
func (v *addressView) stored(address localapi.Address, settings localapi.Settings, changes map[string]string) {
	v.form.trial.clear()
	v.form.accept(changes)
	v.show(address, settings)
	if address.Pending == nil {
		v.desk.tell(tr("saved"))
		return
	}
	v.desk.window.Canvas().Focus(v.pending.back) // the safe one
	v.pending.test(settings[keyPublicURL].Text)
}

// settled is told by what waits when it waits no more: it was kept, or has gone back.
func (v *addressView) settled(address localapi.Address, settings localapi.Settings) {
	v.query++
	v.state.show(address, v.now())
	v.form.take(settings, address.Fixed)
	v.changed()
}

// asking says that a certificate authority is asked, where that is so: it takes its time.
func (f *addressForm) asking(b *bar) {
	if f.chosen() == app.TLSACME {
		b.say(levelInfo, tr("address.asking"))
	}
}

// accept takes values that were typed for those that are saved, so that they follow the service again.
func (f *addressForm) accept(changes map[string]string) {
	for key, value := range maps.All(changes) {
		if i := f.field(key); i != nil && i.value() == value {
			i.saved.Text = value
		}
	}
}

// testAddress asks whether the pages answer at an address.
func testAddress(d *desk, address string, tell func(localapi.Trial, error)) {
	d.run(func(ctx context.Context) func() {
		t, err := d.client.TestPublicURL(ctx, address)
		return func() { tell(t, err) }
	})
}

// sidesLayout places two objects side by side in equal parts, with one as small as it can be between them.
type sidesLayout struct{}

// MinSize returns the size of all.
func (l *sidesLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	a, mid, b := objects[0].MinSize(), objects[1].MinSize(), objects[2].MinSize()
	return fyne.NewSize(2*max(a.Width, b.Width)+mid.Width, max(a.Height, mid.Height, b.Height))
}

// Layout places all.
func (l *sidesLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	mid := objects[1].MinSize().Width
	side := (size.Width - mid) / 2
	x := float32(0)
	for i, width := range []float32{side, mid, side} {
		objects[i].Resize(fyne.NewSize(width, size.Height))
		objects[i].Move(fyne.NewPos(x, 0))
		x += width
	}
}
