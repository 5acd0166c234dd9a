package app

import (
	"container/list"
	"crypto/subtle"
	"sync"
	"time"
)

// Purpose says what a sign-in with a provider was begun for.
type Purpose string

// The purposes.
const (
	ForSignIn  Purpose = "signin"  // to sign in, or to create an account
	ForConfirm Purpose = "confirm" // to show that the identity of a registration is there
	ForLink    Purpose = "link"    // to add the identity to the account that is signed in
	ForAgain   Purpose = "again"   // to sign in afresh before the ways in are changed
)

// Start is a wish to sign in with a provider.
type Start struct {
	Purpose Purpose
	Session Token // the session it is for, with ForLink and ForAgain
	Confirm Token // of the confirmation link, with ForConfirm
	Another bool  // the provider is to let the person choose the account
}

// Challenge is one sign-in with a provider that is under way. State, Nonce and Verifier are secrets of this one.
type Challenge struct {
	Connector   Connector
	RedirectURI string
	State       Token  // comes back with the browser
	Nonce       Token  // comes back inside the ID token
	Verifier    Token  // of PKCE (RFC 7636)
	Prompt      string // "select_account", "login", or "" for what the provider likes
	Start       Start
}

// ProviderAnswer is what a browser has brought back from a provider.
type ProviderAnswer struct {
	Code   string
	Issuer string // the parameter iss (RFC 9207), "" when there was none
}

// Reasons of the errors with which a provider's part of a sign-in ends. Args["Why"] says more, in one word, for the audit;
// nothing of what the provider sent is in them.
const (
	// ProviderUnreachable is Unavailable: no answer, or one that is none, in the time and size it may have.
	ProviderUnreachable = "provider_unreachable"
	// ProviderRefusedCode is Invalid: the provider does not take the code. It was used, or is another sign-in's.
	ProviderRefusedCode = "provider_code"
	// ProviderRefusedUs is Unavailable: the provider does not take our client id or secret. The administrator has to act.
	ProviderRefusedUs = "provider_client"
	// ProviderDenied is Denied: the person, or the provider, said no.
	ProviderDenied = "provider_denied"
	// ProviderRefused is Denied: what the provider said did not pass a check.
	ProviderRefused = "provider_refused"
	// ProviderMixUp is Invalid: the answer is that of another provider.
	ProviderMixUp = "provider_mix_up"
	// ProviderTenant is Denied: the person's tenant is none of those that may come.
	ProviderTenant = "provider_tenant"
)

// ProviderError returns the error of one of the reasons above. why is one word, as in "bad_nonce".
func ProviderError(code Code, reason, why string, err error) *Error {
	e := Errorf(code, reason, "the sign-in with the provider did not succeed (%s)", why).With("Why", why)
	e.Err = err
	return e
}

// flowTTL is how long a sign-in with a provider may take, and provenTTL how long a browser is known to be the one that
// has brought an identity.
const (
	flowTTL   = 10 * time.Minute
	provenTTL = 30 * time.Minute
)

// flow is a Challenge and the browser it was made for.
type flow struct {
	challenge Challenge
	browser   TokenHash
}

// proven is an identity that a browser has brought back from its provider.
type proven struct {
	connector Connector
	claims    Claims
	purpose   Purpose
	session   TokenHash // with ForLink: the session it is for
}

// shelf keeps things by key for a time, in bounded space: in all, and for each client network, the oldest of which goes
// first. What it keeps is lost at a restart, which costs the person one more click; nothing of it is written to disk,
// so nothing of it can be read there, and an unauthenticated request writes nothing.
type shelf[T any] struct {
	ttl time.Duration
	max int

	mu     sync.Mutex
	byKey  map[TokenHash]*list.Element
	order  *list.List            // of *kept[T], the oldest first
	perNet map[string]*list.List // of *list.Element of order, the oldest first
}

type kept[T any] struct {
	key     TokenHash
	network string
	until   time.Time
	value   T
	inNet   *list.Element
}

func newShelf[T any](ttl time.Duration, most int) *shelf[T] {
	return &shelf[T]{ttl: ttl, max: most, byKey: map[TokenHash]*list.Element{}, order: list.New(), perNet: map[string]*list.List{}}
}

// put keeps value under key, in place of what was there. perNet bounds how many a network has; 0 is no bound.
func (s *shelf[T]) put(key TokenHash, network string, value T, perNet int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.byKey[key]; ok {
		s.drop(old)
	}
	for e := s.order.Front(); e != nil && !now.Before(e.Value.(*kept[T]).until); e = s.order.Front() {
		s.drop(e)
	}
	full, net := s.order.Len() >= s.max, s.perNet[network]
	switch {
	// Who has as much as others have on average, or more, makes room for itself: some networks that flood the shelf
	// push out their own, and not everybody else's.
	case net != nil && (perNet > 0 && net.Len() >= perNet || full && net.Len()*len(s.perNet) >= s.order.Len()):
		s.drop(net.Front().Value.(*list.Element))
	case full:
		s.drop(s.order.Front())
	}
	k := &kept[T]{key: key, network: network, until: now.Add(s.ttl), value: value}
	e := s.order.PushBack(k)
	s.byKey[key] = e
	if s.perNet[network] == nil {
		s.perNet[network] = list.New()
	}
	k.inNet = s.perNet[network].PushBack(e)
}

// get returns what is kept under key.
func (s *shelf[T]) get(key TokenHash, now time.Time) (value T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.byKey[key]
	if !ok {
		return value, false
	}
	k := e.Value.(*kept[T])
	return k.value, now.Before(k.until)
}

// take returns what is kept under key and forgets it: of parallel calls one gets it.
func (s *shelf[T]) take(key TokenHash, now time.Time) (value T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.byKey[key]
	if !ok {
		return value, false
	}
	s.drop(e)
	k := e.Value.(*kept[T])
	return k.value, now.Before(k.until)
}

// remove forgets what is kept under key.
func (s *shelf[T]) remove(key TokenHash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.byKey[key]; ok {
		s.drop(e)
	}
}

func (s *shelf[T]) drop(e *list.Element) {
	k := s.order.Remove(e).(*kept[T])
	delete(s.byKey, k.key)
	net := s.perNet[k.network]
	net.Remove(k.inNet)
	if net.Len() == 0 {
		delete(s.perNet, k.network)
	}
}

// same reports in constant time whether two hashes are the same.
func same(a, b TokenHash) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }
