"""A small log to damage: commits of known content, so that a test can tell what is missing or wrong."""

from __future__ import annotations

from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import Counter, Link, Memory
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import OPERATOR


def commit(first: int, *, events: int = 1, filler: str = "") -> Commit:
    """A commit whose events start at `first`. It puts one memory per commit, one shared counter and one link."""
    last = first + events - 1
    return Commit(
        events=tuple(
            Event(
                seq=seq, id=f"e{seq}", at_us=1_000_000 + seq, kind="note.taken", actor="operator",
                body={"text": f"note {seq} {filler}", "first": first, "last": last},
            )
            for seq in range(first, last + 1)
        ),
        touched=((f"memory:m{first}",),) * events,
        puts=(
            Memory(id=f"m{first}", seq=last, text=f"note {first} {filler}", at_us=first, labels=OPERATOR),
            Counter(id="m", seq=last, value=last),
        ),
        links=(Link(source=f"memory:m{first}", relation="derived_from", target="document:d1", seq=last),),
    )  # fmt: skip
