"""Loads what the first order would wait for: date tables, expressions, Jinja2."""

from __future__ import annotations

from datetime import datetime

from .dates import dates_in
from .need import need_in
from .rendering import render
from .words import LANGUAGES, TABLES, by_language

A_DAY = {"en": "3 March", "de": "3. März", "fr": "3 mars", "sv": "3 mars", "es": "3 de marzo"}


def warm_up() -> None:
    """Takes about a second; safe to call at any time."""
    for language in LANGUAGES:
        dates_in(A_DAY[language], language=language, now=datetime(2026, 1, 1))
        for table in TABLES:
            by_language(table, language)
    need_in("We are looking for somebody.", "en")
    render("{{ name }}", {"name": "x"}, name="warm-up")
