"""Muon for the matrices (momentum made orthogonal by Newton-Schulz steps) and AdamW for embeddings and norms.

Muon reaches a given loss in clearly fewer tokens than AdamW at this size, and tokens are what two cores lack.
"""

import torch


def orthogonal(g, steps=5):
    """The nearest orthogonal matrix, roughly: a quintic iteration whose singular values settle near 1."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = g.shape[-2] > g.shape[-1]
    x = g.transpose(-2, -1) if tall else g
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    # bfloat16 is enough here, and many times faster than float32 on a CPU with AVX512-BF16.
    x = x.bfloat16()
    for _ in range(steps):
        s = x @ x.transpose(-2, -1)
        x = a * x + (b * s + c * (s @ s)) @ x
    return x.transpose(-2, -1) if tall else x


class Muon:
    def __init__(self, matrices, lr, momentum=0.95, decay=0.05):
        self.lr, self.base, self.momentum, self.decay = lr, lr, momentum, decay
        # Matrices of one shape are stacked, so that each Newton-Schulz step is one batched product.
        self.groups = {}
        for p in matrices:
            self.groups.setdefault(tuple(p.shape), []).append(p)
        self.state = {shape: torch.zeros(len(ps), *shape, device=ps[0].device) for shape, ps in self.groups.items()}

    @torch.no_grad()
    def step(self, workers):
        """Each worker makes its share of the matrices orthogonal; their sum is everybody's update."""
        updates = {}
        for shape, ps in self.groups.items():
            grad = torch.stack([p.grad for p in ps])
            kept = self.state[shape]
            kept.lerp_(grad, 1 - self.momentum)
            grad.lerp_(kept, self.momentum)
            updates[shape] = torch.zeros_like(grad)
            share = slice(workers.rank, None, workers.count)
            if len(ps) > workers.rank:
                updates[shape][share] = orthogonal(grad[share]).float()
        workers.sum(list(updates.values()))
        for shape, ps in self.groups.items():
            scale = self.lr * max(1.0, shape[0] / shape[1]) ** 0.5
            for p, u in zip(ps, updates[shape]):
                p.mul_(1 - self.lr * self.decay).add_(u, alpha=-scale)


class Optimizer:
    """Both optimizers behind one learning-rate factor between 0 and 1."""

    def __init__(self, model, muon_lr=0.02):
        matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and n.startswith("blk.")]
        norms = [p for p in model.parameters() if p.dim() == 1]
        self.muon = Muon(matrices, muon_lr)
        # Adam's steps are absolute, so they follow the size of what they change.
        table = model.token_embd.weight
        groups = [dict(params=[table], lr=0.05 * float(table.detach().square().mean().sqrt()))]
        groups += [dict(params=[p], lr=4e-3 * float(p.detach().abs().mean())) for p in norms]
        self.adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
        self.adam_lr = [g["lr"] for g in groups]
        self.parameters = list(model.parameters())

    def step(self, factor, workers):
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.muon.lr = self.muon.base * factor
        for group, lr in zip(self.adam.param_groups, self.adam_lr):
            group["lr"] = lr * factor
        self.muon.step(workers)
        self.adam.step()
        for p in self.parameters:
            p.grad = None

    def state_dict(self):
        return dict(muon=self.muon.state, adam=self.adam.state_dict())

    def load_state_dict(self, state):
        for shape, kept in state["muon"].items():
            self.muon.state[shape].copy_(kept)
        self.adam.load_state_dict(state["adam"])
