package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLogFile expects that a log keeps its last lines in two files of bounded size, over a restart too, and that a directory that
// comes later is no fault for ever.
func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "foyer.log")
	log := &logFile{path: path, most: 10}
	defer log.Close()
	if _, err := log.Write([]byte("lost\n")); err == nil {
		t.Error("a log in a directory that is not there: got no error")
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(l *logFile, lines ...string) {
		for _, line := range lines {
			if n, err := l.Write([]byte(line)); err != nil || n != len(line) {
				t.Fatalf("write %q: got %d, %v", line, n, err)
			}
		}
	}
	expect := func(name, want string) {
		t.Helper()
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", filepath.Base(name), got, err, want)
		}
	}
	write(log, "one\n", "two\n", "three\n", "four\n")
	expect(path+".1", "three\n")
	expect(path, "four\n")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	again := &logFile{path: path, most: 10}
	defer again.Close()
	write(again, "five\n")
	expect(path, "four\nfive\n")
	write(again, "six\n")
	expect(path+".1", "four\nfive\n")
	expect(path, "six\n")
}
