package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// directory is the connectors and tenants of this moment, as every request needs them.
type directory struct {
	connectors []Connector
	tenants    map[int64][]string // by company
}

// all returns the tenants of all companies.
func (d directory) all() []string {
	var tenants []string
	for _, id := range slices.Sorted(maps.Keys(d.tenants)) {
		tenants = append(tenants, d.tenants[id]...)
	}
	slices.Sort(tenants)
	return slices.Compact(tenants)
}

// loadDirectory reads the connectors and tenants anew, after a change. One at a time: what was read last is the latest.
func (s *Service) loadDirectory(ctx context.Context) error {
	s.directoryLock.Lock()
	defer s.directoryLock.Unlock()
	var d directory
	var err error
	if d.tenants, err = s.store.Tenants(ctx); err != nil {
		return err
	}
	if d.connectors, err = s.store.Connectors(ctx); err != nil {
		return err
	}
	for i := range d.connectors {
		if c := &d.connectors[i]; c.Tenant == ManyTenants {
			c.Tenants = d.all()
		} else if c.Tenant != "" {
			c.Tenants = []string{c.Tenant}
		}
	}
	s.directory.Store(&d)
	return nil
}

// connector returns a connector as it is configured now. NotFound.
func (s *Service) connector(name string) (Connector, error) {
	for _, c := range s.directory.Load().connectors {
		if c.Name == name {
			return c, nil
		}
	}
	return Connector{}, Errorf(NotFound, "connector_unknown", "there is no connector %q", name)
}

// buttons is the connectors whose buttons are shown, and what that was decided by.
type buttons struct {
	of    *directory
	url   string
	shown []Connector
}

// SignInConnectors returns the connectors whose buttons are shown: those that are enabled and can work. They carry no
// secrets, and are not to be changed: every page asks for them, so they are chosen once and again after a change.
func (s *Service) SignInConnectors() []Connector {
	d, url := s.directory.Load(), s.Settings().PublicURL
	if b := s.buttons.Load(); b != nil && b.of == d && b.url == url {
		return b.shown
	}
	b := &buttons{of: d, url: url}
	for _, c := range d.connectors {
		if c.Enabled && c.Works(url) {
			c.ClientID, c.ClientSecret = "", ""
			b.shown = append(b.shown, c)
		}
	}
	s.buttons.Store(b)
	return b.shown
}

// ConnectorState is a connector as the administrator sees it.
type ConnectorState struct {
	Connector
	RedirectURI   string // to be registered at the provider
	Works         bool   // people can sign in with it, when it is enabled
	Findings      []Finding
	LastSignIn    time.Time // since the service started; zero for none
	LastProblem   string    // what went wrong last, in English; "" when the last sign-in went well
	LastProblemAt time.Time
}

// connectorHealth is how the last sign-ins with a connector went. It is kept in memory: after a restart the next sign-in tells.
type connectorHealth struct {
	signIn    time.Time
	problem   string
	problemAt time.Time
}

// note changes what is known of a connector's last sign-ins.
func (s *Service) note(c Connector, change func(h *connectorHealth)) {
	s.healthLock.Lock()
	defer s.healthLock.Unlock()
	h := s.health[c.ID]
	change(&h)
	s.health[c.ID] = h
}

func (s *Service) state(c Connector) ConnectorState {
	url := s.Settings().PublicURL
	state := ConnectorState{
		Connector: c, RedirectURI: c.RedirectURI(url), Works: c.Works(url), Findings: c.Findings(url, time.Now()),
	}
	if ahead, off := s.clockOff(c); off {
		state.Findings = append(state.Findings, Finding{Code: "clock_off", Text: fmt.Sprintf(
			"the provider's clock was %s ahead of this machine's when it last answered; set this machine's clock, or sign-ins fail", ahead.Round(time.Second))})
	}
	s.healthLock.Lock()
	defer s.healthLock.Unlock()
	h := s.health[c.ID]
	state.LastSignIn, state.LastProblem, state.LastProblemAt = h.signIn, h.problem, h.problemAt
	return state
}

// Connectors returns all connectors by name.
func (s *Service) Connectors(context.Context) ([]ConnectorState, error) {
	var states []ConnectorState
	for _, c := range s.directory.Load().connectors {
		states = append(states, s.state(c))
	}
	return states, nil
}

// Connector returns one connector. NotFound.
func (s *Service) Connector(_ context.Context, name string) (ConnectorState, error) {
	c, err := s.connector(name)
	if err != nil {
		return ConnectorState{}, err
	}
	return s.state(c), nil
}

