"""Which addresses are the Internet's."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.gateway.fetch.addresses import is_public
from tests.gateway.fetch.inside import INSIDE


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.0.1"),
        *("172.32.0.1", "192.167.255.255", "192.169.0.1", "11.0.0.1", "223.255.255.255"),
        *("2606:4700:4700::1111", "2a00:1450:4001:82a::200e", "2400:3200::1"),
    ],
)
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost",
        "2606:4700::1%eth0",
        "127.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "1.1.1",
        "1.1.1.1.1",
    ],
)
def test_what_is_no_plain_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses())
def test_what_python_calls_not_global_is_never_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=4))
def test_no_ipv6_form_of_an_ipv4_address_is_public(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    forms = (
        number,
        (0xFFFF << 32) | number,
        (0x2002 << 112) | (number << 80) | 1,
        (0x20010000 << 96) | (number ^ 0xFFFFFFFF),
        (0x0064FF9B << 96) | number,
        (0x0064FF9B0001 << 80) | number,
        (0x26064700 << 96) | (0x5EFE << 32) | number,
        (0x26064700 << 96) | (0x02005EFE << 32) | number,
    )
    assert not any(is_public(str(ipaddress.IPv6Address(form))) for form in forms)
