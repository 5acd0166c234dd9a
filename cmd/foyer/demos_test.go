//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// silentDemo is a program that tells its process and never answers.
const silentDemo = `#!/bin/sh
echo $$ > "$PID_PIPE"
exec sleep 600
`

// TestDemosEnd expects that no demonstration is left behind, however its start ends: neither its process nor its directory.
func TestDemosEnd(t *testing.T) {
	for name, end := range map[string]func(d *demos, cancel func()){
		"the window is closed": func(_ *demos, cancel func()) { cancel() },
		"the program ends":     func(d *demos, _ func()) { d.end() },
	} {
		t.Run(name, func(t *testing.T) {
			bin, temp := t.TempDir(), t.TempDir()
			t.Setenv("TMPDIR", temp)
			program, pipe := filepath.Join(bin, "foyer"), filepath.Join(bin, "pid")
			t.Setenv("PID_PIPE", pipe)
			if err := errors.Join(os.WriteFile(program, []byte(silentDemo), 0o700), syscall.Mkfifo(pipe, 0o600)); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var d demos
			done := make(chan error, 1)
			go func() {
				client, stop, err := d.start(ctx, program)
				if client != nil || stop != nil {
					err = nil
				}
				done <- err
			}()
			text, err := os.ReadFile(pipe) // waits for who writes
			pid, errPID := strconv.Atoi(strings.TrimSpace(string(text)))
			if err := errors.Join(err, errPID); err != nil {
				t.Fatal(err)
			}
			end(&d, cancel)
			if err := <-done; err == nil {
				t.Error("it has started")
			}
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("its process is left: %v", err)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
			if _, _, err := d.start(ctx, program); err == nil {
				t.Error("another one has started")
			}
		})
	}
}
