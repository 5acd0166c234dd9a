package app

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
)

// ProgramStore holds the units of work of the programs that hand over mail. Programs are named by their name.
type ProgramStore interface {
	// Programs returns all programs by name.
	Programs(ctx context.Context) ([]Program, error)
	// AddProgram adds a program. Conflict, "program_taken" or "local_user_taken".
	AddProgram(ctx context.Context, p Program, ev Event) error
	// SetProgram stores a program whole, but for SeenAt. NotFound; Conflict, "local_user_taken".
	SetProgram(ctx context.Context, p Program, ev Event) error
	// RemoveProgram removes a program; what it has handed over stays. NotFound.
	RemoveProgram(ctx context.Context, name string, ev Event) error
	// TouchPrograms writes when programs were last seen.
	TouchPrograms(ctx context.Context, seen map[string]time.Time) error
}

// loadPrograms reads the programs anew, after a change. One at a time: what was read last is the latest.
func (s *Service) loadPrograms(ctx context.Context) error {
	s.programsLock.Lock()
	defer s.programsLock.Unlock()
	list, err := s.store.Programs(ctx)
	if err != nil {
		return err
	}
	programs := make(map[string]Program, len(list))
	for _, p := range list {
		programs[p.Name] = p
	}
	s.programs.Store(&programs)
	return nil
}

// Programs returns all programs by name.
func (s *Service) Programs(context.Context) ([]Program, error) {
	programs := *s.programs.Load()
	list := make([]Program, 0, len(programs))
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		list = append(list, s.withSeen(programs[name]))
	}
	return list, nil
}

// Program returns one program. NotFound.
func (s *Service) Program(_ context.Context, name string) (Program, error) {
	p, ok := (*s.programs.Load())[name]
	if !ok {
		return Program{}, Errorf(NotFound, "program_unknown", "there is no program %q", name)
	}
	return s.withSeen(p), nil
}

// withSeen adds when the program was seen since that was last written.
func (s *Service) withSeen(p Program) Program {
	if at := s.seenPrograms.last(p.Name); at.After(p.SeenAt) {
		p.SeenAt = at
	}
	return p
}

// AddProgram adds a program, enabled unless the changes say otherwise, and returns its password, which nobody can read
// again. Invalid, or Conflict when the name is taken; then nothing is saved.
func (s *Service) AddProgram(ctx context.Context, actor, name string, changes map[string]string) (Program, Token, error) {
	if err := CheckProgramName(name); err != nil {
		return Program{}, "", err
	}
	password := newPassword()
	p, err := Program{Name: name, Password: password.Hash(), Enabled: true, CreatedAt: time.Now()}.Change(changes)
	if err != nil {
		return Program{}, "", err
	}
	p, err = s.saveProgram(ctx, programEvent(actor, ActProgramAdd, p, changes), s.store.AddProgram, p)
	if err != nil {
		return Program{}, "", err
	}
	return p, password, nil
}

// SetProgram changes a program, all or nothing. NotFound, also for an unknown key; Invalid for a value; Conflict.
func (s *Service) SetProgram(ctx context.Context, actor, name string, changes map[string]string) (Program, error) {
	s.settingsLock.Lock()
	defer s.settingsLock.Unlock()
	p, err := s.Program(ctx, name)
	if err != nil {
		return Program{}, err
	}
	if p, err = p.Change(changes); err != nil {
		return Program{}, err
	}
	return s.saveProgram(ctx, programEvent(actor, ActProgramSet, p, changes), s.store.SetProgram, p)
}

// newPassword returns a password that command lines take for no option.
func newPassword() Token {
	for {
		if t := NewToken(); t[0] != '-' {
			return t
		}
	}
}

// NewProgramPassword gives a program a new password and returns it. The old one is worthless from then on. NotFound.
func (s *Service) NewProgramPassword(ctx context.Context, actor, name string) (Program, Token, error) {
	s.settingsLock.Lock()
	defer s.settingsLock.Unlock()
	p, err := s.Program(ctx, name)
	if err != nil {
		return Program{}, "", err
	}
	password := newPassword()
	p.Password = password.Hash()
	p, err = s.saveProgram(ctx, adminEvent(actor, ActProgramPassword, name), s.store.SetProgram, p)
	if err != nil {
		return Program{}, "", err
	}
	return p, password, nil
}

// RemoveProgram removes a program. What it has handed over is still delivered. NotFound.
func (s *Service) RemoveProgram(ctx context.Context, actor, name string) error {
	err := s.store.RemoveProgram(ctx, name, adminEvent(actor, ActProgramRemove, name))
	// Also after an error: one that is not there any more must not go on in memory.
	err = errors.Join(err, s.loadPrograms(context.WithoutCancel(ctx)))
	s.lookForPrograms()
	return err
}

func (s *Service) saveProgram(ctx context.Context, ev Event, save func(context.Context, Program, Event) error, p Program) (Program, error) {
	if err := save(ctx, p, ev); err != nil {
		return Program{}, err
	}
	if err := s.loadPrograms(context.WithoutCancel(ctx)); err != nil {
		return Program{}, err
	}
	s.lookForPrograms()
	return s.Program(ctx, p.Name)
}

// lookForPrograms tells the way in that programs were changed.
func (s *Service) lookForPrograms() {
	if s.listener != nil {
		s.listener.Look()
	}
}

// programEvent names the keys that were changed, with their values.
func programEvent(actor string, action Action, p Program, changes map[string]string) Event {
	event := adminEvent(actor, action, p.Name)
	var words []string
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		words = append(words, key+"="+p.Value(key))
	}
	event.Detail = strings.Join(words, " ")
	return event
}

