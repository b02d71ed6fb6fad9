"""The addresses of a result host: only those on the internet, and each name looked up once."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from wan_video.adapters.connections import Address, PrivateAddress, public_addresses

HOST = "results.oss-cn-beijing.aliyuncs.com"
PUBLIC = "47.95.85.22"


def answering(*addresses: str) -> Callable[[str, int], list[Address]]:
    def look_up(host: str, port: int) -> list[Address]:
        return [_address(text, port) for text in addresses]

    return look_up


def _address(text: str, port: int) -> Address:
    return (socket.AF_INET6, (text, port, 0, 0)) if ":" in text else (socket.AF_INET, (text, port))


@pytest.mark.parametrize("address", [PUBLIC, "2408:4002:1000::1"])
def test_a_public_address_may_be_connected_to(address: str) -> None:
    assert public_addresses(HOST, 443, answering(address)) == [_address(address, 443)]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.118.28.43",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%2",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
    ],
)
def test_an_address_in_a_private_network_is_refused(address: str) -> None:
    with pytest.raises(PrivateAddress):
        public_addresses(HOST, 443, answering(address))


def test_beside_private_addresses_only_the_public_ones_are_used() -> None:
    assert public_addresses(HOST, 443, answering("10.0.0.1", PUBLIC)) == [_address(PUBLIC, 443)]


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(PrivateAddress):
        public_addresses(HOST, 443, answering())
