package httpsource

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"rekey/legacy"
)

// Whoever can change a DNS record could otherwise make us ask the inside of our own network, with the secret that the
// old application is asked with. So the address that is about to be connected to is looked at, after its name has been
// resolved, at each connection.

// notPublic are the networks that are nobody's on the Internet (IANA's special-purpose registries), and those in which an
// IPv4 address hides.
var notPublic = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // carriers' shared addresses
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, and the clouds' metadata
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, and broadcast
	"2001::/23",       // protocol assignments, Teredo among them
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4
	"3fff::/20",       // documentation
)

// globalIPv6 is all that IANA has given out of IPv6. What is outside of it (loopback, ULA fc00::/7, link-local fe80::/10,
// IPv4-mapped and -compatible addresses, NAT64 64:ff9b::/96, multicast) is not public.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

// never are the metadata services of clouds: they hand out credentials, and no old application lives there.
var never = prefixes("169.254.169.254/32", "169.254.170.2/32", "100.100.100.200/32", "fd00:ec2::254/128")

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParsePrefix(t)
	}
	return list
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// public reports whether an address is somebody's on the Internet.
func public(a netip.Addr) bool {
	return !within(a, notPublic) && (a.Is4() || globalIPv6.Contains(a))
}

// addresses says which may be connected to.
type addresses struct {
	allow     []netip.Prefix // although they are not public
	plaintext bool           // no TLS: a public address may not be, for everybody on the way would read the password
}

func newAddresses(allow []netip.Prefix, plaintext bool) (addresses, error) {
	for _, p := range allow {
		if !p.IsValid() || p.Addr().Is4In6() {
			return addresses{}, legacy.Wrong("allow_private", "want networks such as 10.1.0.0/16 or fd12::/48")
		}
	}
	if plaintext && len(allow) == 0 {
		return addresses{}, legacy.Wrong("url", "http:// is for networks of your own, and allow_private names none; want https://")
	}
	return addresses{allow, plaintext}, nil
}

// errAddress is wrapped by the error of a connection that may not be.
var errAddress = errors.New("may not be connected to")

// check decides over an address as a dialer has it, such as "192.0.2.1:443".
func (as addresses) check(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("an address that cannot be read %w", errAddress)
	}
	a := ap.Addr().Unmap().WithZone("")
	switch {
	case within(a, never), a.IsMulticast(), a.IsUnspecified():
		return fmt.Errorf("%v %w", a, errAddress)
	case public(a) && as.plaintext:
		return fmt.Errorf("%v is public and %w without TLS", a, errAddress)
	case !public(a) && !within(a, as.allow):
		return fmt.Errorf("%v is not public and %w unless http.allow_private lists its network", a, errAddress)
	}
	return nil
}

// control is net.Dialer's: it is called after the name was resolved and before the connection is made.
func (as addresses) control(_, address string, _ syscall.RawConn) error { return as.check(address) }
