"""Tokenizer, GGUF writer and the 5-gram baseline (without torch), and exporter and model where torch is installed."""

import math
import os
import random
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "train"))

from tokenizer import BYTE_LETTER, SPECIALS, Tokenizer, train_merges  # noqa: E402

try:
    import numpy
except ImportError:
    numpy = None
try:
    import torch
except ImportError:
    torch = None

TEXTS = ["the fox and the owl saw the other fox.<|endoftext|>", "<|im_start|>user\nthe fox?<|im_end|>\n", "the the the owl's owl"]


class Bpe(unittest.TestCase):
    def setUp(self):
        self.tokenizer = Tokenizer(train_merges(TEXTS, 300))

    def test_round_trip(self):
        for text in [*TEXTS, "naïve – 100 %\n\n  tabs\tand 狐 🦊", ""]:
            self.assertEqual(self.tokenizer.decode(self.tokenizer.encode(text)), text)

    def test_specials_are_one_token_each(self):
        self.assertEqual(len(self.tokenizer.encode("<|im_start|><|im_end|>")), 2)
        self.assertEqual(self.tokenizer.tokens[-3:], SPECIALS)

    def test_alphabet_covers_every_byte_once(self):
        self.assertEqual(len(set(BYTE_LETTER.values())), 256)
        self.assertEqual(self.tokenizer.tokens[:256], sorted(BYTE_LETTER.values()))

    def test_merges_do_not_depend_on_the_order_of_texts(self):
        self.assertEqual(train_merges(TEXTS, 300), train_merges(TEXTS[::-1], 300))

    def test_frequent_words_become_one_token(self):
        self.assertEqual(len(self.tokenizer.encode(" the")), 1)


