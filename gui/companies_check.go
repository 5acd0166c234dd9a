package gui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// listWatch has the service check a company's entries while they are typed, and shows what it says.
type listWatch struct {
	form   *companyForm
	box    *fyne.Container // the notes
	said   string          // something to say once
	last   localapi.ListCheck
	query  int
	cancel func()
}

// maxNotes is how many notes of one sort are shown; the others are counted.
const maxNotes = 6

func newListWatch(c *companyForm) *listWatch {
	return &listWatch{form: c, box: container.New(layout.NewCustomPaddedVBoxLayout(-4)), cancel: func() {}}
}

// soon checks when typing rests.
func (w *listWatch) soon() {
	w.query++ // what is asked already is about an older list
	w.cancel()
	w.cancel = w.form.desk.later(searchDelay, w.now)
}

// stop forgets the list.
func (w *listWatch) stop() {
	w.query++
	w.cancel()
	w.said, w.last = "", localapi.ListCheck{}
}

// now checks at once.
func (w *listWatch) now() { w.ask(func() {}) }

// ask checks at once and does something when the answer is shown.
func (w *listWatch) ask(then func()) {
	w.cancel()
	w.query++
	query := w.query
	c := w.form
	draft := localapi.ListDraft{Company: c.base.Name, Entries: c.field.text()}
	c.desk.run(func(ctx context.Context) func() {
		check, err := c.desk.client.CheckList(ctx, draft)
		return func() {
			if query != w.query {
				return
			}
			if err != nil {
				c.setBusy(false)
				c.missed(draft.Company, err)
				return
			}
			w.take(check)
			then()
		}
	})
}

// take marks the chips with what the service says of them.
func (w *listWatch) take(check localapi.ListCheck) {
	w.last = check
	entries := make(map[string]localapi.DraftEntry, len(check.Entries))
	for _, e := range check.Entries {
		entries[e.Entry.Entry] = e
	}
	problems := make(map[string]*localapi.Problem, len(check.Problems))
	for i := range check.Problems {
		problems[check.Problems[i].Token] = &check.Problems[i]
	}
	for _, t := range w.form.field.tokens {
		t.problem = problemFor(t, problems)
		e, ok := entries[t.key]
		if !ok {
			continue
		}
		t.display, t.deny, t.mixed, t.warning = e.Display, e.Deny, e.MixedScript, e.Warning
		t.added, t.owner = e.New, e.Owner
	}
	w.form.field.refresh()
	w.show()
}

// problemFor returns the problem of a token, or nil.
func problemFor(t *token, problems map[string]*localapi.Problem) *localapi.Problem {
	for _, name := range []string{t.typed, t.key} {
		if p := problems[name]; p != nil {
			return p
		}
	}
	if p := problems[strings.TrimPrefix(t.key, "!")]; p != nil && p.Reason == "entry_both" {
		return p
	}
	return nil
}

// show writes the notes.
func (w *listWatch) show() {
	w.box.RemoveAll()
	w.problems()
	w.owned()
	w.doubtful()
	w.overlaps()
	w.consequences()
	if w.said != "" {
		w.note(levelInfo, w.said, "", nil)
	}
	w.box.Refresh()
	w.form.grown()
}

// note adds a note with, perhaps, a button.
func (w *listWatch) note(l level, text, action string, do func()) {
	icon := container.NewGridWrap(fyne.NewSquareSize(18), widget.NewIcon(l.icon()))
	label := newHint(text)
	label.Importance = l.importance()
	label.Selectable = true
	var button fyne.CanvasObject
	if do != nil {
		b := newButton(action, nil, do)
		button = container.NewCenter(b)
	}
	w.box.Add(newBorder(nil, nil, container.New(layout.NewCustomPaddedLayout(6, 0, 0, 0), container.NewVBox(icon)), button, label))
}

// more says how many notes of a sort are not shown.
func (w *listWatch) more(l level, n int) {
	if n > maxNotes {
		w.note(l, trn("companies.note.more", n-maxNotes), "", nil)
	}
}

func (w *listWatch) problems() {
	n := 0
	for _, t := range w.form.field.tokens {
		if t.problem == nil {
			continue
		}
		if n++; n <= maxNotes {
			w.note(levelError, problemText(*t.problem), "", nil)
		}
	}
	w.more(levelError, n)
	w.typed()
}

