package authmethods

import (
	"net/netip"
	"strings"
)

// normalHost returns host as the Injector compares it: ASCII lowercase, without one trailing dot and
// without IPv6 brackets, IPv6 addresses in their shortest form. Stored hosts and dialled hosts both go
// through it, so that "API.corp." and "api.corp" get the same credential (specs P8). It needs no
// allocation for a host that is normal already.
func normalHost(host string) string {
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	host = strings.TrimSuffix(host, ".")
	for i := range len(host) {
		if c := host[i]; 'A' <= c && c <= 'Z' {
			host = asciiLower(host)
			break
		}
	}
	if strings.IndexByte(host, ':') >= 0 {
		if addr, err := netip.ParseAddr(host); err == nil {
			return addr.Unmap().String()
		}
	}
	return host
}

func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// loopback reports whether a normal host cannot leave this machine.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
