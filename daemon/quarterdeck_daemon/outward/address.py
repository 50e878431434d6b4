"""The address of a service that gets texts of ours: what may be configured, and whether it is this machine."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from quarterdeck_protocol.codes import QuarterdeckError


class Address(NamedTuple):
    """url: where to post to.  loopback: whether it is this machine."""

    url: str
    loopback: bool


def address_of(url: str, ending: str = "/embeddings") -> Address:
    """Return the address for the base `url`, `https://host/v1`.  ending: what is added to it unless it is there.

    Raises QuarterdeckError `bad_value` for anything that would send texts in the clear, or hold a secret.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refused(f"{url!r} is no address: {error}") from error
    if parts.username is not None or parts.query or parts.fragment:
        raise _refused("the address may hold no user, password or query; a key belongs into `key`")
    if parts.scheme not in ("http", "https") or not host or not (url.isascii() and url.isprintable()) or " " in url:
        raise _refused(f"{url!r} is no http(s) address")
    loopback = is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise _refused(f"{host} would get the texts unencrypted; only https leaves this machine")
    path = parts.path.rstrip("/")
    path = path if path.endswith(ending) else f"{path}{ending}"
    return Address(f"{parts.scheme}://{parts.netloc}{path}", loopback)


def is_loopback(host: str) -> bool:
    """By its name or number alone; nothing is looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refused(why: str) -> QuarterdeckError:
    return QuarterdeckError("bad_value", why, hint='Like url = "https://api.example.com/v1".')
