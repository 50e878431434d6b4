"""The part of regular expressions that can be written under: `pattern` of a JSON Schema as a grammar of the string.

Known: characters, `.`, classes `[a-z_]` `[^,]`, `\\d` `\\w` `\\s` (as a space) and escaped signs, groups `(…)` `(?:…)`, `|`,
`*` `+` `?` `{2}` `{2,}` `{2,5}`, `^` in front and `$` at the end. A pattern without them may stand anywhere, as JSON Schema says.
Not known: looking ahead and behind, references back, word borders, `\\D` and the like, lazy signs, Unicode classes.
"""

from __future__ import annotations

from .grammar import EMPTY, LEADS, PLAIN, Grammar, Group, bits, span

REPEAT_MAX = 1_000
PATTERN_CHARS_MAX = 1_000
_CLASSES = {"d": "0123456789", "s": " "}
_CLASSES["w"] = "".join(chr(at) for at in range(128) if chr(at).isalnum()) + "_"
_ASCII = {chr(at) for at in range(0x20, 0x7F)}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_WRITTEN = {'"': b'\\"', "\\": b"\\\\", "\n": b"\\n", "\t": b"\\t", "\r": b"\\r"}
_ENUMERATED_MAX = 512


class BadPattern(Exception):
    """What of the pattern is not known."""


def pattern(grammar: Grammar, text: str) -> int:
    """Return the node of a whole string, quotes and all, that the pattern matches. Raises BadPattern."""
    if len(text) > PATTERN_CHARS_MAX:
        raise BadPattern(f"has more than {PATTERN_CHARS_MAX} characters")
    return _Parser(grammar, text).whole()


class _Parser:
    def __init__(self, grammar: Grammar, text: str) -> None:
        self._grammar, self._text, self._at = grammar, text, 0
        self._depth = 0

    def whole(self) -> int:
        grammar = self._grammar
        anything = grammar.repeat(self._characters(_ASCII, wide=True), 0, None)
        branches = []
        while True:
            before = EMPTY if self._eat("^") else anything
            inside = self._sequence()
            after = EMPTY if self._eat("$") else anything
            branches.append(grammar.sequence(before, inside, after))
            if not self._eat("|"):
                break
        if self._at < len(self._text):
            raise self._bad(f"has {self._text[self._at]!r} where nothing was opened")
        quote = grammar.literal(b'"')
        return grammar.sequence(quote, grammar.choice(*branches), quote)

    def _choice(self) -> int:
        options = [self._sequence()]
        while self._eat("|"):
            options.append(self._sequence())
        return self._grammar.choice(*options)

    def _sequence(self) -> int:
        parts = [EMPTY]
        while self._peek() not in ("", "|", ")") and not self._at_end_sign():
            parts.append(self._counted(self._atom()))
        return self._grammar.sequence(*parts)

    def _at_end_sign(self) -> bool:
        return self._peek() == "$" and self._depth == 0 and self._text[self._at + 1 : self._at + 2] in ("", "|")

    def _counted(self, item: int) -> int:
        sign = self._peek()
        if sign and sign in "*+?":
            self._at += 1
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        elif sign == "{":
            low, high = self._braces()
        else:
            return item
        if self._peek() and self._peek() in "*+?{":
            raise self._bad("has a sign of repetition behind another")
        return self._grammar.repeat(item, low, high)

    def _braces(self) -> tuple[int, int | None]:
        inside, closed, _ = self._text[self._at + 1 :].partition("}")
        least, comma, most = inside.partition(",")
        if not closed or not least.isdecimal() or not (most.isdecimal() or not most):
            raise self._bad("has a { that counts nothing")
        self._at += len(inside) + 2
        low = int(least)
        high = int(most) if most else None if comma else low
        if low > REPEAT_MAX or (high is not None and not low <= high <= REPEAT_MAX):
            raise self._bad(f"repeats something {inside} times; {REPEAT_MAX} are the most")
        return low, high

    def _atom(self) -> int:
        sign = self._next()
        match sign:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case ".":
                return self._characters(_ASCII, wide=True)
            case "\\":
                return self._characters(self._escape())
            case "^" | "$":
                raise self._bad(f"has a {sign} that is not at its border")
            case "*" | "+" | "?" | "{" | "}" | "]":
                raise self._bad(f"has a {sign} out of place")
        return self._characters({sign})

    def _group(self) -> int:
        if self._eat("?") and not self._eat(":"):
            raise self._bad("looks ahead or behind, or names a group")
        self._depth += 1
        inside = self._choice()
        self._depth -= 1
        if not self._eat(")"):
            raise self._bad("opens a group that is not closed")
        return inside

    def _class(self) -> int:
        negated = self._eat("^")
        members: set[str] = set()
        while not self._eat("]"):
            members |= self._range()
        if not negated:
            return self._characters(members)
        if any(one > "\x7f" for one in members):
            raise self._bad("excludes characters beyond ASCII")
        return self._characters(_ASCII - members, wide=True)

    def _range(self) -> set[str]:
        first = self._member()
        if self._peek() != "-" or self._text[self._at + 1 : self._at + 2] in ("]", ""):
            return first
        self._at += 1
        last = self._member()
        if len(first) != 1 or len(last) != 1 or min(last) < min(first):
            raise self._bad("has a range that goes from nowhere to nowhere")
        low, high = ord(min(first)), ord(min(last))
        if high - low > _ENUMERATED_MAX or 0xD800 <= high <= 0xDFFF:
            raise self._bad(f"has a range of more than {_ENUMERATED_MAX} characters")
        return {chr(at) for at in range(low, high + 1)}

    def _member(self) -> set[str]:
        sign = self._next()
        if sign == "[":
            raise self._bad("has a class inside a class")
        return self._escape() if sign == "\\" else {sign}

    def _escape(self) -> set[str]:
        sign = self._next()
        if sign in _CLASSES:
            return set(_CLASSES[sign])
        if sign in _CONTROLS:
            return {_CONTROLS[sign]}
        if sign.isalnum() or not sign.isascii():
            raise self._bad(f"has \\{sign}")
        return {sign}

    def _characters(self, members: set[str], wide: bool = False) -> int:
        """One of these characters, as it is written in JSON; wide: or any beyond ASCII."""
        grammar = self._grammar
        plain = bits(*(ord(one) for one in members if one in _ASCII)) & PLAIN
        options = [grammar.literal(_WRITTEN[one]) for one in members if one in _WRITTEN]
        options += [grammar.literal(one.encode()) for one in members if one > "\x7f"]
        if wide:
            for leads, tail in LEADS:
                options.append(grammar.sequence(self._bytes(leads), *(self._bytes(span(*one)) for one in tail)))
        if plain:
            options.append(self._bytes(plain))
        if not options:
            raise self._bad("has a class that nothing is in")
        return grammar.choice(*options)

    def _bytes(self, members: int) -> int:
        return self._grammar.add(Group(members))

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _eat(self, sign: str) -> bool:
        found = self._peek() == sign
        self._at += found
        return found

    def _next(self) -> str:
        sign = self._peek()
        if not sign:
            raise self._bad("ends in the middle")
        self._at += 1
        return sign

    def _bad(self, why: str) -> BadPattern:
        return BadPattern(f"{why} (at character {self._at} of {self._text[:80]!r})")
