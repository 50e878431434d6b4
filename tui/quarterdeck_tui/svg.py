"""Exported screens stand alone: the picture names no font on somebody else's server."""

from __future__ import annotations

import re

FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}\s*")


def without_web_fonts(svg: str) -> str:
    return FONT_FACE.sub("", svg).replace("Fira Code", "Fira Code, DejaVu Sans Mono, Menlo")
