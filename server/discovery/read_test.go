package discovery

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
)

// TestReadGoesOn expects the packets after an error to be read, as Windows has one for a packet that is too large.
func TestReadGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sockets{packets: make(chan Packet, 1), quit: make(chan struct{})}
		results := []error{errors.New("message too long"), nil, net.ErrClosed}
		s.read(func(b []byte) (n, index int, to net.IP, from net.Addr, err error) {
			err, results = results[0], results[1:]
			return copy(b, "x"), 1, group4, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: mdnsPort}, err
		})
		if len(results) != 0 || len(s.packets) != 1 {
			t.Errorf("%d packets were handed on, and %d reads left", len(s.packets), len(results))
		}
	})
}
