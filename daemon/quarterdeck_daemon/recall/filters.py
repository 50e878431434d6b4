"""Which rows a question is about: its filters as a mask over the catalogue, kept while nothing changes."""

from __future__ import annotations

import collections

import msgspec
import numpy as np

from .api import Question
from .catalogue import CURRENT, Catalogue, Mask, entity_hash

MASKS_MAX = 16
SETS = (
    ("tier", "tiers"), ("kind", "kinds"), ("namespace", "namespaces"), ("source", "sources"),
    ("sensitivity", "sensitivities"),
)  # fmt: skip


class Passing(msgspec.Struct, frozen=True):
    mask: Mask
    count: int


class Filters:
    """Masks of a catalogue, the last few of them remembered."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._changes = -1
        self._known: collections.OrderedDict[Question, Passing] = collections.OrderedDict()

    def mask(self, question: Question) -> Passing:
        """Rows that pass. The query itself, the limit and the mode do not matter."""
        if self._changes != self._catalogue.changes:
            self._known.clear()
            self._changes = self._catalogue.changes
        asked = msgspec.structs.replace(question, query="", limit=1, mode="hybrid", floor=True)
        found = self._known.get(asked)
        if found is None:
            mask = self._made(asked)
            found = self._known[asked] = Passing(mask, int(np.count_nonzero(mask)))
            if len(self._known) > MASKS_MAX:
                self._known.popitem(last=False)
        self._known.move_to_end(asked)
        return found

    def _made(self, question: Question) -> Mask:
        catalogue = self._catalogue
        mask = self._in_time(question)
        for column, name in SETS:
            words = getattr(question, name)
            if words:
                mask &= np.isin(catalogue.column(column), catalogue.codes(column, words))
        if question.not_tiers:
            mask &= ~np.isin(catalogue.column("tier"), catalogue.codes("tier", question.not_tiers))
        if question.fact_kinds or question.memory_kinds:
            mask &= self._of_kinds(question)
        if question.tags:
            mask &= np.isin(catalogue.column("tags"), catalogue.codes_with_tags(question.tags))
        if question.entities:
            hashes = np.array([entity_hash(entity) for entity in question.entities], dtype=np.uint64)
            mask &= np.isin(catalogue.column("entity"), hashes)
        return mask

    def _of_kinds(self, question: Question) -> Mask:
        """Facts have kinds of their own, and so have memories; a word may be both."""
        catalogue = self._catalogue
        facts, kind = catalogue.of_facts(), catalogue.column("kind")
        passing = np.ones(len(facts), np.bool_)
        for rows, wanted in ((facts, question.fact_kinds), (~facts, question.memory_kinds)):
            if wanted:
                passing &= ~rows | np.isin(kind, catalogue.codes("kind", wanted))
        return passing

    def _in_time(self, question: Question) -> Mask:
        catalogue = self._catalogue
        mask: Mask = catalogue.column("alive").astype(bool)
        if question.as_of is not None:
            mask &= catalogue.column("from_seq") <= question.as_of
        if not question.past:
            position = CURRENT - 1 if question.as_of is None else question.as_of
            mask &= catalogue.column("to_seq") > position
        if question.since_us is not None:
            mask &= catalogue.column("at_us") >= question.since_us
        if question.until_us is not None:
            mask &= catalogue.column("at_us") < question.until_us
        return mask
