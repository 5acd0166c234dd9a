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

// formInput is the field of one setting, with what is wrong with it below.
type formInput struct {
	key     string
	value   func() string                // as it would be saved; of a secret "" when it stays as it is
	set     func(value localapi.Setting) // shows what is saved
	shown   func() bool                  // whether it matters for what is chosen; nil for always
	saved   localapi.Setting
	focus   typeable // what to type in; nil for a choice
	problem *widget.Label
	wrong   *fyne.Container
	box     *fyne.Container
}

// typeable is something to type in.
type typeable interface {
	fyne.CanvasObject
	fyne.Focusable
}

func newFormInput(key string, field fyne.CanvasObject) *formInput {
	i := &formInput{key: key, problem: newHint("")}
	i.problem.Importance = widget.DangerImportance
	icon := container.NewGridWrap(fyne.NewSquareSize(theme.IconInlineSize()), widget.NewIcon(levelError.icon()))
	i.wrong = newBorder(nil, nil, container.New(layout.NewCustomPaddedLayout(6, 0, 6, 0), container.NewVBox(icon)), nil, i.problem)
	i.wrong.Hide()
	i.box = container.NewVBox(field, i.wrong)
	return i
}

// touched reports whether the field says something else than what is saved.
func (i *formInput) touched() bool {
	if i.saved.Secret {
		return i.value() != ""
	}
	return i.value() != i.saved.Text
}

// checked returns the value by which the field is checked: what is saved of a secret nobody knows here.
func (i *formInput) checked() string {
	if i.saved.Secret && i.saved.Set && i.value() == "" {
		return "kept"
	}
	return i.value()
}

// matters reports whether the field is shown.
func (i *formInput) matters() bool { return i.shown == nil || i.shown() }

// say shows what is wrong with the field; "" is nothing.
func (i *formInput) say(text string) {
	i.problem.SetText(text)
	visible(i.wrong, text != "")
	i.box.Refresh()
}

// choices are the values of a setting with their words.
type choices struct{ values, texts []string }

func newChoices(prefix string, values ...string) choices {
	c := choices{values: values}
	for _, value := range values {
		c.texts = append(c.texts, tr(prefix+value))
	}
	return c
}

// value returns the value of a word, "" of none.
func (c choices) value(text string) string {
	if i := slices.Index(c.texts, text); i >= 0 {
		return c.values[i]
	}
	return ""
}

// text returns the word of a value, "" of none.
func (c choices) text(value string) string {
	if i := slices.Index(c.values, value); i >= 0 {
		return c.texts[i]
	}
	return ""
}
