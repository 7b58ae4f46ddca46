#!/usr/bin/env python3
"""Writes tiny models with random weights, one for every architecture and every optional part of one.

usage: tiny_models.py OUT_DIR [NAME...]

Written apart from nibble's own GGUF writer and model synthesis on purpose: the comparison with the peer must not share
its mistakes. Weights depend on the tensor's name only, so files are reproducible.
"""
import array
import math
import os
import random
import struct
import sys
import zlib

VOCAB, WIDTH, HEADS, KV_HEADS, FFN = 320, 64, 4, 2, 96
U32, F32, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


class Model:
    def __init__(self, arch, layers=3):
        self.arch, self.layers = arch, layers
        self.keys, self.tensors = [], []
        self.flat = False  # one value throughout: for files whose shapes matter only
        self.embedding_deviation = 0.5  # small enough that the layers decide a tied head's logits
        self.key("general.architecture", STRING, arch)
        self.own("context_length", U32, 4096)
        self.own("embedding_length", U32, WIDTH)
        self.own("block_count", U32, layers)
        self.own("feed_forward_length", U32, FFN)
        self.own("attention.head_count", U32, HEADS)
        self.own("attention.head_count_kv", U32, KV_HEADS)
        self.vocabulary()

    def key(self, name, kind, value, element=None):
        self.keys = [k for k in self.keys if k[0] != name] + [(name, kind, value, element)]

    def own(self, name, kind, value, element=None):
        self.key(f"{self.arch}.{name}", kind, value, element)

    def vocabulary(self):
        """Bytes as tokens plus a few letters: enough for a loader that insists on a tokenizer."""
        tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
        tokens += [f"t{i}" for i in range(VOCAB - len(tokens))]
        types = [2, 3, 3] + [6] * 256 + [1] * (VOCAB - 259)
        self.key("tokenizer.ggml.model", STRING, "llama")
        self.key("tokenizer.ggml.tokens", ARRAY, tokens, STRING)
        self.key("tokenizer.ggml.scores", ARRAY, [0.0] * VOCAB, F32)
        self.key("tokenizer.ggml.token_type", ARRAY, types, I32)
        self.key("tokenizer.ggml.bos_token_id", U32, 1)
        self.key("tokenizer.ggml.eos_token_id", U32, 2)

    def tensor(self, name, dims, kind="linear"):
        """kind: linear (variance about 1/row), loud (reaches clamps), norm (around one), bias, embedding."""
        self.tensors.append((name, dims, kind))

    def block(self, i, name, dims, kind="linear"):
        self.tensor(f"blk.{i}.{name}", dims, kind)

    def values(self, name, dims, kind):
        count = math.prod(dims)
        rng = random.Random(zlib.crc32(name.encode()))
        gauss = rng.gauss
        if kind == "norm":
            return [1 + 0.2 * gauss(0, 1) for _ in range(count)]
        if kind == "positive":
            return [1 + 7 * rng.random() for _ in range(count)]
        deviation = {"linear": 1.3 / dims[0] ** 0.5, "loud": 5 / dims[0] ** 0.5, "bias": 0.3,
                     "embedding": self.embedding_deviation}[kind]
        return [gauss(0, deviation) for _ in range(count)]

    @staticmethod
    def encode(kind, value, element=None):
        if kind == STRING:
            return text(value)
        if kind == ARRAY:
            return struct.pack("<IQ", element, len(value)) + b"".join(Model.encode(element, v) for v in value)
        return struct.pack({U32: "<I", F32: "<f", BOOL: "<?", I32: "<i"}[kind], value)

    def write(self, path):
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.keys))
        for name, kind, value, element in self.keys:
            head += text(name) + struct.pack("<I", kind) + self.encode(kind, value, element)
        data = []
        offset = 0
        for name, dims, kind in self.tensors:
            head += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, 0, offset)
            if self.flat:
                piece = struct.pack("<f", 0.01) * math.prod(dims)
            else:
                piece = array.array("f", self.values(name, dims, kind)).tobytes()
            piece += b"\0" * (-len(piece) % 32)
            offset += len(piece)
            data.append(piece)
        head += b"\0" * (-len(head) % 32)
        with open(path, "wb") as out:
            out.write(head + b"".join(data))


