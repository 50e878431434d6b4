"""Addresses of remote executors: TLS, or this machine."""

from __future__ import annotations

import ipaddress
import urllib.parse

from quarterdeck_protocol.codes import QuarterdeckError


def check_address(address: str) -> None:
    """Raises QuarterdeckError `bad_value` unless it is tls://, or tcp:// on this machine."""
    try:
        parts = urllib.parse.urlsplit(address)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise QuarterdeckError("bad_value", f"{address!r} is no address: {error}") from error
    if parts.scheme not in ("tcp", "tls") or not host or port is None:
        raise QuarterdeckError(
            "bad_value", f"{address!r} is no address of a scheduler", hint="Such as tcp://127.0.0.1:8786."
        )
    if parts.scheme == "tcp" and not _is_loopback(host):
        raise QuarterdeckError(
            "bad_value",
            f"{address} would send steps over the network in clear",
            hint="Use tls:// with tls_ca, tls_cert and tls_key, or tcp:// on this machine.",
        )


def _is_loopback(host: str) -> bool:
    """By its name or number alone; nothing is looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
