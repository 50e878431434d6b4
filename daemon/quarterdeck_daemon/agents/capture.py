"""Capture: reads a text for facts that are worth a look. Rules, no model; what is ambiguous is left out.

Finds who wrote and how to reach them, account numbers and whose they are, invoices, contracts, promises with a day,
and appointments. Every finding has the place it stands at. Nothing here decides: the kernel compares the findings
with what is held true, and proposes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from quarterdeck_daemon.core.orders import FindFacts, Finding, FoundFacts, FoundIn

from .capture_accounts import accounts
from .capture_papers import contracts, invoices
from .capture_people import people
from .capture_promises import appointments, promises
from .kinds import signs_of
from .sightings import Sighting, own_keys, sighting_of

FINDINGS_MAX = 50  # Of one text.
PITCH_MIN = 2  # So many phrases of selling: a mail to many, about nobody.

Finder = Callable[[Sighting], Iterator[Finding]]
# Account numbers are looked for everywhere: a forged invoice looks like a newsletter, too.
ALWAYS: tuple[Finder, ...] = (accounts,)
PERSONAL: tuple[Finder, ...] = (people, invoices, contracts, promises, appointments)


def find_facts(work: FindFacts) -> FoundFacts:
    """Return what was found, text by text; a text that breaks a rule yields nothing and harms no other."""
    own = own_keys(work.own)
    items = []
    for source in work.texts:
        seen = sighting_of(source, own)
        finders = (*PERSONAL, *ALWAYS) if _is_personal(seen) else ALWAYS
        found: dict[tuple[str, str], Finding] = {}
        for finding in (one for finder in finders for one in finder(seen)):
            found.setdefault((finding.fact_kind, finding.key + "/".join(sorted(finding.value))), finding)
        items.append(FoundIn(source=source.source, findings=tuple(found.values())[:FINDINGS_MAX]))
    return FoundFacts(items=tuple(items))


def _is_personal(seen: Sighting) -> bool:
    """Not written by a machine, and not to sell something."""
    if seen.mail is None:
        return True
    return not seen.mail.meta.auto and len(signs_of(seen.mail).pitch) < PITCH_MIN
