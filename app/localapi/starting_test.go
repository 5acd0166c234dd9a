package localapi_test

import (
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"

	"foyer/app"
	"foyer/app/localapi"
)

// TestStarting asks a service that is starting: it says how far it is, and nothing else, until it has started.
func TestStarting(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := localapi.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	c := localapi.HandlerConfig{Version: "test", Log: slog.New(slog.DiscardHandler)}
	server, startup := localapi.NewStartingServer(c)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	client := &localapi.Client{Socket: socket}
	t.Cleanup(func() {
		client.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	for _, want := range []localapi.Starting{{}, {Step: "migrate", Done: 2, Total: 8}} {
		startup.Progress(want.Step, want.Done, want.Total)
		if v, err := client.Version(t.Context()); err != nil || v.Starting == nil || *v.Starting != want || v.Version != "test" || !v.Permitted {
			t.Errorf("got %+v, %v, want %+v", v, err, want)
		}
		if _, err := client.Settings(t.Context()); app.ReasonOf(err) != "service_starting" || app.CodeOf(err) != app.Unavailable {
			t.Errorf("settings: %v", err)
		}
	}
	c.Backend = newOffice(t)
	startup.Started(c)
	if v, err := client.Version(t.Context()); err != nil || v.Starting != nil {
		t.Errorf("got %+v, %v, want it started", v, err)
	}
	if _, err := client.Settings(t.Context()); err != nil {
		t.Errorf("settings: %v", err)
	}
}
