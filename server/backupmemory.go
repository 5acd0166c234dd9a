package server

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"foyer/server/store"
)

// backupFacts are what is remembered of backups besides themselves.
type backupFacts struct {
	Since     time.Time `json:"since"`     // since when backups could have been made
	FailedAt  time.Time `json:"failed_at"` // of the last one, zero when it has not failed
	Failure   string    `json:"failure"`
	CheckedAt time.Time `json:"checked_at"` // when one was last looked at
	Checked   string    `json:"checked"`    // which one
	Damage    string    `json:"damage"`     // and what was the matter with it; "" for nothing
}

// backupMemory keeps these facts in a file beside the backups: they are not part of what is backed up. It is safe for concurrent
// use.
type backupMemory struct {
	path string
	log  *slog.Logger

	mu    sync.Mutex
	facts backupFacts
}

// openBackupMemory reads what was remembered. A file that cannot be read is begun anew.
func openBackupMemory(dir string, log *slog.Logger) *backupMemory {
	m := &backupMemory{path: filepath.Join(dir, "status.json"), log: log}
	data, err := os.ReadFile(m.path)
	if err == nil {
		err = json.Unmarshal(data, &m.facts)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("what was remembered of backups cannot be read", "path", m.path, "err", err)
	}
	if m.facts.Since.IsZero() {
		m.change(func(f *backupFacts) { f.Since = time.Now().UTC() })
	}
	return m
}

func (m *backupMemory) get() backupFacts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.facts
}

func (m *backupMemory) change(change func(f *backupFacts)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.facts)
	data, err := json.Marshal(m.facts)
	if err == nil {
		err = store.ReplaceFile(m.path, data)
	}
	if err != nil {
		m.log.Warn("what is remembered of backups cannot be written", "path", m.path, "err", err)
	}
}

func (m *backupMemory) failed(at time.Time, why string) {
	m.change(func(f *backupFacts) { f.FailedAt, f.Failure = at.UTC(), why })
}

func (m *backupMemory) succeeded() {
	m.change(func(f *backupFacts) { f.FailedAt, f.Failure = time.Time{}, "" })
}

// tried notes that one was to be looked at and could not.
func (m *backupMemory) tried(at time.Time) {
	m.change(func(f *backupFacts) { f.CheckedAt = at.UTC() })
}

func (m *backupMemory) checked(at time.Time, name, damage string) {
	m.change(func(f *backupFacts) { f.CheckedAt, f.Checked, f.Damage = at.UTC(), name, damage })
}
