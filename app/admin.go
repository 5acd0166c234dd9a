package app

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// adminEvent is the audit event of something the administrator called actor did.
func adminEvent(actor string, action Action, subject string) Event {
	return Event{At: time.Now(), Actor: actor, Action: action, Outcome: OK, Subject: subject}
}

// Companies returns all companies by name.
func (s *Service) Companies(ctx context.Context) ([]Company, error) { return s.store.Companies(ctx) }

// Company returns one company. NotFound.
func (s *Service) Company(ctx context.Context, name string) (Company, error) {
	return s.store.Company(ctx, name)
}

// AddCompany adds a company whose list is the field entries. Nothing is saved when the name or one entry is not
// possible (Invalid) or taken (Conflict).
func (s *Service) AddCompany(ctx context.Context, actor, name, entries string) (Company, error) {
	if err := CheckCompanyName(name); err != nil {
		return Company{}, err
	}
	list, err := ParseEntries(entries)
	if err != nil {
		return Company{}, err
	}
	event := adminEvent(actor, ActCompanyAdd, name)
	event.Company, event.Entry = name, joinEntries(list)
	return s.store.AddCompany(ctx, name, list, event)
}

// RenameCompany renames a company. NotFound, Invalid, Conflict.
func (s *Service) RenameCompany(ctx context.Context, actor, name, to string) (Company, error) {
	if err := CheckCompanyName(to); err != nil {
		return Company{}, err
	}
	return s.store.RenameCompany(ctx, name, to, renameEvent(actor, name, to))
}

// EnableCompany sets a company's switch. Off ends the sessions of its people. NotFound.
func (s *Service) EnableCompany(ctx context.Context, actor, name string, on bool) (Company, error) {
	return s.store.EnableCompany(ctx, name, on, switchEvent(actor, name, on))
}

// RemoveCompany removes a company that has no accounts. NotFound, Conflict.
func (s *Service) RemoveCompany(ctx context.Context, actor, name string) error {
	event := adminEvent(actor, ActCompanyRemove, name)
	event.Company = name
	if err := s.store.RemoveCompany(ctx, name, event); err != nil {
		return err
	}
	return s.loadDirectory(context.WithoutCancel(ctx)) // its tenants went with it
}

// Allow adds the entries of a field to a company's list, all or none. With move, entries of other companies change
// their owner; without it such an entry is a Conflict that names the owner.
func (s *Service) Allow(ctx context.Context, actor, name, entries string, move bool) (Company, error) {
	list, err := someEntries(entries)
	if err != nil {
		return Company{}, err
	}
	return s.store.AddEntries(ctx, name, list, move, entriesEvent(actor, ActAllow, name, list))
}

// Disallow removes the entries of a field from a company's list, all or none, and returns how many of its accounts
// are not on the list any more. They stay and keep working. NotFound when one of the entries is not there.
func (s *Service) Disallow(ctx context.Context, actor, name, entries string) (Company, int, error) {
	list, err := someEntries(entries)
	if err != nil {
		return Company{}, 0, err
	}
	return s.store.RemoveEntries(ctx, name, list, entriesEvent(actor, ActDisallow, name, list))
}

func someEntries(field string) ([]Entry, error) {
	list, err := ParseEntries(field)
	if err == nil && len(list) == 0 {
		err = Fieldf("entries", "entries_missing", "name at least one entry: user@company.com, company.com or *.company.com")
	}
	return list, err
}

func joinEntries(list []Entry) string {
	words := make([]string, len(list))
	for i, entry := range list {
		words[i] = entry.String()
	}
	return strings.Join(words, " ")
}

// Way says what one way in would do for an address.
type Way struct {
	Name   string // "form", or the name of a connector
	Result string // one English sentence
}

// TestAddress returns the gate's verdict on an address and what each way in would do with it now. It changes
// nothing. Invalid when it is no address.
func (s *Service) TestAddress(ctx context.Context, email string) (Address, Verdict, []Way, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return Address{}, Verdict{}, nil, err
	}
	entries, err := s.store.EntriesFor(ctx, Candidates(addr))
	if err != nil {
		return Address{}, Verdict{}, nil, err
	}
	account, err := s.store.AccountByEmail(ctx, addr)
	if err != nil && CodeOf(err) != NotFound {
		return Address{}, Verdict{}, nil, err
	}
	verdict := Gate(addr, entries)
	ways := []Way{{Name: "form", Result: s.formWay(verdict, account)}}
	for _, c := range s.directory.Load().connectors {
		ways = append(ways, Way{Name: c.Name, Result: s.connectorWay(c, verdict, account)})
	}
	return addr, verdict, ways, nil
}