@unittest.skipUnless(numpy, "numpy is not installed (apt-get install python3-numpy)")
class Gguf(unittest.TestCase):
    def test_write_and_read(self):
        import gguf
        path = os.path.join(tempfile.mkdtemp(), "a.gguf")
        meta = {"general.architecture": "llama", "n": 7, "x": 0.5, "flag": False, "names": ["a", "ä"], "kinds": [1, -3]}
        one, two = numpy.arange(6, dtype="<f4"), numpy.arange(64, dtype="<f2").reshape(2, 32)
        gguf.write(path, meta, [("one", [6], gguf.F32, one.tobytes()), ("two", [32, 2], gguf.F16, two.tobytes())])
        back, tensors = gguf.read(path)
        self.assertEqual(back, meta)
        self.assertEqual(tensors["one"], ([6], gguf.F32, one.tobytes()))
        self.assertEqual(tensors["two"], ([32, 2], gguf.F16, two.tobytes()))
        self.assertEqual(os.path.getsize(path) % 32, 0)

    def test_i2s_bytes(self):
        import gguf
        codes = numpy.zeros((1, 128), dtype=numpy.int8)
        codes[0, 0], codes[0, 32], codes[0, 64], codes[0, 96] = 1, -1, 0, 1
        raw = gguf.pack_i2s(codes, 0.25)
        self.assertEqual(len(raw), 128 // 4 + 32)
        # Weight j in bits 7-6, j+32 in 5-4, j+64 in 3-2, j+96 in 1-0; codes 0, 1, 2 are -1, 0, +1.
        self.assertEqual(raw[0], 0b10_00_01_10)
        self.assertEqual(raw[1], 0b01_01_01_01)
        back, scale = gguf.unpack_i2s(raw, 128)
        self.assertEqual(scale, 0.25)
        self.assertTrue((back == codes.reshape(-1)).all())


@unittest.skipUnless(torch, "torch is not installed (apt-get install python3-torch)")
class Baseline(unittest.TestCase):
    def test_probabilities_sum_to_one(self):
        import ngram
        rng, vocab = random.Random(2), 12
        ids = numpy.array([rng.choice([0, 1, 2, 3, 5, 8, 11]) for _ in range(400)], dtype=numpy.uint16)
        starts = numpy.array(list(range(0, 401, 20)))
        made = ngram.levels(ids, starts)
        for context in ([0, 1, 2, 3], [11, 11, 5, 8], [9, 9, 9, 9], list(ids[40:44])):
            total = 0.0
            for w in range(vocab):
                text = numpy.array([*context, w], dtype=numpy.uint16)
                total += math.exp(ngram.log_probabilities(made, text, numpy.array([0, 5]), vocab)[-1])
            self.assertAlmostEqual(total, 1.0, places=9)


@unittest.skipUnless(torch, "torch is not installed (apt-get install python3-torch)")
class Export(unittest.TestCase):
    def model(self, ternary):
        from model import Config, Model
        torch.manual_seed(3)
        self.tokenizer = Tokenizer(train_merges(TEXTS, 300))
        return Model(Config(vocab=len(self.tokenizer), width=256, layers=2, heads=4, kv_heads=2, hidden=256, context=64, ternary=ternary))

    def round_trip(self, ternary):
        from export import export, load_gguf
        path = os.path.join(tempfile.mkdtemp(), "m.gguf")
        model = self.model(ternary)
        # Halves from the start: an int8 rounding that flips between two precisions would hide real errors.
        model.token_embd.weight.data = model.token_embd.weight.data.half().float()
        export(model, self.tokenizer, path, "test")
        back, tokenizer = load_gguf(path)
        self.assertEqual(tokenizer.tokens, self.tokenizer.tokens)
        ids = torch.tensor([self.tokenizer.encode("the fox and the owl")])
        with torch.no_grad():
            return model(ids), back(ids), path

    def test_float_file_gives_the_same_logits(self):
        ours, back, _ = self.round_trip(False)
        self.assertLess(float((ours - back).abs().max()), 2e-3)

    def test_ternary_file_gives_the_same_logits(self):
        ours, back, path = self.round_trip(True)
        self.assertLess(float((ours - back).abs().max()), 2e-3)
        import checkpoint
        import export
        import gguf
        again = checkpoint.thaw(export.load_gguf(path)[0])
        with torch.no_grad():
            latent = again(torch.tensor([self.tokenizer.encode("the fox and the owl")]))
        self.assertLess(float((latent - back).abs().max()), 2e-3)
        meta, tensors = gguf.read(path)
        self.assertEqual(meta["general.architecture"], "bitnet-b1.58")
        self.assertEqual(tensors["blk.0.attn_q.weight"][1], gguf.I2_S)
        self.assertEqual(len(tensors["blk.1.ffn_sub_norm.weight"][2]), 4 * 256)

    def test_query_rows_become_adjacent_pairs(self):
        from export import _head_rows
        rows = numpy.arange(8)[:, None]  # two heads of four rows: halves (0 1)(2 3)
        pairs = _head_rows(rows, 2, to_pairs=True)
        self.assertEqual(pairs.reshape(-1).tolist(), [0, 2, 1, 3, 4, 6, 5, 7])
        self.assertEqual(_head_rows(pairs, 2, to_pairs=False).reshape(-1).tolist(), list(range(8)))

    def test_fused_loss_is_cross_entropy(self):
        model = self.model(False)
        window = torch.randint(0, len(self.tokenizer), (2, 33))
        window[1, 20:] = -1
        loss = model.loss(window)
        loss.backward()
        fused = {n: p.grad.clone() for n, p in model.named_parameters()}
        model.zero_grad()
        logits = model(window[:, :-1].clamp(min=0))
        plain = torch.nn.functional.cross_entropy(logits.view(-1, logits.shape[-1]), window[:, 1:].reshape(-1), ignore_index=-1)
        plain.backward()
        self.assertAlmostEqual(float(loss), float(plain), places=4)
        for n, p in model.named_parameters():
            self.assertLess(float((p.grad - fused[n]).abs().max()), 1e-4 * float(p.grad.abs().max()) + 1e-7, n)

    def test_a_teacher_that_agrees_changes_nothing_but_the_noise(self):
        model = self.model(False)
        window = torch.randint(0, len(self.tokenizer), (2, 33))
        plain = model.loss(window)
        plain.backward()
        alone = model.output_norm.weight.grad.clone()
        model.zero_grad()
        guided = model.loss(window, teacher=model)
        guided.backward()
        self.assertAlmostEqual(float(plain), float(guided), places=5)
        # The model's own distribution as teacher takes away exactly half of the gradient.
        self.assertLess(float((model.output_norm.weight.grad - 0.5 * alone).abs().max()), 1e-6)

    def test_the_ternary_sibling_starts_near_the_float_model(self):
        import checkpoint
        model = self.model(False)
        ids = torch.randint(0, len(self.tokenizer), (1, 40))
        sibling = checkpoint.ternary_from(model, ids)
        self.assertTrue(sibling.config.ternary)
        self.assertTrue(torch.equal(sibling.token_embd.weight, model.token_embd.weight))
        self.assertLess(float(sibling.blk[0].attn_sub_norm.weight.max()), 1.0)
        self.assertTrue(bool(torch.isfinite(sibling(ids)).all()))

    def test_rotation_and_norm_gradients(self):
        from model import _Rms, _Rope
        torch.manual_seed(5)
        angle = torch.rand(3, 1, 4)
        x, w = torch.randn(2, 3, 2, 8, requires_grad=True), torch.rand(8, requires_grad=True)
        g = torch.randn(2, 3, 2, 8)
        (_Rms.apply(_Rope.apply(x, angle.cos(), angle.sin()), w, 1e-5) * g).sum().backward()
        ours = x.grad.clone(), w.grad.clone()
        x.grad = w.grad = None
        low, high = x[..., :4], x[..., 4:]
        y = torch.cat([low * angle.cos() - high * angle.sin(), high * angle.cos() + low * angle.sin()], -1)
        (y * torch.rsqrt((y * y).mean(-1, keepdim=True) + 1e-5) * w * g).sum().backward()
        self.assertLess(float((ours[0] - x.grad).abs().max()), 1e-5)
        self.assertLess(float((ours[1] - w.grad).abs().max()), 1e-5)


if __name__ == "__main__":
    unittest.main()
