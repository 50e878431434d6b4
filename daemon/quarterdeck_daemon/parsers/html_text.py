"""HTML to the text a reader would see. What a reader would not see is dropped and reported.

Hidden text is how instructions to a machine are smuggled past a person, so it never becomes text.
The rules look at one element's own attributes and at its ancestors; style sheets are not applied.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from .limits import HTML_CHARS_MAX

BLOCKS = frozenset(
    [
        *(
            "address",
            "article",
            "blockquote",
            "dd",
            "div",
            "dl",
            "dt",
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
        ),
        *("h6", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tr", "ul"),
    ]
)
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"])
NEVER_SHOWN = frozenset(
    ["head", "noscript", "script", "style", "template", "title", "svg", "math", "object", "iframe", "select"]
)
HEADING_MARK = "\x02"  # No text holds it: control characters are dropped. The level follows.
DEPTH_MAX = 400  # Deeper elements count as children of the last one kept.

_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*(?:0(?:\.\d+)?(?:px|pt|em|rem|%)?|[12](?:\.\d+)?(?:px|pt))\s*(?:;|!|$)"
    r"|opacity\s*:\s*0(?:\.0+)?\s*(?:;|!|$)|mso-hide\s*:\s*all|text-indent\s*:\s*-\d{3,}"
    r"|(?:max-)?(?:height|width)\s*:\s*0(?:px)?\s*(?:;|!|$)|left\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"(?:^|[;\s])color\s*:\s*([^;!]+)", re.IGNORECASE)
_BACKGROUND = re.compile(r"(?:^|[;\s])background(?:-color)?\s*:\s*([^;!]+)", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\f\v\u00a0\u200b-\u200d\u2060\ufeff\u034f\u00ad]+")
# The library's parser looks for the end of each tag up to the end of the text, which is quadratic when
# tags never end. So what cannot be a tag is made plain text before.
_LONE_BRACKET = re.compile(r"<(?![^<>]{0,200000}>)")
NAMES = {"white": "#ffffff", "snow": "#fffafa", "ivory": "#fffff0", "whitesmoke": "#f5f5f5", "black": "#000000"}
CONTRAST_MIN = 32  # Of 255; text nearer to its background than this is not meant to be seen.


def text_of(html: str, *, headings: bool = False) -> tuple[str, str]:
    """Return (visible text, hidden text). Never raises; broken markup gives what could be read.

    headings: lines of headings begin with HEADING_MARK and their level, items with a dash, cells have bars between.
    """
    reader = _Reader(headings)
    html = html[:HTML_CHARS_MAX].replace(HEADING_MARK, "")
    reader.feed(_LONE_BRACKET.sub("&lt;", _without_comments(html)))
    reader.close()
    return _tidy("".join(reader.shown)), _tidy("".join(reader.hidden))


def _without_comments(html: str) -> str:
    kept: list[str] = []
    position = 0
    while (begin := html.find("<!--", position)) >= 0:
        kept.append(html[position:begin])
        end = html.find("-->", begin + 4)
        if end < 0:
            return "".join(kept)
        position = end + 3
    return "".join([*kept, html[position:]])


def _tidy(text: str) -> str:
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self, headings: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.headings = headings
        self.shown: list[str] = []
        self.hidden: list[str] = []
        self.open: list[tuple[str, str, str]] = []  # (tag, "" | "hidden" | "dropped", background)

    @property
    def state(self) -> str:
        return self.open[-1][1] if self.open else ""

    @property
    def background(self) -> str:
        return self.open[-1][2] if self.open else "white"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br" or tag in BLOCKS:
            self.shown.append("\n")
        if self.headings and self.state == "":
            self.shown.append(_mark(tag))
        if tag in VOID or len(self.open) >= DEPTH_MAX:
            return
        values = {name: value or "" for name, value in attrs}
        background = _colour(_BACKGROUND, values.get("style", "")) or values.get("bgcolor", "").lower()
        background = background or self.background
        self.open.append((tag, self.state or _visibility(tag, values, background), background))

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self.shown.append("\n")
        for index in range(len(self.open) - 1, -1, -1):
            if self.open[index][0] == tag:
                del self.open[index:]
                return

    def handle_data(self, data: str) -> None:
        if self.state == "":
            self.shown.append(data.replace("\n", " ").replace(HEADING_MARK, ""))
        elif self.state == "hidden":
            self.hidden.append(data)


def _mark(tag: str) -> str:
    """What stands for the structure at the start of an element."""
    if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
        return f"\n{HEADING_MARK}{tag[1]}"
    return {"li": "- ", "td": " | ", "th": " | ", "p": "\n"}.get(tag, "")


def _visibility(tag: str, values: dict[str, str], background: str) -> str:
    if tag in NEVER_SHOWN:
        return "dropped"
    style = values.get("style", "")
    if "hidden" in values or _HIDING.search(style):
        return "hidden"
    colour = _colour(_COLOUR, style) or values.get("color", "").replace(" ", "").lower()
    return "hidden" if colour == "transparent" or _alike(colour, background) else ""


def _alike(colour: str, background: str) -> bool:
    one, other = _channels(colour), _channels(background)
    if not one or not other:
        return bool(colour) and colour == background
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < CONTRAST_MIN


def _channels(colour: str) -> tuple[int, ...]:
    """Red, green, blue; empty for what is not understood."""
    colour = NAMES.get(colour, colour)
    short = re.fullmatch(r"#([0-9a-f])([0-9a-f])([0-9a-f])", colour)
    long = re.fullmatch(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", colour)
    written = re.fullmatch(r"rgba?\((\d{1,3}),(\d{1,3}),(\d{1,3})(?:,[\d.]+)?\)", colour)
    if written:
        return tuple(int(part) for part in written.groups())
    digits = short or long
    return tuple(int(part * (3 - len(part)), 16) for part in digits.groups()) if digits else ()


def _colour(pattern: re.Pattern[str], style: str) -> str:
    found = pattern.search(style)
    return found[1].replace(" ", "").lower() if found else ""