// connectorWay says what signing in with a provider would do for somebody who has the address there.
func (s *Service) connectorWay(c Connector, v Verdict, a Account) string {
	tenants := s.directory.Load().tenants[v.CompanyID]
	// Of several tenants nobody knows beforehand which one it is: any that is set for the company.
	entra := c.Kind == ConnectorEntra && c.Tenant != ManyTenants
	switch {
	case !c.Enabled:
		return "closed: the connector is disabled"
	case !c.Works(s.Settings().PublicURL):
		return "closed: the connector cannot work; foyer connector show " + c.Name + " says why"
	case a.ID != 0 && a.MayEnter() != nil:
		return "refused, openly: " + MessageOf(a.MayEnter())
	case a.ID != 0 && entra && !c.TenantAllowed(s.directory.Load().tenants[a.CompanyID], c.Tenant):
		return "refused, openly: the connector's tenant is not set for " + a.Company
	case a.ID != 0 && slices.ContainsFunc(a.Identities, func(i Identity) bool { return c.Issues(i.Issuer) }):
		return "the account signs in with it"
	case a.ID != 0:
		return "the person would have to prove that the account is theirs, and could then add it"
	case !c.SignUp:
		return "refused, openly: its sign-up switch is off"
	case !v.Allowed:
		return "refused, openly"
	case c.Tenant == ManyTenants && len(tenants) == 0:
		return "refused, openly: no Entra tenant is set for " + v.Company
	case entra && !c.TenantAllowed(tenants, c.Tenant):
		return "refused, openly: the connector's tenant is not set for " + v.Company
	case c.TrustVerified && (c.Kind != ConnectorEntra || len(tenants) > 0):
		return "the form would be shown, for an account in " + v.Company + "; without a confirmation mail if " + c.Title() + " vouches for the address"
	default:
		return "the form would be shown and a confirmation mail sent, for an account in " + v.Company
	}
}

func (s *Service) formWay(v Verdict, a Account) string {
	switch {
	case !s.Settings().LoginLink:
		return "closed: login_link is off"
	case a.ID != 0 && a.MayEnter() != nil:
		return "a mail would say that the account is disabled"
	case a.ID != 0:
		return "a mail would say that there is an account already"
	case v.Allowed:
		return "a confirmation mail would be sent, for an account in " + v.Company
	default:
		return "nothing would be sent"
	}
}

// Accounts returns one page of accounts. NotFound when there is no such company; Invalid for a Sort, a State or an After
// that there is not.
func (s *Service) Accounts(ctx context.Context, q AccountQuery) (AccountPage, error) {
	if err := q.check(); err != nil {
		return AccountPage{}, err
	}
	return s.store.Accounts(ctx, q)
}

func (q AccountQuery) check() error {
	if q.Sort != "" && !slices.Contains(AccountSorts(), q.Sort) {
		return Fieldf("sort", "sort_unknown", "accounts cannot be sorted by %q; sort them by email, name, company or created", q.Sort)
	}
	if q.State != "" && q.State != AccountActive && q.State != AccountDisabled {
		return Fieldf("state", "state_unknown", "there is no state %q of an account; there are active and disabled", q.State)
	}
	return nil
}

// Account returns one account whole. NotFound; Invalid when email is no address.
func (s *Service) Account(ctx context.Context, email string) (Account, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return Account{}, err
	}
	account, err := s.store.AccountByEmail(ctx, addr)
	if err != nil {
		return Account{}, err
	}
	entries, err := s.store.EntriesFor(ctx, Candidates(account.Email))
	if err != nil {
		return Account{}, err
	}
	account.ListMatch = account.OnList(entries)
	return account, nil
}

// OnList is the mark "still on the list": whether the gate, given the entries that could cover the account's address,
// would give it its company today. The company's switch does not count: it closes the company, it does not take anybody
// off the list.
func (a Account) OnList(entries []OwnedEntry) bool {
	v := Gate(a.Email, entries)
	return v.CompanyID == a.CompanyID && (v.Allowed || v.Reason == CompanyDisabled)
}

// SetAccountState enables or disables an account; disabling ends its sessions. NotFound.
func (s *Service) SetAccountState(ctx context.Context, actor, email string, state AccountState) (Account, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return Account{}, err
	}
	action := ActAccountEnable
	if state == AccountDisabled {
		action = ActAccountDisable
	}
	if _, err := s.store.SetAccountState(ctx, addr, state, adminEvent(actor, action, addr.String())); err != nil {
		return Account{}, err
	}
	return s.Account(ctx, email)
}

// RemoveIdentity removes an identity from an account and ends the account's sessions. The person can get another way in with
// a new password by mail. NotFound.
func (s *Service) RemoveIdentity(ctx context.Context, actor, email string, id int64) (Account, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return Account{}, err
	}
	if _, err := s.store.RemoveIdentity(ctx, addr, id, adminEvent(actor, ActUnlink, addr.String())); err != nil {
		return Account{}, err
	}
	return s.Account(ctx, email)
}

