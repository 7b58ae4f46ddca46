"""Question and answer pairs about the small world: sums, counting, days, colours, opposites, animals, small talk.

Every maker returns (question, answer, key); the key decides the split, so a held-out pair of fact and wording is never trained on.
"""

import facts_more
from facts_tables import (COLOUR_OF, DAYS, MIXED, MONTHS, NUMBERS, OPPOSITES, PLURALS, RHYMES, SEASON_FACTS, SEASONS, SMALL_TALK, UNKNOWN,
                          UNKNOWN_ANSWERS, USES, WHAT_IS, WHERE)
from facts_more import ask
from grammar import say
from world import ANIMALS, BOYS, GIRLS, PLURAL, TOYS

THINGS = ["apples", "nuts", "berries", "carrots", "shells", "stones", "eggs", "flowers", "leaves", "cookies", "pears", "balls", "books", "fish", "seeds"]



def addition(rng):
    a = rng.randint(0, 20)
    b = rng.randint(0, 20 - a)
    return ask(rng, "add", [
        ("what is {a} + {b}?", "{a} + {b} = {c}."), ("{a} + {b} = ?", "{a} + {b} = {c}."), ("what is {a} plus {b}?", "{a} plus {b} is {c}."),
        ("how much is {a} and {b}?", "{a} and {b} is {c}."), ("add {a} and {b}.", "{a} + {b} = {c}."), ("{a}+{b}", "{a} + {b} = {c}."),
    ], (a, b), a=a, b=b, c=a + b)


def subtraction(rng):
    a = rng.randint(0, 20)
    b = rng.randint(0, a)
    return ask(rng, "sub", [
        ("what is {a} - {b}?", "{a} - {b} = {c}."), ("what is {a} minus {b}?", "{a} minus {b} is {c}."), ("{a} - {b} = ?", "{a} - {b} = {c}."),
        ("take {b} away from {a}.", "{a} - {b} = {c}."),
    ], (a, b), a=a, b=b, c=a - b)


def word_problem(rng):
    girl = rng.random() < 0.5
    a = rng.randint(2, 10)
    b = rng.randint(2, 10)
    more = rng.random() < 0.5
    if not more and b >= a:
        a, b = b + 2, a
    slots = dict(a=a, b=b, c=a + b if more else a - b, name=rng.choice(GIRLS if girl else BOYS), he="she" if girl else "he",
                 things=rng.choice(THINGS), kind=rng.choice(sorted(ANIMALS)), sign="+" if more else "-")
    variants = [
        ("{name} has {a} {things} and finds {b} more. how many {things} does {he} have now?", "{name} has {c} {things}, because {a} + {b} = {c}."),
        ("the {kind} has {a} {things}. a friend gives it {b} more. how many are there?", "there are {c} {things}, because {a} + {b} = {c}."),
    ] if more else [
        ("{name} has {a} {things} and eats {b}. how many are left?", "{c} {things} are left, because {a} - {b} = {c}."),
        ("there were {a} {things}. {name} took {b} away. how many {things} are left?", "{c} {things} are left, because {a} - {b} = {c}."),
    ]
    return ask(rng, "problem", variants, (a, b, more), **slots)


def counting(rng):
    a = rng.randint(0, 15)
    b = min(20, a + rng.randint(2, 10))
    up = ", ".join(str(n) for n in range(a, b + 1))
    down = ", ".join(str(n) for n in range(b, a - 1, -1))
    return ask(rng, "count", [
        ("count from {a} to {b}.", up + "."), ("can you count from {a} to {b}?", "yes: " + up + "."), ("count down from {b} to {a}.", down + "."),
        ("what number comes after {a}?", "after {a} comes {n}."), ("what number comes before {n}?", "before {n} comes {a}."), ("what comes after {word}?", "after {word} comes {next}."),
        ("which number is bigger, {a} or {b}?", "{b} is bigger than {a}."), ("which number is smaller, {b} or {a}?", "{a} is smaller than {b}."),
        ("how do you write {a} as a word?", "{a} is {word}."), ("what number is {word}?", "{word} is {a}."),
    ], (a, b), a=a, b=b, n=a + 1, word=NUMBERS[a], next=NUMBERS[a + 1])


