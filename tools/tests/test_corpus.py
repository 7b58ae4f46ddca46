"""The corpus generator: determinism, the two splits, and the form of what it writes."""

import os
import random
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "corpus"))

import documents as maker  # noqa: E402
import facts  # noqa: E402
import story  # noqa: E402
from generate import documents  # noqa: E402
from grammar import expand, say, tidy  # noqa: E402
from world import HERO_KINDS  # noqa: E402


class Grammar(unittest.TestCase):
    def test_slots_choices_and_articles(self):
        text = say(random.Random(1), "a_ {animal} saw [an owl|an owl]. \"where is {he}?\" asked the {animal}.", {"animal": "otter", "he": "she"})
        self.assertEqual(text, "An otter saw an owl. \"Where is she?\" asked the otter.")

    def test_a_missing_slot_is_an_error(self):
        with self.assertRaises(KeyError):
            expand(random.Random(1), "{nobody}", {})

    def test_speech_verbs_stay_small(self):
        self.assertEqual(tidy("\"stop!\" she cried. \"no,\" he said, \"but thank you.\""), "\"Stop!\" she cried. \"No,\" he said, \"but thank you.\"")


class Corpus(unittest.TestCase):
    def test_same_seed_same_bytes(self):
        self.assertEqual(list(documents(7, 60, False)), list(documents(7, 60, False)))
        self.assertNotEqual(list(documents(7, 20, False)), list(documents(8, 20, False)))

    def test_a_document_does_not_depend_on_how_many_are_made(self):
        self.assertEqual(list(documents(7, 10, True)), list(documents(7, 30, True))[:10])

    def test_every_pattern_of_every_plot_expands(self):
        rng = random.Random(3)
        for name, plot in story.PLOTS.items():
            for row in range(len(plot["rows"])):
                slots = story.cast(rng, name, row, *rng.sample(HERO_KINDS, 2))
                patterns = [p for step in plot["steps"] for p in step] + plot["prompt"] + plot["title"] + plot["moral"] + [plot["summary"]]
                for pattern in patterns + [text for pair in plot["qa"] for text in pair]:
                    text = say(rng, pattern, slots)
                    self.assertNotRegex(text, r"[\[\]{}|]|a_|  ", f"{name}: {pattern}")

    def test_the_story_names_its_hero_and_answers_hold(self):
        rng = random.Random(4)
        for _ in range(200):
            made = story.make_story(rng, False)
            self.assertIn(made["slots"]["hero"], made["text"])
            self.assertTrue(made["questions"])

    def test_chat_turns_are_closed(self):
        for text in documents(5, 300, False):
            self.assertTrue(text.endswith(maker.END))
            self.assertEqual(text.count("<|im_start|>"), text.count("<|im_end|>"))
            self.assertNotRegex(text, re.escape(maker.END) + ".")


class Splits(unittest.TestCase):
    def test_story_combinations_are_disjoint(self):
        kept = {held: {story.make_story(random.Random(f"{held}{i}"), held)["key"] for i in range(1500)} for held in (False, True)}
        self.assertFalse(kept[False] & kept[True])
        self.assertGreater(len(kept[True]), 100)

    def test_fact_combinations_are_disjoint(self):
        seen = {}
        for held in (False, True):
            rng, keys = random.Random(6), set()
            for _ in range(1500):
                picked = []

                def split(*parts):
                    picked[:] = [parts]
                    return story.held_out(*parts)

                facts.make_fact(rng, split, held)
                keys.add(picked[0])
            seen[held] = keys
        self.assertFalse(seen[False] & seen[True])

    def test_the_split_does_not_depend_on_the_process(self):
        self.assertEqual([i for i in range(200) if story.held_out("story", "lost", i, "fox")], [2, 5, 21, 27, 39, 54, 55, 57, 130, 131, 135, 142, 143, 144])


if __name__ == "__main__":
    unittest.main()
