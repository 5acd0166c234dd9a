package localapi

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peerOf returns who connected. The kernel noted it at connect(2), so a process that changes afterwards, or passes
// the connection on, changes nothing.
func peerOf(c net.Conn) (Peer, error) {
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return Peer{}, fmt.Errorf("peer of %T: not a Unix socket", c)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("peer credentials: %w", err)
	}
	var p Peer
	var credErr, groupErr error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); credErr != nil {
			return
		}
		p = Peer{Known: true, UID: cred.Uid, GID: cred.Gid, PID: cred.Pid}
		p.Groups, groupErr = peerGroups(fd)
	})
	if err := errors.Join(err, credErr); err != nil {
		return Peer{}, fmt.Errorf("peer credentials: %w", err)
	}
	if groupErr != nil {
		p.Groups = accountGroups(p.UID)
	}
	return p, nil
}

// maxGroups is NGROUPS_MAX of Linux: no process has more.
const maxGroups = 65536

// peerGroups returns the supplementary groups of the peer by SO_PEERGROUPS (Linux 4.13), which x/sys/unix has no
// function for. The kernel says ERANGE, and how much it needs, when the room is too small.
func peerGroups(fd uintptr) ([]uint32, error) {
	groups := make([]uint32, 64)
	for {
		size := uint32(len(groups) * 4) //nolint:gosec // at most 4 * maxGroups
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == 0:
			return slices.Clone(groups[:size/4]), nil
		case errno == unix.ERANGE && len(groups) < maxGroups:
			groups = make([]uint32, maxGroups)
		default:
			return nil, fmt.Errorf("peer groups: %w", errno)
		}
	}
}
