package localapi

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"foyer/app"
)

// Stats is what the last days were like, one Day each, the oldest first and today last. Days without anything are there.
type Stats struct {
	Days []Day `json:"days"`
	// Totals of now.
	Accounts      int `json:"accounts"`
	Disabled      int `json:"disabled"` // of the accounts
	Registrations int `json:"registrations"`
	Companies     int `json:"companies"`
}

// Day is what happened on one day of the caller's clock.
type Day struct {
	Day      string `json:"day"`      // as in "2026-11-26"
	Requests int    `json:"requests"` // sign-ups that were asked for and got a registration
	Accounts int    `json:"accounts"` // accounts that were made
	// Mails by the day they were written, as they stand now. They are kept limits.mail_days only.
	Delivered int `json:"delivered"`
	Deferred  int `json:"deferred"` // waits, after an attempt or before its first
	Failed    int `json:"failed"`
	Captured  int `json:"captured"`
}

// Stats returns the last days, today included; offset is how far the caller's clock is ahead of UTC. days is 1 to 366.
// Invalid.
func (c *Client) Stats(ctx context.Context, days int, offset time.Duration) (Stats, error) {
	query := url.Values{"days": {strconv.Itoa(days)}, "offset": {strconv.Itoa(int(offset / time.Minute))}}
	return do[Stats](ctx, c, "GET", pathStats+"?"+query.Encode(), "", nil)
}

// Notice is something that wants the administrator's attention.
type Notice struct {
	Code    string            `json:"code"`    // stable, by which clients find their own words and the place to go
	Level   string            `json:"level"`   // "error" or "warning"
	Subject string            `json:"subject"` // the connector, entry, host or setting it is about; "" for none
	Count   int               `json:"count"`   // how many it is about, where that is a number; 0 otherwise
	Text    string            `json:"text"`    // a sentence in English that says what to do
	Args    map[string]string `json:"args"`    // values for a sentence in another language
}

// Attention returns what wants attention, errors first.
func (c *Client) Attention(ctx context.Context) ([]Notice, error) {
	page, err := getPage[Notice](ctx, c, pathAttention, nil, "", 0)
	return page.Items, err
}

func (h *handler) stats(r *request) (any, error) {
	query, err := r.query("days", "offset")
	if err != nil {
		return nil, err
	}
	numbers := map[string]int{"days": 30}
	for name, text := range query {
		if numbers[name], err = strconv.Atoi(text); err != nil {
			return nil, app.Fieldf(name, name+"_invalid", "%s is a whole number", name)
		}
	}
	offset := time.Duration(max(min(numbers["offset"], 10_000), -10_000)) * time.Minute
	stats, err := h.Backend.Stats(r.Context(), numbers["days"], offset)
	if err != nil {
		return nil, err
	}
	return statsOf(stats, offset), nil
}

func statsOf(s app.Stats, offset time.Duration) Stats {
	out := Stats{Days: make([]Day, 0, len(s.Days)), Accounts: s.Accounts, Disabled: s.Disabled, Registrations: s.Registrations, Companies: s.Companies}
	for _, d := range s.Days {
		out.Days = append(out.Days, Day{
			Day: d.Begin.UTC().Add(offset).Format(time.DateOnly), Requests: d.Requests, Accounts: d.Accounts,
			Delivered: d.Mails[app.MessageDelivered], Failed: d.Mails[app.MessageFailed], Captured: d.Mails[app.MessageCaptured],
			Deferred: d.Mails[app.MessageDeferred] + d.Mails[app.MessageQueued] + d.Mails[app.MessageSending] + d.Mails[app.MessageHeld],
		})
	}
	return out
}

func (h *handler) attention(r *request) (any, error) {
	if _, err := r.query(); err != nil {
		return nil, err
	}
	concerns, err := h.Backend.Attention(r.Context())
	if err != nil {
		return nil, err
	}
	return page(concerns, -1, noticeOf, nil), nil
}

func noticeOf(c app.Concern) Notice {
	n := Notice{Code: c.Code, Level: "warning", Subject: c.Subject, Count: c.Count, Text: c.Text, Args: c.Args}
	if c.Error {
		n.Level = "error"
	}
	if n.Args == nil {
		n.Args = map[string]string{}
	}
	return n
}