// MailListener returns the addresses at which programs can hand over mail.
func (s *Service) MailListener(context.Context) ([]ListenState, error) {
	if s.listener == nil {
		return nil, nil
	}
	return s.listener.Status(), nil
}

// AnyProgram reports whether a program is enabled.
func (s *Service) AnyProgram() bool {
	for _, p := range *s.programs.Load() {
		if p.Enabled {
			return true
		}
	}
	return false
}

// programStrangers multiplies, for all names together, how many wrong passwords from one client address are free: a
// program with an old password that tries for ever must not keep its neighbours at the same address out.
const programStrangers = 10

// SignInProgram returns the enabled program of that name and password. Denied, "program_signin", whatever is the
// matter; Limited, "login_rate", after too many wrong ones from a client address.
func (s *Service) SignInProgram(ctx context.Context, name, password, ip string) (Program, error) {
	v := Visitor{IP: ip}
	limit := s.Settings().Limits.ProgramFailures
	if CheckProgramName(name) != nil {
		name = "" // it may be anything, also a password in the wrong field: it is neither counted by nor written down
	}
	event := Event{At: time.Now(), Actor: "program", IP: ip, Action: ActProgramSignIn, Subject: name}
	try, wait := s.beginGuess(ctx, limit, []guessKey{{"program " + name + " " + v.network(), 1}, {"programs " + v.network(), programStrangers}})
	if wait > 0 {
		return Program{}, s.turnAway(ctx, event, v, Errorf(Limited, "login_rate", "too many wrong passwords; try again in %s", wait.Round(time.Second)))
	}
	defer try.end()
	p := (*s.programs.Load())[name]
	// Hashes are compared, so what the time tells is of no use to anybody who does not have the password.
	right := p.Enabled && Token(password).Hash() == p.Password
	try.result(right)
	if !right {
		return Program{}, s.turnAway(ctx, event, v, Errorf(Denied, "program_signin", "the name or the password is not right, or the program is disabled"))
	}
	s.seenPrograms.touch(p.Name, time.Now())
	return p, nil
}

// LocalProgram returns the enabled program that the processes of a user of this machine need no password for. names are
// the user's name and number. Denied, "program_signin", when there is none.
func (s *Service) LocalProgram(names ...string) (Program, error) {
	for _, p := range *s.programs.Load() {
		if p.Enabled && p.LocalUser != "" && slices.Contains(names, p.LocalUser) {
			s.seenPrograms.touch(p.Name, time.Now())
			return p, nil
		}
	}
	return Program{}, Errorf(Denied, "program_signin", "no program has the user %s as its local_user", strings.Join(slices.Compact(names), " or "))
}

// AnyLocalUser reports whether an enabled program has a user of this machine.
func (s *Service) AnyLocalUser() bool {
	for _, p := range *s.programs.Load() {
		if p.Enabled && p.LocalUser != "" {
			return true
		}
	}
	return false
}

// Submit takes a mail from a program. It is durable when Submit returns nil, and not taken otherwise: Denied when the
// program is disabled or may not send so, Limited over its rate, Unavailable when there is no room.
func (s *Service) Submit(ctx context.Context, sub Submission) error {
	p, ok := (*s.programs.Load())[sub.Program]
	if !ok || !p.Enabled {
		return Errorf(Denied, "program_disabled", "the program %s is disabled", sub.Program)
	}
	if err := p.mayHandOver(sub); err != nil {
		return err
	}
	now, settings := time.Now(), s.Settings()
	if !s.limiter.Allow("program "+p.Name, settings.Limits.ProgramPerHour, time.Hour, now) {
		return Errorf(Limited, "program_rate", "%s has handed over %d mails within the hour; try again later, or raise limits.program_per_hour", p.Name, settings.Limits.ProgramPerHour)
	}
	if err := s.store.AddSubmission(ctx, sub, now, now.Add(settings.Limits.RelayTTL()), settings.Limits); err != nil {
		return err
	}
	s.seenPrograms.touch(p.Name, now)
	s.outbox.Look()
	s.log.LogAttrs(ctx, slog.LevelDebug, "mail taken", slog.String("program", p.Name), slog.Int("recipients", len(sub.Recipients)), slog.Int("bytes", len(sub.Data)))
	return nil
}

// mayHandOver returns nil when the envelope of a mail is one the program may give it.
func (p Program) mayHandOver(sub Submission) error {
	sender, err := ParseAddress(sub.Sender)
	switch {
	case err != nil:
		return err
	case len(sub.Recipients) == 0:
		return Fieldf("recipients", "recipients_missing", "the mail has no recipient")
	case !p.MaySend(sender):
		return p.NotSender(sender)
	}
	return nil
}

// maxNamed is how many of a program's senders a refusal names.
const maxNamed = 5

// NotSender returns the error for a sender that is not among the program's: Denied, "sender_refused".
func (p Program) NotSender(addr Address) error {
	if len(p.Senders) == 0 {
		return Errorf(Denied, "sender_refused", "%s may not send as anybody yet: foyer program set %s senders=%s", p.Name, p.Name, addr.Domain())
	}
	var words []string
	for _, e := range p.Senders[:min(len(p.Senders), maxNamed)] {
		words = append(words, e.Value)
	}
	if len(p.Senders) > maxNamed {
		words = append(words, "others")
	}
	return Errorf(Denied, "sender_refused", "%s may not send as %s; it may as %s", p.Name, addr, joinWords(words))
}
