"""Which text a run follows: the playbook as it lies in the workspace at its start, and that one to its end."""

from __future__ import annotations

import difflib

from quarterdeck_protocol.codes import QuarterdeckError

from .entities import Asset, Plain, Run
from .lookup import find
from .playbook import Playbook, StepSpec, parse_playbook
from .turn import Turn


def find_playbook(turn: Turn, name: str) -> Asset:
    asset = turn.draft.get(Asset, f"playbook/{name}")
    if asset is None or asset.removed:
        present = [
            one.name for one in turn.draft.scan(Asset, prefix="playbook/") if not one.removed and "@" not in one.id
        ]
        near = difflib.get_close_matches(name, present, n=1)
        hint = f"Did you mean {near[0]}?" if near else "List them: quarterdeck playbooks list"
        raise QuarterdeckError("not_found", f"there is no playbook {name!r}", hint=hint)
    return asset


def pin_text(turn: Turn, name: str, text: str, hash: str) -> None:
    """Keep the text of a playbook that no file has, for the run that begins with it."""
    id = f"playbook/{name}@{hash[:16]}"
    if turn.draft.get(Asset, id) is None:
        body: Plain = {"id": id, "asset_kind": "playbook", "name": name, "hash": hash, "text": text}
        turn.emit("asset.pinned", body)


def loadable_playbook(turn: Turn, run: Run) -> Playbook | None:
    """The same, or None when that text cannot be read any more; see quarantine.py."""
    try:
        return pinned_playbook(turn, run)
    except QuarterdeckError:
        return None


def pinned_playbook(turn: Turn, run: Run) -> Playbook:
    """The text that the run began with, whatever the file says by now."""
    return parse_playbook(find(turn, Asset, f"playbook/{run.playbook}@{run.playbook_hash[:16]}").text)


def spec_of(turn: Turn, run: Run, step: str) -> StepSpec | None:
    """The step as its playbook has it; None when that cannot be read any more, which must not keep the run from ending."""
    try:
        return pinned_playbook(turn, run).step(step)
    except (QuarterdeckError, KeyError):
        return None
