package gui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// mailInput is the field of one setting, with what is wrong with it below.
type mailInput struct {
	key     string
	value   func() string                // as it would be saved; of a secret "" when it stays as it is
	set     func(value localapi.Setting) // shows what is saved
	shown   func() bool                  // whether it matters for what is chosen; nil for always
	saved   localapi.Setting
	focus   mailFocus // what to type in; nil for a choice
	problem *widget.Label
	wrong   *fyne.Container
	box     *fyne.Container
}

// mailFocus is something to type in.
type mailFocus interface {
	fyne.CanvasObject
	fyne.Focusable
}

func newMailInput(key string, field fyne.CanvasObject) *mailInput {
	i := &mailInput{key: key, problem: newHint("")}
	i.problem.Importance = widget.DangerImportance
	icon := container.NewGridWrap(fyne.NewSquareSize(theme.IconInlineSize()), widget.NewIcon(levelError.icon()))
	i.wrong = newBorder(nil, nil, container.New(layout.NewCustomPaddedLayout(6, 0, 6, 0), mailTop(icon)), nil, i.problem)
	i.wrong.Hide()
	i.box = container.NewVBox(field, i.wrong)
	return i
}

// touched reports whether the field says something else than what is saved.
func (i *mailInput) touched() bool {
	if i.saved.Secret {
		return i.value() != ""
	}
	return i.value() != i.saved.Text
}

// checked returns the value by which the field is checked: what is saved of a secret nobody knows here.
func (i *mailInput) checked() string {
	if i.saved.Secret && i.saved.Set && i.value() == "" {
		return "kept"
	}
	return i.value()
}

// matters reports whether the field is shown.
func (i *mailInput) matters() bool { return i.shown == nil || i.shown() }

// say shows what is wrong with the field; "" is nothing.
func (i *mailInput) say(text string) {
	i.problem.SetText(text)
	visible(i.wrong, text != "")
	i.box.Refresh()
}

// mailChoices are the values of a setting with their words.
type mailChoices struct{ values, texts []string }

func newMailChoices(prefix string, values ...string) mailChoices {
	c := mailChoices{values: values}
	for _, value := range values {
		c.texts = append(c.texts, tr(prefix+value))
	}
	return c
}

// value returns the value of a word, "" of none.
func (c mailChoices) value(text string) string {
	if i := slices.Index(c.texts, text); i >= 0 {
		return c.values[i]
	}
	return ""
}

// text returns the word of a value, "" of none.
func (c mailChoices) text(value string) string {
	if i := slices.Index(c.values, value); i >= 0 {
		return c.texts[i]
	}
	return ""
}

// mailSecret is the field of a secret: whether there is one, and a way to give another. What is saved is never shown.
type mailSecret struct {
	state   *pill
	entry   *widget.Entry
	replace *widget.Button
	keep    *widget.Button
	content *fyne.Container
}

func newMailSecret(changed func(), submit func(string)) *mailSecret {
	s := &mailSecret{state: newPill("", levelPlain), entry: widget.NewPasswordEntry()}
	s.entry.OnChanged = func(string) { changed() }
	s.entry.OnSubmitted = submit
	s.replace = newButton(tr("mail.secret_replace"), nil, func() {
		s.edit(true)
		if c := fyne.CurrentApp().Driver().CanvasForObject(s.entry); c != nil {
			c.Focus(s.entry)
		}
	})
	s.keep = newButton(tr("mail.secret_keep"), nil, func() { s.edit(false) })
	s.content = container.NewStack(
		container.NewHBox(mailMiddle(s.state), s.replace), newBorder(nil, nil, nil, s.keep, s.entry))
	return s
}

// set shows whether there is one.
func (s *mailSecret) set(isSet bool) {
	if isSet {
		s.state.set(tr("mail.secret_set"), levelOK)
	} else {
		s.state.set(tr("mail.secret_missing"), levelInfo)
	}
	visible(s.keep, isSet)
	s.edit(!isSet)
}

// edit shows the field to type in, or the state.
func (s *mailSecret) edit(on bool) {
	s.entry.SetText("")
	visible(s.content.Objects[0], !on)
	visible(s.content.Objects[1], on)
	s.content.Refresh()
}
