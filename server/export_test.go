package server

// Address returns where the pages are served, whatever their public URL.
func (s *Server) Address() string { return s.pages.Addr().String() }
