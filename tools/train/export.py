"""Checkpoint to GGUF: `export.py CHECKPOINT OUTPUT`. F16 Llama, or bitnet-b1.58 with I2_S matrices."""

import argparse

import numpy
import torch

import checkpoint
import gguf
from model import Config, Linear, Model, ternary_weight
from tokenizer import SPECIALS, Tokenizer

CHAT_TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
                 "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
NORMAL, CONTROL = 1, 3


def _head_rows(w, heads, to_pairs):
    """Rows of each head between (2, half) order, as trained, and adjacent pairs (half, 2), as Llama files hold them."""
    first, second = (2, w.shape[0] // heads // 2), (w.shape[0] // heads // 2, 2)
    shape = first if to_pairs else second
    return w.reshape(heads, *shape, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def _is_query_or_key(name):
    return name.endswith(("attn_q.weight", "attn_k.weight"))


def _heads_of(name, config):
    return config.heads if name.endswith("attn_q.weight") else config.kv_heads


def metadata(config, tokenizer, description):
    arch = "bitnet-b1.58" if config.ternary else "llama"
    return {
        "general.architecture": arch,
        "general.type": "model",
        "general.name": "nibble-story" + ("-ternary" if config.ternary else ""),
        "general.description": description,
        "general.license": "apache-2.0",
        "general.languages": ["en"],
        # The file types that llama.cpp (F16) and BitNet's own converter (I2_S) write.
        "general.file_type": 40 if config.ternary else 1,
        "general.quantization_version": 2,
        f"{arch}.vocab_size": config.vocab,
        f"{arch}.context_length": config.context,
        f"{arch}.embedding_length": config.width,
        f"{arch}.block_count": config.layers,
        f"{arch}.feed_forward_length": config.hidden,
        f"{arch}.attention.head_count": config.heads,
        f"{arch}.attention.head_count_kv": config.kv_heads,
        f"{arch}.attention.layer_norm_rms_epsilon": float(config.eps),
        f"{arch}.rope.dimension_count": config.head,
        f"{arch}.rope.freq_base": float(config.rope_base),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokenizer.tokens,
        "tokenizer.ggml.token_type": [CONTROL if t in SPECIALS else NORMAL for t in tokenizer.tokens],
        "tokenizer.ggml.merges": [a + " " + b for a, b in tokenizer.merges],
        "tokenizer.ggml.bos_token_id": tokenizer.end_of_text,
        "tokenizer.ggml.eos_token_id": tokenizer.end_of_text,
        "tokenizer.ggml.eot_token_id": tokenizer.im_end,
        "tokenizer.ggml.padding_token_id": tokenizer.end_of_text,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


def tensors(model):
    """GGUF tensors of a model, embedding first."""
    config, listed = model.config, []
    for name, parameter in model.state_dict().items():
        w = parameter.detach().float().cpu()
        dims = list(reversed(w.shape))
        if w.dim() == 1:
            listed.append((name, dims, gguf.F32, w.numpy().astype("<f4").tobytes()))
        elif config.ternary and name.startswith("blk."):
            codes, scale = ternary_weight(w)
            listed.append((name, dims, gguf.I2_S, gguf.pack_i2s(codes.numpy().astype(numpy.int8), float(scale))))
        else:
            rows = w.numpy()
            if _is_query_or_key(name):
                rows = _head_rows(rows, _heads_of(name, config), to_pairs=True)
            listed.append((name, dims, gguf.F16, numpy.ascontiguousarray(rows).astype("<f2").tobytes()))
    return listed


def export(model, tokenizer, path, description):
    gguf.write(path, metadata(model.config, tokenizer, description), tensors(model))


def load_gguf(path):
    """(model, tokenizer) from a file that `export` wrote: what inference sees, and what a later run resumes from."""
    meta, stored = gguf.read(path)
    arch = meta["general.architecture"]
    get = lambda key: meta[f"{arch}.{key}"]  # noqa: E731
    config = Config(vocab=get("vocab_size"), width=get("embedding_length"), layers=get("block_count"), heads=get("attention.head_count"),
                    kv_heads=get("attention.head_count_kv"), hidden=get("feed_forward_length"), context=get("context_length"),
                    eps=get("attention.layer_norm_rms_epsilon"), rope_base=get("rope.freq_base"), ternary=arch.startswith("bitnet"))
    weights = {}
    for name, (dims, kind, raw) in stored.items():
        shape = tuple(reversed(dims))
        if kind == gguf.I2_S:
            codes, scale = gguf.unpack_i2s(raw, int(numpy.prod(shape)))
            w = codes.astype(numpy.float32).reshape(shape) * scale
        else:
            w = numpy.frombuffer(raw, dtype="<f4" if kind == gguf.F32 else "<f2").astype(numpy.float32).reshape(shape)
            if _is_query_or_key(name) and not config.ternary:
                w = _head_rows(w, _heads_of(name, config), to_pairs=False)
        weights[name] = torch.from_numpy(numpy.ascontiguousarray(w))
    model = Model(config)
    model.load_state_dict(weights)
    for module in model.modules():
        if isinstance(module, Linear):
            module.stored = config.ternary
    return model, Tokenizer([tuple(m.split(" ")) for m in meta["tokenizer.ggml.merges"]])


def load_any(path):
    """(model, tokenizer) of a checkpoint or of a GGUF file."""
    return load_gguf(path) if path.endswith(".gguf") else checkpoint.load(path)[:2]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("checkpoint")
    p.add_argument("output")
    o = p.parse_args()
    model, tokenizer, _, progress = checkpoint.load(o.checkpoint)
    export(model, tokenizer, o.output, "A small story teller trained from scratch for nibble on its own generated corpus: "
           f"{progress['step']} steps, {progress['tokens']} tokens.")


if __name__ == "__main__":
    main()
