"""What a text may be, byte by byte: nodes of a grammar, each made once and known by its number.

A node knows from the start the shortest text that it can end with, so what has no end is never built: `Grammar` answers
DEAD for it, and every parent drops the branch or is dead too. Hence a text that was right so far can always be ended.

    Literal  these bytes        Group   one of these bytes     Text     the inside of a string up to its closing quote
    Number   between two limits, exact decimals              Sequence  one, then the other
    Choice   one of several     Repeat  low to high times      Items    of an array, up to `]`     Pairs  of a map, up to `}`
"""

from __future__ import annotations

from dataclasses import dataclass

from .numerals import Number

DEAD, EMPTY = -1, 0
NODES_MAX = 400_000
ESCAPED = ((0x22, 0x22),)  # Marks the byte behind a backslash.
_PRINTABLE = [byte for byte in range(0x20, 0x7F) if byte not in b'"\\']


def bits(*numbers: int) -> int:
    """A set of bytes as one number."""
    return sum(1 << one for one in set(numbers))


def span(low: int, high: int) -> int:
    return (1 << high + 1) - (1 << low)


PLAIN = bits(*_PRINTABLE)
ESCAPES = bits(*b'"\\/bfnrt')
_REST = (0x80, 0xBF)
# First bytes of characters beyond ASCII -> what must follow: no overlong form, no half of a surrogate pair.
LEADS: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = (
    (span(0xC2, 0xDF), (_REST,)),
    (bits(0xE0), ((0xA0, 0xBF), _REST)),
    (span(0xE1, 0xEC) | bits(0xEE, 0xEF), (_REST, _REST)),
    (bits(0xED), ((0x80, 0x9F), _REST)),
    (bits(0xF0), ((0x90, 0xBF), _REST, _REST)),
    (span(0xF1, 0xF3), (_REST, _REST, _REST)),
    (bits(0xF4), ((0x80, 0x8F), _REST, _REST)),
)


@dataclass(frozen=True, slots=True)
class Literal:
    text: bytes


@dataclass(frozen=True, slots=True)
class Group:
    members: int


@dataclass(frozen=True, slots=True)
class Text:
    """low, high: characters still needed and still allowed.  tail: bytes that the character begun still needs.

    barred  of a key: what it may not be from here on; it is then written without escapes. None: a value.
    """

    low: int
    high: int | None
    barred: frozenset[bytes] | None = None
    tail: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Sequence:
    first: int
    then: int


@dataclass(frozen=True, slots=True)
class Choice:
    options: frozenset[int]


@dataclass(frozen=True, slots=True)
class Repeat:
    item: int
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Items:
    item: int
    low: int
    high: int | None
    first: bool


@dataclass(frozen=True, slots=True)
class Pairs:
    value: int
    barred: frozenset[bytes]
    first: bool


Leaf = Literal | Group | Text | Number
Node = Leaf | Sequence | Choice | Repeat | Items | Pairs


class TooLarge(Exception):
    """The grammar has more than NODES_MAX nodes."""


