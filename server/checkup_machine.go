package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server/store"
)

// diskTight is how little may be free before that is said.
const diskTight = 1 << 30

// diskChecks looks at the disk of a data directory: how much is free and set aside there, whether the service takes nothing new for
// lack of space, and whether it could not write at all.
func diskChecks(dir string, f app.StoreFigures) []app.Check {
	free, reserve := f.Free, f.Reserve
	args := []string{"Free", strconv.FormatInt(free, 10), "Reserve", strconv.FormatInt(reserve, 10)}
	switch {
	case f.Failing:
		return []app.Check{found(app.CheckError, "disk_failing", dir,
			"the data cannot be written to their disk, so mail and sign-ups are refused and no mail leaves; see what the system's log says of the disk, have it repaired, and restart the service", args...)}
	case f.Full || free >= 0 && free+reserve < store.MinimumFree:
		return []app.Check{found(app.CheckError, "disk_full", dir,
			fmt.Sprintf("only %s are free on the disk of the data; nothing new is taken below 16 MB, and the service does not start below %s: make room", app.SizeWords(max(free, 0)), app.SizeWords(store.MinimumFree)), args...)}
	case free < 0:
		return []app.Check{found(app.CheckSkipped, "disk_unknown", dir, "how much is free on the disk is not known on this system")}
	case free < diskTight:
		return []app.Check{found(app.CheckWarning, "disk_tight", dir, fmt.Sprintf("%s are free on the disk of the data; make room before it is full", app.SizeWords(free)), args...)}
	default:
		return []app.Check{found(app.CheckOK, "disk_ok", dir, fmt.Sprintf("%s are free on the disk of the data, and %s set aside", app.SizeWords(free), app.SizeWords(reserve)), args...)}
	}
}

// databaseCheck looks through the database.
func databaseCheck(s *store.Store) func(ctx context.Context) []app.Check {
	return func(ctx context.Context) []app.Check {
		figures, err := s.Figures(ctx)
		if err != nil {
			return []app.Check{found(app.CheckError, "database_unreadable", "", "the database cannot be read: "+app.MessageOf(err)+"; the service's log has more")}
		}
		args := []string{"Schema", strconv.FormatInt(figures.Schema, 10), "Bytes", strconv.FormatInt(figures.Database, 10)}
		problem, err := s.Check(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return []app.Check{found(app.CheckSkipped, "database_large", "", "the database is too large to be looked through in ten seconds; it is looked through at every start, and in every backup", args...)}
		case err != nil:
			return []app.Check{found(app.CheckError, "database_unreadable", "", "the database cannot be read: "+app.MessageOf(err)+"; the service's log has more", args...)}
		case problem != "":
			return []app.Check{found(app.CheckError, "database_damaged", "", "the database is damaged ("+problem+"); stop the service and restore the newest backup", args...)}
		default:
			return []app.Check{found(app.CheckOK, "database_ok", "", fmt.Sprintf("the database is whole (schema %s, %s)", args[1], app.SizeWords(figures.Database+figures.WAL)), args...)}
		}
	}
}

// privateFiles are the files of the data directory that nobody else may read. The first must be there.
func privateFiles() []string {
	return []string{"foyer.db", "secret.key", "foyer.db-wal", "foyer.db-shm", "instance.json", "reserve"}
}

// permissionChecks looks at who may read the data, and whether the service can. uid is the service's own user, -1 for the owner
// of the directory.
func permissionChecks(dir, socket string, uid int) []app.Check {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []app.Check{found(app.CheckSkipped, "data_missing", dir, "there is no data directory yet; the service makes it when it starts")}
	case err != nil:
		return []app.Check{found(app.CheckSkipped, "data_unreadable", dir, "the data directory cannot be looked at by this user; ask as "+app.Root+": "+app.AsRoot("foyer doctor"))}
	case !info.IsDir():
		return []app.Check{found(app.CheckError, "data_no_directory", dir, "this is not a directory; move it away")}
	}
	owner, known := ownerOf(info)
	if !known {
		return []app.Check{found(app.CheckSkipped, "permissions_unknown", dir, "who may read the data is not looked at on this system")}
	}
	if uid < 0 {
		uid = owner
	}
	checks := fileChecks(dir, info, uid, 0o700)
	for _, name := range privateFiles() {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return append(checks, found(app.CheckSkipped, "data_unreadable", dir, "the data directory cannot be looked at by this user; ask as "+app.Root+": "+app.AsRoot("foyer doctor")))
		}
		checks = append(checks, fileChecks(path, info, uid, 0o600)...)
	}
	checks = append(checks, socketChecks(socket)...)
	if len(checks) == 0 {
		checks = append(checks, found(app.CheckOK, "permissions_ok", dir, "the data belong to the service, and nobody else may read them"))
	}
	return checks
}

// fileChecks returns what is wrong with the rights of a file or directory.
func fileChecks(path string, info os.FileInfo, uid int, mode os.FileMode) []app.Check {
	var checks []app.Check
	if info.Mode()&os.ModeSymlink != 0 {
		return []app.Check{found(app.CheckWarning, "data_link", path, "this is a link; the data belong into one directory, on one disk")}
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		checks = append(checks, found(app.CheckError, "permissions_open", path,
			fmt.Sprintf("others may read or change it (mode %04o): chmod %04o %s", info.Mode().Perm(), mode, path), "Mode", fmt.Sprintf("%04o", info.Mode().Perm())))
	}
	if owner, ok := ownerOf(info); ok && owner != uid {
		checks = append(checks, found(app.CheckError, "permissions_owner", path,
			fmt.Sprintf("it belongs to %s and not to %s, as which the service runs: chown %s %s", userOf(owner), userOf(uid), userOf(uid), path),
			"Owner", userOf(owner), "Want", userOf(uid)))
	}
	return checks
}

