package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os/user"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// localUsers finds out whose process is at the other end of a TCP connection within this machine.
type localUsers struct {
	mu    sync.Mutex
	names map[uint32]userName
}

// userName is what the system calls a user. It is asked once a minute: the answer may come over a network.
type userName struct {
	name string
	at   time.Time
}

const userNameTTL = time.Minute

// of returns name and number of the user. The number comes first: it is what the kernel says.
func (l *localUsers) of(client, server netip.AddrPort) ([]string, error) {
	uid, err := socketOwner(client, server)
	if err != nil {
		return nil, err
	}
	number := strconv.FormatUint(uint64(uid), 10)
	if name := l.name(uid, number); name != "" {
		return []string{number, name}, nil
	}
	return []string{number}, nil
}

func (l *localUsers) name(uid uint32, number string) string {
	l.mu.Lock()
	known, ok := l.names[uid]
	l.mu.Unlock()
	if ok && time.Since(known.at) < userNameTTL {
		return known.name
	}
	var name string
	if u, err := user.LookupId(number); err == nil {
		name = u.Username
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names == nil || len(l.names) > 1000 {
		l.names = map[uint32]userName{}
	}
	l.names[uid] = userName{name, time.Now()}
	return name
}

// The parts of a request and an answer of sock_diag(7), from linux/inet_diag.h, for which x/sys/unix has no types.
const (
	sockDiagByFamily = 20
	diagRequestLen   = 56 // struct inet_diag_req_v2
	diagAnswerLen    = 72 // struct inet_diag_msg
	tcpEstablished   = 1
	ownerTimeout     = 5 // seconds; the kernel answers at once
)

// socketOwner returns the user who owns the socket from local to remote. It asks the kernel for this one socket: reading
// /proc/net/tcp takes longer the more connections there are, and so does a dump of all sockets.
//
// Only an established connection counts. Once a process has closed its end, the kernel may say that root owns it.
func socketOwner(local, remote netip.AddrPort) (uint32, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return 0, fmt.Errorf("sock_diag: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: ownerTimeout}); err != nil {
		return 0, fmt.Errorf("sock_diag: %w", err)
	}
	if err := unix.Sendto(fd, diagRequest(local, remote), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, fmt.Errorf("sock_diag: %w", err)
	}
	buf := make([]byte, 4096)
	n, from, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return 0, fmt.Errorf("sock_diag: %w", err)
	}
	if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
		return 0, errors.New("sock_diag: the answer is not the kernel's")
	}
	return diagOwner(buf[:n], local, remote)
}

func diagRequest(local, remote netip.AddrPort) []byte {
	b := make([]byte, unix.NLMSG_HDRLEN+diagRequestLen)
	native, network := binary.NativeEndian, binary.BigEndian
	native.PutUint32(b[0:], uint32(len(b))) //nolint:gosec // 72
	native.PutUint16(b[4:], sockDiagByFamily)
	native.PutUint16(b[6:], unix.NLM_F_REQUEST)
	r := b[unix.NLMSG_HDRLEN:]
	r[0], r[1] = diagFamily(local), unix.IPPROTO_TCP
	native.PutUint32(r[4:], 1<<tcpEstablished)
	network.PutUint16(r[8:], local.Port())
	network.PutUint16(r[10:], remote.Port())
	copy(r[12:28], local.Addr().AsSlice())
	copy(r[28:44], remote.Addr().AsSlice())
	native.PutUint64(r[48:], ^uint64(0)) // no cookie
	return b
}

func diagFamily(a netip.AddrPort) byte {
	if a.Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// diagAddr reads an address. An IPv6 socket that speaks IPv4 has mapped ones.
func diagAddr(family byte, b []byte) netip.Addr {
	if family == unix.AF_INET {
		return netip.AddrFrom4([4]byte(b))
	}
	return netip.AddrFrom16([16]byte(b)).Unmap()
}

// diagOwner reads the answer.
func diagOwner(b []byte, local, remote netip.AddrPort) (uint32, error) {
	native, network := binary.NativeEndian, binary.BigEndian
	if len(b) < unix.NLMSG_HDRLEN+4 {
		return 0, errors.New("sock_diag: the answer is short")
	}
	kind, m := native.Uint16(b[4:]), b[unix.NLMSG_HDRLEN:]
	if kind == unix.NLMSG_ERROR {
		return 0, fmt.Errorf("sock_diag: %w", unix.Errno(-int32(native.Uint32(m)))) //nolint:gosec // the kernel's negative errno
	}
	if kind != sockDiagByFamily || len(m) < diagAnswerLen {
		return 0, errors.New("sock_diag: the answer is not understood")
	}
	same := netip.AddrPortFrom(diagAddr(m[0], m[8:24]), network.Uint16(m[4:])) == local &&
		netip.AddrPortFrom(diagAddr(m[0], m[24:40]), network.Uint16(m[6:])) == remote
	// A listening socket is what the kernel looks for last.
	if inode := native.Uint32(m[68:]); !same || m[1] != tcpEstablished || inode == 0 {
		return 0, errors.New("sock_diag: the process has closed the connection already")
	}
	return native.Uint32(m[64:]), nil
}
