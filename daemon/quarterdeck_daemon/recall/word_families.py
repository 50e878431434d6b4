"""Words that belong together where a stemmer does not see it: irregular forms, and what endings make of a word.

Questions ask in the base form ("did she run") what was told in another ("I ran"); English. Languages that write
compounds as one word ask for the "Archivschlüssel" what was told of the "Schlüssel zum Archiv".
"""

from __future__ import annotations

from collections.abc import Iterator

# Each group: the base first. Forms that are words of their own in other senses ("saw", "wound", "lay") are left out.
IRREGULAR = (
    "run ran,fall fell fallen,break broke broken,teach taught,meet met,buy bought,win won,steal stole stolen,"
    "sell sold,go went gone,come came,take took taken,give gave given,get got gotten,make made,tell told,say said,"
    "think thought,bring brought,catch caught,fight fought,seek sought,find found,leave left,lose lost,keep kept,"
    "sleep slept,sweep swept,feel felt,send sent,spend spent,lend lent,build built,hold held,hear heard,pay paid,"
    "speak spoke spoken,wake woke woken,choose chose chosen,freeze froze frozen,write wrote written,"
    "ride rode ridden,drive drove driven,rise risen,eat ate eaten,drink drank drunk,sing sang sung,swim swam swum,"
    "begin began begun,ring rang rung,sink sank sunk,fly flew flown,grow grew grown,know knew known,"
    "throw threw thrown,draw drew drawn,blow blew blown,wear wore worn,tear tore torn,swear swore sworn,"
    "become became,understand understood,stand stood,forget forgot forgotten,hide hid hidden,bite bit bitten,"
    "shake shook shaken,show shown,see seen,sit sat,shoot shot,stick stuck,hang hung,dig dug,lead led,feed fed,"
    "light lit,slide slid,swing swung,deal dealt,dream dreamt,learn learnt,mean meant,burn burnt,"
    "mistake mistook mistaken,child children,man men,woman women,foot feet,tooth teeth,mouse mice,wife wives,"
    "knife knives,wolf wolves,shelf shelves,person people,hike hiking,skate skating"
)
ENDINGS = (
    "", "i", "er", "or", "ment", "abl", "ibl", "ic", "ist", "ism", "ion", "ian", "al", "ship", "hood", "ness", "ful",
    "less", "anc", "enc", "eri", "iti", "ag", "ous", "at",
)  # fmt: skip
ROOT_LETTERS_MIN = 4  # What an ending may be taken off from; a shorter word only takes long endings on,
WORD_LETTERS_MIN = 3
LONG_ENDING_MIN = 3  # such as "pay" in "payment": a "tower" does not tow, and "cater" is of no cat.
COMPOUNDING = frozenset(("de", "nl", "sv", "da", "no"))
PART_LETTERS_MIN = 4
ALONE_LETTERS_MIN = 5  # Of a half that the store has without the other.
COMPOUND_LETTERS_MAX = 40


def irregular_forms() -> Iterator[tuple[str, str]]:
    """Form and base."""
    for group in IRREGULAR.split(","):
        base, *forms = group.split()
        yield from ((form, base) for form in forms)


def relatives(stem: str) -> tuple[str, ...]:
    """Stems that endings make of this one or of its root; most of them are no words. Shortest first."""
    if len(stem) < WORD_LETTERS_MIN or not stem.isascii() or not stem.isalpha():
        return ()
    roots = {stem}
    roots.update(
        stem.removesuffix(ending)
        for ending in ENDINGS
        if ending and stem.endswith(ending) and len(stem) - len(ending) >= ROOT_LETTERS_MIN
    )
    ending_min = 0 if len(stem) >= ROOT_LETTERS_MIN else LONG_ENDING_MIN
    made = {root + ending for root in roots for ending in ENDINGS if len(ending) >= ending_min} - {stem}
    return tuple(sorted(made, key=lambda one: (len(one), one)))


def splits(word: str) -> Iterator[tuple[str, str]]:
    """Each way to cut a word in two that could be words."""
    if word.isalpha() and len(word) <= COMPOUND_LETTERS_MAX:
        for at in range(PART_LETTERS_MIN, len(word) - PART_LETTERS_MIN + 1):
            yield word[:at], word[at:]
