package authn

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
)

const privateFix = "set allow_private_addresses if what you call really is there"

// errForbiddenAddress is wrapped by every refusal of checkAddr.
var errForbiddenAddress = errors.New("forbidden address")

// checkAddr refuses addresses that nothing we are told to call has any business on. Link-local and cloud metadata addresses
// are refused always: what answers there hands out credentials of the machine. private lets the other
// non-public ranges through.
func checkAddr(addr netip.Addr, private bool) error {
	if embedded, ok := embeddedIPv4(addr); ok {
		addr = embedded
	}
	addr = addr.Unmap().WithZone("")
	switch {
	case addr.IsUnspecified() || addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%w: not the address of a host", errForbiddenAddress)
	case addr.IsLinkLocalUnicast() || isMetadata(addr):
		return fmt.Errorf("%w: link-local and metadata addresses are never called", errForbiddenAddress)
	case !private && isPrivate(addr):
		return fmt.Errorf("%w: it is private or loopback; %s", errForbiddenAddress, privateFix)
	}
	return nil
}

// isMetadata names the metadata services outside 169.254.0.0/16: AWS, Google and Oracle over IPv6, Azure,
// Alibaba, Oracle.
func isMetadata(addr netip.Addr) bool {
	return netip.MustParsePrefix("fd00:ec2::/32").Contains(addr) ||
		netip.MustParsePrefix("fd20:ce::/32").Contains(addr) ||
		netip.MustParsePrefix("fd00:c1::/32").Contains(addr) ||
		addr == netip.AddrFrom4([4]byte{168, 63, 129, 16}) ||
		addr == netip.AddrFrom4([4]byte{100, 100, 100, 200}) ||
		addr == netip.AddrFrom4([4]byte{192, 0, 0, 192})
}

// isPrivate covers what the IANA special-purpose registries call not globally reachable.
func isPrivate(addr netip.Addr) bool {
	if addr.IsPrivate() || addr.IsLoopback() {
		return true
	}
	return slices.ContainsFunc(specialRanges(), func(p netip.Prefix) bool { return p.Contains(addr) })
}

func specialRanges() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"), // shared address space of carriers and clusters
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("64:ff9b:1::/48"), // NAT64 of the local network
		netip.MustParsePrefix("100::/64"),
		netip.MustParsePrefix("2001::/23"),
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("3fff::/20"),
		netip.MustParsePrefix("5f00::/16"),
		netip.MustParsePrefix("fec0::/10"),
	}
}

// embeddedIPv4 unwraps the IPv6 forms a network may translate back to IPv4, so that none of them is a
// way round the rules: NAT64, 6to4 and IPv4-compatible addresses.
func embeddedIPv4(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() || addr.Is4In6() {
		return netip.Addr{}, false
	}
	b := addr.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case netip.MustParsePrefix("::/96").Contains(addr) && !addr.IsLoopback() && !addr.IsUnspecified():
		return netip.AddrFrom4([4]byte(b[12:16])), true
	}
	return netip.Addr{}, false
}

// addressGuard is asked about the address really dialled, after name resolution: a name that passed
// when it was configured may lead elsewhere now (DNS rebinding, specs K6).
type addressGuard struct {
	private      bool // AllowPrivateAddresses
	loopbackOnly bool // plain http, which must not leave the machine
}

// guardFor makes the guard for calls to the host of address.
func guardFor(address string, private bool) (addressGuard, error) {
	u, err := url.Parse(address)
	if err != nil {
		return addressGuard{}, err
	}
	return addressGuard{private: private, loopbackOnly: u.Scheme == "http"}, nil
}

// DialControl returns a net.Dialer.Control that refuses to dial link-local and cloud metadata addresses
// always, and loopback, private and other non-public ones unless allowPrivate. It sees the address after
// name resolution, and works only for a client that uses no proxy.
func DialControl(allowPrivate bool) func(network, address string, c syscall.RawConn) error {
	return addressGuard{private: allowPrivate}.control
}

// control is a net.Dialer.Control.
func (g addressGuard) control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: not host and port", errForbiddenAddress)
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("%w: not an IP address", errForbiddenAddress)
	}
	if g.loopbackOnly && !addr.Unmap().IsLoopback() {
		return fmt.Errorf("%w: plain http is for loopback addresses", errForbiddenAddress)
	}
	return checkAddr(addr, g.private)
}
