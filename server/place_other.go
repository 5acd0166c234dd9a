//go:build !windows

package server

// Where the configuration and the data are when neither a flag nor the environment says otherwise.
const (
	DefaultConfigFile = "/etc/foyer/foyer.toml"
	DefaultDataDir    = "/var/lib/foyer"
)
