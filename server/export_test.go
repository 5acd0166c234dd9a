package server

import "net/netip"

// Address returns where the pages are served, whatever their public URL.
func (s *Server) Address() string { return s.pages.Addr().String() }

// LocalUser returns number and name of the user at the other end of a connection.
func LocalUser(client, server netip.AddrPort) ([]string, error) {
	return new(localUsers).of(client, server)
}
