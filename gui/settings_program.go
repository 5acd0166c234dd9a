package gui

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// programSettings is what concerns this program on this desk only; it is kept in its preferences, not by the service.
type programSettings struct {
	appearance *widget.Select
	tray       *widget.Check
	content    fyne.CanvasObject
}

func newProgramSettings(d *desk) *programSettings {
	s := &programSettings{}
	names := map[string]string{
		appearanceSystem: tr("settings.appearance.system"), appearanceLight: tr("settings.appearance.light"), appearanceDark: tr("settings.appearance.dark"),
	}
	order := []string{appearanceSystem, appearanceLight, appearanceDark}
	options := make([]string, len(order))
	for i, name := range order {
		options[i] = names[name]
	}
	s.appearance = widget.NewSelect(options, nil)
	s.appearance.SetSelected(names[d.prefs.String(prefAppearance)])
	s.appearance.OnChanged = func(string) {
		d.prefs.SetString(prefAppearance, order[s.appearance.SelectedIndex()])
		applyTheme(fyne.CurrentApp())
	}
	s.tray = widget.NewCheck(tr("settings.tray"), func(on bool) { d.prefs.SetBool(prefTray, on) })
	s.tray.SetChecked(d.prefs.Bool(prefTray))
	wizard := newButton(tr("menu.wizard"), nil, d.wizard)
	s.content = container.NewVBox(
		newField(tr("settings.appearance"), container.NewHBox(newFixed(260, s.appearance)), ""),
		container.NewVBox(s.tray, newHint(tr("settings.tray.hint"))),
		container.NewHBox(wizard),
	)
	return s
}

// atoi returns the number a text is, 0 for one that is none.
func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
