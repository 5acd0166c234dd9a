package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"foyer/app"
)

// DataError says why the data directory cannot be used, in a sentence for the person who starts the service.
type DataError struct {
	Message string
	Err     error
}

func (e *DataError) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + " (" + e.Err.Error() + ")"
}

// Unwrap returns the cause.
func (e *DataError) Unwrap() error { return e.Err }

// dataErrorf returns a *DataError, or Unavailable, "storage_busy", when err says that another program holds the database: then nothing
// is wrong with the data, and a later start finds them free.
func dataErrorf(dir string, err error, format string, args ...any) error {
	if isBusy(err) {
		return &app.Error{
			Code: app.Unavailable, Reason: "storage_busy", Err: err,
			Message: fmt.Sprintf("another program holds the database in %s; end it, and the service can start", dir),
		}
	}
	// SQLite says "no such file" here, because it cannot make its -shm file.
	if why := notWritable(dir); why != "" {
		return &DataError{Message: fmt.Sprintf("the data directory %s %s", dir, why), Err: err}
	}
	return &DataError{Message: fmt.Sprintf("the data directory %s cannot be used: ", dir) + fmt.Sprintf(format, args...), Err: err}
}

func damaged(dir string, err error, check string) error {
	return dataErrorf(dir, err, "the database is damaged: %s; nothing was changed, restore a backup", check)
}

// minimumFree is the space under which the service does not start: it could not write what it acknowledges.
const minimumFree = 100 << 20

// inspect makes the data directory when it is missing, looks at what is there without SQLite's help, and returns the
// marker. It refuses everything that is neither ours nor empty.
func inspect(dir, path string, log *slog.Logger) (marker, error) {
	if err := MakeDir(dir, log); err != nil {
		return marker{}, err
	}
	mark, markErr := readMarker(dir)
	if markErr != nil && !errors.Is(markErr, fs.ErrNotExist) {
		return marker{}, dataErrorf(dir, markErr, "%s cannot be read", markerFile)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && markErr != nil {
		return marker{fresh: true, missing: true}, nil //nolint:nilerr // neither file is there: this is a first start
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return marker{}, damaged(dir, nil, databaseFile+" is missing, and "+markerFile+" says that there was one")
	case err != nil:
		return marker{}, dataErrorf(dir, err, "%s cannot be read", databaseFile)
	case !info.Mode().IsRegular():
		return marker{}, dataErrorf(dir, nil, "%s is not a file", databaseFile)
	case info.Size() == 0 && markErr != nil:
		return marker{}, dataErrorf(dir, nil, "%s is an empty file that Foyer did not make; remove it for a fresh start", databaseFile)
	case info.Size() == 0:
		return marker{}, damaged(dir, nil, databaseFile+" is empty")
	}
	if err := checkHeader(dir, path); err != nil {
		return marker{}, err
	}
	if mark.logless, err = mark.missesLog(dir, path); err != nil {
		return marker{}, err
	}
	mark.fresh = markErr != nil
	return mark, tighten(path, log)
}

// MakeDir makes the data directory when it is missing and takes the rights of others from it, which it logs. A *DataError says why
// it cannot be used.
func MakeDir(dir string, log *slog.Logger) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &DataError{Message: fmt.Sprintf("the data directory %s cannot be made", dir), Err: err}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return &DataError{Message: fmt.Sprintf("the data directory %s cannot be read", dir), Err: err}
	}
	if why := notWritable(dir); why != "" {
		return &DataError{Message: fmt.Sprintf("the data directory %s %s", dir, why)}
	}
	was, err := tightenDir(dir, info)
	if err != nil {
		return dataErrorf(dir, err, "others may read it, and that cannot be changed")
	}
	logTightened(log, dir, was)
	free, err := freeSpace(dir)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return dataErrorf(dir, err, "its free space cannot be read")
	}
	if reserve, err := os.Stat(filepath.Join(dir, reserveFile)); err == nil {
		free += reserve.Size() // given up when it is needed
	}
	if free < minimumFree {
		return dataErrorf(dir, nil, "only %d MB are free on its disk; at least %d MB are needed", free>>20, minimumFree>>20)
	}
	return nil
}

// logTightened tells that others had rights to a file or directory; was is which, "" for none. What they could read may be known.
func logTightened(log *slog.Logger, path, was string) {
	if was != "" {
		log.Warn("others could read or change the data; they cannot any more", "file", path, "mode", was)
	}
}

// tighten takes the rights of others from a file and from those that SQLite has beside it.
func tighten(path string, log *slog.Logger) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var was string
		if err == nil {
			was, err = tightenFile(name, info)
		}
		if err != nil {
			return dataErrorf(filepath.Dir(path), err, "others may read %s, and that cannot be changed", filepath.Base(name))
		}
		logTightened(log, name, was)
	}
	return nil
}

// checkHeader refuses a file that is no database of ours: opening another program's database, or half of ours, would already
// change it.
func checkHeader(dir, path string) error {
	why, err := headerFault(path)
	switch {
	case err != nil:
		return dataErrorf(dir, err, "%s cannot be read", databaseFile)
	case why == foreignHeader:
		return dataErrorf(dir, nil, "%s %s", databaseFile, why)
	case why != "":
		return damaged(dir, nil, databaseFile+" "+why)
	}
	return nil
}

const foreignHeader = "belongs to another program"

// headerFault reads the first bytes of a file itself (sqlite.org/fileformat: magic at 0, page size at 16, page count at 28,
// application id at 68), and returns why it is no database of ours, or "".
func headerFault(path string) (why string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	header := make([]byte, 100)
	if _, err := io.ReadFull(f, header); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "is shorter than a database's header", nil
	} else if err != nil {
		return "", err
	}
	if string(header[:16]) != "SQLite format 3\x00" {
		return "is not an SQLite database", nil
	}
	if id := binary.BigEndian.Uint32(header[68:]); id != applicationID {
		return foreignHeader, nil
	}
	return "", nil
}

// ReplaceFile writes a private file: synced under another name, renamed, and the rename synced.
func ReplaceFile(path string, data []byte) error {
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return renameDurably(temporary, path)
}
