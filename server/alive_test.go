package server_test

import (
	"context"
	"path/filepath"
	"testing"

	"foyer/server"
)

// TestAlive asks a service that serves, one whose admin socket does not answer yet, and one that has ended.
func TestAlive(t *testing.T) {
	dir := t.TempDir()
	s, err := server.New(t.Context(), server.Config{DataDir: dir, Socket: filepath.Join(dir, "admin.sock"), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if err := s.Alive(t.Context()); err != nil {
		t.Errorf("a service that serves: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := s.Alive(t.Context()); err == nil {
		t.Error("a service that has ended is alive")
	}
}
