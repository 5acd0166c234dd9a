package app

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Pages serves the pages as settings say.
type Pages interface {
	Preparer
	// Serving returns where the pages are served. What the settings say of it is left out.
	Serving() Serving
}

// told tells that the pages are served otherwise.
type told struct {
	Preparation
	changes *Changes
}

func (t told) Commit() {
	t.Preparation.Commit()
	t.changes.Tell(TopicAddress)
}

// isAddressKey reports whether a setting says where and how the pages are served.
func isAddressKey(key string) bool { return key == "public_url" || strings.HasPrefix(key, "tls.") }

// pendingKey is where a change that waits to be confirmed stands among the stored settings. It is none itself.
const pendingKey = "pending.address"

// pendingAddress is a change that waits to be confirmed, as it is stored.
type pendingAddress struct {
	Until   time.Time         `json:"until"`
	Changes map[string]string `json:"changes"`
	Before  map[string]string `json:"before"`

	within time.Duration
}

// note returns what is stored of a change: with it stands what waits to be confirmed. p may be nil.
func (p *pendingAddress) note(changes map[string]string) (map[string]string, error) {
	stored := maps.Clone(changes)
	stored[pendingKey] = ""
	if p == nil {
		return stored, nil
	}
	if p.Until.IsZero() {
		// Not before everything is prepared, which may take its time.
		p.Until = time.Now().Add(p.within)
	}
	text, err := json.Marshal(p)
	stored[pendingKey] = string(text)
	return stored, err
}

// notWhilePending returns a Conflict for a change of the address while another one waits to be confirmed: what to go back
// to would not be what there was.
func (s *Service) notWhilePending(changes map[string]string) error {
	pending := s.pending.Load()
	if pending == nil {
		return nil
	}
	for key := range changes {
		if _, waits := pending.Changes[key]; waits || isAddressKey(key) {
			return Errorf(Conflict, "address_pending", "a change of the address waits to be confirmed; say first whether it is right: foyer address keep, or foyer address revert")
		}
	}
	return nil
}

// Serving returns where and how the pages are served.
func (s *Service) Serving(context.Context) (Serving, error) {
	var out Serving
	if s.pages != nil {
		out = s.pages.Serving()
	}
	settings := s.Settings()
	out.Mode, out.PublicURL, out.Fixed = settings.TLS.Mode, settings.PublicURL, slices.Clone(s.fixed)
	if p := s.pending.Load(); p != nil {
		out.Pending = &PendingServing{Until: p.Until, Changes: maps.Clone(p.Changes), Before: maps.Clone(p.Before)}
	}
	return out, nil
}

// ChangeAddress changes settings of the address and the certificate, all or none. When within is not zero, the change is
// undone after that time, or by the next start of the service, unless KeepAddress is called. NotFound and Invalid as of
// SetSettings; Conflict when the pages cannot be served so, or another change waits to be confirmed.
func (s *Service) ChangeAddress(ctx context.Context, actor string, changes map[string]string, within time.Duration) (Serving, error) {
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		if _, err := SettingByKey(key); err != nil {
			return Serving{}, err
		}
		if !isAddressKey(key) {
			return Serving{}, Fieldf(key, "setting_other", "%s is not a setting of the address; change it with: foyer settings set", key)
		}
	}
	s.settingsLock.Lock()
	defer s.settingsLock.Unlock()
	if err := s.notWhilePending(changes); err != nil {
		return Serving{}, err
	}
	var pending *pendingAddress
	if within > 0 {
		pending = &pendingAddress{within: within, Changes: maps.Clone(changes), Before: map[string]string{}}
		now := *s.settings.Load()
		for key := range changes {
			def, err := SettingByKey(key)
			if err != nil {
				return Serving{}, err
			}
			pending.Before[key] = def.Value(now)
		}
	}
	if err := s.changeSettings(ctx, settingsEvent(actor, changes), changes, pending); err != nil {
		return Serving{}, err
	}
	s.setPending(pending)
	return s.Serving(ctx)
}

