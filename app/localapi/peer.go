package localapi

import (
	"context"
	"fmt"
	"net"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// Peer is the process at the other end of a connection, as the kernel knows it: what it was when it connected.
type Peer struct {
	Known  bool // the kernel told; false denies everything
	UID    uint32
	GID    uint32
	PID    int32
	Groups []uint32 // supplementary groups the process has

	SID       string   // on Windows, in place of UID: the user's security identifier
	GroupSIDs []string // and those of the groups that count; Administrators only when elevated
}

// id returns the peer's uid or SID as text; "" when it is not known.
func (p Peer) id() string {
	switch {
	case !p.Known:
		return ""
	case p.SID != "":
		return p.SID
	default:
		return strconv.FormatUint(uint64(p.UID), 10)
	}
}

// root reports whether the machine is the peer's: root, or on Windows the system or an elevated administrator.
func (p Peer) root() bool {
	switch {
	case !p.Known:
		return false
	case p.SID != "":
		return p.SID == sidSystem || slices.Contains(p.GroupSIDs, sidAdministrators)
	default:
		return p.UID == 0
	}
}

// String returns the peer for the audit: "root (uid 0)", or "uid 4711" for a user without a name.
func (p Peer) String() string {
	if !p.Known {
		return "unknown"
	}
	id := "uid " + p.id()
	if p.SID != "" {
		id = p.SID
	}
	if name := p.name(); name != "" {
		return fmt.Sprintf("%s (%s)", name, id)
	}
	return id
}

// name returns the user's name or "".
func (p Peer) name() string {
	u, err := user.LookupId(p.id())
	if err != nil {
		return ""
	}
	return u.Username
}

// is reports whether the peer is the user called name, or whose uid or SID name is. Windows knows users as DOMAIN\name, in upper
// and lower case.
func (p Peer) is(name string) bool {
	if name == "" || !p.Known {
		return false
	}
	return name == p.id() || name == p.name() || p.SID != "" && strings.EqualFold(name, p.name())
}

// in reports whether the peer is a member of the group called name.
func (p Peer) in(name string) bool {
	group, err := user.LookupGroup(name)
	if err != nil {
		return false
	}
	if p.SID != "" {
		return slices.Contains(p.GroupSIDs, group.Gid)
	}
	gid, err := strconv.ParseUint(group.Gid, 10, 32)
	if err != nil {
		return false
	}
	return p.GID == uint32(gid) || slices.Contains(p.Groups, uint32(gid))
}

// accountGroups returns the groups the user database gives uid: what is used where the kernel does not tell those
// of the process.
func accountGroups(uid uint32) []uint32 {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return nil
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil
	}
	var groups []uint32
	for _, id := range ids {
		if gid, err := strconv.ParseUint(id, 10, 32); err == nil {
			groups = append(groups, uint32(gid))
		}
	}
	return groups
}

type peerKey struct{}

// WithPeer returns a context that says who calls.
func WithPeer(ctx context.Context, p Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

// peerFrom returns who calls; a Peer that is not Known when the context does not say.
func peerFrom(ctx context.Context) Peer {
	switch from := ctx.Value(peerKey{}).(type) {
	case Peer:
		return from
	case *peerConn:
		return from.who()
	default:
		return Peer{}
	}
}

// connContext is the http.Server's ConnContext: it puts a connection that Listen accepted into the context of its requests, which are
// served after they were read, and by then it knows its peer.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if pc, ok := c.(*peerConn); ok {
		return context.WithValue(ctx, peerKey{}, pc)
	}
	return ctx
}
