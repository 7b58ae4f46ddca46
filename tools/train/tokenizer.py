"""Byte-level BPE in the GPT-2 manner: trainer, encoder, decoder. Standard library only."""

import re
from collections import Counter, defaultdict

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
_SPECIAL = re.compile("(" + "|".join(re.escape(s) for s in SPECIALS) + ")")
# GPT-2's pre-tokenizer; [^\W\d_] stands for \p{L}, \d for \p{N} (the same on the text of the corpus, which is ASCII).
_WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def _byte_alphabet():
    """GPT-2's printable stand-in for each byte."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, extra = {b: chr(b) for b in keep}, 0
    for b in range(256):
        if b not in letters:
            letters[b] = chr(256 + extra)
            extra += 1
    return letters


BYTE_LETTER = _byte_alphabet()
LETTER_BYTE = {c: b for b, c in BYTE_LETTER.items()}


def split_words(text):
    """Pre-tokens of a text without special tokens, in the byte alphabet."""
    return ["".join(BYTE_LETTER[b] for b in w.encode("utf-8")) for w in _WORD.findall(text)]


def train_merges(texts, size):
    """Merges, most frequent pair first, until alphabet + merges + specials fill `size` or every word is one token."""
    words = Counter()
    for text in texts:
        for part in _SPECIAL.split(text):
            if part not in SPECIALS:
                words.update(_WORD.findall(part))
    pieces = [[BYTE_LETTER[b] for b in w.encode("utf-8")] for w in words]
    counts = list(words.values())
    pairs, holders = Counter(), defaultdict(set)
    for i, piece in enumerate(pieces):
        for pair in zip(piece, piece[1:]):
            pairs[pair] += counts[i]
            holders[pair].add(i)
    merges = []
    while len(merges) < size - 256 - len(SPECIALS) and pairs:
        # Ties go to the lexically first pair, so that the result does not depend on the order of the words.
        best = min(pairs, key=lambda p: (-pairs[p], p))
        if pairs[best] < 2:
            break
        merges.append(best)
        for i in list(holders[best]):
            old, new, k = pieces[i], [], 0
            while k < len(old):
                if k + 1 < len(old) and (old[k], old[k + 1]) == best:
                    new.append(old[k] + old[k + 1])
                    k += 2
                else:
                    new.append(old[k])
                    k += 1
            for pair in zip(old, old[1:]):
                pairs[pair] -= counts[i]
                if pairs[pair] <= 0:
                    del pairs[pair]
                holders[pair].discard(i)
            for pair in zip(new, new[1:]):
                pairs[pair] += counts[i]
                holders[pair].add(i)
            pieces[i] = new
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.tokens = [BYTE_LETTER[b] for b in sorted(BYTE_LETTER, key=lambda b: ord(BYTE_LETTER[b]))]
        known = set(self.tokens)
        for a, b in self.merges:
            # Two merges may meet in the same text; it is one token all the same.
            if a + b not in known:
                known.add(a + b)
                self.tokens.append(a + b)
        self.tokens += SPECIALS
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.rank = {m: r for r, m in enumerate(self.merges)}
        self.end_of_text, self.im_start, self.im_end = (self.ids[s] for s in SPECIALS)
        self._cache = {}

    def __len__(self):
        return len(self.tokens)

    def pieces(self, letters):
        """Ids of one pre-token in the byte alphabet."""
        piece = list(letters)
        while len(piece) > 1:
            rank, at = min((self.rank.get(p, 1 << 30), k) for k, p in enumerate(zip(piece, piece[1:])))
            if rank == 1 << 30:
                break
            piece[at:at + 2] = [piece[at] + piece[at + 1]]
        return [self.ids[p] for p in piece]

    def _word_ids(self, word):
        ids = self._cache.get(word)
        if ids is None:
            ids = self._cache[word] = self.pieces(BYTE_LETTER[b] for b in word.encode("utf-8"))
        return ids

    def encode(self, text):
        """Ids of a text; special tokens in the text are recognised."""
        ids = []
        for part in _SPECIAL.split(text):
            if part in SPECIALS:
                ids.append(self.ids[part])
            else:
                for word in _WORD.findall(part):
                    ids += self._word_ids(word)
        return ids

    def decode(self, ids):
        out = b""
        for i in ids:
            token = self.tokens[i]
            out += token.encode() if token in SPECIALS else bytes(LETTER_BYTE[c] for c in token)
        return out.decode("utf-8", errors="replace")
