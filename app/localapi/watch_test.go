package localapi_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// watched is a service whose answers to GET /v1/watch are counted out.
type watched struct {
	*localapi.Client
	backend *office
	server  *http.Server
	socket  string
	ended   chan struct{} // one for each answer that has ended
}

func serveWatched(t *testing.T) watched {
	t.Helper()
	w := watched{backend: newOffice(t), ended: make(chan struct{}, 10), socket: filepath.Join(t.TempDir(), "admin.sock")}
	l, err := localapi.Listen(t.Context(), w.socket)
	if err != nil {
		t.Fatal(err)
	}
	w.server = localapi.NewServer(localapi.HandlerConfig{Backend: w.backend, Log: slog.New(slog.DiscardHandler)})
	inner := w.server.Handler
	w.server.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(rw, r)
		w.ended <- struct{}{}
	})
	serveOn(t, l, w.server)
	w.Client = &localapi.Client{Socket: w.socket}
	t.Cleanup(w.Close)
	return w
}

func TestWatchTellsEveryTopic(t *testing.T) {
	w := serveWatched(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	tell := func() {
		if topics := app.Topics(); len(got) < len(topics) {
			w.backend.changes.Tell(topics[len(got)])
		} else {
			cancel()
		}
	}
	err := w.Watch(ctx, tell, func(c localapi.Change) {
		got = append(got, c.Topics...)
		tell()
	})
	if app.ReasonOf(err) != "canceled" {
		t.Errorf("ended with %v", err)
	}
	want := []string{
		localapi.TopicAccounts, localapi.TopicRegistrations, localapi.TopicCompanies, localapi.TopicConnectors, localapi.TopicSettings,
		localapi.TopicMessages, localapi.TopicEvents, localapi.TopicPrograms, localapi.TopicJobs, localapi.TopicBackups, localapi.TopicAddress,
		localapi.TopicAttention,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	<-w.ended // the client has gone, and the answer with it
}

func TestWatchEndsWithTheService(t *testing.T) {
	w := serveWatched(t)
	begun := time.Now()
	stopped := make(chan error, 1)
	err := w.Watch(t.Context(), func() { go func() { stopped <- w.server.Shutdown(context.Background()) }() }, func(localapi.Change) {})
	if app.ReasonOf(err) != "service_unreachable" {
		t.Errorf("ended with %v", err)
	}
	if err := <-stopped; err != nil || time.Since(begun) > 10*time.Second {
		t.Errorf("stopped after %s: %v", time.Since(begun), err)
	}
}

// TestWatchSlowReader has a client that reads nothing: it holds up neither those that change things, nor the end of the
// service.
func TestWatchSlowReader(t *testing.T) {
	w := serveWatched(t)
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", w.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/watch HTTP/1.1\r\nHost: foyer\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for range 100_000 {
		w.backend.changes.Tell(app.Topics()...)
	}
	if err := w.server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestWatchRefusals(t *testing.T) {
	w := serveWatched(t)
	none := func() { t.Error("ready") }
	w.Socket += ".not"
	if err := w.Watch(t.Context(), none, nil); app.ReasonOf(err) != "service_unreachable" {
		t.Errorf("nobody there: %v", err)
	}
	backend := newOffice(t)
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(t.TempDir(), "other.sock"))
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}) // it does not say who is calling
	stranger := &localapi.Client{Socket: l.Addr().String()}
	t.Cleanup(stranger.Close)
	if err := stranger.Watch(t.Context(), none, nil); app.CodeOf(err) != app.Denied {
		t.Errorf("a stranger: %v", err)
	}
}

// page is the client's end of an answer within a bubble of synctest, which real sockets cannot be in.
type page struct {
	mu     sync.Mutex
	text   strings.Builder
	header http.Header
	fail   error
}

func (p *page) Header() http.Header { return p.header }
func (p *page) WriteHeader(int)     {}
func (p *page) Flush()              {}

func (p *page) SetReadDeadline(time.Time) error  { return nil }
func (p *page) SetWriteDeadline(time.Time) error { return nil }

func (p *page) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.Write(data)
	return len(data), p.fail
}

// TestWatchRhythm changes something every ten milliseconds for two seconds and then nothing for a minute.
func TestWatchRhythm(t *testing.T) {
	backend := newOffice(t)
	synctest.Test(t, func(t *testing.T) {
		handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(localapi.WithPeer(t.Context(), localapi.Peer{Known: true}))
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://foyer/v1/watch", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		p := &page{header: http.Header{}}
		ended := make(chan struct{})
		go func() {
			handler.ServeHTTP(p, req)
			close(ended)
		}()
		synctest.Wait()
		for i := range 200 {
			backend.changes.Tell([]app.Topic{app.TopicMessages, app.TopicEvents}[i%2])
			synctest.Wait()
			<-time.After(10 * time.Millisecond)
		}
		<-time.After(time.Minute)
		cancel()
		<-ended
		text := p.text.String()
		if got, want := p.header.Get("Content-Type"), "text/event-stream"; got != want || !strings.HasPrefix(text, ": ready\n\n") {
			t.Errorf("%s: %q", got, text)
		}
		if n := strings.Count(text, "event: change\ndata: {\"topics\":["); n < 9 || n > 11 {
			t.Errorf("%d changes were told in two seconds", n)
		}
		if n := strings.Count(text, ": alive\n\n"); n < 4 || n > 5 {
			t.Errorf("told %d times in a minute that it is there", n)
		}
		if !strings.Contains(text, `{"topics":["events","messages"]}`) {
			t.Error("what changed between two tellings was not told together")
		}
	})
}

func TestWatchBrokenPipe(t *testing.T) {
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: newOffice(t), Log: slog.New(slog.DiscardHandler)})
	req, err := http.NewRequestWithContext(localapi.WithPeer(t.Context(), localapi.Peer{Known: true}), http.MethodGet, "http://foyer/v1/watch", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	handler.ServeHTTP(&page{header: http.Header{}, fail: errors.New("broken pipe")}, req) // returns
}
