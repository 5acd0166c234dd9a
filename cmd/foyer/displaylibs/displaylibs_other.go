//go:build !nogui && !linux && !windows

package displaylibs

// Load returns nil: macOS has its graphics everywhere.
func Load() error { return nil }
