//go:build !windows

package localapi

// DefaultSocket is where the installed service listens.
const DefaultSocket = "/run/foyer/admin.sock"
