"""How near two sentences are that say what somebody wants: by their words, weighed by how rare these are here.

Words are brought to a common stem and to one of several that mean the same in this work (write, draft, compose), so that
"drop Ruth a line" finds "write a mail". What names a thing (a person, a date, an amount) is taken out before: it fills an
input, and says nothing about what is wanted.
"""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+")
_ENDINGS: Final = ("ings", "ing", "edly", "ed", "ies", "es", "ly", "er", "en", "s", "e", "n")
STEM_CHARS_MIN: Final = 3  # One more where a single e or n is cut: a note is not "not".
SLIP_CHARS_MIN: Final = 4  # A shorter word is one slip away from too many others.
SLIP_LIKENESS: Final = 0.8

STOP: Final = frozenset(
    """a an the and or of to for in on at by with from about as it its is are was be been do does did has have had
    i me my we us our you your they them their he him his she her this that these those there here please pls can
    could would should will shall may might must let lets just now today want need like some any all every so if then
    what who whose whom when where which why how s t ll re ve d m l n qu aren don doesn won wouldn
    wer was wann wo wie welche welcher quel quelle quelles qui que quand comment combien y c est-ce yet still
    everybody everyone than but no up out into over again more most much many
    ein eine einen der die das den dem und oder zu fuer für mit von im in am an auf bitte mir mich uns ich wir du sie alle
    es ist sind hat haben noch le la les un une et ou de du des pour avec dans sur s il te plait je nous vous a au aux
    doc tous toutes""".split()  # noqa: SIM905
)
# Words of one line mean the same here. The first names them all.
_SAME: Final = """
write compose word pen drop line schreib schreibe schreiben verfass verfasse ecrire ecris rediger redige
draft entwurf brouillon
mail email letter message note brief nachricht courriel lettre
answer reply respond response antwort antworten beantworten beantworte repondre reponds
invoice bill billing rechnung rechnungen facture factures
remind reminder chase nudge dun mahnung mahnen mahne erinner erinnere erinnerung rappel rappelle relance relancer
overdue unpaid outstanding owe owing ueberfaellig überfällig überfällige impaye impayee impayees
open offen offene ouvert ouvertes
pay paid settle bezahlt bezahlen payer
due fällig
not hasn haven didn isn nicht kein pas
payment zahlung zahlungen zahlungseingang paiement paiements
find search look lookup locate suche finden chercher
know tell say explain question wissen
meeting appointment call phone termin telefonat anruf
calendar schedule agenda kalender agenda
free availability available frei freie libre libres
task todo to-do chore aufgabe
lead enquiry inquiry prospect anfrage
client customer kunde
summary summarise summarize sum recap brief digest overview zusammenfassung
check review proofread verify look-over pruef pruefen
publish launch release announce announcement
send dispatch mailing schick schicken senden envoyer
correct correction fix amend mend
undo revert take-back rollback
price fee rate quote quotation cost preis honorar
contract agreement vertrag
proposal offer angebot
report status progress
week woche semaine
reconcile match balance abgleich abgleichen rapprocher
file save store
minimum smallest least mindestens
begin start beginn anfang debut
end ende fin stop
"""


@cache
def _folded(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(c))


@cache
def stem(word: str) -> str:
    word = _folded(word).replace("'s", "").replace("'", "")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= STEM_CHARS_MIN + (ending in ("e", "n")):
            return word.removesuffix(ending)
    return word


@cache
def _meanings() -> dict[str, str]:
    """Stem -> the stem that stands for all that mean the same."""
    found: dict[str, str] = {}
    for line in _SAME.strip().splitlines():
        words = [stem(word) for word in line.split()]
        for word in words:
            found.setdefault(word, words[0])
    return found


@cache
def _known() -> frozenset[str]:
    """Every word of the tables, as it is spoken."""
    return frozenset(_folded(word) for word in _SAME.split()) | STOP


def _spoken(text: str) -> list[str]:
    return [_folded(word) for word in _WORD.findall(text)]


def words_in(text: str) -> list[str]:
    """The stems of what carries meaning, in their order."""
    meanings = _meanings()
    stems = [stem(word) for word in _WORD.findall(text) if _folded(word) not in STOP]
    return [meanings.get(word, word) for word in stems]


class Sentences:
    """Sentences to compare others with. A word that many of them have says little."""

    def __init__(self, sentences: Iterable[str]) -> None:
        kept = tuple(sentences)
        self._spoken = {word for sentence in kept for word in _spoken(sentence)}
        self._take(frozenset(words_in(sentence)) for sentence in kept)

    @classmethod
    def of(cls, words: Iterable[frozenset[str]]) -> Sentences:
        """The same of sentences whose words are known already."""
        made = cls(())
        made._take(words)
        return made

    def _take(self, words: Iterable[frozenset[str]]) -> None:
        self._words = list(words)
        self._count = Counter(word for one in self._words for word in one)

    def words(self, text: str) -> list[str]:
        """As words_in; a word that nobody knows here counts as the one that it is a slip of, if there is one."""
        return words_in(self.spelled(text))

    def spelled(self, text: str) -> str:
        """The words of the text without slips."""
        return " ".join(self._meant(word) for word in _spoken(text))

    def _meant(self, word: str) -> str:
        known = self._spoken | _known()
        if len(word) < SLIP_CHARS_MIN or word in known or stem(word) in _meanings():
            return word
        return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=SLIP_LIKENESS)), word)

    def weight(self, word: str) -> float:
        return 1.0 + math.log((1 + len(self._words)) / (1 + self._count[word]))

    def likeness(self, one: Sequence[str], other: Sequence[str]) -> float:
        """0 to 1: the cosine of the two, each word once and by its weight."""
        left, right = set(one), set(other)
        if not left or not right:
            return 0.0
        shared = sum(self.weight(word) ** 2 for word in left & right)
        norm = math.sqrt(sum(self.weight(word) ** 2 for word in left) * sum(self.weight(word) ** 2 for word in right))
        return shared / norm
