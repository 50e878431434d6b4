"""Terms of a text as the keyword index knows them: stems where the language has a stemmer, else plain words.

Plain words are lower case without accents; stems are those of the language's Snowball stemmer. Letters of scripts
without spaces are words of their own. Arabic loses vowel marks and stretching, and the spellings of alef, yeh and
teh marbuta that people mix are one.
"""

from __future__ import annotations

import re
import unicodedata

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from ..core.language import STOP_WORDS
from .word_families import irregular_forms

TERM_BYTES_MAX = 80
SAID_MAX = 20_000  # Words of questions of which it is known whether they say something.
STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
# Of the stemmed languages, those for which the library has no list of stop words.
UNLISTED = frozenset(("ar", "el", "ro", "ta", "tr"))
# Words that ask and say nothing of what is asked for. That a store has none of them must not count against it.
ASKING = {
    "en": "what who whom whose which when where why how did do does done had been being am an as by he she his her"
    " him its their them there these those us mine yours any many much could should shall may might must than then"
    " too very just only some into out up tell show find give get know so because while again over or"
    " kind kinds sort type happen happened happens s t d ll re ve m don doesn didn isn wasn weren couldn wouldn",
    "de": "was wer wen wem wessen wann wo warum wieso wie welche welcher welches welchen hatte hatten kann können gibt"
    " mein meine dein sein seine sich man es am im an aus nach vor dass wenn dann schon nur sehr",
    "fr": "quoi quel quelle quels quelles quand où comment pourquoi combien lequel était avait il elle ils elles on se"
    " sa son ses leur leurs y en ne tu te toi",
    "es": "qué quién quiénes cuál cuáles cuándo dónde cómo por cuánto cuántos había era fue ella ellos lo le les se tu"
    " mi yo",
    "it": "cosa chi quale quali quando dove come perché quanto quanti era aveva lui lei loro mi ti si ci ha ho hanno",
    "pt": "quê quem qual quais quando onde como por quanto quantos era tinha ele ela eles se me te lhe foi",
    "nl": "wat wie welke wanneer waar waarom hoe hoeveel had was er hij zij ze mijn jouw haar hun dit dat deze die te",
    "sv": "vad vem vilka vilken vilket när var varför hur många hade han hon dem sin sitt de så men",
    "da": "hvad hvem hvilke hvilken hvornår hvor hvorfor hvordan mange havde han hun dem sin de så men",
    # Of scripts without spaces each letter is a word of its own: those that build sentences.
    "zh": "的 了 是 在 什 么 吗 呢 谁 哪 里 几 多 少 为 他 她 它 我 你 们 这 那 有 和 与 不 要 叫 怎 样 到 从"
    " 把 被 就 都 也 很 会 能",
    "ja": "あ い う え お か き く け こ さ し す せ そ た ち つ て と な に ぬ ね の は ひ ふ へ ほ ま み む め も や ゆ よ"
    " ら り る れ ろ わ を ん が ぎ ぐ げ ご ざ じ ず ぜ ぞ だ ぢ づ で ど ば び ぶ べ ぼ ぱ ぴ ぷ ぺ ぽ っ ゃ ゅ ょ 何 誰",
    "ar": "من ماذا متى أين كيف كم هل لماذا أي في على الى عن مع هذا هذه ذلك تلك التي الذي الذين هو هي هم ان انه انها كان"
    " كانت ما لا لم لن قد كل بعد قبل بين عند او ثم حتى اذا غير منذ لقد",
}
_UNSPACED = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])"
)
_MARKS = dict.fromkeys((*range(1552, 1563), *range(1611, 1632), 1600, 1648))
_LETTERS = str.maketrans("أإآٱى", "ااااي")
_FINAL_HEH = re.compile(r"ه\b")
_ARABIC = re.compile(r"[\u0600-\u06ff]")


def normalised(text: str) -> str:
    """One form for what looks the same; unspaced letters stand alone."""
    text = _UNSPACED.sub(r" \1 ", unicodedata.normalize("NFKC", text))
    if _ARABIC.search(text):
        # Written for teh marbuta as often as not; the stemmer takes off either.
        text = _FINAL_HEH.sub("ة", text.translate(_MARKS).translate(_LETTERS))
    return text


def term_analyzer() -> TextAnalyzer:
    """For terms that are made already, with spaces between them."""
    return TextAnalyzerBuilder(Tokenizer.whitespace()).build()


class Analysis:
    """Splits and stems; analyzers are made when a language first comes up."""

    def __init__(self) -> None:
        self._plain = _split().filter(Filter.ascii_fold()).build()
        self._stemmers: dict[str, TextAnalyzer] = {}
        self._tellers: dict[str, TextAnalyzer] = {}
        self._silent: dict[str, frozenset[str]] = {}
        self._said: dict[tuple[str, str], bool] = {}
        stem = self._stemmer("en").analyze
        self._bases = {stem(form)[0]: stem(base)[0] for form, base in irregular_forms()}

    def words(self, text: str) -> list[str]:
        """Plain words in order, doubles included."""
        found: list[str] = self._plain.analyze(normalised(text))
        return found

    def terms(self, text: str, language: str) -> list[str]:
        """What is indexed of a text in this language, in order."""
        if language not in STEMMERS:
            return self.words(text)
        found: list[str] = self._stemmer(language).analyze(normalised(text))
        return [self._bases.get(term, term) for term in found] if language == "en" else found

    def says_nothing(self, word: str, language: str) -> bool:
        """Whether a plain word of a question in this language tells nothing of what is asked for."""
        says = self._said.get((word, language))
        if says is None:
            if len(self._said) >= SAID_MAX:
                self._said.clear()
            says = self._said[word, language] = self._is_silent(word, language)
        return says

    def _is_silent(self, word: str, language: str) -> bool:
        known = self._silent.get(language)
        if known is None:
            texts = (ASKING.get(language, ""), *STOP_WORDS.get(language, ()))
            known = self._silent[language] = frozenset(word for text in texts for word in self.words(text))
        return word in known or not self._telling(language).analyze(word)

    def _telling(self, language: str) -> TextAnalyzer:
        """Lets through what is no stop word of the library's list, if it has one."""
        made = self._tellers.get(language)
        if made is None:
            listed = language in STEMMERS and language not in UNLISTED
            builder = _split().filter(Filter.stopword(STEMMERS[language])) if listed else _split()
            made = self._tellers[language] = builder.build()
        return made

    def _stemmer(self, language: str) -> TextAnalyzer:
        made = self._stemmers.get(language)
        if made is None:
            builder = _split().filter(Filter.stemmer(STEMMERS[language])).filter(Filter.ascii_fold())
            made = self._stemmers[language] = builder.build()
        return made


def _split() -> TextAnalyzerBuilder:
    return (
        TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(TERM_BYTES_MAX)).filter(Filter.lowercase())
    )
