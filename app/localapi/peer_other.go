//go:build !linux && !windows

package localapi

import (
	"errors"
	"net"
)

// peerOf returns an error: on this system Foyer does not know how to ask the kernel who connected, so nobody may
// do anything.
func peerOf(net.Conn) (Peer, error) {
	return Peer{}, errors.New("peer credentials: not supported on this system")
}
