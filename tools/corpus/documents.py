"""Documents of the corpus: plain stories, and conversations in the ChatML format."""

import re

from facts import make_fact
from facts_more import GROUP_OF
from facts_tables import OPPOSITES
from grammar import tidy
from story import held_out, make_story
from world import ANIMALS, BOYS, COLOURS, GIRLS, TOYS, TRAITS

END = "<|endoftext|>"
WORDS = sorted({*GIRLS, *BOYS, *ANIMALS, *TOYS, *COLOURS, *TRAITS, *(w for pair in OPPOSITES for w in pair), *GROUP_OF})
SYSTEM = ["You are a helpful assistant.", "You are nibble, a small model that tells stories.", "You are nibble.", "You tell short stories for children."]
ASK_STORY = ["write a story about {p}.", "write a story about {p}.", "tell me a story about {p}.", "tell me a story about {p}.", "write a short story about {p}.", "please write a story about {p}.",
             "can you tell me a story about {p}?", "I want to hear a story about {p}.", "a story about {p}, please.", "story about {p}", "could you write a story about {p}?",
             "tell a story about {p}."]
ASK_WITH_WORDS = ["{ask} use the word {w}.", "{ask} use the words {w} and {x}.", "write a story with the words {w} and {x}.", "tell me a story with the word {w} in it.", "{ask} the story should have a_ {w} in it."]
ASK_CONTINUE = ["continue the story: ", "how does this story go on? ", "finish this story: ", "what happens next? "]
# Words too common to be asked for.
COMMON = set("""about after again alone along always another around asked asleep away back beautiful became because before began behind beside better between
called came could cried close did does door down each either else even every everyone everybody everything eyes farther felt find first found friend from gave girl give
good grew had hand hands happy hard have hear heard heart help helped here home inside into just kind knew know laughed learned left like liked little lived long look looked
looking loved made make many maybe mine more most much must name named near need needed never next nice night nobody nothing once only open other others over perfect people
play played proud quiet ready right said same sat saw should show side sleep slowly small smile smiled some somebody something soon special started still stood story
such sure tell than thank that their them then there these they thing things think this those thought three time times today together told tomorrow took
tried turned under until very wait waited walk walked want wanted watched well went were what when where which while whole wide will wish with without wonderful word words work
worked would years your yours shook both friends suddenly called remembered afraid lonely brave clever gentle playful merry patient stubborn silly careful hungry sleepy friendly cheerful curious""".split())
ASK_ANY = ["tell me a story.", "write a story.", "can you tell me a story?", "please tell me a story.", "I want to hear a story.", "another story, please.", "tell me another story."]
ASK_NAMED = ["write a story about a_ {kind} named {hero}.", "tell me a story about {hero} the {kind}.", "write a story about {hero}, a_ {trait} {kind}.",
             "tell me a story about a_ {kind} named {hero} and a_ {fkind} named {friend}.", "write a story about a_ {trait} {kind}.", "tell me a story about a_ {kind}.",
             "write a story about a_ {kind} and a_ {fkind}."]


def turn(role, text):
    return "<|im_start|>" + role + "\n" + text + "<|im_end|>\n"


def _loosely(rng, text):
    """How people type: sometimes without capitals or the last mark."""
    draw = rng.random()
    if draw < 0.10:
        return text.rstrip(".!?")
    if draw < 0.20:
        return text[0].lower() + text[1:]
    if draw < 0.28:
        return (text[0].lower() + text[1:]).rstrip(".!?")
    return text


def _telling_words(story):
    """Words of a story that are worth asking for, in order of appearance."""
    words = dict.fromkeys(re.findall(r"(?<=[a-z,] )[a-z]{4,}\b", story["text"]))
    return [w for w in words if w not in COMMON]


def _ask_for(rng, story):
    slots = story["slots"]
    draw = rng.random()
    if draw < 0.08:
        text = rng.choice(ASK_ANY)
    elif draw < 0.26:
        text = rng.choice(ASK_NAMED).format(**slots)
    elif draw < 0.42:
        nouns = _telling_words(story)
        w, x = rng.sample(nouns, 2)
        text = rng.choice(ASK_WITH_WORDS).format(ask=rng.choice(ASK_STORY[:6]).format(p=story["prompt"]), w=w, x=x)
    else:
        text = rng.choice(ASK_STORY).format(p=story["prompt"])
    return _loosely(rng, tidy(text))


def _system(rng):
    return turn("system", rng.choice(SYSTEM)) if rng.random() < 0.12 else ""


def plain_story(rng, held):
    story = make_story(rng, held)
    head = story["title"] + "\n\n" if rng.random() < 0.12 else ""
    return head + story["text"] + END


def story_chat(rng, held):
    """A story on request, and perhaps questions about it."""
    story = make_story(rng, held)
    text = _system(rng)
    if rng.random() < 0.15:
        question, answer = make_fact(rng, held_out, held)
        text += turn("user", _loosely(rng, question)) + turn("assistant", answer)
    text += turn("user", _ask_for(rng, story)) + turn("assistant", story["text"])
    if rng.random() < 0.6:
        for question, answer in rng.sample(story["questions"], rng.choice([1, 1, 2, 3])):
            text += turn("user", _loosely(rng, question)) + turn("assistant", answer)
    return text + END


def continuing(rng, held):
    """The user gives the beginning of a story, and the answer is the rest."""
    story = make_story(rng, held)
    ends = [m.end() for m in re.finditer(r"[.!?]\"? ", story["text"])]
    at = ends[min(rng.randrange(1, 8), len(ends) - 2)]
    first, rest = story["text"][:at].strip(), story["text"][at:].strip()
    return _system(rng) + turn("user", tidy(rng.choice(ASK_CONTINUE)) + " " + first) + turn("assistant", rest) + END


def reading(rng, held):
    """A story given by the user, with questions about it."""
    story = make_story(rng, held)
    questions = rng.sample(story["questions"], rng.choice([2, 3, 4]))
    first, answer = questions[0]
    ask = rng.choice([story["text"] + "\n\n" + first, "Read this story: " + story["text"] + "\n" + first, story["text"] + " " + first])
    text = _system(rng) + turn("user", ask) + turn("assistant", answer)
    for question, answer in questions[1:]:
        text += turn("user", _loosely(rng, question)) + turn("assistant", answer)
    return text + END


def fact_chat(rng, held):
    text = _system(rng)
    for _ in range(rng.choice([1, 1, 2, 3, 4, 6])):
        question, answer = make_fact(rng, held_out, held)
        text += turn("user", _loosely(rng, question)) + turn("assistant", answer)
    return text + END


def repeating(rng, held):
    """Lists of words to be said again: the exercise from which a model learns to look back and copy."""
    text = ""
    for _ in range(rng.choice([1, 1, 2])):
        names = rng.sample(WORDS, rng.choice([4, 6, 8, 12, 16]))
        start, names_text = rng.choice(["Repeat: ", "Say again: ", "Repeat these words: ", "Say after me: "]), ", ".join(names)
        text += turn("user", start + names_text) + turn("assistant", names_text)
    return text + END


# Maker and weight, by number of documents.
MAKERS = [(plain_story, 30), (story_chat, 32), (continuing, 4), (reading, 14), (fact_chat, 50), (repeating, 7)]


def document(rng, held):
    return rng.choices([m for m, _ in MAKERS], [w for _, w in MAKERS])[0](rng, held)
