package gui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"foyer/app"
	"foyer/app/localapi"
)

// logService gives events page by page.
type logService struct {
	Client
	all   []localapi.Event
	asked []localapi.EventFilter
	err   error
}

func (c *logService) EventPage(_ context.Context, f localapi.EventFilter, after string, limit int) (localapi.Page[localapi.Event], error) {
	c.asked = append(c.asked, f)
	if c.err != nil {
		return localapi.Page[localapi.Event]{}, c.err
	}
	var fitting []localapi.Event
	for _, e := range c.all {
		if strings.Contains(e.Subject+e.Company, f.Search) && strings.HasPrefix(e.Action, f.Action) && (!f.Refused || e.Outcome != "ok") {
			fitting = append(fitting, e)
		}
	}
	if i := slices.IndexFunc(fitting, func(e localapi.Event) bool { return e.ID == after }); after != "" {
		fitting = fitting[i+1:]
	}
	page := localapi.Page[localapi.Event]{Items: fitting}
	if len(fitting) > limit {
		page.Items, page.Next = fitting[:limit], fitting[limit-1].ID
	}
	return page, nil
}

func sampleEvents() *logService {
	at := time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC)
	return &logService{all: []localapi.Event{
		{ID: "4", At: at, Actor: "anna (uid 1000)", Action: "settings.set", Outcome: "ok", Subject: "login_link", Detail: "login_link=on"},
		{ID: "3", At: at.Add(-time.Hour), Actor: "visitor", IP: "192.0.2.7", Action: "registration.signup", Outcome: "not_listed", Subject: "eve@other.example"},
		{ID: "2", At: at.Add(-2 * time.Hour), Actor: "jane@acme.example", IP: "192.0.2.8", Action: "account.confirm", Outcome: "ok", Subject: "jane@acme.example", Company: "Acme Ltd", Entry: "acme.example"},
		{ID: "1", At: at.Add(-26 * time.Hour), Actor: "root (uid 0)", Action: "company.add", Outcome: "ok", Subject: "Acme Ltd", Company: "Acme Ltd", Entry: "acme.example"},
	}}
}

func openLog(t *testing.T, c *logService, subject string) (*testDesk, *logView) {
	t.Helper()
	d := newTestDesk(t, c)
	v, ok := newLog(d.desk).(*logView)
	if !ok {
		t.Fatal("the page of the log is no logView")
	}
	d.show(v, subject)
	return d, v
}

func TestLogShown(t *testing.T) {
	c := sampleEvents()
	d, v := openLog(t, c, "")
	if got, want := rowText(d.rowOf("eve@")), "2026-11-26 08:30 | Sign-up | eve@other.example | A visitor · 192.0.2.7"; got != want {
		t.Errorf("row %q, want %q", got, want)
	}
	test.Tap(d.rowOf("eve@"))
	d.sees("Refused: the address is on no company's list", "2026-11-26 08:30:00")
	test.AssertRendersToMarkup(t, "log_list.xml", d.window.Canvas())
	d.picture("log-list")
	v.table.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	d.sees("Account created", "jane@acme.example", "acme.example")
	v.table.list.TypedShortcut(&fyne.ShortcutCopy{})
	if got, want := d.app.Clipboard().Content(), "2026-11-26 07:30\tAccount created\tjane@acme.example\tjane@acme.example · 192.0.2.8"; got != want {
		t.Errorf("copied %q, want %q", got, want)
	}
}

func TestLogNarrowed(t *testing.T) {
	c := sampleEvents()
	d, v := openLog(t, c, "acme")
	d.seesNot("eve@other.example")
	v.search.SetText("nobody")
	d.tick()
	d.sees("No such event")
	d.tap("Show everything")
	d.sees("eve@other.example", "Settings changed")
	v.refused.SetChecked(true)
	v.family.SetSelected("Sign-ups")
	v.period.SetSelected("Last 7 days")
	d.drain()
	last := c.asked[len(c.asked)-1]
	if !last.Refused || last.Action != "registration." || time.Since(last.Since).Round(time.Hour) != 7*24*time.Hour || last.Search != "" {
		t.Errorf("asked for %+v", last)
	}
	if len(v.table.rows) != 1 {
		t.Errorf("%d rows, want the one that was refused", len(v.table.rows))
	}
}

func TestLogMorePages(t *testing.T) {
	c := &logService{}
	for i := range 350 {
		c.all = append(c.all, localapi.Event{ID: fmt.Sprint(1000 - i), Action: "account.signin", Outcome: "ok", Subject: fmt.Sprintf("p%d@acme.example", i)})
	}
	d, v := openLog(t, c, "")
	if len(v.table.rows) != 100 {
		t.Fatalf("%d rows at first, want 100", len(v.table.rows))
	}
	for range 5 {
		v.table.list.ScrollToBottom()
		d.drain()
	}
	if len(v.table.rows) != 350 || v.table.next != "" {
		t.Errorf("%d rows at the end, next %q, want 350 and none", len(v.table.rows), v.table.next)
	}
	if got := len(c.asked); got != 4 {
		t.Errorf("%d pages were read, want 4", got)
	}
}

func TestLogLive(t *testing.T) {
	c := sampleEvents()
	d, v := openLog(t, c, "")
	test.Tap(d.rowOf("eve@"))
	c.all = append([]localapi.Event{{ID: "5", Action: "account.signin", Outcome: "ok", Subject: "new@acme.example"}}, c.all...)
	v.Changed(topics{localapi.TopicEvents: true})
	d.drain()
	d.sees("new@acme.example", "Refused: the address is on no company's list")
	if row, ok := v.table.selectedRow(); !ok || row.ID != "3" {
		t.Errorf("the chosen row is %+v after a new one came", row)
	}
}

func TestLogErrors(t *testing.T) {
	c := sampleEvents()
	c.err = app.Errorf(app.Unavailable, "read_failed", "the disk is full")
	d, _ := openLog(t, c, "")
	d.sees("The disk is full.")
	c.err = &app.Error{Code: app.Unavailable, Reason: "service_unreachable", Message: "nobody answers"}
	d.tick()
	openedBefore := len(d.losses)
	v2 := newLog(d.desk)
	d.show(v2, "")
	if len(d.losses) != openedBefore+1 {
		t.Errorf("lost %v", d.losses)
	}
}
