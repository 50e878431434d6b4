"""What stands for a run whose record is whole but of a shape that this version does not know.

It is in quarantine, so that it is shown and does nothing, and one such record stands in the way of no other. The record
itself stays as it is: a version that knows its shape reads it again.
"""

from __future__ import annotations

from typing import Final

from quarterdeck_protocol.labels import Labels

from .entities import Run

REASON_CHARS_MAX: Final = 500


def unreadable_run(id: str, seq: int, reason: str) -> Run:
    """What stands for a run whose record this version cannot read. Nobody but the operator sees it."""
    return Run(
        id=id,
        seq=seq,
        playbook="",
        playbook_hash="",
        inputs={},
        status="quarantined",
        steps={},
        at_us=0,
        labels=Labels(integrity="external", sensitivity="secret"),
        trouble=f"its record cannot be read by this version: {reason}"[:REASON_CHARS_MAX],
    )
