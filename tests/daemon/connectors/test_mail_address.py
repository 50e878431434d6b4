"""Addresses: what is shown, what policy matched and where the mail goes must be the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_daemon.connectors.mail_address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ines@northwind.test", Address("", "ines", "northwind.test")),
        ("Ines Duarte <ines@northwind.test>", Address("Ines Duarte", "ines", "northwind.test")),
        ('"Duarte, Ines" <ines+a@northwind.test>', Address("Duarte, Ines", "ines+a", "northwind.test")),
        ("<ines@northwind.test>", Address("", "ines", "northwind.test")),
        ("ines@x.test <ines@x.test>", Address("ines@x.test", "ines", "x.test")),
        ("a@bücher.test", Address("", "a", "xn--bcher-kva.test")),
        ("operator@localhost", Address("", "operator", "localhost")),
    ],
)
def test_ordinary_addresses_are_understood(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a@straße.test", "ambiguous"),
        ("boss@bank.test <eve@evil.test>", "looks like another"),
        ("a@b@c.test", "before the @"),
        ("ines", "needs an @"),
    ],
)
def test_refusals_say_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_address(text)


@given(st.text(alphabet=st.sampled_from('ab@.<>",;: ()\\\n\0ß'), max_size=20))
def test_whatever_is_accepted_is_one_plain_address(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert address.spec.isascii()
    assert address.spec.count("@") == 1
    assert not set(address.spec) & set('<>",;:()\\ \n\0')
