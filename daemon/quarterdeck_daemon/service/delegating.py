"""Delegation while the daemon runs: the preview of a rule against the past, and the file that it is written to.

Promises the file is replaced whole and in one step, and is never written when it would not parse afterwards; a link that leads
         out of the workspace is not followed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.attention import day_name
from ..core.delegation import FILE, RULES_MAX, condition_of, next_number, question_for, refusals, rule_text
from ..core.entities import Action, Plain
from ..core.hashing import value_hash
from ..core.questions import policies
from ..core.retrial import Retried, decided_on, retry
from ..core.rules import parse_policy
from ..core.settings import settings_of
from .house import House
from .views import iso

COMPARED_MAX = 5_000  # Actions of the past that a preview looks at, newest first.
ITEMS_SHOWN = 20
FILE_BYTES_MAX = 200 * 1024


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that could be written. refused: why it cannot."""

    action: Action
    text: str = ""
    refused: tuple[str, ...] = ()
    compared: int = 0
    matched: tuple[Retried, ...] = ()

    @property
    def hash(self) -> str:
        """Of what was shown: the rule, and what it would have let go."""
        return value_hash([self.action.shown_hash, self.text, [one.action.id for one in self.matched]])[:32]

    def view(self, form: str) -> Plain:
        return {
            "id": self.action.id,
            "form": form,
            "text": self.text,
            "refused": list(self.refused),
            "compared": self.compared,
            "matched": len(self.matched),
            "against": sum(one.against for one in self.matched),
            "items": [_match(one) for one in self.matched[:ITEMS_SHOWN]],
            "plan_hash": "" if self.refused else self.hash,
        }


def _match(one: Retried) -> Plain:
    action = one.action
    return {
        "id": action.id, "at": iso(action.at_us), "summary": action.summary, "targets": list(action.targets),
        "decided": decided_on(action), "status": action.status,
    }  # fmt: skip


def draft_of(house: House, action: Action, *, amount_max: int | None) -> Draft:
    """Draft the rule and ask it about the past; or say why there can be none."""
    store, now_us = house.store, house.engine.now_us()
    asked, files = question_for(store, action, now_us), policies(store)
    if refused := refusals(store, action, asked, files):
        return Draft(action=action, refused=tuple(refused))
    present = _present(house.workspace)
    number = next_number(rule.id for rule in parse_policy(present).rule)
    if number > RULES_MAX:
        raise QuarterdeckError("out_of_range", f"{FILE} holds {RULES_MAX} rules already", hint="Take some out of it.")
    condition = condition_of(action, asked, files, amount_max=amount_max)
    text = rule_text(action, condition, number=number, day=day_name(store, now_us))
    past = list(_past(house, action))
    ruled = [(FILE, parse_policy(text)), *files]
    found = retry(store, past, ruled, hold_us=settings_of(store).hold_us)
    own = f"delegated-{number}"
    matched = tuple(one for one in found if one.now.verdict == "allow" and one.now.rule == own)
    return Draft(action=action, text=text, compared=len(past), matched=matched)


def _past(house: House, action: Action) -> Iterator[Action]:
    """Earlier actions of the same agent and verb, newest first."""
    seen = 0
    for event in house.store.events(reverse=True):
        if event.kind != "action.proposed":
            continue
        if (seen := seen + 1) > COMPARED_MAX:
            return
        body = event.body
        if (body.get("agent"), body.get("connector"), body.get("verb")) != (
            action.agent,
            action.connector,
            action.verb,
        ):
            continue
        found = house.store.get(Action, str(body["action"]))
        if found is not None:
            yield found


# --- the file -------------------------------------------------------------------------------------


def _path(workspace: Path) -> Path:
    path = (workspace / FILE).resolve()
    if not path.is_relative_to(workspace.resolve()):
        raise QuarterdeckError(
            "forbidden", f"{FILE} is a link out of the workspace", hint="Make it a file of its own."
        )
    return path


def _present(workspace: Path) -> str:
    path = _path(workspace)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ""
    if len(data) > FILE_BYTES_MAX:
        raise QuarterdeckError("out_of_range", f"{FILE} is over {FILE_BYTES_MAX} bytes", hint="Take rules out of it.")
    return data.decode("utf-8")


def add_rule(workspace: Path, text: str) -> None:
    """Write the rule at the end of the file. Raises QuarterdeckError `schema` when the whole would not parse."""
    path, present = _path(workspace), _present(workspace)
    whole = (present.rstrip("\n") + "\n\n" if present.strip() else HEAD) + text
    parse_policy(whole)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    handle, fresh = tempfile.mkstemp(prefix=".delegated-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(whole.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        Path(fresh).unlink(missing_ok=True)
        raise


HEAD = """\
# Rules that you delegated with `quarterdeck approve ID --always`. Each is as narrow as what it was drafted from.

"""