// RemoveAccount removes an account. NotFound.
func (s *Service) RemoveAccount(ctx context.Context, actor, email string) error {
	addr, err := ParseAddress(email)
	if err != nil {
		return err
	}
	return s.store.RemoveAccount(ctx, addr, adminEvent(actor, ActAccountRemove, addr.String()))
}

// Registrations returns one page of registrations, the oldest first; after is the ID of the last one before it.
func (s *Service) Registrations(ctx context.Context, after int64, limit int) ([]Registration, error) {
	return s.store.Registrations(ctx, after, limit)
}

// Resend sends the confirmation mail of a registration anew, with a new link, code and validity. NotFound; Conflict,
// "no_longer_eligible", when the list has changed, or "suppressed", when mail to the address has failed for good.
func (s *Service) Resend(ctx context.Context, actor, email string) (Registration, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return Registration{}, err
	}
	r := s.request(ActResend, addr, Visitor{}, s.Settings().Limits.ConfirmTTL())
	r.Event = adminEvent(actor, ActResend, addr.String())
	registration, m, err := s.store.Resend(ctx, r)
	if err != nil {
		return Registration{}, err
	}
	s.outbox.Written(m)
	return registration, nil
}

// RemoveRegistration removes the registration of an address. NotFound.
func (s *Service) RemoveRegistration(ctx context.Context, actor, email string) error {
	addr, err := ParseAddress(email)
	if err != nil {
		return err
	}
	return s.store.RemoveRegistration(ctx, addr, adminEvent(actor, ActRegRemove, addr.String()))
}

// SetSettings changes settings, all or none. NotFound for an unknown key, Invalid for a value; Conflict when the pages
// cannot be served so, or a change of their address waits to be confirmed. The audit names the keys, and the new values of
// those that are no secrets.
func (s *Service) SetSettings(ctx context.Context, actor string, changes map[string]string) (Settings, error) {
	s.settingsLock.Lock()
	defer s.settingsLock.Unlock()
	if err := s.notWhilePending(changes); err != nil {
		return Settings{}, err
	}
	if err := s.changeSettings(ctx, settingsEvent(actor, changes), changes, s.pending.Load()); err != nil {
		return Settings{}, err
	}
	return s.Settings(), nil
}

func settingsEvent(actor string, changes map[string]string) Event {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		if def, err := SettingByKey(key); err == nil && def.Secret() {
			words = append(words, key)
		} else {
			words = append(words, key+"="+changes[key])
		}
	}
	event := adminEvent(actor, ActSettings, strings.Join(slices.Sorted(maps.Keys(changes)), " "))
	event.Detail = strings.Join(words, " ")
	return event
}

// changeSettings is the one way settings change: what the pages need is taken first, then everything is stored, with
// the note about what waits to be confirmed, and only then it holds. settingsLock is held.
func (s *Service) changeSettings(ctx context.Context, event Event, changes map[string]string, pending *pendingAddress) error {
	next, err := s.settings.Load().Change(changes)
	if err != nil {
		return err
	}
	prepared, err := s.prepare(ctx, next)
	if err != nil {
		return err
	}
	stored, err := pending.note(changes)
	if err == nil {
		err = s.store.SaveSettings(ctx, stored, event)
	}
	if err != nil {
		prepared.Abort()
		return err
	}
	prepared.Commit()
	s.settings.Store(&next)
	s.store.Reserve(next.Limits.ReserveMB)
	s.store.Changes().Tell(TopicSettings) // the store has told it at the commit, when they were not those of Settings yet
	s.outbox.Look()                       // mail may be held no longer, or leave by another way
	return nil
}

// Messages returns one page of messages without their data, the newest first.
func (s *Service) Messages(ctx context.Context, q MessageQuery) ([]Message, error) {
	return s.store.Messages(ctx, q)
}

// Message returns one message whole. NotFound.
func (s *Service) Message(ctx context.Context, id int64) (Message, error) {
	return s.store.Message(ctx, id)
}

// RetryMessage makes a message due now; a captured one leaves by the transport that is set now. NotFound; Conflict,
// also for one that was written before there was a sender's address that can leave.
func (s *Service) RetryMessage(ctx context.Context, actor string, id int64) (Message, error) {
	if err := s.canLeave(ctx, id); err != nil {
		return Message{}, err
	}
	m, err := s.store.RetryMessage(ctx, id, time.Now(), adminEvent(actor, ActMailRetry, ""))
	if err != nil {
		return Message{}, err
	}
	s.outbox.Written(m)
	return m, nil
}