def decoder(arch, layers=3, head=16, width=WIDTH, heads=HEADS, kv_heads=KV_HEADS, ffn=FFN, tied=False, qkv_bias=False, fused=False, gate=True, qk_norm=False, post_norms=False,
            experts=0, expert_ffn=0, final=True):
    """The common body of the decoder-only architectures."""
    m = Model(arch, layers)
    m.own("embedding_length", U32, width)
    m.own("feed_forward_length", U32, ffn)
    m.own("attention.head_count", U32, heads)
    m.own("attention.head_count_kv", U32, kv_heads)
    m.own("attention.layer_norm_rms_epsilon", F32, 1e-5)
    m.own("attention.key_length", U32, head)
    m.own("attention.value_length", U32, head)
    m.own("rope.dimension_count", U32, head)
    m.own("rope.freq_base", F32, 10000.0)
    m.tensor("token_embd.weight", [width, VOCAB], "embedding")
    if final:
        m.tensor("output_norm.weight", [width], "norm")
    if not tied:
        m.tensor("output.weight", [width, VOCAB])
    q, kv = heads * head, kv_heads * head
    for i in range(layers):
        m.block(i, "attn_norm.weight", [width], "norm")
        if fused:
            m.block(i, "attn_qkv.weight", [width, q + 2 * kv])
        else:
            for part, rows in (("q", q), ("k", kv), ("v", kv)):
                m.block(i, f"attn_{part}.weight", [width, rows])
                if qkv_bias:
                    m.block(i, f"attn_{part}.bias", [rows], "bias")
        if qk_norm:
            m.block(i, "attn_q_norm.weight", [head], "norm")
            m.block(i, "attn_k_norm.weight", [head], "norm")
        m.block(i, "attn_output.weight", [q, width])
        if post_norms:
            m.block(i, "post_attention_norm.weight", [width], "norm")
            m.block(i, "post_ffw_norm.weight", [width], "norm")
        m.block(i, "ffn_norm.weight", [width], "norm")
        if experts:
            m.block(i, "ffn_gate_inp.weight", [width, experts])
            m.block(i, "ffn_gate_exps.weight", [width, expert_ffn, experts])
            m.block(i, "ffn_up_exps.weight", [width, expert_ffn, experts])
            m.block(i, "ffn_down_exps.weight", [expert_ffn, width, experts])
        else:
            if gate:
                m.block(i, "ffn_gate.weight", [width, ffn])
                m.block(i, "ffn_up.weight", [width, ffn])
            else:
                m.block(i, "ffn_up.weight", [width, 2 * ffn])
            m.block(i, "ffn_down.weight", [ffn, width])
    if experts:
        m.own("expert_count", U32, experts)
        m.own("expert_used_count", U32, 2)
    return m


def llama_variants():
    yield "llama", decoder("llama")
    m = decoder("llama", tied=True, qkv_bias=True)
    m.tensor("rope_freqs.weight", [8], "positive")
    for i in range(m.layers):
        m.block(i, "attn_output.bias", [WIDTH], "bias")
        m.block(i, "ffn_gate.bias", [FFN], "bias")
        m.block(i, "ffn_up.bias", [FFN], "bias")
        m.block(i, "ffn_down.bias", [WIDTH], "bias")
    yield "llama-biases-tied-rope-factors", m
    yield "llama-wide-heads", decoder("llama", head=24)
    m = decoder("llama", experts=4, expert_ffn=FFN)
    yield "llama-experts", m
    m = decoder("llama")
    m.own("rope.scaling.type", STRING, "linear")
    m.own("rope.scaling.factor", F32, 4.0)
    yield "llama-rope-linear", m
    m = decoder("llama")
    m.own("rope.scaling.type", STRING, "yarn")
    m.own("rope.scaling.factor", F32, 4.0)
    m.own("rope.scaling.original_context_length", U32, 1024)
    yield "llama-rope-yarn", m
    m = decoder("llama")
    m.own("attention.head_count_kv", U32, HEADS)
    m.tensors = [(n, [WIDTH, 64] if ".attn_k.w" in n or ".attn_v.w" in n else d, k) for n, d, k in m.tensors]
    yield "llama-no-gqa", m
    yield "llama-odd-rows", decoder("llama", ffn=80)
    m = decoder("llama", layers=80, width=256, heads=16, kv_heads=8, ffn=256)
    m.flat = True
    yield "llama-70b-depth", m


def qwen_variants():
    yield "qwen2", decoder("qwen2", tied=True, qkv_bias=True)
    yield "qwen3", decoder("qwen3", qk_norm=True, head=32)
    m = decoder("qwen3moe", qk_norm=True, head=32, experts=6, expert_ffn=48)
    m.own("expert_feed_forward_length", U32, 48)
    yield "qwen3moe", m


def gemma_variants():
    for name, layers in (("gemma2", 4), ("gemma2-27b-depth", 46)):
        m = decoder("gemma2", layers=layers, head=32, tied=True, post_norms=True)
        m.own("attention.sliding_window", U32, 8)
        m.own("attn_logit_softcapping", F32, 4.0)  # real files say 50 and 30, which random weights never reach
        m.own("final_logit_softcapping", F32, 6.0)
        m.embedding_deviation = 0.06
        yield name, m
    for name, layers in (("gemma3", 7), ("gemma3-27b-depth", 62)):
        m = decoder("gemma3", layers=layers, head=32, tied=True, post_norms=True, qk_norm=True)
        m.own("attention.sliding_window", U32, 8)
        m.own("rope.freq_base", F32, 1000000.0)
        m.embedding_deviation = 0.06
        m.own("rope.scaling.type", STRING, "linear")
        m.own("rope.scaling.factor", F32, 8.0)
        yield name, m


