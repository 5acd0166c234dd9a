package gui

import (
	"context"
	"maps"
	"sync"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// link says how the program stands to the service.
type link int

const (
	linkUnknown   link = iota // not asked yet
	linkUp                    // all is well
	linkAbsent                // the service is not installed here
	linkStopped               // it is installed and does not run
	linkSilent                // it should answer and does not, or nobody can tell
	linkForbidden             // it answers, and this person may not
	linkMismatch              // it is of another version
	linkStarting              // it answers, and does not do its work yet
	linkFailed                // it has ended with an error, and is not tried again
)

// String returns the link's word in the log.
func (l link) String() string {
	return [...]string{"unknown", "up", "absent", "stopped", "silent", "forbidden", "mismatch", "starting", "failed"}[l]
}

// connection is a link with what there is to say of it.
type connection struct {
	link    link
	version localapi.Version // of the service, while it is up, starts or is forbidden
	text    string           // what is the matter, in words
	retry   time.Duration    // when it is tried again
	service ServiceState     // on this machine, while nobody answers
}

// startingEvery is how often a service is asked that starts, and versionTimeout how long it may take to say what it is: a person looks
// at the window, and whoever does not answer in that time has to be said not to.
const (
	startingEvery  = 500 * time.Millisecond
	versionTimeout = 4 * time.Second
)

// live keeps the connection to the service and tells what changes there.
type live struct {
	client  Client
	host    Host
	post    func(func())     // hands a function to the window's goroutine
	state   func(connection) // told in the window's goroutine, as changed
	changed func(topics)
	wake    chan struct{}

	mu      sync.Mutex
	pending topics // not told yet
}

func newLive(client Client, host Host, post func(func())) *live {
	return &live{client: client, host: host, post: post, wake: make(chan struct{}, 1), pending: topics{}}
}

// retry asks the service again now.
func (l *live) retry() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// keep connects, and connects again, until ctx is done.
func (l *live) keep(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; failures++ {
		c := l.connect(ctx, func() { failures = 0 })
		if ctx.Err() != nil {
			return
		}
		c.retry = min(time.Second<<min(failures, 4), 15*time.Second)
		if c.link == linkStarting {
			c.retry, failures = startingEvery, 0
		}
		l.post(func() { l.state(c) })
		l.wait(ctx, c.retry)
	}
}

func (l *live) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-l.wake:
	}
}

// connect asks the service and watches it. It returns how the connection stands when that has ended.
func (l *live) connect(ctx context.Context, up func()) connection {
	version, err := l.version(ctx)
	if err != nil || !version.Permitted || version.Starting != nil {
		return l.connectionOf(version, err)
	}
	err = l.client.Watch(ctx, func() {
		up()
		l.post(func() { l.state(connection{link: linkUp, version: version}) })
	}, l.take)
	return l.connectionOf(version, err)
}

func (l *live) version(ctx context.Context) (localapi.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	return l.client.Version(ctx)
}

// take keeps what has changed until the window has time for it: what comes meanwhile is told together.
func (l *live) take(c localapi.Change) {
	l.mu.Lock()
	first := len(l.pending) == 0
	maps.Copy(l.pending, changeTopics(c))
	l.mu.Unlock()
	if first {
		l.post(l.tell)
	}
}

func (l *live) tell() {
	l.mu.Lock()
	t := l.pending
	l.pending = topics{}
	l.mu.Unlock()
	if len(t) > 0 {
		l.changed(t)
	}
}

// connectionOf says what an answer means.
func (l *live) connectionOf(v localapi.Version, err error) connection {
	switch {
	case err == nil && v.Starting != nil:
		return connection{link: linkStarting, version: v}
	case err == nil && !v.Permitted:
		c := connection{link: linkForbidden, version: v}
		if v.Join == "" {
			c.text = sentence(v.Missing)
		}
		return c
	case app.ReasonOf(err) == "version_mismatch":
		return connection{link: linkMismatch, text: errorText(err), service: l.host.Service()}
	case app.ReasonOf(err) == "not_permitted":
		return connection{link: linkForbidden, text: errorText(err)}
	}
	service := l.host.Service()
	switch {
	case service.Managed && !service.Installed:
		return connection{link: linkAbsent, service: service}
	case service.Managed && service.Failed:
		return connection{link: linkFailed, text: sentence(service.Detail), service: service}
	case service.Managed && !service.Running:
		return connection{link: linkStopped, text: sentence(service.Detail), service: service}
	default:
		text := ""
		if err != nil {
			text = sentence(app.MessageOf(err))
		}
		return connection{link: linkSilent, text: text, service: service}
	}
}
