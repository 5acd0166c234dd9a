package app

import (
	"context"
	"time"
)

// guess is one try of a password, counted under some keys from its begin to its end.
type guess struct {
	limiter *Limiter
	free    int
	keys    []guessKey
	ended   Guess
}

// guessKey is what guesses are counted by. times multiplies how many wrong ones are free.
type guessKey struct {
	key   string
	times int
}

// guessKeys returns what a sign-in counts by: address and client network, because whoever guesses at somebody's password
// must not keep the owner out, who comes from elsewhere. Guesses from many networks are bounded too: those from networks
// the owner has never signed in from share one count.
func (s *Service) guessKeys(addr Address, v Visitor, free int) []guessKey {
	const strangers = 10
	keys := []guessKey{{addr.Key() + " " + v.network(), 1}}
	if free > 0 && !s.guesses.Remembers(homeKey(addr, v)) {
		keys = append(keys, guessKey{addr.Key(), strangers})
	}
	return keys
}

// homeKey is remembered of a network the owner of addr has signed in from.
func homeKey(addr Address, v Visitor) string { return "home " + addr.Key() + " " + v.network() }

// beginGuess returns a guess that must be ended, or how long to wait and no guess.
func (s *Service) beginGuess(ctx context.Context, free int, keys []guessKey) (*guess, time.Duration) {
	g := &guess{limiter: s.guesses, free: free}
	for _, k := range keys {
		if wait := g.limiter.Begin(ctx, k.key, free*k.times, time.Now()); wait > 0 {
			g.end()
			return nil, wait
		}
		g.keys = append(g.keys, k)
	}
	return g, 0
}

// result says whether the password was right; without it the guess counts as none.
func (g *guess) result(right bool) {
	g.ended = GuessWrong
	if right {
		g.ended = GuessRight
	}
}

func (g *guess) end() {
	for _, k := range g.keys {
		g.limiter.End(k.key, g.free*k.times, g.ended, time.Now())
	}
}