def phi_variants():
    yield "phi3", decoder("phi3", fused=True, gate=False)
    for name, rotated in (("phi3-long", 16), ("phi3-partial-rope", 12)):
        m = decoder("phi3", fused=True, gate=False)
        m.own("rope.dimension_count", U32, rotated)
        m.own("rope.scaling.original_context_length", U32, 256)
        m.own("rope.scaling.attn_factor", F32, 1.19)
        m.own("attention.sliding_window", U32, 8)
        m.tensor("rope_factors_long.weight", [rotated // 2], "positive")
        m.tensor("rope_factors_short.weight", [rotated // 2], "norm")
        yield name, m


def other_decoders():
    m = decoder("granite", tied=True)
    m.own("logit_scale", F32, 8.0)
    m.own("residual_scale", F32, 0.4)
    m.own("embedding_scale", F32, 12.0)
    m.own("attention.scale", F32, 0.4)
    m.embedding_deviation = 0.03
    yield "granite", m
    yield "smollm3", decoder("smollm3", layers=5, tied=True)
    m = decoder("gpt-oss", layers=4, qkv_bias=True, experts=6, expert_ffn=32)
    m.own("expert_feed_forward_length", U32, 32)
    m.own("attention.sliding_window", U32, 8)
    m.own("rope.freq_base", F32, 150000.0)
    m.own("rope.scaling.type", STRING, "yarn")
    m.own("rope.scaling.factor", F32, 32.0)
    m.own("rope.scaling.original_context_length", U32, 4096)
    m.own("context_length", U32, 131072)
    m.tensors = [(n.replace("ffn_norm", "post_attention_norm"), d, "loud" if "_exps" in n else k)
                 for n, d, k in m.tensors]
    for i in range(m.layers):
        m.block(i, "attn_output.bias", [WIDTH], "bias")
        m.block(i, "attn_sinks.weight", [HEADS], "bias")
        m.block(i, "ffn_gate_inp.bias", [6], "bias")
        m.block(i, "ffn_gate_exps.bias", [32, 6], "bias")
        m.block(i, "ffn_up_exps.bias", [32, 6], "bias")
        m.block(i, "ffn_down_exps.bias", [WIDTH, 6], "bias")
    yield "gpt-oss", m
    m = decoder("bitnet", tied=True)
    for i in range(m.layers):
        m.block(i, "attn_sub_norm.weight", [WIDTH], "norm")
        m.block(i, "ffn_sub_norm.weight", [FFN], "norm")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
            m.block(i, f"{part}.scale", [1], "norm")
    yield "bitnet", m


def encoders():
    for name, arch, pooling in (("bert-mean", "bert", 1), ("bert-cls", "bert", 2), ("nomic-bert", "nomic-bert", 1)):
        m = Model(arch, 3)
        m.own("attention.head_count_kv", U32, HEADS)
        m.own("attention.layer_norm_epsilon", F32, 1e-12)
        m.own("attention.causal", BOOL, False)
        m.own("pooling_type", U32, pooling)
        m.own("context_length", U32, 128)
        m.key("tokenizer.ggml.token_type_count", U32, 2)
        m.tensor("token_embd.weight", [WIDTH, VOCAB], "embedding")
        m.tensor("token_types.weight", [WIDTH, 2], "embedding")
        if arch == "bert":
            m.tensor("position_embd.weight", [WIDTH, 128], "embedding")
        else:
            m.own("rope.freq_base", F32, 1000.0)
        for part in ("weight", "bias"):
            m.tensor(f"token_embd_norm.{part}", [WIDTH], "norm" if part == "weight" else "bias")
        for i in range(3):
            biased = arch == "bert"
            if biased:
                for part in "qkv":
                    m.block(i, f"attn_{part}.weight", [WIDTH, WIDTH])
                    m.block(i, f"attn_{part}.bias", [WIDTH], "bias")
            else:
                m.block(i, "attn_qkv.weight", [WIDTH, 3 * WIDTH])
                m.block(i, "ffn_gate.weight", [WIDTH, FFN])
            for part, dims in (("attn_output", [WIDTH, WIDTH]), ("ffn_up", [WIDTH, FFN]), ("ffn_down", [FFN, WIDTH])):
                m.block(i, f"{part}.weight", dims)
                if biased:
                    m.block(i, f"{part}.bias", dims[1:], "bias")
            for norm in ("attn_output_norm", "layer_output_norm"):
                m.block(i, f"{norm}.weight", [WIDTH], "norm")
                m.block(i, f"{norm}.bias", [WIDTH], "bias")
        yield name, m


def main():
    out, wanted = sys.argv[1], set(sys.argv[2:])
    os.makedirs(out, exist_ok=True)
    for group in (llama_variants, qwen_variants, gemma_variants, phi_variants, other_decoders, encoders):
        for name, model in group():
            if not wanted or name in wanted:
                model.write(os.path.join(out, name + ".gguf"))


main()