// socketChecks returns what is wrong with the admin socket of a service that runs; "" is of none.
func socketChecks(socket string) []app.Check {
	if socket == "" {
		return nil
	}
	info, err := os.Stat(socket)
	switch {
	case err != nil:
		return []app.Check{found(app.CheckError, "socket_missing", socket, "the admin socket is gone, so nothing can be administered; restart the service")}
	case info.Mode()&os.ModeSocket == 0:
		return []app.Check{found(app.CheckError, "socket_replaced", socket, "something else is where the admin socket should be; remove it and restart the service")}
	case info.Mode().Perm()&0o006 != 0o006:
		return []app.Check{found(app.CheckWarning, "socket_closed", socket, "only some users can connect to the admin socket; who may administer is decided after that, so restart the service to open it")}
	default:
		return nil
	}
}

// portCheck tells whether the pages could be served at an address, and who has it.
func portCheck(ctx context.Context, address string) app.Check {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		_ = l.Close() // it was free
		return found(app.CheckOK, "port_free", address, "the address of the pages is free")
	case errors.Is(err, errAddressInUse):
		return found(app.CheckError, "port_taken", address, address+" is in use by another program"+holderWords(address)+"; end it, or choose another address (listen in the configuration file)")
	case errors.Is(err, errNotPermitted):
		return found(app.CheckSkipped, "port_not_permitted", address, "only "+app.Root+" may open "+address+", so it cannot be tried; ask as "+app.Root+": "+app.AsRoot("foyer doctor"))
	case errors.Is(err, errAddressNotHere):
		return found(app.CheckError, "port_elsewhere", address, address+" is not an address of this machine; choose another one (listen in the configuration file)")
	default:
		return found(app.CheckError, "port_invalid", address, fmt.Sprintf("%q is not an address to listen at; write HOST:PORT or :PORT (listen in the configuration file)", address))
	}
}

// holderWords returns who listens at an address, as in " (nginx, process 812)"; "" when that is not known.
func holderWords(address string) string {
	if who := portHolder(address); who != "" {
		return " (" + who + ")"
	}
	return ""
}

// InspectOffline looks at what can be looked at while the service does not run.
func InspectOffline(ctx context.Context, c Config) []app.Check {
	// withDefaults is what the service itself would use.
	dir, listen := cmp.Or(c.DataDir, DefaultDataDir), cmp.Or(c.Listen, DefaultListen)
	return inspect(ctx, []inspection{
		{areaPorts, func(ctx context.Context) []app.Check { return []app.Check{portCheck(ctx, listen)} }},
		{areaPermissions, func(context.Context) []app.Check { return permissionChecks(dir, "", -1) }},
		{areaDisk, func(context.Context) []app.Check {
			where := existing(dir)
			free, err := store.FreeSpace(where)
			if err != nil {
				free = -1
			}
			reserve := int64(0)
			if info, err := os.Stat(filepath.Join(dir, "reserve")); err == nil {
				reserve = info.Size()
			}
			return diskChecks(dir, app.StoreFigures{Free: free, Reserve: reserve})
		}},
	}, func(string, int64, int64) {})
}

// existing returns the nearest directory above a path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// ConfigCheck returns what foyer doctor says of a configuration file, given what reading it has brought.
func ConfigCheck(path string, err error) app.Check {
	path = cmp.Or(path, DefaultConfigFile)
	c := found(app.CheckOK, "config_ok", path, "the configuration file is valid")
	if _, statErr := os.Stat(path); errors.Is(statErr, fs.ErrNotExist) && err == nil {
		c = found(app.CheckOK, "config_none", path, "there is no configuration file, and none is needed")
	}
	if err != nil {
		c = found(app.CheckError, cmp.Or(app.ReasonOf(err), "config_invalid"), path, app.MessageOf(err))
	}
	c.Area = areaConfig
	return c
}

// portChecks tells where the service that runs listens.
func (s *Server) portChecks(ctx context.Context) []app.Check {
	var checks []app.Check
	for _, l := range s.serving.Serving().Listeners {
		switch {
		case l.Error != "":
			checks = append(checks, found(app.CheckError, "port_pages", l.Address, fmt.Sprintf("the pages are not served at %s: %s%s", l.Address, l.Error, holderWords(l.Address)), "Kind", l.Kind))
		case isLoopbackAddress(l.Address):
			checks = append(checks, found(app.CheckOK, "port_pages_local", l.Address, "the pages are served at "+l.Address+", to this machine only", "Kind", l.Kind))
		default:
			checks = append(checks, found(app.CheckOK, "port_pages_ok", l.Address, "the pages are served at "+l.Address+"; a firewall on this machine must let that port in", "Kind", l.Kind))
		}
	}
	return append(checks, programChecks(s.service)(ctx)...)
}

func isLoopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && app.IsLoopbackHost(host)
}

var _ localapi.CheckupBackend = (*checkups)(nil)
