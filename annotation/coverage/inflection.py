"""The forms of English words, made from their base form: a lexicon lists each word once.

Both spellings are made where a rule cannot know ("spaned" beside "spanned"): a form that nobody writes does no harm.
"""

from collections.abc import Iterable

VOWELS = "aeiou"


def forms(kind: str, entry: str) -> frozenset[str]:
    """All forms of an entry, a base form with irregular ones after slashes (`stand/stood`); `kind` as in `KINDS`."""
    base, *irregular = entry.split("/")
    return frozenset([base, *irregular, *KINDS[kind](base)])


def noun(word: str) -> Iterable[str]:
    """Singular and plural."""
    return [_plural(word)]


def verb(word: str) -> Iterable[str]:
    """Third person, past and -ing form."""
    stems = _stems(word)
    return [_plural(word), *(stem + "ing" for stem in stems), *(_past(stem) for stem in stems), _past(word)]


def adjective(word: str) -> Iterable[str]:
    """Comparative, superlative and the -ish form; adverbs change the meaning too often ("shortly", "roundly")."""
    if len(word) > 7:  # such words take "more" and "most"
        return []
    if word.endswith("y"):
        return [word[:-1] + "ier", word[:-1] + "iest"]
    return [stem + ending for stem in _stems(word) for ending in ("er", "est", "ish")]


def plain(word: str) -> Iterable[str]:
    """Only as it is written."""
    return []


KINDS = {"nouns": noun, "verbs": verb, "adjectives": adjective, "words": plain}


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in VOWELS:
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _past(stem: str) -> str:
    if stem.endswith("e"):
        return stem + "d"
    return stem[:-1] + "ied" if stem.endswith("y") and stem[-2:-1] not in VOWELS else stem + "ed"


def _stems(word: str) -> list[str]:
    """What an ending that begins with a vowel is added to: without a silent e, with the last consonant doubled."""
    if word.endswith("e") and not word.endswith("ee"):
        return [word[:-1]]
    short = len(word) > 2 and word[-1] not in VOWELS + "wxy" and word[-2] in VOWELS and word[-3] not in VOWELS
    return [word, word + word[-1]] if short else [word]
