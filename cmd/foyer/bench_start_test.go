//go:build bench

package main_test

import (
	"os/exec"
	"slices"
	"testing"
	"time"
)

// benchStart measures what the desktop program costs the commands, all of which carry it.
func benchStart(t *testing.T) {
	whole, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	without, err := buildProgram(t.TempDir(), "nogui")
	if err != nil {
		t.Fatal(err)
	}
	var times [2][]float64
	for range 40 { // in turn, so that both meet the same machine
		for i, path := range []string{whole, without} {
			times[i] = append(times[i], versionTime(t, path))
		}
	}
	for i := range times {
		slices.Sort(times[i])
	}
	report("foyer version, ms : without the desktop program (medians of 40)", times[0][20], times[1][20], "at most 15 ms more")
}

// versionTime returns how many milliseconds "foyer version" takes.
func versionTime(t *testing.T, path string) float64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, "version", "--data", t.TempDir())
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("foyer version: %v\n%s", err, out)
	}
	return float64(time.Since(begin).Microseconds()) / 1000
}
