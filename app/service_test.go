package app_test

import (
	"testing"

	"foyer/app"
)

// Limits count by what a single household or machine is given.
func TestVisitorNetwork(t *testing.T) {
	tests := []struct{ ip, want string }{
		{"192.0.2.1", "192.0.2.1"},
		{"127.0.0.1", "127.0.0.1"},
		{"::ffff:192.0.2.1", "192.0.2.1"}, // the same client, through a socket for both families
		{"::ffff:c000:201", "192.0.2.1"},
		{"::ffff:192.0.2.1%eth0", "192.0.2.1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"2001:db8:1:2::", "2001:db8:1:2::/64"},
		{"2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"},
		{"2001:db8:1:3::1", "2001:db8:1:3::/64"},
		{"::1", "::/64"},
		{"fe80::1%eth0", "fe80::/64"},
		{"fe80::2%eth1", "fe80::/64"},
		{"", ""},
		{"no address", "no address"},
		{"192.0.2.1:8080", "192.0.2.1:8080"},
	}
	for _, tt := range tests {
		if got := (app.Visitor{IP: tt.ip}).Network(); got != tt.want {
			t.Errorf("network of %q = %q, want %q", tt.ip, got, tt.want)
		}
	}
}
