package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// programDir is a directory with programs in it, by name. A program that runs is a directory with something in it here: it can be renamed, but
// neither removed nor overwritten.
type programDir struct {
	t    *testing.T
	path string
	late []string // what is removed later
}

const runs = "(it runs)"

func newProgramDir(t *testing.T, files map[string]string) *programDir {
	t.Helper()
	d := &programDir{t: t, path: t.TempDir()}
	for name, text := range files {
		path := d.at(name)
		if text == runs {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
			path, text = filepath.Join(path, "x"), ""
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *programDir) at(name string) string { return filepath.Join(d.path, name) }

func (d *programDir) later(path string) error {
	d.late = append(d.late, filepath.Base(path))
	return nil
}

// expect compares what is in the directory.
func (d *programDir) expect(want map[string]string) {
	d.t.Helper()
	entries, err := os.ReadDir(d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	got := map[string]string{}
	for _, entry := range entries {
		if entry.IsDir() {
			got[entry.Name()] = runs
			continue
		}
		data, err := os.ReadFile(d.at(entry.Name()))
		if err != nil {
			d.t.Fatal(err)
		}
		got[entry.Name()] = string(data)
	}
	if !maps.Equal(got, want) {
		d.t.Errorf("the directory: got %v, want %v", got, want)
	}
}

func TestPlaceProgram(t *testing.T) {
	type dir = map[string]string
	tests := []struct {
		name                     string
		before, placed, put, fin dir // fin is what is there when it is forgotten
		changed                  bool
		late                     []string
	}{
		{"the first", dir{}, dir{"p": "new"}, dir{}, dir{"p": "new"}, true, nil},
		{"another", dir{"p": "old"}, dir{"p": "new", "p.old": "old"}, dir{"p": "old"}, dir{"p": "new", "p.old": "old"}, true, []string{"p.old"}},
		{"the same", dir{"p": "new"}, dir{"p": "new"}, dir{"p": "new"}, dir{"p": "new"}, false, nil},
		{
			"over leftovers",
			dir{"p": "old", "p.old": "older", "p.new": "half"},
			dir{"p": "new", "p.old": "old"},
			dir{"p": "old"},
			dir{"p": "new", "p.old": "old"},
			true,
			[]string{"p.old"},
		},
		{
			"while one from before runs",
			dir{"p": "old", "p.old": runs},
			dir{"p": "new", "p.old": runs, "p.old2": "old"},
			dir{"p": "old", "p.old": runs},
			dir{"p": "new", "p.old": runs, "p.old2": "old"},
			true,
			[]string{"p.old2"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, forget := range []bool{false, true} {
				d := newProgramDir(t, tt.before)
				var undo undoing
				changed, err := placeProgram(d.at("p"), []byte("new"), d.later, &undo)
				if changed != tt.changed || err != nil {
					t.Fatalf("got changed %v, %v; want %v", changed, err, tt.changed)
				}
				d.expect(tt.placed)
				if forget {
					undo.forget()
					d.expect(tt.fin)
					if !slices.Equal(d.late, tt.late) {
						t.Errorf("what is removed later: got %v, want %v", d.late, tt.late)
					}
					continue
				}
				if err := undo.run(); err != nil {
					t.Error(err)
				}
				d.expect(tt.put)
			}
		})
	}
}

// TestPlaceProgramHalf expects that what cannot be done to its end is taken back to the last file.
func TestPlaceProgramHalf(t *testing.T) {
	before := map[string]string{"p": "old"}
	for n := range mostAside {
		name := "p.old"
		if n > 0 {
			name += string(rune('1' + n))
		}
		before[name] = runs
	}
	d := newProgramDir(t, before)
	var undo undoing
	if _, err := placeProgram(d.at("p"), []byte("new"), d.later, &undo); err == nil {
		t.Error("got no error, want one: there is no name left for the old program")
	}
	if err := undo.run(); err != nil {
		t.Error(err)
	}
	d.expect(before)
}

// TestVacate frees the name of a program, which the next one of that name takes.
func TestVacate(t *testing.T) {
	for _, tt := range []struct {
		before, want map[string]string
		late         []string
	}{
		{map[string]string{}, map[string]string{}, nil},
		{map[string]string{"p": "text"}, map[string]string{}, nil},
		{map[string]string{"p": runs}, map[string]string{"p.gone": runs}, []string{"p.gone"}},
		{map[string]string{"p": runs, "p.gone": runs}, map[string]string{"p.gone": runs, "p.gone2": runs}, []string{"p.gone2"}},
		{map[string]string{"p": runs, "p.old": "that comes back"}, map[string]string{"p.gone": runs, "p.old": "that comes back"}, []string{"p.gone"}},
	} {
		d := newProgramDir(t, tt.before)
		if err := vacate(d.at("p"), d.later); err != nil || !slices.Equal(d.late, tt.late) {
			t.Errorf("%v: got %v later, %v; want %v", tt.before, d.late, err, tt.late)
		}
		d.expect(tt.want)
	}
	if err := vacate(newProgramDir(t, map[string]string{"p": runs}).at("p"), func(string) error { return errors.ErrUnsupported }); err == nil {
		t.Error("got no error, want that of what removes it later")
	}
}
