package discovery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// The groups of multicast DNS (RFC 6762, 3).
var (
	group4 = net.IPv4(224, 0, 0, 251)
	group6 = net.ParseIP("ff02::fb")
)

// maxPacket is the largest message (RFC 6762, 17).
const maxPacket = 9000

// sockets are those of this machine: one for IPv4, one for IPv6, or one of them. Port 5353 is shared with whoever else listens at
// it, as Avahi does.
type sockets struct {
	v4      *ipv4.PacketConn
	v6      *ipv6.PacketConn
	nets    []subnet
	packets chan Packet
	quit    chan struct{}
	group   sync.WaitGroup
}

// subnet is a network that an interface is in.
type subnet struct {
	index  int
	prefix netip.Prefix
}

func openSockets(at []Interface) (Network, error) {
	s := &sockets{nets: subnets(at), packets: make(chan Packet), quit: make(chan struct{})}
	err := errors.Join(s.open4(at), s.open6(at))
	if s.v4 == nil && s.v6 == nil {
		return nil, fmt.Errorf("listen for multicast DNS: %w", err)
	}
	if s.v4 != nil {
		s.group.Go(func() { s.read(s.next4) })
	}
	if s.v6 != nil {
		s.group.Go(func() { s.read(s.next6) })
	}
	return s, nil
}

// subnets returns the networks of interfaces.
func subnets(at []Interface) []subnet {
	var nets []subnet
	for _, i := range at {
		addrs, err := (&net.Interface{Index: i.Index, Name: i.Name}).Addrs()
		if err != nil {
			continue // it has gone
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				nets = append(nets, subnet{i.Index, prefix.Masked()})
			}
		}
	}
	return nets
}

// indexOf returns the interface by which a packet came whose kernel does not say: the one in whose network the sender is.
func (s *sockets) indexOf(peer netip.Addr) int {
	for _, n := range s.nets {
		if n.prefix.Contains(peer.Unmap().WithZone("")) {
			return n.index
		}
	}
	return 0
}

// join listens to a group at every interface that takes multicast, of which there must be one.
func join(p interface {
	JoinGroup(ifi *net.Interface, group net.Addr) error
}, group net.IP, at []Interface,
) error {
	err := errors.New("no interface takes multicast to " + group.String())
	for _, i := range at {
		if p.JoinGroup(&net.Interface{Index: i.Index, Name: i.Name}, &net.UDPAddr{IP: group}) == nil {
			err = nil
		}
	}
	return err
}

func (s *sockets) open4(at []Interface) error {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: group4, Port: mdnsPort}) // of a group, so it is shared
	if err != nil {
		return err
	}
	p := ipv4.NewPacketConn(conn)
	_ = p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true) // Windows cannot, and indexOf guesses there
	errs := []error{p.SetMulticastTTL(255), p.SetTTL(255), p.SetMulticastLoopback(true)}
	if err := errors.Join(append(errs, join(p, group4, at))...); err != nil {
		return errors.Join(err, conn.Close())
	}
	s.v4 = p
	return nil
}

func (s *sockets) open6(at []Interface) error {
	conn, err := net.ListenUDP("udp6", &net.UDPAddr{IP: group6, Port: mdnsPort})
	if err != nil {
		return err
	}
	p := ipv6.NewPacketConn(conn)
	_ = p.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true) // Windows cannot, and indexOf guesses there
	errs := []error{p.SetMulticastHopLimit(255), p.SetHopLimit(255), p.SetMulticastLoopback(true)}
	if err := errors.Join(append(errs, join(p, group6, at))...); err != nil {
		return errors.Join(err, conn.Close())
	}
	s.v6 = p
	return nil
}

// readAgain is how long reading rests after an error.
const readAgain = time.Second

