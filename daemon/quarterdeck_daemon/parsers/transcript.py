"""Conversations: WebVTT, SubRip, and text whose lines read `Speaker: words`. One block a turn, with its time."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from quarterdeck_daemon.core.orders import Parsed, ParseDocument

from .blocks import NOWHERE, Block, Place, TextBuilder
from .chunks import chunks_of
from .decoding import clean, decoded
from .language import language_of
from .limits import CUES_MAX
from .markdown import Line, lines_of
from .refusal import Refused

TURN_CHARS_MAX = 900  # Cues of one speaker are joined up to this.
TURNS_MIN = 4  # Fewer lines with a colon are no conversation.
TURN_SHARE_MIN = 0.6
SAMPLE_LINES = 200

_TIMING = re.compile(r"\s*((?:\d{1,3}:)?\d{1,2}:\d{2})[.,]\d{1,3}\s*-->\s*(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{1,3}")
_VOICE = re.compile(r"<v(?:\.[^ >]*)?\s+([^>]{1,80})>")
_TAG = re.compile(r"</?[a-zA-Z0-9.:]{0,40}(?:\s[^<>]{0,100})?>|\{\\[^}]{0,40}\}")
_SPEAKER = re.compile(r"\s*(?:[-–>]{1,2}\s*)?([^\W\d_][\w .,'’()-]{0,48}?)\s*:\s+(?=\S)")
_TURN = re.compile(
    r"\s*[\[(]?(?P<time>(?:\d{1,4}[-./]\d{1,2}[-./]\d{1,4},?\s+)?\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]m)?)?[\])]?\s*(?:[-–]\s+)?"
    r"(?P<who>[^\W\d_][\w .'’()-]{0,48}?)\s*(?:\((?P<after>\d{1,2}:\d{2}(?::\d{2})?)\))?\s*:\s+(?=\S)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Cue:
    time: str
    who: str
    words: str


def parse_captions(order: ParseDocument) -> Parsed:
    """WebVTT and SubRip: cues of one speaker become turns, `[00:01:05] Ana: words`."""
    raw, charset, warning = decoded(order.data, "")
    cues = list(_cues(clean(raw)))
    if not cues:
        raise Refused("malformed", "no captions were found; is it a WebVTT or SubRip file?")
    built = TextBuilder()
    for turn in _turns(cues):
        said = f"[{turn.time}] {turn.who}: {turn.words}" if turn.who else f"[{turn.time}] {turn.words}"
        if not built.add(said, place=("", turn.time, turn.time), tight=True):
            break
    warnings = [text for text in (warning, "the end was left out: too long" if built.full else "") if text]
    if len(cues) == CUES_MAX:
        warnings.append(f"only the first {CUES_MAX:,} captions were read")
    speakers = list(dict.fromkeys(cue.who for cue in cues if cue.who))
    language = language_of(" ".join(cue.words for cue in cues[:400]))
    title = PurePath(order.name).stem or "Transcript"
    return Parsed(
        title=title,
        text=built.text,
        meta={"language": language, "charset": charset, "warnings": warnings, "speakers": speakers[:100]},
        chunks=chunks_of(built.text, built.blocks, title=title, language=language),
    )


def _cues(text: str) -> Iterator[_Cue]:
    """A cue: a line of times, then its words up to an empty line."""
    lines, at, found = text.split("\n"), 0, 0
    while at < len(lines) and found < CUES_MAX:
        timing = _TIMING.match(lines[at])
        at += 1
        if timing is None:
            continue
        words = []
        while at < len(lines) and lines[at].strip() and not _TIMING.match(lines[at]):
            words.append(lines[at])
            at += 1
        cue = _cue(_full_time(timing[1]), " ".join(words))
        if cue.words:
            found += 1
            yield cue


def _cue(time: str, words: str) -> _Cue:
    voice = _VOICE.search(words)
    words = html.unescape(_TAG.sub("", _VOICE.sub("", words))).strip()
    spoken = None if voice else _SPEAKER.match(words)
    who = voice[1].strip() if voice else spoken[1].strip() if spoken else ""
    return _Cue(time, who, " ".join((words[spoken.end() :] if spoken else words).split()))


def _full_time(time: str) -> str:
    parts = time.split(":")
    return ":".join(part.zfill(2) for part in (["00", *parts] if len(parts) == 2 else parts))


def _turns(cues: list[_Cue]) -> Iterator[_Cue]:
    held: _Cue | None = None
    for cue in cues:
        goes_on = held is not None and cue.who in ("", held.who)
        if held is not None and goes_on and len(held.words) + len(cue.words) < TURN_CHARS_MAX:
            held = _Cue(held.time, held.who, f"{held.words} {cue.words}")
            continue
        if held is not None:
            yield held
        held = cue if cue.who or held is None else _Cue(cue.time, held.who, cue.words)
    if held is not None:
        yield held


# --- a text that is a conversation ----------------------------------------------------------------


def conversation_blocks(text: str) -> list[Block]:
    """One block a turn when most lines read `Speaker: words` and the speakers take turns; else none."""
    lines = [line for line in lines_of(text) if not line.blank]
    if not _is_conversation(lines[:SAMPLE_LINES]):
        return []
    found: list[Block] = []
    for line in lines:
        turn = _TURN.match(line.words)
        if turn is None and found:
            last = found[-1]
            found[-1] = Block(last.begin, line.end, place=last.place)
        else:
            found.append(Block(line.begin, line.end, place=_when(turn) if turn else NOWHERE))
    return found


def _when(turn: re.Match[str]) -> Place:
    time = turn["time"] or turn["after"] or ""
    return ("", time, time) if time else NOWHERE


def _is_conversation(lines: list[Line]) -> bool:
    turns = [match for line in lines if (match := _TURN.match(line.words))]
    speakers = [match["who"].strip().lower() for match in turns]
    if len(turns) < TURNS_MIN or len(turns) < TURN_SHARE_MIN * len(lines):
        return False
    # Fields of a form have a colon too, but each of them stands there once.
    return 2 <= len(set(speakers)) <= len(speakers) / 2