// AddConnector adds a connector: enabled, with its sign-up switch off unless the changes say otherwise. Invalid, or
// Conflict when the name is taken; then nothing is saved.
func (s *Service) AddConnector(ctx context.Context, actor string, kind ConnectorKind, name string, changes map[string]string) (ConnectorState, error) {
	if !slices.Contains(ConnectorKinds(), kind) {
		return ConnectorState{}, Fieldf("kind", "connector_kind", "there is no kind of connector %q; there are entra, google and oidc", kind)
	}
	if err := CheckConnectorName(name); err != nil {
		return ConnectorState{}, err
	}
	c, err := Connector{Kind: kind, Name: name, Enabled: true, CreatedAt: time.Now()}.Change(changes)
	if err != nil {
		return ConnectorState{}, err
	}
	return s.saveConnector(ctx, connectorEvent(actor, ActConnectorAdd, c, changes), func(ev Event) error {
		_, err := s.store.AddConnector(ctx, c, ev)
		return err
	})
}

// SetConnector changes a connector, all or nothing. NotFound, also for an unknown key; Invalid for a value.
func (s *Service) SetConnector(ctx context.Context, actor, name string, changes map[string]string) (ConnectorState, error) {
	s.settingsLock.Lock()
	defer s.settingsLock.Unlock()
	c, err := s.connector(name)
	if err != nil {
		return ConnectorState{}, err
	}
	if c, err = c.Change(changes); err != nil {
		return ConnectorState{}, err
	}
	// What went wrong before may be mended: the next sign-in tells.
	s.note(c, func(h *connectorHealth) { h.problem, h.problemAt = "", time.Time{} })
	return s.saveConnector(ctx, connectorEvent(actor, ActConnectorSet, c, changes), func(ev Event) error {
		return s.store.SetConnector(ctx, c, ev)
	})
}

func (s *Service) saveConnector(ctx context.Context, ev Event, save func(Event) error) (ConnectorState, error) {
	if err := save(ev); err != nil {
		return ConnectorState{}, err
	}
	if err := s.loadDirectory(context.WithoutCancel(ctx)); err != nil {
		return ConnectorState{}, err
	}
	return s.Connector(ctx, ev.Subject)
}

// connectorEvent names the keys that were changed, and the values of those that are no secrets.
func connectorEvent(actor string, action Action, c Connector, changes map[string]string) Event {
	event := adminEvent(actor, action, c.Name)
	words := []string{"kind=" + string(c.Kind)}
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		if k, err := ConnectorKeyByName(key); err == nil && !k.Secret() {
			key += "=" + k.Value(c)
		}
		words = append(words, key)
	}
	event.Detail = strings.Join(words, " ")
	return event
}

// RemoveConnector removes a connector. Identities that came through it stay with their accounts, and work again with
// a connector to the same provider. NotFound.
func (s *Service) RemoveConnector(ctx context.Context, actor, name string) error {
	err := s.store.RemoveConnector(ctx, name, adminEvent(actor, ActConnectorDel, name))
	// Also after an error: one that is not there any more must not go on in memory.
	return errors.Join(err, s.loadDirectory(context.WithoutCancel(ctx)))
}

// SetTenants adds and removes Entra tenants of a company, given as typed, all or nothing. NotFound, also when one to
// remove is not there; Invalid.
func (s *Service) SetTenants(ctx context.Context, actor, company, add, remove string) (Company, error) {
	adds, err := ParseTenants(add)
	if err != nil {
		return Company{}, err
	}
	removes, err := ParseTenants(remove)
	if err != nil {
		return Company{}, err
	}
	if len(adds)+len(removes) == 0 {
		return Company{}, Fieldf("tenants", "tenants_missing", "name at least one tenant: a GUID, as in 72f988bf-86f1-41af-91ab-2d7cd011db47")
	}
	c, err := s.store.SetTenants(ctx, company, adds, removes, tenantsEvent(actor, company, adds, removes))
	if err != nil {
		return Company{}, err
	}
	return c, s.loadDirectory(context.WithoutCancel(ctx))
}

// warnOfSecrets writes an audit event 60, 30 and 7 days before a client secret expires, and when it has.
func (s *Service) warnOfSecrets(ctx context.Context, now time.Time) error {
	for _, c := range s.directory.Load().connectors {
		due := c.SecretWarning(now)
		if due == 0 {
			continue
		}
		if err := s.warnOfSecret(ctx, c.Name, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) warnOfSecret(ctx context.Context, name string, now time.Time) error {
	s.settingsLock.Lock()
	defer s.settingsLock.Unlock()
	c, err := s.connector(name) // it may have been changed since
	if err != nil {
		return nil // it was removed: there is nothing to warn of
	}
	due := c.SecretWarning(now)
	if due == 0 {
		return nil
	}
	c.SecretWarned = due
	finding := c.secretFinding(now)
	event := Event{At: now, Actor: "foyer", Action: ActConnectorWarn, Outcome: finding.Code, Subject: c.Name, Detail: finding.Text}
	s.log.Warn("client secret", "connector", c.Name, "finding", finding.Text)
	if err := s.store.SetConnector(ctx, c, event); err != nil {
		return err
	}
	return s.loadDirectory(ctx)
}
