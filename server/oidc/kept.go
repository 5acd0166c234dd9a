package oidc

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// patience is how long a call waits for a fetch that others have begun, and for something newer when what is there would
// still do.
const patience = 2 * time.Second

// kept is something that a provider publishes. It is fetched when it is needed, once for all who ask at the same time,
// and used until it is no longer fresh; when it cannot be had anew, until it is stale. A failure is never kept.
type kept[T any] struct {
	name         string
	log          *slog.Logger
	fresh, stale time.Duration
	fetch        func(ctx context.Context) (T, error)
	fetches      *fetches

	mu      sync.Mutex
	have    got[T]
	running *fetching[T]
}

// fetches is what is under way for all providers. It ends with them.
type fetches struct {
	ctx  context.Context
	end  context.CancelFunc
	wait sync.WaitGroup
}

func newFetches() *fetches {
	ctx, end := context.WithCancel(context.Background())
	return &fetches{ctx: ctx, end: end}
}

func (f *fetches) begin(fetch func(ctx context.Context)) { f.wait.Go(func() { fetch(f.ctx) }) }

// got is what was fetched; the zero value is nothing.
type got[T any] struct {
	value   T
	at      time.Time // by the wall clock: the other one stands still while the machine sleeps
	version int       // counts the fetches
}

// fetching is a fetch that is under way. got and err are there when done is closed.
type fetching[T any] struct {
	done chan struct{}
	got  got[T]
	err  error
}

// get returns what is published. Its error is a *failure.
func (k *kept[T]) get(ctx context.Context) (got[T], error) {
	have := k.last()
	age := time.Since(have.at)
	if have.version > 0 && 0 <= age && age < k.fresh {
		return have, nil
	}
	usable := have.version > 0 && age.Abs() < k.stale
	if usable {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	newer, err := k.renew(ctx, have.version)
	if err != nil && usable {
		k.log.Warn("the provider does not answer: what it last said is used", "what", k.name, "from", have.at, "err", err)
		return have, nil
	}
	return newer, err
}

// last returns what was fetched last.
func (k *kept[T]) last() got[T] {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.have
}

// renew returns something newer than a version, fetching it when nobody has.
func (k *kept[T]) renew(ctx context.Context, version int) (got[T], error) {
	f, joined := k.begin(version, nil)
	if !joined {
		return f.wait(ctx)
	}
	// That fetch began before this call: what makes it hang or fail may be over (T17).
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	newer, err := f.wait(short)
	if err == nil || ctx.Err() != nil {
		return newer, err
	}
	f, _ = k.begin(version, f)
	return f.wait(ctx)
}

// begin returns the fetch that is under way, unless it is the one not wanted, and whether it was already. It ends by its
// own time, not with the call that began it: others may wait for it.
func (k *kept[T]) begin(version int, unwanted *fetching[T]) (f *fetching[T], joined bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f = &fetching[T]{done: make(chan struct{})}
	switch {
	case k.have.version > version:
		f.got = k.have
		close(f.done)
		return f, false
	case k.running != nil && k.running != unwanted:
		return k.running, true
	}
	k.running = f
	k.fetches.begin(func(ctx context.Context) { k.run(ctx, f) })
	return f, false
}

func (k *kept[T]) run(ctx context.Context, f *fetching[T]) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	value, err := k.safely(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running == f {
		k.running = nil
	}
	if err == nil {
		k.have = got[T]{value: value, at: time.Now().Round(0), version: k.have.version + 1}
	}
	f.got, f.err = k.have, err
	close(f.done)
}

// safely turns a panic over what a provider has sent into an error: there is no request whose handler would catch it.
func (k *kept[T]) safely(ctx context.Context) (value T, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &failure{why: "fault", err: fmt.Errorf("panic over its %s: %v", k.name, fault)}
		}
	}()
	return k.fetch(ctx)
}

// wait returns the outcome of the fetch, or that there is none in the time there is.
func (f *fetching[T]) wait(ctx context.Context) (got[T], error) {
	select {
	case <-f.done:
	case <-ctx.Done():
		return got[T]{}, &failure{why: "unreachable", err: ctx.Err()}
	}
	if f.err != nil {
		return got[T]{}, f.err
	}
	return f.got, nil
}
