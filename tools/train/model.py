"""The model in PyTorch: Llama, and its ternary sibling after BitNet b1.58.

Rotary pairs are (i, i + head/2) here, which is NEOX order; the exporter permutes q and k rows to adjacent pairs where
the GGUF architecture wants that.
"""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    vocab: int = 4096
    width: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 768
    context: int = 512
    eps: float = 1e-5
    rope_base: float = 10000.0
    ternary: bool = False

    @property
    def head(self):
        return self.width // self.heads

    def as_dict(self):
        return asdict(self)


def working_dtype(x):
    """What a matrix product takes under autocast; casting once here saves a cast in every product that follows."""
    if x.is_cuda:
        return torch.get_autocast_gpu_dtype() if torch.is_autocast_enabled() else x.dtype
    return torch.get_autocast_cpu_dtype() if torch.is_autocast_cpu_enabled() else x.dtype


class _Rms(torch.autograd.Function):
    """RMS norm with a hand-written backward pass: half the memory traffic of the composed one."""

    @staticmethod
    def forward(ctx, x, weight, eps):
        x, dtype = x.float(), working_dtype(x)
        r = torch.rsqrt((x * x).mean(-1, keepdim=True) + eps)
        n = x * r
        ctx.save_for_backward(n.to(dtype), r, weight)
        return (n * weight).to(dtype)

    @staticmethod
    def backward(ctx, grad):
        n, r, weight = ctx.saved_tensors
        grad, n = grad.float(), n.float()
        grad_weight = (grad * n).reshape(-1, n.shape[-1]).sum(0)
        g = grad * weight
        return g.sub_(n * (g * n).mean(-1, keepdim=True)).mul_(r), grad_weight, None


class _Rope(torch.autograd.Function):
    """Rotation of (b, t, heads, head) by cos, sin of (t, 1, head/2); its backward pass rotates the other way."""

    @staticmethod
    def forward(ctx, x, cos, sin):
        ctx.tables = cos, sin
        half = x.shape[-1] // 2
        low, high = x[..., :half], x[..., half:]
        out = torch.empty_like(x)
        torch.mul(low, cos, out=out[..., :half]).addcmul_(high, sin, value=-1)
        torch.mul(high, cos, out=out[..., half:]).addcmul_(low, sin)
        return out

    @staticmethod
    def backward(ctx, grad):
        cos, sin = ctx.tables
        return _Rope.forward(ctx, grad, cos, -sin), None, None


class _TiedLoss(torch.autograd.Function):
    """Mean cross entropy of hidden @ embedding.T, a slice of tokens at a time, gradients computed on the way.

    With a teacher's (hidden, embedding) the gradient is that of the cross entropy against an even mixture of the true
    token and the teacher's distribution; the value stays the plain cross entropy.
    """

    SLICE = 512

    @staticmethod
    def forward(ctx, hidden, embedding, target, teacher):
        table = embedding.to(hidden.dtype)
        grad_hidden, grad_table = torch.empty_like(hidden), torch.zeros_like(embedding)
        total, count = 0.0, hidden.shape[0]
        for at in range(0, count, _TiedLoss.SLICE):
            part = slice(at, at + _TiedLoss.SLICE)
            h, t = hidden[part], target[part, None]
            logits = (h @ table.t()).float()
            logits.sub_(logits.amax(-1, keepdim=True))
            right = logits.gather(1, t)
            p = logits.exp_()
            norm = p.sum(-1, keepdim=True)
            total += float((norm.log() - right).sum())
            p.mul_(1.0 / (norm * count))
            own = 1.0
            if teacher:
                own = 0.5
                wanted = (teacher[0][part] @ teacher[1].t()).float().softmax(-1)
                p.sub_(wanted, alpha=(1.0 - own) / count)
            p.scatter_add_(1, t, torch.full_like(right, -own / count))
            p = p.to(hidden.dtype)
            torch.mm(p, table, out=grad_hidden[part])
            grad_table += p.t() @ h
        ctx.save_for_backward(grad_hidden, grad_table)
        return hidden.new_tensor(total / count, dtype=torch.float32)

    @staticmethod
    def backward(ctx, grad):
        grad_hidden, grad_table = ctx.saved_tensors
        return grad_hidden * grad, grad_table * grad, None, None


class RmsNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return _Rms.apply(x, self.weight, self.eps)


def ternary_weight(w):
    """Codes -1, 0, +1 and their scale: absmean rounding of BitNet b1.58."""
    scale = w.abs().mean().clamp(min=1e-5)
    return (w / scale).round().clamp(-1, 1), scale


def int8_activation(x):
    """Per-token absmax int8, as the kernels compute it: 127 / max, round to nearest, back to float."""
    s = 127.0 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
    return (x * s).round().clamp(-128, 127) / s


class Linear(nn.Linear):
    """A matrix without bias; with `ternary` both operands are quantized and gradients pass straight through."""

    def __init__(self, columns, rows, ternary):
        super().__init__(columns, rows, bias=False)
        self.ternary = ternary
        # Set where the weight holds codes times scale already (read from a file): they must not be rounded twice.
        self.stored = False

    def forward(self, x):
        if not self.ternary:
            return F.linear(x, self.weight)
        if self.stored:
            return F.linear(int8_activation(x), self.weight)
        codes, scale = ternary_weight(self.weight)
        w = self.weight + (codes * scale - self.weight).detach()
        return F.linear(x + (int8_activation(x) - x).detach(), w)


