"""Expansion of sentence patterns.

A pattern is ordinary English with three kinds of holes:
  {slot}        the value of a slot; a value may itself be a pattern
  [one|two|]    one alternative, chosen at random; alternatives nest
  a_            "a" or "an", by the word that follows
Sentence starts are capitalised afterwards, so patterns and slots stay lower case.
"""

import re

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa])_ +(\"?)(\w)")
_SPEECH = r"(?:said|asked|cried|called|shouted|whispered|laughed|thought|wondered|told)"
# A word that starts a sentence, but not the "said he" that follows a quotation.
_START = re.compile(r"(^|\n|[.!?] |\.\" |[!?]\" (?!(?:(?:he|she|they|hi[sm] [a-z]+|her [a-z]+) )?" + _SPEECH + r"\b))(\"?)([a-z])")
_QUOTE_AFTER_COMMA = re.compile(r"(, \")(?!but |until )([a-z])")
_SPACES = re.compile(r" {2,}")
_SPACE_BEFORE = re.compile(r" +([,.!?])")


def expand(rng, pattern, slots):
    """Fill slots and choose alternatives until nothing is left to do."""
    text = pattern
    for _ in range(40):
        before = text
        text = _SLOT.sub(lambda m: str(slots[m.group(1)]), text)
        text = _CHOICE.sub(lambda m: rng.choice(m.group(1).split("|")), text)
        if text == before:
            return text
    raise ValueError("pattern does not settle: " + pattern)


def tidy(text):
    """Articles, spacing and capitals of an expanded text."""
    text = _SPACES.sub(" ", text)
    text = _SPACE_BEFORE.sub(r"\1", text)
    text = _ARTICLE.sub(
        lambda m: m.group(1) + ("n " if m.group(3).lower() in "aeiou" else " ") + m.group(2) + m.group(3), text)
    text = re.sub(r" *\n *", "\n", text)
    text = _START.sub(lambda m: m.group(1) + m.group(2) + m.group(3).upper(), text)
    text = _QUOTE_AFTER_COMMA.sub(lambda m: m.group(1) + m.group(2).upper(), text)
    text = re.sub(r"\bi\b(?!')", "I", text)
    text = re.sub(r"\bi'", "I'", text)
    return text.strip()


def say(rng, pattern, slots):
    return tidy(expand(rng, pattern, slots))
