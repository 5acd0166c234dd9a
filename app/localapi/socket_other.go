//go:build !windows

package localapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"foyer/app"
)

// maxSocketPath is what fits sockaddr_un on Linux (108 bytes) with its final NUL.
const maxSocketPath = 107

// checkSocketPath returns nil or an Invalid error, "socket_path_long", on field "socket".
func checkSocketPath(path string) error {
	if len(path) > maxSocketPath {
		return app.Fieldf("socket", "socket_path_long",
			"the path of the admin socket is %d bytes long, the system allows %d: name a shorter one with --socket (%s)",
			len(path), maxSocketPath, path)
	}
	return nil
}

// listenAt returns a listener on the Unix socket at path.
func listenAt(ctx context.Context, path string) (net.Listener, error) {
	if err := checkSocketPath(path); err != nil {
		return nil, err
	}
	if err := makeSocketDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	inner, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on the admin socket: %w", err)
	}
	// Connecting needs the permission to write, which bind(2) under the usual umask gives to the owner alone: the
	// socket is strict until this line.
	if err := os.Chmod(path, 0o666); err != nil { //nolint:gosec // who may do what is decided after accept
		return nil, errors.Join(fmt.Errorf("open the admin socket to everybody: %w", err), inner.Close())
	}
	return inner, nil
}

// dialAt connects to the Unix socket at path.
func dialAt(ctx context.Context, path string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", path)
}

// ownPeer returns this process as a peer.
func ownPeer() Peer {
	return Peer{Known: true, UID: uint32(os.Geteuid())} //nolint:gosec // a uid is never negative here
}

// makeSocketDir makes the directory of the socket when it is missing. It has to be passable for everybody, whatever
// the umask; a directory that exists is left as it is (a data directory is private, and so is the socket in it).
func makeSocketDir(dir string) error {
	err := os.Mkdir(dir, 0o755) //nolint:gosec // it holds nothing but the socket
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = os.Chmod(dir, 0o755) //nolint:gosec // it holds nothing but the socket
	}
	if err != nil {
		return fmt.Errorf("directory of the admin socket: %w", err)
	}
	return nil
}

func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return app.Errorf(app.Conflict, "socket_not_socket",
			"%s is in the place of the admin socket and is not a socket: move it away, or name another path with --socket", path)
	}
	// The lock is of the data directory; the path may be that of another service all the same.
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(app.Errorf(app.Conflict, "socket_taken",
			"another program answers at %s: stop it, or name another path with --socket", path), conn.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("admin socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old admin socket: %w", err)
	}
	return nil
}