func (s *Service) setPending(p *pendingAddress) {
	s.pending.Store(p)
	s.store.Changes().Tell(TopicAddress)
	select {
	case s.pendingMoved <- struct{}{}:
	default: // it is known already
	}
}

// settled is why there is nothing to keep and nothing to revert.
func settled() error {
	return Errorf(Conflict, "address_settled", "no change of the address waits to be confirmed; foyer address show says what it is now")
}

// KeepAddress makes a pending change last. Conflict, "address_settled", when there is none.
func (s *Service) KeepAddress(ctx context.Context, actor string) (Serving, error) {
	s.settingsLock.Lock()
	defer s.settingsLock.Unlock()
	pending := s.pending.Load()
	if pending == nil {
		return Serving{}, settled()
	}
	event := settingsEvent(actor, pending.Changes)
	event.Detail = "kept: " + event.Detail
	if err := s.store.SaveSettings(ctx, map[string]string{pendingKey: ""}, event); err != nil {
		return Serving{}, err
	}
	s.setPending(nil)
	return s.Serving(ctx)
}

// RevertAddress undoes a pending change. Conflict, "address_settled", when there is none, and when the address of before
// cannot be had any more; the change waits on then.
func (s *Service) RevertAddress(ctx context.Context, actor string) (Serving, error) {
	s.settingsLock.Lock()
	defer s.settingsLock.Unlock()
	pending := s.pending.Load()
	if pending == nil {
		return Serving{}, settled()
	}
	if err := s.revert(ctx, actor, pending); err != nil {
		return Serving{}, err
	}
	return s.Serving(ctx)
}

// revert goes back to what was before. settingsLock is held.
func (s *Service) revert(ctx context.Context, actor string, pending *pendingAddress) error {
	event := settingsEvent(actor, pending.Before)
	event.Detail = "undone: " + event.Detail
	if err := s.changeSettings(ctx, event, pending.Before, nil); err != nil {
		return err
	}
	s.setPending(nil)
	return nil
}

// revertAgain is after how long a change that could not be undone is undone again.
const revertAgain = 15 * time.Second

// WatchAddress undoes changes of the address that nobody confirms in time, until ctx is done.
func (s *Service) WatchAddress(ctx context.Context) {
	for again := false; ; {
		var due <-chan time.Time
		if p := s.pending.Load(); p != nil {
			wait := time.Until(p.Until)
			if again {
				wait = revertAgain
			}
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.pendingMoved:
			again = false
		case <-due:
			again = !s.overdue(ctx)
		}
	}
}

// overdue undoes the pending change if its time is up, and reports whether there is none any more.
func (s *Service) overdue(ctx context.Context) bool {
	s.settingsLock.Lock()
	defer s.settingsLock.Unlock()
	pending := s.pending.Load()
	if pending == nil || time.Now().Before(pending.Until) {
		return true
	}
	if err := s.revert(ctx, "service", pending); err != nil {
		s.log.Error("the address cannot go back to what it was; it is tried again", "err", err)
		return false
	}
	s.log.Warn("nobody has confirmed the change of the address; it is what it was")
	return true
}

// undoPending returns the stored settings without a change that nobody had confirmed when the service ended.
func (s *Service) undoPending(ctx context.Context, stored map[string]string) (map[string]string, error) {
	text := stored[pendingKey]
	if text == "" {
		return stored, nil
	}
	var pending pendingAddress
	if err := json.Unmarshal([]byte(text), &pending); err != nil {
		return nil, &Error{Code: Internal, Reason: "pending_invalid", Err: err}
	}
	event := settingsEvent("start of the service", pending.Before)
	event.Detail = "undone: " + event.Detail
	back := maps.Clone(pending.Before)
	back[pendingKey] = ""
	if err := s.store.SaveSettings(ctx, back, event); err != nil {
		return nil, err
	}
	s.log.Warn("nobody had confirmed the change of the address before the service ended; it is what it was")
	stored = maps.Clone(stored)
	maps.Copy(stored, back)
	return stored, nil
}
