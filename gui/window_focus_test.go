package gui

import (
	"testing"

	"fyne.io/fyne/v2"
)

func TestReveal(t *testing.T) {
	d, v := openSettings(t, sampleSettings(), "")
	d.tap("Mail limits")
	last := v.fields["limits.tls_days"].entry
	scrolls := scrollsIn(d.window.Canvas().Content(), nil)
	if len(scrolls) != 1 {
		t.Fatalf("%d scrolls on the page of settings, want 1", len(scrolls))
	}
	s := scrolls[0]
	shown := func(o fyne.CanvasObject) bool {
		driver := fyne.CurrentApp().Driver()
		top := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(s).Y
		return top >= 0 && top+o.Size().Height <= s.Size().Height
	}
	if shown(last) {
		t.Fatal("all settings are in sight; the test needs some that are not")
	}
	reveal(d.window.Canvas().Content(), last)
	if !shown(last) {
		t.Error("the last setting has the keyboard and cannot be seen")
	}
	first := v.fields["limits.mail_per_address"].entry
	reveal(d.window.Canvas().Content(), first)
	if !shown(first) {
		t.Error("the first setting has the keyboard and cannot be seen")
	}
	before := s.Offset
	reveal(d.window.Canvas().Content(), v.search)
	if s.Offset != before {
		t.Error("the search, which stands beside, scrolls the settings")
	}
}
