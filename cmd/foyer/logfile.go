package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
)

// logFile is a log that does not grow for ever: when it is full it is renamed to NAME.1, in whose place it comes, and a new one is
// begun. The directory need not be there yet; what is written before is lost.
type logFile struct {
	path string
	most int64 // bytes of each of the two

	mu   sync.Mutex
	file *os.File
	size int64
}

var _ io.WriteCloser = (*logFile)(nil)

// Write adds to the log.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(); err != nil {
		return 0, err
	}
	if l.size > 0 && l.size+int64(len(p)) > l.most {
		if err := errors.Join(l.turn(), l.open()); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	return n, err
}

// open opens the log unless it is open.
func (l *logFile) open() error {
	if l.file != nil {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size = f, info.Size()
	return nil
}

// turn closes the full file and puts it aside. One that cannot be put aside, because somebody reads it on Windows, goes on to grow.
func (l *logFile) turn() error {
	err := l.file.Close()
	l.file = nil
	if err != nil {
		return err
	}
	if err := os.Rename(l.path, l.path+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// Close closes the log.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
