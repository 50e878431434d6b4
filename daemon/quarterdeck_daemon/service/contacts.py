"""Under which addresses and numbers a person is known here, so that these are looked for as well as the name."""

from __future__ import annotations

from ..core.entities import Document, Fact
from ..core.traces import Traces, contacts_in, strings_in
from ..store.api import Store
from .forget_plan import sliced

BESIDE_CHARS_MAX = 8  # More than so much beside the name, and a text is about the person, not the person's name.


async def contacts_of(store: Store, person: str) -> tuple[str, ...]:
    """The person's name, and the addresses and numbers that facts and mails give for exactly this name."""
    traces = Traces((person,))
    found: dict[str, None] = {person: None}
    async for fact in sliced(store.scan(Fact)):
        own = traces.in_text(fact.key) or any(
            traces.in_text(text) and len(text) <= len(person) + BESIDE_CHARS_MAX for text in strings_in(fact.value)
        )
        if own:
            found |= dict.fromkeys(contacts_in(fact.value))
    async for document in sliced(store.scan(Document)):
        if str(document.meta.get("from_name", "")).casefold() == person.casefold():
            found |= dict.fromkeys(contacts_in(document.meta.get("from_address")))
    return tuple(found)
