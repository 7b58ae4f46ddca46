"""Trains the model that ships with nibble: `train.py --tokens 20e6`; see ../README.md.

The learning rate follows a cosine over the token budget and no clock is read: an uninterrupted run gives the same weights
again on the same kind of machine with as many workers. One that was stopped and continued takes its documents in another order.
"""

import argparse
import math
import os
import time

# Waiting threads must sleep: on a shared machine a spinning one takes the core that its partner waits for.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402

import checkpoint  # noqa: E402
import data  # noqa: E402
from evaluate import held_out_loss  # noqa: E402
from export import load_any  # noqa: E402
from model import Config, Model  # noqa: E402
from optimizer import Optimizer  # noqa: E402
from tokenizer import Tokenizer, train_merges  # noqa: E402
from workers import Workers  # noqa: E402

WARMUP_STEPS = 40


def options():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--tokens", type=float, required=True, help="tokens to train on, earlier runs of the same checkpoint included")
    p.add_argument("--name", default="story", help="the checkpoint is out/NAME.pt")
    p.add_argument("--start-from", help="checkpoint or GGUF file whose weights to start from, with a fresh optimizer")
    p.add_argument("--ternary", action="store_true", help="train the ternary sibling (with --start-from)")
    p.add_argument("--teacher", help="checkpoint or GGUF file of the same vocabulary that guides the training")
    p.add_argument("--peak", type=float, default=1.0, help="factor on the peak learning rates")
    p.add_argument("--steps", type=int, default=0, help="stop after so many steps of this run (0: the budget decides)")
    p.add_argument("--documents", type=int, default=60000)
    p.add_argument("--batch", type=int, default=4096, help="tokens per step, over all workers")
    p.add_argument("--context", type=int, default=512)
    p.add_argument("--workers", type=int, default=1 if torch.cuda.is_available() else min(4, os.cpu_count()), help="processes, each with its share of a step's rows")
    p.add_argument("--save-minutes", type=float, default=4)
    return p.parse_args()


def start(o, path, device):
    """(model, tokenizer, optimizer, progress) from the checkpoint, from other weights, or from nothing."""
    if os.path.exists(path):
        model, tokenizer, state, progress = checkpoint.load(path, device)
        optimizer = Optimizer(model)
        if state:
            optimizer.load_state_dict(state)
        return model, tokenizer, optimizer, progress
    if o.start_from:
        model, tokenizer = load_any(o.start_from)
        checkpoint.thaw(model.to(device))
        if o.ternary and not model.config.ternary:
            texts = data.documents(data.TRAIN_SEED, 8, False)
            sample = torch.tensor([(tokenizer.encode("".join(texts)) * 2)[:model.config.context]], device=device)
            model = checkpoint.ternary_from(model, sample)
    else:
        torch.manual_seed(1)
        tokenizer = Tokenizer(train_merges(data.documents(data.TRAIN_SEED, data.TOKENIZER_DOCUMENTS, False), 4096))
        model = Model(Config(vocab=len(tokenizer), context=o.context, ternary=o.ternary)).to(device)
    return model, tokenizer, Optimizer(model), dict(step=0, tokens=0)


def main():
    o = options()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    path = os.path.join(data.OUT, o.name + ".pt")
    model, tokenizer, optimizer, progress = start(o, path, device)
    held = data.cached(tokenizer, "held", data.HELD_SEED, data.HELD_DOCUMENTS, True)
    ids, starts = data.cached(tokenizer, f"train-{o.documents}", data.TRAIN_SEED, o.documents, False)
    teacher = load_any(o.teacher)[0].to(device).eval() if o.teacher else None
    workers = Workers(o.workers)
    leader = workers.rank == 0
    if leader:
        print(f"{sum(p.numel() for p in model.parameters())} parameters, vocabulary {len(tokenizer)}, {device}, {progress}", flush=True)
        print(f"training tokens {len(ids)}, held-out tokens {len(held[0])}", flush=True)
    batches = data.Batches(ids, starts, progress["step"], model.config.context, share=(workers.rank, workers.count))
    saved, first = time.time(), progress["step"]
    step, tokens, recent, recent_tokens, recent_time = progress["step"], progress["tokens"], 0.0, 0, time.time()
    while True:
        fraction = workers.agree(tokens / o.tokens)
        if fraction >= 1 or (o.steps and step - first >= o.steps):
            break
        factor = o.peak * min(1.0, (step - first + 1) / WARMUP_STEPS) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fraction)))
        batch = torch.from_numpy(batches.batch(o.batch // workers.count)).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            loss = model.loss(batch, teacher)
        loss.backward()
        recent += float(loss.detach())
        workers.average_gradients(optimizer.parameters)
        optimizer.step(factor, workers)
        # The other workers' batches are about as large as this one's.
        done = int((batch[:, 1:] >= 0).sum()) * workers.count
        step, tokens, recent_tokens = step + 1, tokens + done, recent_tokens + done
        if step % 20 == 0 and leader:
            now = time.time()
            print(f"step {step} tokens {tokens} fraction {fraction:.3f} factor {factor:.3f} loss {recent / 20:.4f} "
                  f"tokens/s {recent_tokens / (now - recent_time):.0f}", flush=True)
            recent, recent_tokens, recent_time = 0.0, 0, now
        if leader and time.time() - saved > 60 * o.save_minutes:
            saved = time.time()
            checkpoint.save(path, model, tokenizer, optimizer, step=step, tokens=tokens)
            value, _ = held_out_loss(model, *held, documents=160, bf16=True)
            print(f"step {step} held-out loss {value:.4f} (160 documents)", flush=True)
    if not leader:
        return
    checkpoint.save(path, model, tokenizer, optimizer, step=step, tokens=tokens)
    print(f"done: step {step} tokens {tokens}", flush=True)


if __name__ == "__main__":
    main()
