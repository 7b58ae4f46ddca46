"""Composes one story: a cast, a plot row, an opening, the plot's steps and an ending, with all names kept consistent."""

import zlib

import plots_doing
import plots_feelings
import plots_life
from grammar import expand, say, tidy
from scenery import BETWEEN, SCENES
from world import (ANIMALS, BOYS, COLOURS, ELDER_HE, ELDERS, GIRLS, HERO_KINDS, NEAR, PLACES, PLURAL, SEARCH, SEASONS, TIMES, TRAITS,
                   TRAIT_LINES, TREATS, WEATHER)

PLOTS = {**plots_feelings.PLOTS, **plots_doing.PLOTS, **plots_life.PLOTS}
PLOT_NAMES = sorted(PLOTS)
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

OPENINGS = [
    "once upon a time, there was a_ {trait} {kind} named {hero}. {hero} lived in a_ {home} {near}. {line}.",
    "once upon a time, {near}, there lived a_ {trait} little {kind}. {his} name was {hero}. {line}.",
    "{hero} was a_ {trait} {kind}. {he} lived {near} with {his} {elder}. {line}.",
    "there once was a_ {kind} named {hero}, who lived {near}. {he} was very {trait}, and {line}.",
    "long ago, a_ {trait} {kind} named {hero} lived {near}. {line}.",
    "{near}, in a_ small {home}, lived a_ {kind} named {hero}. everybody knew that {he} was {trait}. {line}.",
    "once there was a little {kind}. {he} was called {hero}, and {he} was very {trait}. {line}.",
    "in a_ {home} {near} lived {hero}, a_ {trait} {kind}. {his} {elder} lived there, too.",
    "this is the story of {hero}, a_ {trait} {kind} who lived {near}.",
]
ENDINGS = ["", "", "the end.", "{moral_line}", "{moral_line}", "and {hero} was happy.", "and that was the best day of all.",
           "that night, {hero} slept very well.", "and so {hero} learned: {moral_line}"]

HELD_OUT_ONE_IN = 20


def held_out(*parts):
    """Whether a combination belongs to the held-out split; a pure function of its parts, never of a seed."""
    return zlib.crc32("|".join(map(str, parts)).encode()) % HELD_OUT_ONE_IN == 0


def _person(rng, kind, taken):
    if kind == "girl" or (kind != "boy" and rng.random() < 0.5):
        return rng.choice([n for n in GIRLS if n not in taken]), ("she", "her", "her", "herself")
    return rng.choice([n for n in BOYS if n not in taken]), ("he", "him", "his", "himself")


def _home_food(kind):
    return ("house", "cookies") if kind in ("girl", "boy") else ANIMALS[kind][:2]


def _first_person(text):
    for there, here in (("{he} was", "I was"), ("{he}", "I"), ("{his}", "my"), ("{him}", "me")):
        text = text.replace(there, here)
    return text


def choose_combination(rng, held):
    """A (plot, row number, hero kind, friend kind) of the wanted split."""
    while True:
        plot = rng.choice(PLOT_NAMES)
        row = rng.randrange(len(PLOTS[plot]["rows"]))
        kind, fkind = rng.sample(HERO_KINDS, 2)
        if held_out("story", plot, row, kind) == held:
            return plot, row, kind, fkind


