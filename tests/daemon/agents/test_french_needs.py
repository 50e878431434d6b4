"""A need in French begins where a word begins."""

from __future__ import annotations

import pytest

from .reading import mail_bytes, read


@pytest.mark.parametrize("apostrophe", ["'", "’"])
def test_somebody_wanted_is_not_cut_in_two(apostrophe: str) -> None:
    """“quelqu'un pour …” once began at its “un”."""
    body = f"Bonjour,\n\nNous cherchons quelqu{apostrophe}un pour repenser notre parcours, sur mobile. Budget : 12 000 €.\n"
    assert read(mail_bytes(body)).lead["need"] == "repenser notre parcours"
