package mail

import (
	"net"
	"net/netip"
	"slices"
)

// reach says which addresses mail may be taken to. What stands in the DNS of a recipient's domain is for its owner to
// write: without this, an MX record would make Foyer talk to whatever listens inside the office.
type reach struct {
	private bool         // addresses of private networks are allowed
	own     []netip.Addr // of this machine
}

// newReach returns what may be reached from a machine with the addresses own.
func newReach(private bool, own []netip.Addr) reach {
	r := reach{private: private}
	for _, ip := range own {
		r.own = append(r.own, ip.Unmap().WithZone(""))
	}
	return r
}

// interfaceAddrs returns the addresses of this machine's network interfaces.
func interfaceAddrs() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, prefix.Addr())
		}
	}
	return own, nil
}

// network is a range of addresses and what it is for, in words behind "is".
type network struct {
	netip.Prefix
	what string
}

// The ranges of the registries of special addresses (RFC 6890) that no mail server of the internet has.
var (
	closedNetworks = []network{
		{netip.MustParsePrefix("0.0.0.0/8"), "an address of no machine"},
		{netip.MustParsePrefix("127.0.0.0/8"), "this machine itself (loopback)"},
		{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
		{netip.MustParsePrefix("192.0.0.0/24"), "an address for protocols"},
		{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
		{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
		{netip.MustParsePrefix("::/128"), "an address of no machine"},
		{netip.MustParsePrefix("::1/128"), "this machine itself (loopback)"},
		{netip.MustParsePrefix("::/96"), "a reserved address"},
		{netip.MustParsePrefix("2001::/32"), "a Teredo address"},
		{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
		{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
	}
	privateNetworks = []network{
		{netip.MustParsePrefix("10.0.0.0/8"), "a private address"},
		{netip.MustParsePrefix("100.64.0.0/10"), "an address inside a provider's network (RFC 6598)"},
		{netip.MustParsePrefix("172.16.0.0/12"), "a private address"},
		{netip.MustParsePrefix("192.168.0.0/16"), "a private address"},
		{netip.MustParsePrefix("198.18.0.0/15"), "an address for measurements (RFC 2544)"},
		{netip.MustParsePrefix("64:ff9b:1::/48"), "a private address (NAT64)"},
		{netip.MustParsePrefix("fc00::/7"), "a private address"},
		{netip.MustParsePrefix("fec0::/10"), "a private address"},
	}
	nat64  = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixTo4 = netip.MustParsePrefix("2002::/16")    // RFC 3056
)

// refuses returns why no mail is taken to ip, in words behind "is", or "" when it may be.
func (r reach) refuses(ip netip.Addr) string {
	if !ip.IsValid() {
		return "no address"
	}
	ip = ip.Unmap().WithZone("")
	if slices.Contains(r.own, ip) {
		return "this machine itself"
	}
	for _, n := range closedNetworks {
		if n.Contains(ip) {
			return n.what
		}
	}
	for _, n := range privateNetworks {
		if n.Contains(ip) && !r.private {
			return n.what + "; mail.private_mx=on allows it"
		}
	}
	if inner, ok := embedded(ip); ok {
		return r.refuses(inner)
	}
	return ""
}

// isOwn reports whether ip is one of this machine's addresses that others can know it by.
func (r reach) isOwn(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if inner, ok := embedded(ip); ok && r.isOwn(inner) {
		return true
	}
	return slices.Contains(r.own, ip) && !ip.IsLoopback()
}

// embedded returns the IPv4 address that ip leads to through a translator or a tunnel.
func embedded(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() {
		return netip.Addr{}, false
	}
	b := ip.As16()
	switch {
	case nat64.Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case sixTo4.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	default:
		return netip.Addr{}, false
	}
}
