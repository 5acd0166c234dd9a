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
		Tenants: append([]string{}, c.Tenants...),
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
	return Entry{Entry: e.String(), Display: e.Display(), Kind: string(e.Kind), Deny: e.Deny, MixedScript: e.MixedScript(), Warning: e.Warning()}
}

// programOf returns the wire form of a program. The hash of its password does not get into it.
func programOf(p app.Program) Program {
	out := Program{
		Name: p.Name, Senders: make([]string, 0, len(p.Senders)), LocalUser: p.LocalUser, Enabled: p.Enabled,
		CreatedAt: p.CreatedAt.UTC(), SeenAt: timeOrNull(p.SeenAt),
	}
	for _, e := range p.Senders {
		out.Senders = append(out.Senders, e.String())
	}
	return out
}

// connectorOf returns the wire form of a connector. The text of its secret does not get into it.
func connectorOf(c app.ConnectorState) Connector {
	out := Connector{
		Name: c.Name, Kind: string(c.Kind), Label: c.Label, Title: c.Title(), ClientID: c.ClientID,
		ClientSecret: Setting{Secret: true, Set: c.ClientSecret != ""}, SecretExpires: dayOrNull(c.SecretExpires),
		Tenant: c.Tenant, Issuer: c.Issuer, Enabled: c.Enabled, SignUp: c.SignUp, TrustVerified: c.TrustVerified,
		Works: c.Works, RedirectURI: c.RedirectURI, Findings: make([]Finding, 0, len(c.Findings)),
		LastSignIn: timeOrNull(c.LastSignIn), LastProblem: c.LastProblem, LastProblemAt: timeOrNull(c.LastProblemAt),
		CreatedAt: c.CreatedAt.UTC(),
	}
	for _, f := range c.Findings {
		out.Findings = append(out.Findings, Finding(f))
	}
	return out
}

func dayOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	day := t.UTC().Format(time.DateOnly)
	return &day
}

func accountOf(a app.Account) Account {
	out := Account{
		Email: a.Email.String(), FirstName: a.FirstName, LastName: a.LastName, Phone: a.Phone, Company: a.Company,
		Groups: append([]string{}, a.Groups...), State: string(a.State), CreatedAt: a.CreatedAt.UTC(),
		Identities: make([]Identity, 0, len(a.Identities)), ListMatch: a.ListMatch, Entry: a.Entry,
	}
	for _, i := range a.Identities {
		out.Identities = append(out.Identities, identityOf(i))
	}
	return out
}

func identityOf(i app.Identity) Identity {
	return Identity{
		ID: strconv.FormatInt(i.ID, 10), Issuer: i.Issuer, Subject: i.Subject, Tenant: i.Tenant, Object: i.Object, Connector: i.Connector, Email: i.Email,
		CreatedAt: i.CreatedAt.UTC(), SeenAt: i.SeenAt.UTC(),
	}
}

func registrationOf(r app.Registration) Registration {
	out := Registration{
		Email: r.Email.String(), FirstName: r.FirstName, LastName: r.LastName, Phone: r.Phone, Company: r.Company,
		Entry: r.Entry, CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), CodeTries: r.CodeTries,
	}
	if r.Identity != nil {
		out.Through = r.Identity.Connector
	}
	return out
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
		CreatedAt: m.CreatedAt.UTC(), Program: m.Program,
	}
}

func lastMailOf(m app.Message) *LastMail {
	return &LastMail{
		ID: strconv.FormatInt(m.ID, 10), Kind: string(m.Kind), State: string(m.State), CreatedAt: m.CreatedAt.UTC(), Reply: m.Reply,
	}
}

func suppressedOf(s app.Suppression) Suppressed {
	return Suppressed{Address: s.Address.String(), Since: s.Since.UTC(), Reason: s.Reason}
}

func tlsHostOf(h app.TLSHost) TLSHost {
	return TLSHost{Host: h.Host, SeenAt: h.Seen.UTC(), Version: h.Version, Cipher: h.Cipher, LostAt: timeOrNull(h.Lost)}
}

func messageDetailOf(m app.Message) MessageDetail {
	out := MessageDetail{
		Message: messageOf(m), Sender: m.Sender, Data: string(m.Data), MessageID: m.MessageID,
		ExpiresAt: timeOrNull(m.ExpiresAt), Steps: []MailStep{}, Verdict: m.Verdict(),
	}
	for _, s := range m.Steps {
		out.Steps = append(out.Steps, MailStep{Name: s.Name, OK: s.OK, Detail: s.Detail, TookMS: s.Took.Milliseconds()})
	}
	return out
}

func dnsRecordOf(r app.DNSRecord) DNSRecord {
	return DNSRecord{
		Kind: r.Kind, Name: r.Name, Type: r.Type, Value: r.Value, Found: append([]string{}, r.Found...), State: string(r.State),
		Required: r.Required, Text: r.Text,
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

func mailStatusOf(s app.MailStatus) MailStatus {
	out := MailStatus{
		Transport: s.Transport, Held: s.Held, Messages: map[string]int{}, Oldest: timeOrNull(s.Waiting.Oldest), Since: s.Traffic.Since.UTC(),
		Attempts: map[string]int64{}, AttemptTime: durationsOf(s.Traffic.Took), DeliveryAge: durationsOf(s.Traffic.Age),
		Destinations: make([]MailDestination, 0, len(s.Traffic.Destinations)),
	}
	for state, n := range s.Waiting.States {
		out.Messages[string(state)] = n
	}
	for state, n := range s.Traffic.Attempts {
		out.Attempts[string(state)] = n
	}
	for _, d := range s.Traffic.Destinations {
		out.Destinations = append(out.Destinations, MailDestination{
			Name: d.Name, Connections: d.Connections, UnderWay: d.UnderWay, Failures: d.Failures, RestsUntil: timeOrNull(d.RestsUntil),
		})
	}
	return out
}

func durationsOf(d app.Durations) Durations {
	out := Durations{Sum: d.Sum.Seconds()}
	var sum int64
	for i, n := range d.Counts {
		sum += n
		b := Bucket{Count: sum}
		if i < len(app.DurationBounds) {
			seconds := app.DurationBounds[i].Seconds()
			b.AtMost = &seconds
		}
		out.Buckets = append(out.Buckets, b)
	}
	return out
}
