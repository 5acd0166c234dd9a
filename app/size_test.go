package app_test

import (
	"testing"

	"foyer/app"
)

func TestSizeWords(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1: "1 B", 1023: "1023 B", 1024: "1 KB", 1536: "1.5 KB", 100 << 20: "100 MB", 150<<20 + 1<<19: "150 MB", 2_000_000_000: "1.9 GB", 5 << 40: "5 TB",
		5000 << 40: "5000 TB", -1: "-1 B",
	} {
		if got := app.SizeWords(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
