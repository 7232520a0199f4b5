package authn

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// checkIssuerURL is checkFetchURL for an issuer identifier, which besides has no query (OpenID
// Connect Discovery 1.0 section 3).
func checkIssuerURL(raw string, private bool) error {
	if strings.ContainsRune(raw, '?') {
		return errors.New("has a query; an issuer is written without one")
	}
	return checkFetchURL(raw, private)
}

// checkFetchURL refuses every URL the gateway must not be talked into calling (specs K6). What it
// cannot know, where a name leads, is checked again at each connection (addressGuard).
func checkFetchURL(raw string, private bool) error {
	if raw == "" {
		return errors.New("missing; write the issuer's https URL")
	}
	for i := range len(raw) {
		if raw[i] <= ' ' || raw[i] >= 0x7f || raw[i] == '\\' {
			return errors.New("has a character outside plain ASCII; write it percent-encoded, or the host in its xn-- form")
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("is not a URL; write https://host/path")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("is not an https URL; write https://host/path")
	case u.Opaque != "" || u.Hostname() == "":
		return errors.New("has no host; write https://host/path")
	case u.User != nil:
		return errors.New("holds a user name or password; remove them")
	case strings.ContainsRune(raw, '#'):
		return errors.New("has a fragment; remove it")
	}
	loopback, err := checkHost(u.Hostname(), private)
	if err != nil {
		return err
	}
	if u.Scheme == "http" && (!private || !loopback) {
		return errors.New("is plain http, over which anybody on the way could replace the keys; use https " +
			"(http is for loopback hosts, together with allow_private_addresses)")
	}
	return nil
}

// checkHost judges a host name or IP literal, and reports whether it means this machine.
func checkHost(host string, private bool) (loopback bool, err error) {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if addr, err := netip.ParseAddr(name); err == nil {
		if name != strings.ToLower(host) {
			return false, errors.New("has an IP address with a dot at the end; remove the dot")
		}
		if err := checkAddr(addr, private); err != nil {
			return false, err
		}
		return addr.Unmap().IsLoopback(), nil
	}
	if looksNumeric(name) {
		// 0x7f.1, 2130706433 and 0177.0.0.1 are 127.0.0.1 to some resolvers and names to others.
		return false, errors.New("has an IP address in an unusual form; write it as four decimal numbers")
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		if !private {
			return false, fmt.Errorf("leads to a loopback address; %s", privateFix)
		}
		return true, nil
	}
	return false, nil
}

// looksNumeric reports whether the last label is a number, decimal or hexadecimal: the WHATWG URL
// standard's test for "meant as an IPv4 address".
func looksNumeric(host string) bool {
	label := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label == "" || strings.Trim(label, "0123456789") == ""
}

// differOnlyBySpelling reports whether two different issuer URLs would be taken for one by a human:
// they differ only by case or by one trailing slash (specs X9, J10).
func differOnlyBySpelling(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "/"), strings.TrimSuffix(b, "/"))
}
