package main_test

import (
	"strings"
	"testing"
)

// TestDoctorOfTheRealService looks at a service of a process of its own, and reads its figures.
func TestDoctorOfTheRealService(t *testing.T) {
	p := serve(t, t.TempDir())
	p.run("settings", "set", "clock.source=off")
	stdout, stderr, status := p.try("doctor")
	if status != 0 || !strings.Contains(stdout, "Database\n  ok       the database is whole") || !strings.Contains(stdout, "Nothing is broken, ") {
		t.Errorf("got %d, %s\n%s", status, stderr, stdout)
	}
	figures := p.run("metrics")
	for _, want := range []string{"\nfoyer_build_info{", "\nfoyer_checkup_checks{state=\"error\"} 0\n", "\nprocess_open_fds "} {
		if !strings.Contains(figures, want) {
			t.Errorf("the figures have no %q", want)
		}
	}
}
