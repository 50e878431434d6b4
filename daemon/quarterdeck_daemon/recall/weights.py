"""Every number of recall in one place. It is `[recall]` of the settings, and imports nothing heavy."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0, le=100_000.0)]
Factor = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]


class Weights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Defaults as measured by bench/recall_quality.py; `floor`, `floor_cosine`, `floor_vector`, `longer` and
    `known_names` as bench/recall_floor.py chose them; `words_alone` leaves the floor of words where it was, at 0.2.

    vector           share of the vectors in a score, before the embedder's fluency; the rest is the words'
    rule             how a side is brought to one scale: by its best score, or by how far a score stands out
    words_full       share of what a question's words could score together from which on the best match by words
                     counts full: where even that has little of the question, likeness decides
    recency          what a thing of this moment has over an old one, added to the score
    half_life_days   after so many days half of that is left
    candidates       rows that each side may name
    floor            relevance that one of the first hits must have, or nothing is shown; see relevance.py
    words_alone      share of that asked for where likeness cannot be read: by words, or in another language
    floor_cosine     cosine that counts as no likeness at all: most rows are that near to any question
    floor_vector     what likeness above it adds to the share of the question's words that a row has
    longer           power with which relevance grows with the words asked for: an answer has few of many
    unknown_names    how much a name counts that nothing in scope has: whatever is asked about it is likely not here
    known_names      what a row has that has the question's names, where few have them: no answer without more
    common_names     share of the rows from which on a name tells none apart: it is not read for likeness
    names            how much such a name or a date counts among the question's words: it says who or when, not what
    covered          what a row that has all words of a question with such a name has over one without, in the score
    tail             share of the best hit's score that a row must reach to be shown beside it
    tail_relevance   the same for its relevance
    """

    vector: Share = 0.6
    rule: Literal["top1", "z"] = "top1"
    words_full: Factor = 0.5
    recency: Factor = 0.02
    half_life_days: Positive = 90.0
    candidates: Annotated[int, msgspec.Meta(ge=10, le=1_000)] = 60
    floor: Factor = 0.65
    words_alone: Share = 0.3
    floor_cosine: Share = 0.05
    floor_vector: Factor = 2.5
    longer: Factor = 0.2
    unknown_names: Factor = 2.0
    known_names: Factor = 0.4
    common_names: Share = 0.02
    names: Share = 0.3
    covered: Factor = 0.2
    tail: Share = 0.3
    tail_relevance: Share = 0.1
