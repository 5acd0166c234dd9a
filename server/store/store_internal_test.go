package store

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
)

func TestRewrite(t *testing.T) {
	for _, test := range []struct{ query, want string }{
		{"SELECT $2, $1", "SELECT ?2, ?1"},
		{"SELECT $10", "SELECT ?10"},
		{"SELECT '$1', $1", "SELECT '$1', ?1"},
		{"SELECT 'it''s $1', $2", "SELECT 'it''s $1', ?2"},
		{"SELECT $", "SELECT $"},
		{"SELECT $a", "SELECT $a"},
		{"", ""},
	} {
		if got := rewrite(test.query); got != test.want {
			t.Errorf("rewrite(%q) = %q, want %q", test.query, got, test.want)
		}
	}
}

func TestReversed(t *testing.T) {
	if got := reversed("sub.company.com"); got != "com.company.sub" {
		t.Errorf("reversed = %q", got)
	}
}

// TestPanicInUnit has a unit of work panic beside others: its caller gets an error, the others and the writer go on.
func TestPanicInUnit(t *testing.T) {
	dir := t.TempDir()
	key, err := LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{Dir: dir, Key: key, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			err := s.write(t.Context(), "test", func(tx *handle) error {
				_, err := tx.exec("INSERT INTO mail_block (email_key, until) VALUES ($1, $2)", strings.Repeat("x", i), millis(time.Now()))
				if i%2 == 1 {
					panic("in a unit of work")
				}
				return err
			})
			if (err != nil) != (i%2 == 1) {
				t.Errorf("unit %d: %v", i, err)
			}
		})
	}
	group.Wait()
	var n int
	if err := s.read.one("SELECT COUNT(*) FROM mail_block", nil, &n); err != nil || n != 10 {
		t.Errorf("%d rows, %v; want the 10 of the units that did not panic", n, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestLostTransactionTellsEverybody has a unit of work lose its transaction while others wait behind it: each is told what became of
// it.
func TestLostTransactionTellsEverybody(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	key, err := LoadKey(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{Dir: dir, Key: key, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	begun, goOn := make(chan struct{}), make(chan struct{})
	lost := make(chan error, 1)
	go func() {
		lost <- s.write(t.Context(), "test", func(*handle) error {
			close(begun)
			<-goOn
			return sqlite3.Error{Code: sqlite3.ErrNomem}
		})
	}()
	<-begun
	behind := make([]*job, 3)
	for i := range behind {
		behind[i] = &job{work: probe, done: make(chan struct{})}
		s.writer.jobs <- behind[i]
	}
	close(goOn)
	if err := <-lost; err == nil {
		t.Error("the unit of work that lost its transaction: no error")
	}
	for i, j := range behind {
		if <-j.done; j.err != nil {
			t.Errorf("unit %d behind it: %v", i, j.err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
