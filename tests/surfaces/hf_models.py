#!/usr/bin/env python3
"""Writes small Hugging Face model directories with random weights, each with the logits and token ids that the library
would give: computed here in numpy in double precision, from the library's semantics (rotate-half RoPE, its weight
layout, its tokenizers), not from anything of nibble.

usage: hf_models.py OUT_DIR [NAME...]

OUT_DIR/NAME/hf is the directory to convert; ids.txt, logits.f32 (a row for each id) and tokens.txt (a text, its ids, ...;
in texts a newline is written \\n) stand beside it.
"""
import json
import math
import os
import re
import struct
import sys
import zlib

import numpy as np

TOKENS = 40  # of the sequence whose logits are compared


# ---- weights ----

def weights(name, shape, scale):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def to_bf16(values):
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def save_safetensors(path, tensors, dtype):
    header, blobs, offset = {}, [], 0
    for name, values in tensors.items():
        if dtype == "BF16":
            blob = to_bf16(values).tobytes()
        else:
            blob = values.astype({"F32": np.float32, "F16": np.float16}[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def as_stored(values, dtype):
    if dtype == "BF16":
        return (to_bf16(values).astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return values.astype({"F32": np.float32, "F16": np.float16}[dtype]).astype(np.float64)


# ---- the library's forward pass ----

class Model:
    """A decoder; `config` is config.json, `traits` say what the model class computes."""

    def __init__(self, name, config, **traits):
        self.name = name
        self.config = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
                       "num_key_value_heads": 2, "vocab_size": 448, "max_position_embeddings": 256,
                       "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": False, **config}
        self.traits = traits
        self.tensors = {}
        self.make()

    def __getitem__(self, key):
        return self.config[key]

    def trait(self, key, default=None):
        return self.traits.get(key, default)

    @property
    def head_dim(self):
        return self.config.get("head_dim") or self["hidden_size"] // self["num_attention_heads"]

    def add(self, name, shape, scale):
        self.tensors[name] = weights(self.name + name, shape, scale)

    def norm(self, name, size):
        base = 0 if self.trait("norms_from_one") else 1
        self.tensors[name] = base + weights(self.name + name, (size,), 0.2)

    def linear(self, name, rows, columns, bias=False):
        self.add(name + ".weight", (rows, columns), 1.3 / columns ** 0.5)
        if bias:
            self.add(name + ".bias", (rows,), 0.3)

    def make(self):
        d, f, v = self["hidden_size"], self["intermediate_size"], self["vocab_size"]
        q, kv = self["num_attention_heads"] * self.head_dim, self["num_key_value_heads"] * self.head_dim
        self.add("model.embed_tokens.weight", (v, d), self.trait("embedding_deviation", 0.5))
        for i in range(self["num_hidden_layers"]):
            p = f"model.layers.{i}."
            self.norm(p + "input_layernorm.weight", d)
            if self.trait("fused"):
                self.linear(p + "self_attn.qkv_proj", q + 2 * kv, d)
                self.linear(p + "mlp.gate_up_proj", 2 * f, d)
            else:
                bias = self.trait("qkv_bias") or self.config.get("attention_bias", False)
                for part, rows in (("q", q), ("k", kv), ("v", kv)):
                    self.linear(p + f"self_attn.{part}_proj", rows, d, bias)
                self.linear(p + "mlp.gate_proj", f, d, self.config.get("mlp_bias", False))
                self.linear(p + "mlp.up_proj", f, d, self.config.get("mlp_bias", False))
            self.linear(p + "self_attn.o_proj", d, q, self.config.get("attention_bias", False))
            self.linear(p + "mlp.down_proj", d, f, self.config.get("mlp_bias", False))
            if self.trait("qk_norm"):
                self.norm(p + "self_attn.q_norm.weight", self.head_dim)
                self.norm(p + "self_attn.k_norm.weight", self.head_dim)
            self.norm(p + "post_attention_layernorm.weight", d)
            if self.trait("post_norms"):
                self.norm(p + "pre_feedforward_layernorm.weight", d)
                self.norm(p + "post_feedforward_layernorm.weight", d)
            if self.trait("sub_norms"):
                attention, ffn = self.trait("sub_norms")
                self.norm(p + f"self_attn.{attention}.weight", q)
                self.norm(p + f"mlp.{ffn}.weight", f)
        self.norm("model.norm.weight", d)
        if not self["tie_word_embeddings"]:
            self.linear("lm_head", v, d)

    # The tensors as the forward pass multiplies them.
    def stored(self, dtype):
        out = {}
        for name, values in self.tensors.items():
            out[name] = as_stored(values, dtype)
            if self.trait("ternary") and "_proj.weight" in name:
                scale = max(1e-5, np.abs(out[name]).mean())
                out[name] = np.clip(np.round(out[name] / scale), -1, 1) * scale
        return out

    def rope(self, i):
        """Inverse frequencies of layer i and the factor of cos and sin."""
        rotated = int(self.head_dim * self.config.get("partial_rotary_factor", 1.0))
        local = self.trait("local_base") and self.window(i)
        base = self.trait("local_base") if local else self.config.get("rope_theta", self.trait("rope_base", 10000.0))
        freq = base ** (-np.arange(0, rotated, 2) / rotated)
        scaling = self.config.get("rope_scaling")
        if scaling is None or local:
            return freq, 1.0
        kind = scaling.get("rope_type", scaling.get("type"))
        factor = scaling.get("factor", 1.0)
        if kind == "linear":
            return freq / factor, 1.0
        if kind == "llama3":
            context = scaling["original_max_position_embeddings"]
            low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
            out = []
            for f in freq:
                length = 2 * math.pi / f
                if length < context / high:
                    out.append(f)
                elif length > context / low:
                    out.append(f / factor)
                else:
                    smooth = (context / length - low) / (high - low)
                    out.append((1 - smooth) * f / factor + smooth * f)
            return np.array(out), 1.0
        if kind == "yarn":
            context = scaling["original_max_position_embeddings"]
            fast, slow = scaling.get("beta_fast", 32), scaling.get("beta_slow", 1)

            def dimension(rotations):
                return rotated * math.log(context / (rotations * 2 * math.pi)) / (2 * math.log(base))
            low, high = max(math.floor(dimension(fast)), 0), min(math.ceil(dimension(slow)), rotated - 1)
            ramp = np.clip((np.arange(rotated // 2) - low) / max(high - low, 0.001), 0, 1)
            attention = scaling.get("attention_factor") or 0.1 * math.log(factor) + 1
            return freq / factor * ramp + freq * (1 - ramp), attention
        if kind == "longrope":
            original = self["original_max_position_embeddings"]
            ratio = self["max_position_embeddings"] / original
            return freq / np.array(scaling["long_factor"]), math.sqrt(1 + math.log(ratio) / math.log(original))
        raise ValueError(kind)

    def window(self, i):
        return self.config.get("sliding_window") if self.trait("windowed", lambda layer: False)(i) else None

    def rms(self, x, w):
        y = x / np.sqrt((x * x).mean(-1, keepdims=True) + self["rms_norm_eps"])
        return y * (1 + w if self.trait("norms_from_one") else w)

    def attention(self, x, w, i):
        heads, kv_heads, dim, count = self["num_attention_heads"], self["num_key_value_heads"], self.head_dim, len(x)
        p = f"model.layers.{i}.self_attn."

        def project(part, source=x):
            return source @ w[p + part + ".weight"].T + w.get(p + part + ".bias", 0)
        if self.trait("fused"):
            q, k, v = np.split(project("qkv_proj"), [heads * dim, (heads + kv_heads) * dim], axis=1)
        else:
            q, k, v = project("q_proj"), project("k_proj"), project("v_proj")
        q, k, v = (a.reshape(count, -1, dim) for a in (q, k, v))
        if self.trait("qk_norm"):
            q, k = self.rms(q, w[p + "q_norm.weight"]), self.rms(k, w[p + "k_norm.weight"])
        if self.trait("rotates", lambda layer: True)(i):
            freq, magnitude = self.rope(i)
            angles = np.arange(count)[:, None] * freq
            cos, sin = (np.concatenate([f(angles)] * 2, 1)[:, None] * magnitude for f in (np.cos, np.sin))
            n = 2 * len(freq)

            def rotate(a):
                part = a[..., :n]
                half = np.concatenate([-part[..., n // 2:], part[..., :n // 2]], -1)
                return np.concatenate([part * cos + half * sin, a[..., n:]], -1)
            q, k = rotate(q), rotate(k)
        k, v = (a.astype(np.float16).astype(np.float64) for a in (k, v))  # as nibble's cache keeps them
        k, v = (np.repeat(a, heads // kv_heads, axis=1) for a in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) * self.trait("score_scale", dim ** -0.5)
        cap = self.config.get("attn_logit_softcapping")
        if cap:
            scores = cap * np.tanh(scores / cap)
        distance = np.arange(count)[:, None] - np.arange(count)
        hidden = distance < 0
        if self.window(i):
            hidden |= distance >= self.window(i)
        scores = np.where(hidden, -np.inf, scores)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        out = np.einsum("hqk,khd->qhd", scores, v).reshape(count, heads * dim)
        if self.trait("sub_norms"):
            out = self.rms(out, w[p + self.trait("sub_norms")[0] + ".weight"])
        return project("o_proj", out)

    def mlp(self, x, w, i):
        p = f"model.layers.{i}.mlp."

        def project(part, source=x):
            return source @ w[p + part + ".weight"].T + w.get(p + part + ".bias", 0)
        gate, up = np.split(project("gate_up_proj"), 2, axis=1) if self.trait("fused") else (project("gate_proj"), project("up_proj"))
        act = self.config.get("hidden_activation", self["hidden_act"])
        if act == "silu":
            gate = gate / (1 + np.exp(-gate))
        elif act == "gelu_pytorch_tanh":
            gate = 0.5 * gate * (1 + np.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate ** 3)))
        elif act == "relu2":
            gate = np.maximum(gate, 0) ** 2
        x = gate * up
        if self.trait("sub_norms"):
            x = self.rms(x, w[p + self.trait("sub_norms")[1] + ".weight"])
        return project("down_proj", x)

    def logits(self, ids, dtype):
        w = self.stored(dtype)
        h = w["model.embed_tokens.weight"][ids] * self.trait("embedding_scale", 1.0)
        residual = self.config.get("residual_multiplier", 1.0)
        for i in range(self["num_hidden_layers"]):
            p = f"model.layers.{i}."
            a = self.attention(self.rms(h, w[p + "input_layernorm.weight"]), w, i)
            if self.trait("post_norms"):
                h = h + self.rms(a, w[p + "post_attention_layernorm.weight"])
                m = self.mlp(self.rms(h, w[p + "pre_feedforward_layernorm.weight"]), w, i)
                h = h + self.rms(m, w[p + "post_feedforward_layernorm.weight"])
            else:
                h = h + a * residual
                h = h + self.mlp(self.rms(h, w[p + "post_attention_layernorm.weight"]), w, i) * residual
        h = self.rms(h, w["model.norm.weight"])
        out = h @ w.get("lm_head.weight", w["model.embed_tokens.weight"]).T / self.config.get("logits_scaling", 1.0)
        cap = self.config.get("final_logit_softcapping")
        return cap * np.tanh(out / cap) if cap else out


# ---- the library's tokenizers ----

CORPUS = """The little fox said: "I'll show you 12345 things, don't worry!" She'd been to the river 42 times. It's late;
we've walked on, they're here, and I'm tired. Cafés and naïve señors; \tTabs,   spaces... (brackets) [more] {curly} == != ->
def main(argc, argv):\n    return argc + 1\n\n\nOnce upon a time there was a tiny bird, who lived in a tall tree near the hill."""
TEXTS = ["Once upon a time there was a fox.", " leading and  double   spaces ", "It's 12345 o'clock, I'LL go; they're at 7",
         "def f(x):\n    return x + 10\n\n", "the señor's café...", "\ttabs\tand !!?! marks ==", "", "x", "1", "\n\n\n", "ünknown Ω 中文 👍"]
LETTER, NUMBER = r"[^\W\d_]", r"\d"
SYMBOL, BEFORE = r"(?:[^\w\s]|_)", r"(?:[^\w\r\n]|_)"  # [^\s\p{L}\p{N}] and [^\r\n\p{L}\p{N}]
GPT2 = rf"'s|'t|'re|'ve|'m|'ll|'d| ?{LETTER}+| ?{NUMBER}+| ?{SYMBOL}+|\s+(?!\S)|\s+"


def words_with_digits(digits):
    return rf"(?i:'s|'t|'re|'ve|'m|'ll|'d)|{BEFORE}?{LETTER}+|{digits}| ?{SYMBOL}+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def library_regex(digits):
    return r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + digits + \
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def byte_characters():
    printable = list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    out, extra = {}, 256
    for b in range(256):
        out[b] = chr(b) if b in printable else chr(extra)
        extra += b not in printable
    return out


def merge_all(symbols, ranks):
    symbols = list(symbols)
    while len(symbols) > 1:
        best = min(range(len(symbols) - 1), key=lambda i: ranks.get((symbols[i], symbols[i + 1]), 1 << 30))
        if (symbols[best], symbols[best + 1]) not in ranks:
            break
        symbols[best:best + 2] = [symbols[best] + symbols[best + 1]]
    return symbols


def train_merges(words, count):
    words, merges = [list(w) for w in words], []
    for _ in range(count):
        pairs = {}
        for w in words:
            for pair in zip(w, w[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        if not pairs:
            break
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        words = [merge_all(w, {best: 0}) for w in words]
    return merges


class ByteBpe:
    """Byte-level BPE; `steps` are the pre-tokenizer's JSON, `cut` does the same with Python's re."""

    def __init__(self, steps, cut, ignore_merges=False, specials=("<|begin|>", "<|end_of_text|>", "<|eot_id|>"), pairs_as_lists=False,
                 normalizer=None, bos=None):
        self.cut, self.ignore_merges = cut, ignore_merges
        chars = byte_characters()
        self.chars = chars
        merges = train_merges(["".join(chars[b] for b in w.encode()) for w in cut(CORPUS)], 120)
        self.ranks = {pair: i for i, pair in enumerate(merges)}
        tokens = list(chars.values()) + ["".join(p) for p in merges]
        tokens = list(dict.fromkeys(tokens))
        # A token that merges never make: only a word as a whole can be it.
        tokens.append("zqx")
        self.vocab = {t: i for i, t in enumerate(tokens)}
        first = len(self.vocab)
        self.specials = {s: first + i for i, s in enumerate(specials)}
        added = [{"id": i, "content": s, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
                 for s, i in self.specials.items()]
        plain = first + len(self.specials)  # not special, but matched first
        added.append({"id": plain, "content": "<tool>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False})
        self.specials_and_plain = {**self.specials, "<tool>": plain}
        self.plain = {"<tool>": plain}
        steps = steps[0] if len(steps) == 1 else {"type": "Sequence", "pretokenizers": steps}
        post = None
        if bos:
            post = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                    "pair": [], "special_tokens": {bos: {"id": bos, "ids": [self.specials[bos]], "tokens": [bos]}}}
        self.json = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer,
                     "pre_tokenizer": steps, "post_processor": post,
                     "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
                     "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                               "fuse_unk": False, "byte_fallback": False, "ignore_merges": ignore_merges, "vocab": self.vocab,
                               "merges": [list(p) if pairs_as_lists else " ".join(p) for p in merges]}}

    def encode(self, text):
        ids = []
        for part in re.split("(<tool>)", text):
            if part in self.plain:
                ids.append(self.plain[part])
                continue
            for word in self.cut(part):
                written = "".join(self.chars[b] for b in word.encode())
                if self.ignore_merges and written in self.vocab:
                    ids.append(self.vocab[written])
                else:
                    ids += [self.vocab[s] for s in merge_all(written, self.ranks)]
        return ids


class Spm:
    """BPE in the manner of SentencePiece, as the library writes it: "▁" for spaces, bytes for what is unknown."""

    def __init__(self, prefix=True, metaspace=False, gemma=False, bos="<s>"):
        self.prefix = prefix
        words = ["▁" + w for w in CORPUS.split()]
        merges = train_merges(words, 100) + [("▁", "▁"), ("▁▁", "▁▁")]
        self.ranks = {pair: i for i, pair in enumerate(merges)}
        tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
        tokens += list(dict.fromkeys(["".join(p) for p in merges] + sorted(set("".join(words)))))
        self.vocab = {t: i for i, t in enumerate(tokens)}
        self.specials = {"<unk>": 0, "<s>": 1, "</s>": 2}
        added = [{"id": i, "content": s, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
                 for s, i in self.specials.items()]
        replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
        normalizer = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]}
        pre = None
        if metaspace:
            normalizer, pre = None, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first" if prefix else "never", "split": False}
        if gemma:
            normalizer, pre = replace, {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
        post = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [], "special_tokens": {}}
        self.json = {"version": "1.0", "added_tokens": added, "normalizer": normalizer, "pre_tokenizer": pre, "post_processor": post, "decoder": None,
                     "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "vocab": self.vocab,
                               "merges": [" ".join(p) for p in merges]}}

    def encode(self, text):
        if not text:
            return []
        text = ("▁" if self.prefix else "") + text.replace(" ", "▁")
        ids = []
        for symbol in merge_all(text, self.ranks):
            ids += [self.vocab[symbol]] if symbol in self.vocab else [self.vocab[f"<0x{b:02X}>"] for b in symbol.encode()]
        return ids


class Unigram:
    def __init__(self):
        words = ["▁" + w for w in CORPUS.split()]
        pieces = list(dict.fromkeys(["".join(p) for p in train_merges(words, 100)] + sorted(set("".join(words)))))
        rng = np.random.default_rng(5)
        self.scores = {p: float(np.float32(-2 - 6 * rng.random() / len(p) ** 0.5)) for p in pieces}
        vocab = [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]] + [[p, s] for p, s in self.scores.items()]
        self.vocab = {p: i for i, (p, _) in enumerate(vocab)}
        self.specials = {"<pad>": 0, "</s>": 1, "<unk>": 2}
        added = [{"id": i, "content": s, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for s, i in self.specials.items()]
        self.json = {"version": "1.0", "added_tokens": added, "normalizer": None,
                     "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
                     "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]},
                     "model": {"type": "Unigram", "unk_id": 2, "vocab": vocab}}

    def encode(self, text):
        if not text:
            return []
        text = "▁" + text.replace(" ", "▁")
        best = [(0.0, None, None)] + [(-math.inf, None, None)] * len(text)
        for end in range(1, len(text) + 1):
            for begin in range(max(0, end - 24), end):
                piece = text[begin:end]
                if piece in self.scores and best[begin][0] + self.scores[piece] > best[end][0]:
                    best[end] = (best[begin][0] + self.scores[piece], begin, piece)
        ids, at = [], len(text)
        while at:
            ids.append(self.vocab[best[at][2]])
            at = best[at][1]
        return ids[::-1]

    def texts(self):
        known = set("".join(self.scores))
        return [t for t in TEXTS if set(t.replace(" ", "▁")) <= known and "  " not in t and t.strip() == t]


class WordPiece:
    def __init__(self):
        words = re.findall(r"[a-z]+|\d+|[^\w\s]", CORPUS.lower().replace("é", "e").replace("ï", "i").replace("ñ", "n"))
        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        for w in words:
            pieces += [w[:3]] + ["##" + w[i:i + 2] for i in range(3, len(w))] + ["##" + c for c in w] + list(w)
        self.vocab = {p: i for i, p in enumerate(dict.fromkeys(pieces))}
        self.specials = {p: self.vocab[p] for p in pieces[:5]}
        added = [{"id": i, "content": s, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for s, i in self.specials.items()]
        self.json = {"version": "1.0", "added_tokens": added,
                     "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
                     "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None,
                     "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": self.vocab}}

    def encode(self, text):
        ids = []
        for word in re.findall(r"[a-z0-9]+|[^\w\s]|_", text.lower()):
            at, pieces = 0, []
            while at < len(word):
                for end in range(len(word), at, -1):
                    piece = ("##" if at else "") + word[at:end]
                    if piece in self.vocab:
                        pieces.append(self.vocab[piece])
                        at = end
                        break
                else:
                    pieces = [self.vocab["[UNK]"]]
                    break
            ids += pieces
        return ids

    def texts(self):
        return ["Once upon a time there was a fox.", "don't worry: the tall tree!", "ZZZ unknownword ###", "little   bird\n(said)", ""]


SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
BYTES_WORDS = {**BYTES, "use_regex": True}


def finder(pattern):
    compiled = re.compile(pattern)
    return lambda text: [m.group() for m in compiled.finditer(text)]


def llama3_tokenizer(**kwargs):
    return ByteBpe([{**SPLIT, "pattern": {"Regex": library_regex(r"\p{N}{1,3}")}}, BYTES], finder(words_with_digits(rf"{NUMBER}{{1,3}}")), **kwargs)


def qwen2_tokenizer():
    return ByteBpe([{**SPLIT, "pattern": {"Regex": library_regex(r"\p{N}")}}, BYTES], finder(words_with_digits(NUMBER)), normalizer={"type": "NFC"})


def gpt2_tokenizer():
    return ByteBpe([BYTES_WORDS], finder(GPT2))


def smollm_tokenizer():
    words = finder(GPT2)
    return ByteBpe([{"type": "Digits", "individual_digits": True}, BYTES_WORDS],
                   lambda text: [w for part in re.split(r"(\d)", text) if part for w in words(part)])


# ---- the directories ----

def save(out, name, model, tokenizer, dtype="F32", shards=1, rename=lambda n: n, extra=None, config=None, tokenizer_config=None,
         generation_config=None, chat_template_file=None):
    folder = os.path.join(out, name)
    hf = os.path.join(folder, "hf")
    os.makedirs(hf, exist_ok=True)

    def write(file, content):
        with open(os.path.join(hf, file), "w", encoding="utf-8") as f:
            json.dump(content, f, ensure_ascii=len(name) % 2 == 0)  # both spellings of what is not ASCII
    write("config.json", config or {"architectures": [model.trait("hf_class")], **model.config})
    write("tokenizer.json", tokenizer.json)
    write("tokenizer_config.json", tokenizer_config or {})
    if generation_config:
        write("generation_config.json", generation_config)
    if chat_template_file:
        with open(os.path.join(hf, "chat_template.jinja"), "w") as f:
            f.write(chat_template_file)
    tensors = {rename(n): v for n, v in model.tensors.items()}
    tensors.update(extra or {})
    if shards == 1:
        save_safetensors(os.path.join(hf, "model.safetensors"), tensors, dtype)
    else:
        names = sorted(tensors)
        files = {n: f"model-{i % shards + 1:05d}-of-{shards:05d}.safetensors" for i, n in enumerate(names)}
        for file in set(files.values()):
            save_safetensors(os.path.join(hf, file), {n: tensors[n] for n in names if files[n] == file}, dtype)
        write("model.safetensors.index.json", {"metadata": {}, "weight_map": files})
    ids = np.random.default_rng(7).integers(0, model["vocab_size"], TOKENS)
    with open(os.path.join(folder, "ids.txt"), "w") as f:
        f.write(" ".join(map(str, ids)))
    model.logits(ids, dtype).astype(np.float32).tofile(os.path.join(folder, "logits.f32"))
    with open(os.path.join(folder, "tokens.txt"), "w", encoding="utf-8") as f:
        for text in tokenizer.texts() if hasattr(tokenizer, "texts") else TEXTS + ["zqx a<tool>b"]:
            f.write(text.replace("\n", "\\n") + "\n" + " ".join(map(str, tokenizer.encode(text))) + "\n")


def llama(out):
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    tokenizer = llama3_tokenizer(ignore_merges=True, pairs_as_lists=True, bos="<|begin|>")
    model = Model("llama", {"rope_theta": 500.0, "rope_scaling": scaling, "head_dim": 24}, hf_class="LlamaForCausalLM")
    ends = [tokenizer.specials["<|end_of_text|>"], tokenizer.specials["<|begin|>"], tokenizer.specials["<|eot_id|>"]]
    save(out, "llama", model, tokenizer, shards=3,
         extra={"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(8, np.float32)},
         tokenizer_config={"bos_token": "<|begin|>", "eos_token": {"content": "<|eot_id|>", "lstrip": False},
                           "chat_template": "{{ bos_token }}{{ messages[0]['content'] }}"},
         generation_config={"eos_token_id": ends})


def llama_biased(out):
    model = Model("llama-biased", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True, "rope_parameters": None,
                                   "rope_scaling": {"type": "linear", "factor": 4.0}}, hf_class="LlamaForCausalLM")
    save(out, "llama-biased", model, Spm(), dtype="BF16", tokenizer_config={"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True,
                                                                           "add_eos_token": False, "unk_token": "<unk>",
                                                                           "chat_template": [{"name": "default", "template": "{{ 1 }}"}, {"name": "tool_use", "template": "{{ 2 }}"}]})


def mistral(out):
    model = Model("mistral", {"sliding_window": None, "num_key_value_heads": 4}, hf_class="MistralForCausalLM")
    save(out, "mistral", model, Spm(metaspace=True, prefix=False), dtype="F16", tokenizer_config={"bos_token": "<s>", "eos_token": "</s>"},
         chat_template_file="from the file")


def qwen2(out):
    scaling = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    model = Model("qwen2", {"tie_word_embeddings": True, "rope_theta": 1e4, "rope_scaling": scaling, "use_sliding_window": False, "sliding_window": 32},
                  hf_class="Qwen2ForCausalLM", qkv_bias=True)
    save(out, "qwen2", model, qwen2_tokenizer(), tokenizer_config={"bos_token": None, "eos_token": "<|eot_id|>", "add_bos_token": False})


def qwen3(out):
    model = Model("qwen3", {"head_dim": 32, "rope_theta": 1e6}, hf_class="Qwen3ForCausalLM", qk_norm=True)
    save(out, "qwen3", model, gpt2_tokenizer(), tokenizer_config={"eos_token": "<|eot_id|>"})


def gemma2(out):
    model = Model("gemma2", {"head_dim": 32, "num_hidden_layers": 4, "query_pre_attn_scalar": 32, "hidden_activation": "gelu_pytorch_tanh",
                             "attn_logit_softcapping": 4.0, "final_logit_softcapping": 6.0, "sliding_window": 8, "tie_word_embeddings": True},
                  hf_class="Gemma2ForCausalLM", norms_from_one=True, post_norms=True, embedding_scale=8.0, embedding_deviation=0.06,
                  windowed=lambda i: i % 2 == 0)
    save(out, "gemma2", model, Spm(prefix=False, gemma=True), tokenizer_config={"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True})


def gemma3(out):
    model = Model("gemma3", {"head_dim": 32, "num_hidden_layers": 7, "query_pre_attn_scalar": 32, "hidden_activation": "gelu_pytorch_tanh",
                             "sliding_window": 8, "rope_theta": 1e6, "tie_word_embeddings": True,
                             "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
                  norms_from_one=True, post_norms=True, qk_norm=True, embedding_scale=8.0, embedding_deviation=0.06, local_base=1e4,
                  windowed=lambda i: (i + 1) % 6 != 0)
    inner = {k: v for k, v in model.config.items() if k not in ("rope_theta", "hidden_act", "hidden_activation")}
    config = {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "text_config": inner, "vision_config": {}}
    save(out, "gemma3", model, Spm(prefix=False, gemma=True), config=config, rename=lambda n: "language_model." + n,
         extra={"vision_tower.patch.weight": np.ones((2, 3), np.float32), "multi_modal_projector.weight": np.ones(3, np.float32)},
         tokenizer_config={"bos_token": "<s>", "eos_token": "</s>"})


def phi3(out):
    model = Model("phi3", {"sliding_window": 64, "rope_scaling": None}, hf_class="Phi3ForCausalLM", fused=True)
    save(out, "phi3", model, Spm(), tokenizer_config={"bos_token": "<s>", "eos_token": "</s>"})
    rng = np.random.default_rng(3)
    scaling = {"type": "longrope", "long_factor": [float(x) for x in 1 + 7 * rng.random(6)], "short_factor": [1.0] * 6}
    model = Model("phi3-long", {"original_max_position_embeddings": 128, "max_position_embeddings": 1024, "partial_rotary_factor": 0.75,
                                "rope_scaling": scaling}, hf_class="Phi3ForCausalLM", fused=True)
    save(out, "phi3-long", model, llama3_tokenizer(), tokenizer_config={"eos_token": "<|end_of_text|>"})


def smollm3(out):
    model = Model("smollm3", {"num_hidden_layers": 5, "tie_word_embeddings": True, "rope_theta": 2e6, "no_rope_layers": [1, 1, 1, 0, 1]},
                  hf_class="SmolLM3ForCausalLM", rotates=lambda i: (i + 1) % 4 != 0)
    save(out, "smollm3", model, llama3_tokenizer(), tokenizer_config={"eos_token": "<|end_of_text|>"})


def granite(out):
    model = Model("granite", {"attention_multiplier": 0.4, "embedding_multiplier": 12.0, "residual_multiplier": 0.4, "logits_scaling": 8.0,
                              "tie_word_embeddings": True}, hf_class="GraniteForCausalLM", score_scale=0.4, embedding_scale=12.0, embedding_deviation=0.03)
    save(out, "granite", model, smollm_tokenizer(), tokenizer_config={"bos_token": "<|end_of_text|>", "eos_token": "<|end_of_text|>"})


def bitnet(out):
    model = Model("bitnet", {"hidden_act": "relu2", "tie_word_embeddings": True, "rope_theta": 5e5}, hf_class="BitNetForCausalLM",
                  sub_norms=("attn_sub_norm", "ffn_sub_norm"), ternary=True)
    save(out, "bitnet", model, llama3_tokenizer(ignore_merges=True), tokenizer_config={"bos_token": "<|begin|>", "eos_token": "<|end_of_text|>"})
    model = Model("bitnet-first", {"tie_word_embeddings": True}, hf_class="BitnetForCausalLM", sub_norms=("inner_attn_ln", "ffn_layernorm"), ternary=True)
    save(out, "bitnet-first", model, Spm(), tokenizer_config={"bos_token": "<s>", "eos_token": "</s>"})


def other_tokenizers(out):
    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    model = Model("unigram", small, hf_class="LlamaForCausalLM")
    save(out, "unigram", model, Unigram(), tokenizer_config={"eos_token": "</s>", "pad_token": "<pad>"})
    model = Model("wordpiece", small, hf_class="LlamaForCausalLM")
    save(out, "wordpiece", model, WordPiece(), tokenizer_config={"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "mask_token": "[MASK]"})


def main():
    for write in (llama, llama_biased, mistral, qwen2, qwen3, gemma2, gemma3, phi3, smollm3, granite, bitnet, other_tokenizers):
        if len(sys.argv) == 2 or write.__name__ in sys.argv[2:]:
            write(sys.argv[1])


main()