// typed says how what is being typed would do.
func (w *listWatch) typed() {
	text := w.form.field.entry.Text
	if text == "" {
		return
	}
	t := newToken(text)
	for _, p := range w.last.Problems {
		if p.Token == text || p.Token == t.key {
			w.note(levelInfo, problemText(p), "", nil)
			return
		}
	}
	for _, e := range w.last.Entries {
		if e.Entry.Entry != t.key {
			continue
		}
		t.display = e.Display
		switch {
		case !e.New:
			w.note(levelInfo, tr("companies.note.double", args{"Entry": t.name()}), "", nil)
		case e.Owner != "":
			w.note(levelWarning, tr("companies.note.owned", args{"Entry": t.name(), "Company": e.Owner}), "", nil)
		default:
			w.note(levelOK, tr("companies.note.good", args{"Entry": t.name()}), "", nil)
		}
		return
	}
}

// owned offers to take entries from the companies that have them.
func (w *listWatch) owned() {
	n := 0
	for _, t := range w.form.field.tokens {
		if t.owner == "" {
			continue
		}
		if n++; n > maxNotes {
			continue
		}
		values := args{"Entry": t.name(), "Company": t.owner}
		set := func(move bool) func() {
			return func() {
				t.move = move
				w.form.field.refresh()
				w.show()
			}
		}
		if t.move {
			w.note(levelInfo, tr("companies.note.moving", values), tr("companies.note.stay"), set(false))
		} else {
			w.note(levelWarning, tr("companies.note.owned", values), tr("companies.note.move"), set(true))
		}
	}
	w.more(levelWarning, n)
}

// doubtful says what is odd about entries that are accepted all the same.
func (w *listWatch) doubtful() {
	n := 0
	for _, t := range w.form.field.tokens {
		text := ""
		switch {
		case t.problem != nil:
		case t.mixed:
			text = tr("companies.note.mixed", args{"Entry": t.name()})
		case t.warning != "":
			text = tr("companies.note.old", args{"Entry": t.name(), "Why": t.warning})
		}
		if text == "" {
			continue
		}
		if n++; n <= maxNotes {
			w.note(levelWarning, text, "", nil)
		}
	}
	w.more(levelWarning, n)
}

func (w *listWatch) overlaps() {
	for i, o := range w.last.Overlaps {
		if i == maxNotes {
			break
		}
		w.note(levelInfo, tr("companies.note.overlap", args{"Entry": o.Entry, "Other": o.Other, "Company": o.OtherCompany}), "", nil)
	}
	w.more(levelInfo, len(w.last.Overlaps))
}

// consequences says what saving would do.
func (w *listWatch) consequences() {
	c := w.form
	if n := len(w.last.Removed); n > 0 {
		names := strings.Join(w.last.Removed[:min(n, maxNotes)], ", ")
		if n > maxNotes {
			names += " …"
		}
		w.note(levelInfo, trn("companies.note.removed", n, args{"Entries": names}), tr("companies.note.back"), w.putBack)
	}
	if w.last.OffList > 0 {
		w.note(levelWarning, offText(w.last), "", nil)
	}
	if len(c.field.tokens) == 0 {
		w.note(levelWarning, tr("companies.note.empty"), "", nil)
	}
}

// putBack takes the entries into the list again that were removed from it.
func (w *listWatch) putBack() {
	c := w.form
	_, remove := c.delta()
	have := map[string]bool{}
	for _, name := range remove {
		have[name] = true
	}
	for _, e := range c.base.Entries {
		if have[e.Entry] {
			c.field.tokens = append(c.field.tokens, tokenOf(e))
		}
	}
	c.field.show()
	c.entriesEdited()
	w.now()
}

// offText says which accounts would no longer match.
func offText(check localapi.ListCheck) string {
	names := strings.Join(check.OffNames, ", ")
	if check.OffList > len(check.OffNames) {
		names += " …"
	}
	return trn("companies.note.off", check.OffList, args{"Names": names})
}

// problemText says in words why a token is refused, quoting it.
func problemText(p localapi.Problem) string {
	values := args{"Token": p.Token}
	for name, value := range p.Args {
		values[name] = value
	}
	key := ""
	switch rest := strings.TrimPrefix(p.Token, "!"); {
	case p.Reason != "entry_invalid":
	case strings.HasPrefix(rest, "*@"):
		key, values["Domain"] = "companies.problem.star", strings.TrimPrefix(rest, "*@")
	case strings.HasPrefix(rest, "."):
		key, values["Domain"] = "companies.problem.dot", "*"+rest
	case strings.Contains(rest, "@"):
		key = "companies.problem.address"
	}
	if key != "" {
		return tr(key, values)
	}
	if text := reasonText(p.Reason, values); text != "" {
		return text
	}
	return sentence(p.Message)
}
