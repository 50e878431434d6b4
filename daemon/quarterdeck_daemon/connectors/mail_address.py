"""Mail addresses, read strictly: what is shown, what policy matched and where the mail goes are the same thing."""

from __future__ import annotations

import re

import msgspec

LOCAL_BYTES_MAX = 64
DOMAIN_BYTES_MAX = 253

_with_name = re.compile(r'\s*(?:"(?P<quoted>[^"\\<>]*)"|(?P<name>[^"<>]*?))\s*<(?P<address>[^<>\s]+)>\s*')
_local = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_label = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class Address(msgspec.Struct, frozen=True):
    """`name` for people, may be empty; `local@domain` in ASCII."""

    name: str
    local: str
    domain: str

    @property
    def spec(self) -> str:
        return f"{self.local}@{self.domain}"


def parse_address(text: str) -> Address:
    """Read `ines@northwind.test` or `Ines Duarte <ines@northwind.test>`.

    Raises ValueError with the reason. Stricter than the standard: no quoted local parts, comments, groups or
    lists, and no display name that claims to be another address.
    """
    match = _with_name.fullmatch(text)
    spec = match["address"] if match else text.strip()
    name = (match["quoted"] or match["name"] or "").strip() if match else ""
    local, at, domain = spec.rpartition("@")
    if not at:
        raise ValueError("an address needs an @")
    if len(local) > LOCAL_BYTES_MAX or not _local.fullmatch(local):
        raise ValueError("the part before the @ is not allowed")
    address = Address(name, local, _ascii_domain(domain))
    if "@" in name and name.lower() != spec.lower():
        raise ValueError("the name looks like another address")
    return address


def _ascii_domain(domain: str) -> str:
    """Return the form used on the wire. A name that would silently become another one is refused."""
    ascii_form = domain
    if not domain.isascii():
        try:
            ascii_form = domain.encode("idna").decode()
            same = ascii_form.encode().decode("idna") == domain.lower()
        except UnicodeError as error:
            raise ValueError("the domain cannot be written in ASCII") from error
        if not same:  # Such as ß, which the old rules turn into ss: another domain.
            raise ValueError("the domain is ambiguous; write its xn-- form")
    if len(ascii_form) > DOMAIN_BYTES_MAX or not all(_label.fullmatch(label) for label in ascii_form.split(".")):
        raise ValueError("the domain is not valid")
    return ascii_form
