package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// undoing is what takes back what was done, in the order it was done.
type undoing struct {
	steps []func() error
	done  []func() error // what is left behind once nothing is taken back any more
}

func (u *undoing) add(step func() error) { u.steps = append(u.steps, step) }

// run takes everything back, the last thing first.
func (u *undoing) run() error {
	var errs []error
	for _, step := range slices.Backward(u.steps) {
		errs = append(errs, step())
	}
	return errors.Join(errs...)
}

// forget removes what was kept for taking back. A leftover harms nobody.
func (u *undoing) forget() {
	for _, step := range u.done {
		_ = step()
	}
}

// placeProgram makes path hold a program where one that runs can be renamed, but neither overwritten nor removed: the one that was there goes
// aside. To take it back brings it back; to forget removes it, by later, which knows what to do when it runs. It reports whether
// the program was another one.
func placeProgram(path string, data []byte, later func(path string) error, undo *undoing) (changed bool, err error) {
	old, err := os.ReadFile(path) //nolint:gosec // a path of the installation
	there := err == nil
	switch {
	case there && bytes.Equal(old, data):
		return false, nil
	case !there && !errors.Is(err, os.ErrNotExist):
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	fresh := path + ".new"
	if err := writeDurably(fresh, data, 0o755); err != nil {
		return false, errors.Join(fmt.Errorf("write %s: %w", path, err), ignoreMissing(os.Remove(fresh)))
	}
	undo.add(func() error { return ignoreMissing(os.Remove(fresh)) })
	if there {
		aside, err := putAside(path, ".old")
		if err != nil {
			return false, fmt.Errorf("keep %s: %w", path, err)
		}
		undo.add(func() error { return os.Rename(aside, path) })
		undo.done = append(undo.done, func() error { return later(aside) })
	}
	if err := os.Rename(fresh, path); err != nil {
		return false, fmt.Errorf("put %s in its place: %w", path, err)
	}
	undo.add(func() error { return vacate(path, later) })
	return true, nil
}

// mostAside bounds how many programs that were replaced may still run.
const mostAside = 9

// putAside renames a program to NAME.old, with .old as its end, and returns that name; to NAME.old2 and so on while one of that name
// cannot be removed, because it runs since before an earlier update.
func putAside(path, end string) (string, error) {
	for n := 1; ; n++ {
		aside := path + end
		if n > 1 {
			aside += strconv.Itoa(n)
		}
		err := ignoreMissing(os.Remove(aside))
		if err == nil {
			return aside, os.Rename(path, aside)
		}
		if n == mostAside {
			return "", err
		}
	}
}

// vacate removes a program. One that runs goes aside first, so that its name is free, and later what is done then does not meet the next one
// of that name. It does not go where the program is that may have to come back.
func vacate(path string, later func(path string) error) error {
	if ignoreMissing(os.Remove(path)) == nil {
		return nil
	}
	aside, err := putAside(path, ".gone")
	if err != nil {
		return err
	}
	return later(aside)
}

// ignoreFull is for a directory that is to be removed unless something is in it.
func ignoreFull(err error) error {
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

// writeDurably makes a new file. What is there by that name is not written to: it may be a link.
func writeDurably(path string, data []byte, mode os.FileMode) error {
	if err := ignoreMissing(os.Remove(path)); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // a path of the installation
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	// The mask of the caller is not to decide who may run the program.
	return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
