"""More question and answer makers: groups of things, odd ones out, patterns, the alphabet, body, shapes, materials, clothes. See facts.py."""

from grammar import say

GROUPS = {
    "an animal": "fox rabbit bear owl duck frog cat dog horse cow goat sheep mouse wolf deer otter mole".split(),
    "a fruit": "apple pear plum cherry banana orange lemon strawberry grape peach".split(),
    "a vegetable": "carrot onion potato tomato bean pea cabbage radish pumpkin".split(),
    "a colour": "red blue green yellow orange purple pink white black brown".split(),
    "a toy": "ball kite doll drum puppet marble swing sled".split(),
    "a flower": "rose tulip daisy lily sunflower violet".split(),
    "a tree": "oak pine birch willow maple".split(),
    "a tool": "hammer saw needle brush broom spade ladder".split(),
    "a part of the body": "hand foot nose ear eye mouth knee arm leg tail".split(),
    "a piece of clothing": "hat coat scarf shoe sock shirt dress glove".split(),
    "a drink": "water milk tea juice cocoa lemonade".split(),
    "an insect": "bee ant beetle butterfly fly ladybird".split(),
    "something in the sky": "sun moon star cloud rainbow".split(),
    "a room": "kitchen bedroom bathroom attic cellar".split(),
}
GROUP_OF = {word: group for group, words in GROUPS.items() for word in words if word != "orange"}
MANY = {"an animal": "animals", "a fruit": "fruits", "a vegetable": "vegetables", "a colour": "colours", "a toy": "toys", "a flower": "flowers", "a tree": "trees", "a tool": "tools",
        "a part of the body": "parts of the body", "a piece of clothing": "clothes", "a drink": "drinks", "an insect": "insects", "something in the sky": "things in the sky", "a room": "rooms"}
NO_ARTICLE = set(GROUPS["a drink"] + GROUPS["a colour"])
SENSES = [("see", "eyes"), ("hear", "ears"), ("smell", "nose"), ("taste", "tongue"), ("walk", "legs"), ("hold things", "hands"), ("bite", "teeth"), ("think", "head"), ("clap", "hands"), ("kick a ball", "feet")]
SHAPES = [("a triangle", 3), ("a square", 4), ("a circle", 0), ("a star", 5), ("a rectangle", 4)]
MADE_OF = {"a window": "glass", "a book": "paper", "a chair": "wood", "a ring": "gold", "a snowman": "snow", "a sweater": "wool", "a candle": "wax", "a castle": "stone", "a sandcastle": "sand", "bread": "flour and water",
           "butter": "milk", "a nest": "twigs and grass", "jam": "fruit and sugar", "a shoe": "leather", "a rope": "strong threads", "a bottle": "glass", "a table": "wood", "a bell": "metal", "an omelette": "eggs", "honeycomb": "wax"}
WEAR = {"it rains": "a raincoat and boots", "it snows": "a thick coat and gloves", "the sun shines": "a hat", "it is cold": "a scarf", "you go to bed": "pyjamas", "you swim": "a swimsuit", "it is windy": "a warm jacket"}
DOES = {"a baker": "bakes bread", "a farmer": "grows food", "a teacher": "teaches children", "a doctor": "helps the sick", "a fisherman": "catches fish", "a tailor": "sews clothes", "a gardener": "looks after the garden", "a miller": "makes flour",
        "a captain": "steers the ship", "a painter": "paints pictures", "a musician": "plays music", "a shepherd": "looks after sheep", "a postman": "brings letters", "a cook": "makes food", "a carpenter": "builds with wood", "a firefighter": "puts out fires"}
TASTE = {"honey": "sweet", "a lemon": "sour", "sugar": "sweet", "salt": "salty", "a strawberry": "sweet", "the sea": "salty", "vinegar": "sour", "chocolate": "sweet"}
FEELS = {"ice": "cold", "fire": "hot", "a stone": "hard", "a feather": "light", "wool": "soft", "a rock": "heavy", "the rain": "wet", "a pillow": "soft", "a thorn": "sharp", "soup": "hot", "snow": "cold", "an elephant": "heavy"}
WHEN = {"eat breakfast": "in the morning", "go to sleep": "at night", "see the stars": "at night", "build a snowman": "in winter", "pick apples": "in autumn", "swim in the lake": "in summer", "see the first flowers": "in spring", "hear the rooster": "in the morning", "see the sun go down": "in the evening", "eat lunch": "at noon"}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def ask(rng, maker, variants, fact, /, **slots):
    """One of the (question, answer) patterns, filled, with the key that decides its split."""
    i = rng.randrange(len(variants))
    return say(rng, variants[i][0], slots), say(rng, variants[i][1], slots), (maker, fact, i)


