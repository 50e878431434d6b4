"""Limits of a process: what a bug in a parser could cost at most."""

from __future__ import annotations

import logging
import resource

from .confine import no_new_privileges

MEMORY_BYTES_MAX = 2 * 1024 * 1024 * 1024
FILE_BYTES_MAX = 64 * 1024 * 1024
OPEN_FILES_MAX = 256

log = logging.getLogger("quarterdeck.worker")


def harden(memory_bytes: int = MEMORY_BYTES_MAX) -> None:
    """Limit what a bug in a parser could cost. No child of this process can gain rights."""
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_NOFILE: OPEN_FILES_MAX,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: FILE_BYTES_MAX,
    }
    for what, wanted in limits.items():
        _, hard = resource.getrlimit(what)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(what, (value, value))
        except (ValueError, OSError) as error:  # macOS refuses some of them.
            log.warning("a limit could not be set", extra={"fields": {"limit": what, "error": str(error)}})
    no_new_privileges()