// canLeave returns a Conflict when the transport that is set now cannot take a message. NotFound.
func (s *Service) canLeave(ctx context.Context, id int64) error {
	if s.Settings().Mail.Transport == "capture" {
		return nil
	}
	m, err := s.store.Message(ctx, id)
	if err != nil {
		return err
	}
	if m.Sender == "" {
		return nil // a notice to the sender of a relayed mail, which nobody answers
	}
	if _, err := ParseAddress(m.Sender); err != nil {
		return Errorf(Conflict, "message_sender", "message %d was written before mail.from was set, and %s cannot send; have it written anew", id, m.Sender)
	}
	return nil
}

// HoldMessage keeps a message that waits from being sent until it is released. NotFound; Conflict while it is being
// sent, or when it does not wait.
func (s *Service) HoldMessage(ctx context.Context, actor string, id int64) (Message, error) {
	return s.store.HoldMessage(ctx, id, adminEvent(actor, ActMailHold, ""))
}

// ReleaseMessage makes a held message due now. NotFound; Conflict when it is not held, has expired, or cannot leave as
// RetryMessage says.
func (s *Service) ReleaseMessage(ctx context.Context, actor string, id int64) (Message, error) {
	if err := s.canLeave(ctx, id); err != nil {
		return Message{}, err
	}
	m, err := s.store.ReleaseMessage(ctx, id, time.Now(), adminEvent(actor, ActMailRelease, ""))
	if err != nil {
		return Message{}, err
	}
	s.outbox.Written(m)
	return m, nil
}

// HoldMessages holds every message that waits, and returns how many there were. What is written later is not held: that
// is the setting mail.hold.
func (s *Service) HoldMessages(ctx context.Context, actor string) (int, error) {
	return s.store.HoldWaiting(ctx, adminEvent(actor, ActMailHold, ""))
}

// ReleaseMessages makes every held message due now, and returns how many there were. Those that have expired end as
// failed.
func (s *Service) ReleaseMessages(ctx context.Context, actor string) (int, error) {
	n, err := s.store.ReleaseHeld(ctx, time.Now(), adminEvent(actor, ActMailRelease, ""))
	if err != nil {
		return 0, err
	}
	s.outbox.Look()
	return n, nil
}

// LastMessage returns the newest message to an address, without its data. NotFound; Invalid when email is no address.
func (s *Service) LastMessage(ctx context.Context, email string) (Message, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return Message{}, err
	}
	return s.store.LastMessage(ctx, addr)
}

// Suppressed returns the addresses that get no mail because one to them has failed for good.
func (s *Service) Suppressed(ctx context.Context) ([]Suppression, error) {
	return s.store.Suppressed(ctx)
}

// Unsuppress lets such an address get mail again. NotFound; Invalid when email is no address.
func (s *Service) Unsuppress(ctx context.Context, actor, email string) error {
	addr, err := ParseAddress(email)
	if err != nil {
		return err
	}
	return s.store.Unsuppress(ctx, addr, adminEvent(actor, ActMailUnsuppress, addr.String()))
}

// RemoveMessage removes a message. NotFound, Conflict.
func (s *Service) RemoveMessage(ctx context.Context, actor string, id int64) error {
	return s.store.RemoveMessage(ctx, id, adminEvent(actor, ActMailRemove, ""))
}

// TestMail writes a test mail to an address, in the language lang, and returns it with its ID. It goes to a suppressed
// address as well: once it is delivered the address gets mail again.
func (s *Service) TestMail(ctx context.Context, actor, email, lang string) (Message, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return Message{}, err
	}
	m, err := s.compose(Notice{Kind: MailTest, To: addr, Lang: lang}, noticeTTL)
	if err != nil {
		return Message{}, err
	}
	if m.State == MessageQueued {
		m.NextAttempt = m.CreatedAt // somebody waits for it
	}
	m, err = s.store.AddMessage(ctx, m, adminEvent(actor, ActMailTest, addr.String()))
	if err != nil {
		return Message{}, err
	}
	s.outbox.Written(m)
	return m, nil
}

// Blocked returns the addresses whose owners asked for no mail, and until when.
func (s *Service) Blocked(ctx context.Context) (map[string]time.Time, error) {
	return s.store.Blocked(ctx, time.Now())
}

// Unblock lets an address get mail again. NotFound.
func (s *Service) Unblock(ctx context.Context, actor, email string) error {
	addr, err := ParseAddress(email)
	if err != nil {
		return err
	}
	return s.store.Unblock(ctx, addr, adminEvent(actor, ActMailUnblock, addr.String()))
}

// Events returns one page of the audit, the newest first. Invalid for an action that there is not.
func (s *Service) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	return s.store.Events(ctx, q)
}