def calendar(rng):
    names, one, many = rng.choice([(DAYS, "day", "days of the week"), (DAYS, "day", "days of the week"), (MONTHS, "month", "months of the year"), (SEASONS, "season", "seasons")])
    i = rng.randrange(len(names))
    season = rng.choice(SEASONS)
    return ask(rng, "calendar", [
        ("what {one} comes after {x}?", "after {x} comes {y}."), ("which {one} comes before {y}?", "before {y} comes {x}."), ("name the {many}.", "the {many} are {all}."),
        ("how many {many} are there?", "there are {count} {many}."), ("what is the first of the {many}?", "the first of the {many} is {first}."),
        ("what do we see in {season}?", "in {season}, {what}."), ("if today is {x}, what is next?", "if it is {x}, {y} is next."),
        ("what is the last of the {many}?", "the last of the {many} is {last}."),
    ], (many, i), one=one, many=many, x=names[i], y=names[(i + 1) % len(names)], count=len(names), first=names[0], last=names[-1],
        all=", ".join(names[:-1]) + " and " + names[-1], season=season, what=SEASON_FACTS[season])


def colour(rng):
    thing = rng.choice(sorted(COLOUR_OF))
    a, b, c = rng.choice(MIXED)
    if rng.random() < 0.5:
        a, b = b, a
    return ask(rng, "colour", [
        ("what colour is {thing}?", "{thing} is {c1}."), ("which colour does {thing} have?", "{thing} is {c1}."), ("tell me the colour of {thing}.", "{thing} is {c1}."),
        ("is {thing} {c1}?", "yes, {thing} is {c1}."), ("what do you get when you mix {a} and {b}?", "{a} and {b} make {c}."),
    ], (thing, a, b), thing=thing, c1=COLOUR_OF[thing], a=a, b=b, c=c)


def words(rng):
    kind = rng.randrange(3)
    if kind == 0:
        a, b = rng.choice(OPPOSITES)
        if rng.random() < 0.5 and (a, b) not in (("new", "old"), ("easy", "hard"), ("right", "wrong")):
            a, b = b, a
        # Words with two opposites are asked one way only, so that the answer is never a guess.
        a, b = {"old": ("old", "young"), "hard": ("hard", "soft"), "right": ("right", "left")}.get(a, (a, b))
        return ask(rng, "opposite", [
            ("what is the opposite of {a}?", "the opposite of {a} is {b}."), ("give me the opposite of \"{a}\".", "the opposite of \"{a}\" is \"{b}\"."),
            ("opposite of {a}?", "{b}."), ("what is the opposite of the word {a}?", "the opposite of {a} is {b}."),
        ], a, a=a, b=b)
    if kind == 1:
        a, b = rng.choice(PLURALS)
        return ask(rng, "plural", [("one {a}, two ...?", "one {a}, two {b}."), ("what is the plural of {a}?", "the plural of {a} is {b}.")], a, a=a, b=b)
    a, b = rng.choice(RHYMES)
    if rng.random() < 0.5:
        a, b = b, a
    return ask(rng, "rhyme", [("what rhymes with {a}?", "{b} rhymes with {a}."), ("tell me a word that rhymes with {a}.", "{b} rhymes with {a}.")], a, a=a, b=b)


