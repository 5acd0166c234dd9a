package server

import "foyer/app"

// concerns returns what wants attention and the domain does not know of.
func (s *Server) concerns() []app.Concern { return s.checkups.concerns() }

// Announced returns the name that is told to the local network, "" for none.
func (s *Server) Announced() string { return "" }
