package httpserver

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress puts the address of the client that a trusted proxy speaks for
// in the place of the proxy's own, with port 0, so that limits by place do not
// take everybody behind a proxy for one. From anybody else X-Forwarded-For is
// hearsay and changes nothing.
func (s *Server) clientAddress(c *call, r *http.Request) {
	if len(s.options.TrustedProxies) == 0 {
		return
	}
	peer, ok := parseAddress(r.RemoteAddr)
	if !ok || !s.trusts(peer) {
		return
	}
	c.proxied = true
	// Each proxy adds the address that it was called from at the end. From
	// there on, the first one that is not a proxy of ours is as far as the list
	// can be believed: what stands before it is the client's own word.
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		address, ok := parseAddress(strings.TrimSpace(hop))
		if !ok {
			return
		}
		r.RemoteAddr = netip.AddrPortFrom(address, 0).String()
		if !s.trusts(address) {
			return
		}
	}
}

func (s *Server) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(s.options.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// parseAddress reads an IP address with or without a port. IPv4 in the form of
// IPv6 comes out as IPv4, and without a zone.
func parseAddress(text string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err == nil
}