def groups(rng):
    group = rng.choice(sorted(GROUPS))
    other = rng.choice([g for g in sorted(GROUPS) if g != group])
    words = rng.sample([w for w in GROUPS[group] if w in GROUP_OF], 3)
    odd = rng.choice([w for w in GROUPS[other] if w in GROUP_OF])
    mixed = words + [odd]
    rng.shuffle(mixed)
    named = lambda w: w if w in NO_ARTICLE else ("the " if GROUP_OF[w] == "something in the sky" else "a_ ") + w  # noqa: E731
    return ask(rng, "group", [
        ("name three {many}.", "{a}, {b} and {c}."), ("can you tell me three {many}?", "yes: {a}, {b} and {c}."), ("is {na} {group}?", "yes, {na} is {group}."), ("is {na} {other}?", "no, {na} is {group}."),
        ("which one does not belong: {mixed}?", "{odd} does not belong, because it is {other}."), ("what is {na}, {group} or {other}?", "{na} is {group}."),
    ], (group, words[0], odd), many=MANY[group], group=group, other=other, a=words[0], b=words[1], c=words[2], na=named(words[0]), odd=odd, mixed=", ".join(mixed))


def patterns(rng):
    step, start = rng.choice([1, 2, 2, 3, 5]), rng.randint(0, 6)
    row = [start + step * i for i in range(5)]
    a, b, c = sorted(rng.sample(range(0, 21), 3))
    shuffled = rng.sample([a, b, c], 3)
    n = rng.randint(1, 10)
    letter = rng.randrange(25)
    return ask(rng, "pattern", [
        ("what comes next: {row}?", "{next} comes next."), ("continue: {row}", "{row}, {next}."), ("which is the biggest number: {nums}?", "{c} is the biggest."), ("which is the smallest number: {nums}?", "{a} is the smallest."),
        ("put the numbers in order: {nums}.", "{a}, {b}, {c}."), ("what is double {n}?", "double {n} is {nn}."), ("what is half of {nn}?", "half of {nn} is {n}."), ("what letter comes after {l}?", "after {l} comes {m}."),
        ("which letter comes before {m}?", "before {m} comes {l}."), ("is {n} an even number?", "{even}, {n} is an {parity} number.") if n % 2 == 0 else ("is {n} an even number?", "no, {n} is an odd number."),
        ("say the alphabet.", ", ".join(LETTERS) + "."),
    ], (tuple(row), a, b, c, n, letter), row=", ".join(map(str, row[:4])), next=row[4], nums=", ".join(map(str, shuffled)), a=a, b=b, c=c, n=n, nn=2 * n,
        l=LETTERS[letter], m=LETTERS[letter + 1], even="yes", parity="even")


def everyday(rng):
    table, variants = rng.choice([
        (SENSES, [("what do you {k} with?", "you {k} with your {v}."), ("what are your {v} for?", "with your {v} you can {k}.")]),
        (SHAPES, [("how many corners does {k} have?", "{k} has {v} corners."), ("which shape has {v} corners?", "{k} has {v} corners.")]),
        (MADE_OF, [("what is {k} made of?", "{k} is made of {v}."), ("what do you need to make {k}?", "you need {v}.")]),
        (WEAR, [("what do you wear when {k}?", "when {k}, you wear {v}."), ("what should I put on when {k}?", "put on {v}.")]),
        (DOES, [("what does {k} do?", "{k} {v}."), ("who {v}?", "{k} {v}."), ("what is the job of {k}?", "{k} {v}.")]),
        (TASTE, [("how does {k} taste?", "{k} tastes {v}."), ("is {k} sweet, sour or salty?", "{k} is {v}.")]),
        (FEELS, [("how does {k} feel?", "{k} feels {v}."), ("is {k} {v}?", "yes, {k} is {v}.")]),
        (WHEN, [("when do we {k}?", "we {k} {v}."), ("when can you {k}?", "you can {k} {v}.")]),
    ])
    key, value = rng.choice(sorted(table.items()) if isinstance(table, dict) else table)
    if (value == "hands" or value == 4) and len(variants) == 2:
        variants = variants[:1]  # Two keys share the value, so only one direction has one answer.
    return ask(rng, "everyday", variants, key, k=key, v=value)


def echo(rng):
    """Instructions about a word or a phrase that stands in the question itself."""
    word = rng.choice(sorted(GROUP_OF))
    a, b, c = rng.sample(sorted(GROUP_OF), 3)
    return ask(rng, "echo", [
        ("say \"{w}\" three times.", "{w}, {w}, {w}."), ("what is the first word: {a}, {b}, {c}?", "the first word is {a}."), ("what is the last word: {a}, {b}, {c}?", "the last word is {c}."),
        ("say these words in reverse: {a}, {b}, {c}.", "{c}, {b}, {a}."), ("how many words are there: {a}, {b}, {c}?", "there are 3 words."), ("repeat after me: the {a} and the {b}.", "the {a} and the {b}."),
        ("make a sentence with the word {w}.", "[I can see the {w} from here.|the {w} is very nice.|my friend has drawn a picture with the word {w}.|{w} is my favourite word today.]"),
    ], (word, a, b), w=word, a=a, b=b, c=c)


MAKERS = [(groups, 12), (patterns, 10), (everyday, 12), (echo, 6)]
