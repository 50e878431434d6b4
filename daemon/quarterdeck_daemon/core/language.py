"""Which language a text is in: by script where that decides, else by counting stop words.

An empty answer is a right answer: too little text, or no clear winner.
"""

from __future__ import annotations

import re
import unicodedata

SAMPLE_CHARS = 6_000
WORDS_MIN = 2  # Different stop words that must be seen before a language is named: a table repeats one of them.
SCRIPT_SHARE_MIN = 0.3


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS: dict[str, frozenset[str]] = {
    "en": _words(
        "the and of to is are was were for with that this you your we our i have has be it on not would like can"
        " will from at do me my if about please thanks hello hi they but"
    ),
    "de": _words(
        "der die das und ist sind war nicht mit für ein eine einen wir sie ihr ich haben hat wird auf zu im den dem"
        " des von bei auch noch bitte uns unser unsere ihre ihnen über möchten hallo oder als wie"
    ),
    "fr": _words(
        "le la les et est sont nous vous je une des du de pour avec que qui pas sur dans notre votre nos vos au aux"
        " ce cette bonjour merci mon ma il elle avons serait plus ou par"
    ),
    "sv": _words(
        "och att det är som en ett vi ni jag för med på av har inte till den om vår våra er era skulle vill kan hej"
        " tack från ska eller men våran oss du mig"
    ),
    "es": _words(
        "el la los las y es son para con que una un de del en nuestro nuestra su sus por no hola gracias estamos"
        " tenemos nos queremos me al como más pero si está buscamos"
    ),
    # Told apart only so that they are not taken for one of the above.
    "nl": _words("het een en van wij is niet met voor ik de zijn ons onze u uw graag heeft bij ook naar"),
    "it": _words("il lo gli e di che per con una non siamo è abbiamo nostro vostra del della sono ciao"),
    "pt": _words("o os as e é que para com uma um não nós nosso vossa do da dos em são olá obrigado você"),
    "da": _words("og at det er som en et vi jeg for med på af har ikke til den om vores hej tak fra skal"),
}

# Unicode names begin with the script; these name one language well enough to pick a template.
SCRIPTS: dict[str, str] = {
    "CYRILLIC": "ru",
    "GREEK": "el",
    "ARABIC": "ar",
    "HEBREW": "he",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "CJK": "zh",
    "DEVANAGARI": "hi",
    "THAI": "th",
}

_WORD = re.compile(r"[^\W\d_]+")


def language_of(text: str) -> str:
    """Return an ISO 639-1 code, or "" when the text does not say."""
    sample = text[:SAMPLE_CHARS]
    return _by_script(sample) or _by_stop_words(sample)


def _by_script(sample: str) -> str:
    letters = [character for character in sample if character.isalpha()]
    foreign = [character for character in letters if ord(character) > 0x36F]
    if not letters or len(foreign) < SCRIPT_SHARE_MIN * len(letters):
        return ""
    counts: dict[str, int] = {}
    for character in foreign:
        language = SCRIPTS.get(unicodedata.name(character, "").split(" ", 1)[0].split("-", 1)[0], "")
        if language:
            counts[language] = counts.get(language, 0) + 1
    if counts.get("ja"):  # Japanese is written with Han characters in between.
        return "ja"
    return max(counts, key=lambda language: counts[language]) if counts else ""


def _by_stop_words(sample: str) -> str:
    words = [word.lower() for word in _WORD.findall(sample)]
    scores = {language: sum(word in stops for word in words) for language, stops in STOP_WORDS.items()}
    best, second = sorted(scores, key=lambda language: -scores[language])[:2]
    if scores[best] == scores[second] or len(STOP_WORDS[best].intersection(words)) < WORDS_MIN:
        return ""
    return best