def rope_table(config):
    """cos and sin of (context, 1, head/2)"""
    angle = torch.arange(config.context).float()[:, None] * config.rope_base ** (-torch.arange(0, config.head, 2).float() / config.head)
    return angle.cos()[:, None], angle.sin()[:, None]


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        kv = c.kv_heads * c.head
        self.attn_norm, self.ffn_norm = RmsNorm(c.width, c.eps), RmsNorm(c.width, c.eps)
        self.attn_q, self.attn_k = Linear(c.width, c.width, c.ternary), Linear(c.width, kv, c.ternary)
        self.attn_v, self.attn_output = Linear(c.width, kv, c.ternary), Linear(c.width, c.width, c.ternary)
        self.ffn_gate, self.ffn_up = Linear(c.width, c.hidden, c.ternary), Linear(c.width, c.hidden, c.ternary)
        self.ffn_down = Linear(c.hidden, c.width, c.ternary)
        if c.ternary:
            self.attn_sub_norm, self.ffn_sub_norm = RmsNorm(c.width, c.eps), RmsNorm(c.hidden, c.eps)

    def attend(self, x, cos, sin, mask):
        c, (b, t, _) = self.c, x.shape
        group = c.heads // c.kv_heads
        q = _Rope.apply(self.attn_q(x).view(b, t, c.heads, c.head), cos, sin).transpose(1, 2)
        k = _Rope.apply(self.attn_k(x).view(b, t, c.kv_heads, c.head), cos, sin).transpose(1, 2)
        v = self.attn_v(x).view(b, t, c.kv_heads, c.head).transpose(1, 2)
        # The query heads that share a key head stand one below the other, so keys need no copies.
        q = q.reshape(b * c.kv_heads, group * t, c.head)
        k, v = k.reshape(b * c.kv_heads, t, c.head), v.reshape(b * c.kv_heads, t, c.head)
        scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=1.0 / math.sqrt(c.head))
        out = torch.bmm(scores.softmax(-1).to(v.dtype), v)
        return out.view(b, c.heads, t, c.head).transpose(1, 2).reshape(b, t, c.width)

    def forward(self, x, cos, sin, mask):
        a = self.attend(self.attn_norm(x), cos, sin, mask)
        x = x + self.attn_output(self.attn_sub_norm(a) if self.c.ternary else a)
        h = self.ffn_norm(x)
        if self.c.ternary:
            h = F.relu(self.ffn_gate(h)).square() * self.ffn_up(h)
            return x + self.ffn_down(self.ffn_sub_norm(h))
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token_embd = nn.Embedding(config.vocab, config.width)
        self.blk = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.output_norm = RmsNorm(config.width, config.eps)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                out = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * config.layers) if out else 0.02)
        # Tokens must weigh something beside what the layers write: with the usual 0.02 the first layer drowned them, names
        # could not be told apart any more, and nothing was ever copied. The last norm keeps the tied head's logits small.
        nn.init.normal_(self.token_embd.weight, std=1.0)
        nn.init.constant_(self.output_norm.weight, 1 / 32)
        cos, sin = rope_table(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def hidden(self, ids):
        t = ids.shape[1]
        x = self.token_embd(ids)
        dtype = working_dtype(x)
        mask = torch.full((t, t), float("-inf"), device=ids.device, dtype=dtype).triu(1)
        mask = mask.repeat(self.config.heads // self.config.kv_heads, 1)[None]
        cos, sin = self.cos[:t].to(dtype), self.sin[:t].to(dtype)
        for layer in self.blk:
            x = layer(x, cos, sin, mask)
        return self.output_norm(x)

    def forward(self, ids):
        return F.linear(self.hidden(ids), self.token_embd.weight)

    def loss(self, window, teacher=None):
        """Mean cross entropy of the next token over rows of ids; -1 stands after a row's end. A teacher model guides the gradient."""
        hidden = self.hidden(window[:, :-1].clamp(min=0))
        target = window[:, 1:].reshape(-1)
        real = (target >= 0).nonzero()[:, 0]
        guide = None
        if teacher is not None:
            with torch.no_grad():
                known = teacher.hidden(window[:, :-1].clamp(min=0)).reshape(-1, hidden.shape[-1])[real]
                guide = known, teacher.token_embd.weight.to(known.dtype)
        return _TiedLoss.apply(hidden.reshape(-1, hidden.shape[-1])[real], self.token_embd.weight, target[real], guide)


@torch.no_grad()
def greedy(model, ids, count, stop=()):
    """Ids that greedy decoding adds (recomputing the prefix: short texts only)."""
    model.eval()
    ids, start = list(ids), len(ids)
    while len(ids) - start < count and len(ids) < model.config.context:
        hidden = model.hidden(torch.tensor([ids]))[:, -1]
        ids.append(int(F.linear(hidden, model.token_embd.weight).argmax()))
        if ids[-1] in stop:
            break
    return ids[start:]