def cast(rng, plot, row, kind, fkind):
    """All slots of one story, each a plain string (row values may still hold slots of the cast)."""
    hero, (he, him, his, himself) = _person(rng, kind, ())
    friend, (fhe, fhim, fhis, _) = _person(rng, fkind, (hero,))
    home, food = _home_food(kind)
    elder = rng.choice(ELDERS)
    place = rng.choice(PLACES)
    trait, ftrait = rng.sample(TRAITS, 2)
    others = rng.sample([k for k in HERO_KINDS[:23] if k not in (kind, fkind)], 3)
    search1, search2 = rng.sample(SEARCH, 2)
    slots = dict(
        hero=hero, he=he, him=him, his=his, himself=himself, kind=kind, home=home, food=food, trait=trait,
        friend=friend, fhe=fhe, fhim=fhim, fhis=fhis, fkind=fkind, fhome=_home_food(fkind)[0], ftrait=ftrait,
        elder=elder, ehe=ELDER_HE[elder], e_his="her" if ELDER_HE[elder] == "she" else "his", his_elder="your " + elder,
        place=place, place_word=place.replace("the ", ""), near=expand(rng, NEAR[place], {}), colour=rng.choice(COLOURS),
        weather=rng.choice(WEATHER), time=rng.choice(TIMES), season=rng.choice(SEASONS), treat=rng.choice(TREATS), a_day=rng.choice(DAYS),
        yplural=PLURAL.get(others[1], others[1] + "s"), xkind=others[0], ykind=others[1], zkind=others[2], search1=search1, search2=search2,
        an_old=rng.choice(["an old", "a wise old", "a friendly old"]), odd2=rng.choice(["looked at {fhis} feet", "said nothing", "felt very small"]))
    slots.update(PLOTS[plot]["rows"][row])
    # A thing that came in with "a" is called "the" later on.
    for name in ("two", "three", "giver"):
        if name in slots:
            slots[name + "_word"] = ("the " if name == "giver" else "") + slots[name].split(" ", 1)[1]
    if "why" in slots:
        slots["why2"] = _first_person(slots["why"])
    for name in slots:
        slots[name] = expand(rng, slots[name], slots)
    slots["line"] = expand(rng, rng.choice(TRAIT_LINES[trait]), slots)
    slots["moral_line"] = rng.choice(PLOTS[plot]["moral"])
    return slots


def tell(rng, plot, slots):
    """The text of a story; paragraphs are separated by an empty line, or not at all."""
    parts = [rng.choice(OPENINGS)]
    if rng.random() < 0.35:
        parts[0] += " " + rng.choice(SCENES[slots["place"]])
    parts += [rng.choice(step) for step in PLOTS[plot]["steps"]]
    if rng.random() < 0.5:
        parts[rng.randrange(3, len(parts) - 1)] += " " + rng.choice(BETWEEN)
    parts.append(rng.choice(ENDINGS))
    if rng.random() < 0.5:
        cuts = sorted(rng.sample(range(1, len(parts) - 1), rng.choice([1, 2, 3])))
        text = "".join(("\n\n" if i in cuts else " ") + p for i, p in enumerate(parts))
    else:
        text = " ".join(parts)
    return say(rng, text.strip(), slots)


def general_questions(rng, slots):
    """Questions that fit every story."""
    wrong = rng.choice([k for k in HERO_KINDS if k not in (slots["kind"], slots["fkind"])])
    return [
        ("what is the name of the {kind}?", "the name of the {kind} is {hero}."),
        ("what kind of animal is {hero}?", "{hero} is a_ {kind}.") if slots["kind"] not in ("girl", "boy") else ("who is {hero}?", "{hero} is a {kind}."),
        ("who is {friend}?", "{friend} is a_ {fkind}."),
        ("who is the story about?", "the story is about a_ {kind} named {hero}."),
        ("is the story about a_ {kind}?", "yes, the story is about a_ {kind} named {hero}."),
        ("is the story about a_ " + wrong + "?", "no, the story is about a_ {kind} named {hero}."),
        ("can you give the story a title?", "\"" + tidy(expand(rng, rng.choice(PLOTS[slots["plot"]]["title"]), slots)) + "\""),
        ("what can we learn from the story?", "{moral_line}"),
        ("what is the story about, in one sentence?", PLOTS[slots["plot"]]["summary"]),
        ("tell me the story in one sentence.", PLOTS[slots["plot"]]["summary"]),
    ]


def make_story(rng, held):
    """One story of the wanted split as a dict: text, title, prompt, questions [(question, answer)], slots."""
    plot, row, kind, fkind = choose_combination(rng, held)
    slots = cast(rng, plot, row, kind, fkind)
    slots["plot"] = plot
    text = tell(rng, plot, slots)
    # The general questions on people make sense only for those whom the story names.
    general = general_questions(rng, slots)
    questions = [(q, a) for q, a in PLOTS[plot]["qa"] + general
                 if slots["friend"] in text or "{friend}" not in q + a]
    return dict(key=(plot, row, kind), text=text, slots=slots,
                title=say(rng, rng.choice(PLOTS[plot]["title"]), slots),
                prompt=expand(rng, rng.choice(PLOTS[plot]["prompt"]), slots),
                questions=[(say(rng, q, slots), say(rng, a, slots)) for q, a in questions])