class Grammar:
    """All nodes. `nodes[n]` is what n is, `ends[n]` the shortest text it can still write."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.ends: list[bytes] = []
        self._numbers: dict[Node, int] = {}
        assert self.add(Literal(b"")) == EMPTY
        space = self.repeat(self.add(Group(bits(0x20))), 0, 1)
        self.comma = self.sequence(self.literal(b","), space)
        self.colon = self.sequence(self.literal(b":"), space)

    def add(self, node: Node) -> int:
        found = self._numbers.get(node)
        if found is not None:
            return found
        if len(self.nodes) >= NODES_MAX:
            raise TooLarge
        number = self._numbers[node] = len(self.nodes)
        self.nodes.append(node)
        self.ends.append(self._end(node))
        return number

    def literal(self, text: bytes) -> int:
        return self.add(Literal(text))

    def string(self, low: int = 0, high: int | None = None, barred: frozenset[bytes] | None = None) -> int:
        if high is not None and low > high:
            return DEAD
        return self.sequence(self.literal(b'"'), self.add(Text(low, high, barred)))

    def sequence(self, *parts: int) -> int:
        whole = parts[-1]
        for part in reversed(parts[:-1]):
            if DEAD in (part, whole):
                return DEAD
            whole = whole if part == EMPTY else part if whole == EMPTY else self.add(Sequence(part, whole))
        return whole

    def choice(self, *options: int) -> int:
        living = frozenset(options) - {DEAD}
        return DEAD if not living else min(living) if len(living) == 1 else self.add(Choice(living))

    def repeat(self, item: int, low: int, high: int | None) -> int:
        if high == 0 or (item == DEAD and low == 0):
            return EMPTY
        return DEAD if item == DEAD else self.add(Repeat(item, low, high))

    def items(self, item: int, low: int, high: int | None, first: bool = True) -> int:
        """What comes behind `[`, or behind an item."""
        if (high is not None and low > high) or (item == DEAD and low > 0):
            return DEAD
        return self.literal(b"]") if high == 0 or item == DEAD else self.add(Items(item, low, high, first))

    def pairs(self, value: int, barred: frozenset[bytes], first: bool) -> int:
        return self.literal(b"}") if value == DEAD else self.add(Pairs(value, barred, first))

    def unfolded(self, node: Node) -> tuple[int, ...]:
        """What a node that is no leaf stands for: the ways to go on, each one node."""
        match node:
            case Choice(options):
                return tuple(options)
            case Repeat(item, low, high):
                again = self.sequence(item, self.repeat(item, max(low - 1, 0), _less(high)))
                return (EMPTY, again) if low == 0 else (again,)
            case Items(item, low, high, first):
                more = self.items(item, max(low - 1, 0), _less(high), False)
                again = self.sequence(EMPTY if first else self.comma, item, more)
                return (self.literal(b"]"), again) if low == 0 else (again,)
            case Pairs(value, barred, first):
                key = self.string(barred=barred)
                again = self.sequence(
                    EMPTY if first else self.comma, key, self.colon, value, self.pairs(value, barred, False)
                )
                return self.literal(b"}"), again
        raise AssertionError(f"{node} is a leaf or a sequence")

    def steps(self, leaf: Leaf) -> list[tuple[int, int]]:
        """The ways of a leaf: a set of bytes, and the node that is left after one of them."""
        match leaf:
            case Literal(text):
                return [(1 << text[0], self.literal(text[1:]))]
            case Group(members):
                return [(members, EMPTY)]
            case Text():
                return self._text_steps(leaf)
            case Number():
                return [(1 << byte, self.add(after)) for byte, after in leaf.steps()]

    def _text_steps(self, text: Text) -> list[tuple[int, int]]:
        if text.tail == ESCAPED:
            return [(ESCAPES, self.add(Text(text.low, text.high)))]
        if text.tail:
            low, high = text.tail[0]
            return self._split(span(low, high), text, Text(text.low, text.high, None, text.tail[1:]))
        ways: list[tuple[int, int]] = []
        if text.low == 0 and (text.barred is None or b"" not in text.barred):
            ways.append((bits(0x22), EMPTY))
        if text.high == 0:
            return ways
        low, most = max(text.low - 1, 0), _less(text.high)
        ways += self._split(PLAIN, text, Text(low, most))
        for leads, tail in LEADS:
            ways += self._split(leads, text, Text(low, most, None, tail))
        if text.barred is None:
            ways.append((bits(0x5C), self.add(Text(low, most, None, ESCAPED))))
        return ways

    def _split(self, members: int, text: Text, after: Text) -> list[tuple[int, int]]:
        """Where a key is spelled that is not allowed, its next byte goes a way of its own."""
        if text.barred is None:
            return [(members, self.add(after))]
        ways = []
        for byte in {name[0] for name in text.barred if name and members >> name[0] & 1}:
            members &= ~(1 << byte)
            barred = frozenset(name[1:] for name in text.barred if name[:1] == bytes([byte]))
            ways.append((1 << byte, self.add(Text(after.low, after.high, barred, after.tail))))
        free = self.add(Text(after.low, after.high, frozenset(), after.tail))
        return [*ways, (members, free)] if members else ways

    def _end(self, node: Node) -> bytes:
        ends = self.ends
        match node:
            case Literal(text):
                return text
            case Group(members):
                return bytes([(members & -members).bit_length() - 1])
            case Text():
                return _text_end(node)
            case Number():
                end = node.end()
                assert end is not None, "numbers that cannot end are not made"
                return end
            case Sequence(first, then):
                return ends[first] + ends[then]
            case Choice(options):
                return min((ends[one] for one in sorted(options)), key=len)
            case Repeat(item, low):
                return ends[item] * low
            case Items(item, low, _, first):
                return (b"" if first or not low else b",") + b",".join([ends[item]] * low) + b"]"
            case Pairs():
                return b"}"


def _less(high: int | None) -> int | None:
    return None if high is None else high - 1


def _text_end(text: Text) -> bytes:
    if text.tail == ESCAPED:
        return b"n" + b"." * text.low + b'"'
    end = bytes(low for low, _ in text.tail) + b"." * text.low
    barred = {name[len(end) :] for name in text.barred or () if name.startswith(end)}
    if b"" in barred:
        end += next(bytes([byte]) for byte in _PRINTABLE if bytes([byte]) not in barred)
    return end + b'"'