def animal(rng):
    x, y = rng.sample(sorted(ANIMALS), 2)
    home, food, sound, legs, col, size, can, young = ANIMALS[x]
    # Only pairs of clearly different size are compared.
    while abs(ANIMALS[y][5] - size) < 3:
        y = rng.choice(sorted(ANIMALS))
    big, small = (x, y) if size > ANIMALS[y][5] else (y, x)
    plural = PLURAL.get(x, x + "s")
    variants = [
        ("where does a_ {x} live?", "a_ {x} lives in a_ {home}."), ("what does a_ {x} eat?", "a_ {x} eats {food}."), ("what do {plural} like to eat?", "{plural} like to eat {food}."),
        ("how many legs does a_ {x} have?", "a_ {x} has {legs} legs."), ("what colour is a_ {x}?", "a_ {x} is {col}."), ("what can a_ {x} do?", "a_ {x} can {can}."),
        ("what do you call a young {x}?", "a young {x} is called a_ {young}."), ("which is bigger, a_ {big} or a_ {small}?", "a_ {big} is bigger than a_ {small}."),
        ("which is smaller, a_ {big} or a_ {small}?", "a_ {small} is smaller than a_ {big}."), ("is a_ {small} bigger than a_ {big}?", "no, a_ {big} is bigger than a_ {small}."),
        ("tell me about {plural}.", "a_ {x} is {col}. it has {legs} legs and lives in a_ {home}. {plural} like to eat {food}."),
        ("what is a_ {x}?", "a_ {x} is an animal. it lives in a_ {home} and eats {food}."),
    ]
    if sound != "none":
        variants += [("what does a_ {x} say?", "a_ {x} says \"{sound}\"."), ("which sound does a_ {x} make?", "a_ {x} says \"{sound}\".")]
    return ask(rng, "animal", variants, (x, y), x=x, plural=plural, home=home, food=food, legs=legs, col=col, can=can, young=young,
                 big=big, small=small, sound=sound)


def things(rng):
    kind = rng.randrange(3)
    if kind == 0:
        thing = rng.choice(sorted(USES))
        return ask(rng, "use", [
            ("what do you do with {t}?", "with {t} you can {u}."), ("what is {t} for?", "{t} is there to {u}.") if thing != "scissors" else ("what are scissors for?", "scissors are there to {u}."),
            ("what do I need to {u}?", "to {u}, you need {t}.")], thing, t=thing, u=USES[thing])
    if kind == 1:
        thing = rng.choice(sorted(WHERE))
        return ask(rng, "where", [("where do you find {t}?", "you find {t} {w}."), ("where can I see {t}?", "you can see {t} {w}.")], thing, t=thing, w=WHERE[thing])
    thing = rng.choice(sorted(WHAT_IS))
    return ask(rng, "what", [("what is {t}?", "{t} is {w}."), ("can you tell me what {t} is?", "{t} is {w}."), ("explain {t}.", "{t} is {w}.")], thing, t=thing, w=WHAT_IS[thing])


def small_talk(rng):
    i = rng.randrange(len(SMALL_TALK))
    question, answer = rng.choice(SMALL_TALK[i][0]), rng.choice(SMALL_TALK[i][1])
    mark = "?" if question.split()[0] in ("who", "what", "how", "are", "can", "do") else rng.choice([".", "!"])
    return say(rng, question + mark, {}), say(rng, answer, {}), ("talk", question, answer)


def unknown(rng):
    question = say(rng, rng.choice(UNKNOWN), {})
    answer = rng.choice(UNKNOWN_ANSWERS)
    mark = "?" if question.split()[0] in ("What", "Who", "How") else "."
    return question + mark, say(rng, answer, {}), ("unknown", question, answer)


def favourite(rng):
    toy = rng.choice(TOYS)
    name = rng.choice(GIRLS + BOYS)
    col = rng.choice(["red", "blue", "green", "yellow", "white", "black"])
    return ask(rng, "memory", [
        ("my name is {name}.", "hello, {name}! it is nice to meet you."), ("I am {name}.", "hi, {name}! shall I tell you a story?"),
        ("I have a {col} {toy}. what colour is my {toy}?", "your {toy} is {col}."), ("the {toy} is {col}. which colour is it?", "it is {col}."),
        ("{name} has a {col} {toy}. who has the {toy}?", "{name} has the {toy}."),
    ], (name, toy, col), name=name, toy=toy, col=col)


# Maker and weight.
MAKERS = [(addition, 14), (subtraction, 9), (word_problem, 9), (counting, 9), (calendar, 7), (colour, 7), (words, 10), (animal, 16), (things, 9),
          (small_talk, 7), (unknown, 4), (favourite, 6)] + facts_more.MAKERS


def make_fact(rng, held_out, held):
    """A (question, answer) of the wanted split."""
    while True:
        maker = rng.choices([m for m, _ in MAKERS], [w for _, w in MAKERS])[0]
        question, answer, key = maker(rng)
        if held_out("fact", *key) == held:
            return question, answer
