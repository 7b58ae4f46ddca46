"""Held-out loss, document by document: every token after a document's first is predicted from that document alone.

`evaluate.py FILE` prints it for a checkpoint or a GGUF file, in float32 over the whole held-out split.
"""

import argparse
import math

import numpy
import torch
import torch.nn.functional as F


@torch.no_grad()
def held_out_loss(model, ids, starts, documents, rows=16, bf16=False):
    """Mean cross entropy in nats per predicted token over the first `documents` documents, and the number of tokens."""
    model.eval()
    device = next(model.parameters()).device
    limit = model.config.context + 1
    texts = [ids[a:b][:limit] for a, b in zip(starts[:documents], starts[1:documents + 1])]
    texts.sort(key=len)
    total, count = 0.0, 0
    for at in range(0, len(texts), rows):
        part = texts[at:at + rows]
        longest = max(len(t) for t in part)
        window = numpy.zeros((len(part), longest), dtype=numpy.int64)
        target = numpy.full((len(part), longest), -100, dtype=numpy.int64)
        for row, t in enumerate(part):
            window[row, :len(t)] = t
            target[row, :len(t)] = t
        window, target = torch.from_numpy(window).to(device), torch.from_numpy(target).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
            logits = model(window[:, :-1])
        total += float(F.cross_entropy(logits.float().reshape(-1, logits.shape[-1]), target[:, 1:].reshape(-1), ignore_index=-100, reduction="sum"))
        count += int((target[:, 1:] >= 0).sum())
    model.train()
    return total / count, count


def main():
    import data
    from export import load_any
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("file")
    p.add_argument("--documents", type=int, default=data.HELD_DOCUMENTS)
    o = p.parse_args()
    model, tokenizer = load_any(o.file)
    loss, count = held_out_loss(model, *data.cached(tokenizer, "held", data.HELD_SEED, data.HELD_DOCUMENTS, True), o.documents)
    print(f"held-out loss {loss:.4f} perplexity {math.exp(loss):.3f} over {count} tokens")


if __name__ == "__main__":
    main()
