package localapi

import (
	"strconv"
	"time"

	"foyer/app"
)

func companyOf(c app.Company) Company {
	out := Company{
		Name: c.Name, Enabled: c.Enabled, CreatedAt: c.CreatedAt.UTC(), Accounts: c.Accounts,
		Entries: make([]Entry, 0, len(c.Entries)), Overlaps: make([]Overlap, 0, len(c.Overlaps)),
	}
	for _, e := range c.Entries {
		out.Entries = append(out.Entries, entryOf(e))
	}
	for _, o := range c.Overlaps {
		out.Overlaps = append(out.Overlaps, Overlap(o))
	}
	return out
}

func entryOf(e app.Entry) Entry {
	out := Entry{Entry: e.String(), Display: e.Display(), Kind: string(e.Kind), Deny: e.Deny, MixedScript: e.MixedScript()}
	if out.MixedScript {
		out.Warning = "it mixes the letters of several scripts, as look-alike domains do"
	}
	if err := e.Refusal(); err != nil {
		out.Warning = app.MessageOf(err)
	}
	return out
}

func accountOf(a app.Account) Account {
	return Account{
		Email: a.Email.String(), FirstName: a.FirstName, LastName: a.LastName, Phone: a.Phone, Company: a.Company,
		Groups: append([]string{}, a.Groups...), State: string(a.State), CreatedAt: a.CreatedAt.UTC(),
		Identities: []Identity{}, ListMatch: a.ListMatch, Entry: a.Entry,
	}
}

func registrationOf(r app.Registration) Registration {
	return Registration{
		Email: r.Email.String(), FirstName: r.FirstName, LastName: r.LastName, Phone: r.Phone, Company: r.Company,
		Entry: r.Entry, CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), CodeTries: r.CodeTries,
	}
}

func allowTestOf(addr app.Address, v app.Verdict, ways []app.Way) AllowTest {
	out := AllowTest{
		Address: addr.String(), Allowed: v.Allowed, Company: v.Company, Entry: v.Entry,
		Reason: v.Explain(), ReasonCode: string(v.Reason),
		Ways: make([]Way, 0, len(ways)), Covering: make([]Covering, 0, len(v.Covering)),
	}
	for _, way := range ways {
		out.Ways = append(out.Ways, Way(way))
	}
	for _, e := range v.Covering {
		out.Covering = append(out.Covering, Covering{Entry: e.String(), Company: e.Company})
	}
	return out
}

func messageOf(m app.Message) Message {
	return Message{
		ID: strconv.FormatInt(m.ID, 10), Kind: string(m.Kind), Recipient: m.Recipient.String(), Subject: m.Subject,
		State: string(m.State), Attempts: m.Attempts, NextAttempt: timeOrNull(m.NextAttempt), Reply: m.Reply,
		CreatedAt: m.CreatedAt.UTC(),
	}
}

func messageDetailOf(m app.Message) MessageDetail {
	return MessageDetail{
		Message: messageOf(m), Sender: m.Sender, Data: string(m.Data), MessageID: m.MessageID,
		ExpiresAt: timeOrNull(m.ExpiresAt),
	}
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func eventOf(e app.Event) Event {
	return Event{
		ID: strconv.FormatInt(e.ID, 10), At: e.At.UTC(), Actor: e.Actor, IP: e.IP, Action: string(e.Action),
		Outcome: e.Outcome, Subject: e.Subject, Company: e.Company, Entry: e.Entry, Detail: e.Detail,
	}
}

// settingsOf returns the wire form of the settings. The text of a secret does not get into it.
func settingsOf(s app.Settings) Settings {
	out := Settings{}
	for _, def := range app.SettingDefs() {
		value := def.Value(s)
		if def.Secret() {
			out[def.Key] = Setting{Secret: true, Set: value != ""}
			continue
		}
		out[def.Key] = Setting{Text: value, Number: def.Kind == app.KindNumber}
	}
	return out
}
