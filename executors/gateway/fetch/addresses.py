"""Which IP addresses are the public Internet's, and nobody's inside.

A list of what is allowed where that is possible: all of IPv6 that is routed today lies in 2000::/3
(RFC 4291), so that loopback, unspecified, unique local, link-local, multicast, IPv4-mapped,
IPv4-compatible and the NAT64 prefixes 64:ff9b::/96 and 64:ff9b:1::/48 lie outside. What is taken
out again is IANA's registries of special-purpose addresses (RFC 6890 and its updates), every form
that holds an IPv4 address (6to4, Teredo, ISATAP), and addresses of clouds' metadata.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

_IPV6_ROUTED = IPv6Network("2000::/3")

_IPV4_REFUSED = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared, behind a carrier's NAT; a cloud's metadata too
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # a cloud's metadata, on a public address
            "169.254.0.0/16",  # link-local; most clouds' metadata
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # IETF protocols; a cloud's metadata
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)

_IPV6_REFUSED = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # IETF protocols: Teredo, ORCHID, benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)

_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
"""RFC 5214: the upper half of an interface identifier whose lower half is an IPv4 address."""


def is_public(address: str) -> bool:
    """Whether a connection to this address leaves for the public Internet. What is no address in
    its ordinary form, such as `127.1` or `0x7f000001`, is not public."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _IPV4_REFUSED)
    if found.scope_id or found not in _IPV6_ROUTED:
        return False
    if (int(found) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return not any(found in network for network in _IPV6_REFUSED)