// read hands on what comes until its socket is closed. next waits for a packet, and returns its size, the interface by which it came and
// where it was sent to, as far as the kernel says. Errors pass: Windows has one for a packet that is larger than a message may be.
func (s *sockets) read(next func(b []byte) (n, index int, to net.IP, from net.Addr, err error)) {
	b := make([]byte, maxPacket)
	for {
		n, index, to, from, err := next(b)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			rest := time.NewTimer(readAgain)
			select {
			case <-s.quit:
				rest.Stop()
				return
			case <-rest.C:
			}
		case !s.came(b[:n], index, to.IsMulticast(), from):
			return
		}
	}
}

func (s *sockets) next4(b []byte) (n, index int, to net.IP, from net.Addr, err error) {
	n, control, from, err := s.v4.ReadFrom(b)
	if control != nil {
		index, to = control.IfIndex, control.Dst
	}
	return n, index, to, from, err
}

func (s *sockets) next6(b []byte) (n, index int, to net.IP, from net.Addr, err error) {
	n, control, from, err := s.v6.ReadFrom(b)
	if control != nil {
		index, to = control.IfIndex, control.Dst
	}
	return n, index, to, from, err
}

// came hands a packet on, and reports whether there will be more. What did not go to everybody and comes from another network is
// nothing (RFC 6762, 11): the whole internet could have us answer to whomever it names, or give up the name.
func (s *sockets) came(data []byte, index int, toAll bool, from net.Addr) bool {
	udp, ok := from.(*net.UDPAddr)
	if !ok {
		return true
	}
	near := s.indexOf(udp.AddrPort().Addr())
	if near == 0 && !toAll {
		return true
	}
	if index == 0 {
		index = near
	}
	select {
	case s.packets <- Packet{Interface: index, Peer: udp.AddrPort(), Data: append([]byte{}, data...)}:
		return true
	case <-s.quit:
		return false
	}
}

// Read returns the next packet, or net.ErrClosed.
func (s *sockets) Read() (Packet, error) {
	select {
	case p := <-s.packets:
		return p, nil
	case <-s.quit:
		return Packet{}, net.ErrClosed
	}
}

// Write sends a packet: to one machine, or to everybody by IPv4 and IPv6. It is sent when one of them takes it.
func (s *sockets) Write(p Packet) error {
	if p.Peer.IsValid() {
		to := net.UDPAddrFromAddrPort(p.Peer)
		if addr := p.Peer.Addr().Unmap(); addr.Is4() {
			return s.write4(p, &net.UDPAddr{IP: to.IP.To4(), Port: to.Port})
		}
		return s.write6(p, to)
	}
	err4, err6 := s.write4(p, &net.UDPAddr{IP: group4, Port: mdnsPort}), s.write6(p, &net.UDPAddr{IP: group6, Port: mdnsPort})
	if err4 == nil || err6 == nil {
		return nil
	}
	return errors.Join(err4, err6)
}

var errNoFamily = errors.New("there is no such socket")

func (s *sockets) write4(p Packet, to net.Addr) error {
	if s.v4 == nil {
		return errNoFamily
	}
	// For who takes no control message. One goroutine writes.
	if err := s.v4.SetMulticastInterface(&net.Interface{Index: p.Interface}); err != nil {
		return err
	}
	_, err := s.v4.WriteTo(p.Data, &ipv4.ControlMessage{IfIndex: p.Interface}, to)
	return err
}

func (s *sockets) write6(p Packet, to net.Addr) error {
	if s.v6 == nil {
		return errNoFamily
	}
	// For who takes no control message. One goroutine writes.
	if err := s.v6.SetMulticastInterface(&net.Interface{Index: p.Interface}); err != nil {
		return err
	}
	_, err := s.v6.WriteTo(p.Data, &ipv6.ControlMessage{IfIndex: p.Interface}, to)
	return err
}

// Close ends both and waits for who reads.
func (s *sockets) Close() error {
	close(s.quit)
	var errs []error
	if s.v4 != nil {
		errs = append(errs, s.v4.Close())
	}
	if s.v6 != nil {
		errs = append(errs, s.v6.Close())
	}
	s.group.Wait()
	return errors.Join(errs...)
}
