"""Sentences of our own making: the turns of a conversation, from one seed.

A template is a sentence with slots in braces. The words lean towards p, b and m, whose closed lips a viewer
checks first.
"""

import re
from typing import Final

import numpy as np

_SLOT: Final = re.compile(r"\{(\w+)\}")

_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "name": (
        "Bob", "Pam", "Emma", "Peter", "Maria", "Tom", "Abby", "Philip", "Vivian", "Oliver", "Grace", "Sam",
        "Beth", "William", "Fiona", "Hugo", "Naomi", "Ruth", "Theo", "Joyce",
    ),
    "thing": (
        "map", "bumper", "lamp", "piano", "window", "paper boat", "jumping rope", "camera", "mushroom pie",
        "yellow umbrella", "wooden spoon", "violin", "computer", "bubble bath", "pepper mill", "old book",
        "fish tank", "garden chair", "photograph", "message", "blue bicycle", "thermos", "zipper", "shovel",
    ),
    "place": (
        "the museum", "Boston", "the beach", "the post office", "Birmingham", "my mother's house",
        "the bottom shelf", "the public library", "the harbour", "Memphis", "the swimming pool", "the lab",
        "the farm", "the big room upstairs", "Philadelphia", "the bus stop", "the river", "the workshop",
    ),
    "day": (
        "Monday", "Tuesday morning", "Wednesday", "Thursday night", "Friday", "Saturday", "Sunday afternoon",
        "tomorrow", "next week", "this evening", "the day after", "September", "the first of May",
    ),
    "do": (
        "bring the {thing}", "visit {place}", "paint the {thing}", "call {name}", "move the {thing}",
        "talk about {topic}", "make a list", "help {name} with the {thing}", "borrow the {thing}",
        "buy {count} apples", "go to {place}", "think about {topic}", "measure it again", "wash the {thing}",
        "push the button", "open the map", "keep it simple", "watch the game",
    ),
    "topic": (
        "music", "the weather", "mathematics", "your job", "public transport", "breakfast", "football",
        "the budget", "poetry", "my new shoes", "the problem", "philosophy", "space travel", "the children",
        "climate", "the movie", "that picture", "sleep",
    ),
    "quality": (
        "beautiful", "impossible", "simple", "terrible", "very small", "warm", "brave", "possible",
        "a bit boring", "absolutely perfect", "quiet", "slow", "smooth", "famous", "strange", "fresh",
        "much better", "empty", "rather cheap", "huge",
    ),
    "feeling": (
        "happy", "so proud", "a little sad", "terribly sorry", "completely lost", "amazed", "worried",
        "furious", "embarrassed", "hopeful", "surprised", "bored", "grateful", "impatient",
    ),
    "count": (
        "two", "three", "five", "seven", "eleven", "twelve", "fifteen", "twenty", "forty-four", "ninety",
        "a hundred", "about sixty", "a couple of", "a million", "one or two", "thirty-six",
    ),
    "um": (
        "Um", "Uh", "Hmm", "Well", "Er", "Let me think", "Oh", "You know", "I mean", "Okay", "So", "Actually",
        "Maybe", "Right", "Mm-hmm", "Wait",
    ),
}  # fmt: skip

TEMPLATES: Final = (
    # Questions
    "Where did you put the {thing}?", "Would you like to {do} on {day}?", "How much is the {thing}?",
    "Why is {topic} so {quality}?", "Do you remember {name} from {place}?", "What do you make of {topic}?",
    "Shall we {do}, or would you rather {do}?", "Who told {name} about the {thing}?",
    "Is it really {number} miles to {place}?", "When can {name} {do}?", "Are you {feeling}?",
    "Have you ever been to {place}?", "Which one, the {thing} or the {thing}?", "Could you say that again?",
    # Hesitation
    "{um}, let me think about that for a moment.", "{um}, I am not sure, but I believe it is {quality}.",
    "It was, um, maybe {count} years ago, in {place}.", "{um}, {um}, where was I?",
    "I mean, {topic} is, well, {quality}.", "{um}, perhaps we should {do} first.",
    "Hmm, that depends on {topic}, I suppose.", "{um}, give me a second, please.",
    # Numbers and lists
    "The number is {number}, {number}, {number}.", "It costs {number} dollars and {number} cents.",
    "I packed the {thing}, the {thing}, the {thing} and the {thing}.",
    "First we {do}, then we {do}, and finally we {do}.",
    "Flight {number} leaves gate {number} at {count} minutes past {count}.",
    "About {number} percent of the people in {place} want to {do}.",
    "One, two, three, four, five, six, seven.",
    "Please dial {number}, then press {number}.", "That was in {year}, before {name} moved to {place}.",
    # Greetings and manners
    "Hello {name}, it is good to see you!", "Good morning! How may I help you?", "Hi, my name is {name}.",
    "Goodbye, {name}, and thank you for coming.", "Welcome back! Shall we {do}?", "Nice to meet you, {name}.",
    "Good evening, and welcome to {place}.", "Thank you very much, that was {quality}.",
    "Excuse me, is this the way to {place}?", "See you on {day}, then. Bye bye!",
    # Exclamations and feeling
    "Wow, what a {quality} {thing}!", "Oh no, {name} broke the {thing}!", "Stop! Put the {thing} down!",
    "I am {feeling}, I am really {feeling}!", "That is {quality}! I simply cannot believe it!",
    "Please, please, let me {do}!", "We won! Bravo, {name}!", "I told you never to {do}!",
    "I feel {feeling} when I think of {place}.", "Oh, {name}, I am {feeling} about the {thing}.",
    "My goodness, {number} people came to {place}!", "Ugh, {topic} again. How {quality}.",
    "Ha ha, very funny, {name}.", "Shh, be quiet, {name} is sleeping.",
    # Short answers
    "Yes.", "No.", "Maybe.", "Of course.", "Not really.", "Mm-hmm, go on.", "Absolutely!", "I see.",
    "Okay, bye.", "By all means.", "Sure, why not?", "Probably {day}.", "{um}, no problem.", "Me too.",
    "From {place}.", "Because of {topic}.", "Exactly, {name}.", "Oops.", "Yes, but only on {day}.",
    "Nobody knows.",
    # Closed lips
    "Bob and Pam bumped the big brown {thing}.", "My mum bought a pump, a pipe and a plum pie.",
    "Peter Piper picked a peck of pickled peppers.", "Maybe Emma may swim home from {place}.",
    "A bumblebee climbed up the palm by {place}.", "Please bring a map, a lamp and a stamp to {place}.",
    "Tom's team beat them by {count} points in {place}.", "{name} mumbled something about the {thing}.",
    "The broom bumps my plump puppy, Bob.", "Pop up, pop up, my brave balloon!",
    "The members may bring up the problem on {day}.", "Move back a bit, the bubble may pop.",
    # Round lips, teeth on lip, open mouths
    "Who would choose blue shoes at noon?", "Five very fine violins for every family.",
    "Father's car is far from the market in {place}.", "Three thin thieves thought a thousand thoughts.",
    "We always wash one white woollen wall in {place}.", "She sells seashells by the shore on {day}.",
    "Open wide and say ah, said the doctor.", "Few of us view the future with {topic}.",
    # Statements
    "{name} wants to {do} on {day}.", "I have never seen such a {quality} {thing}.",
    "The {thing} in {place} is {quality}, but nobody minds.", "If you {do}, I will {do}.",
    "We talked about {topic} for {count} hours.", "After {topic}, {name} felt {feeling}.",
    "Most people at {place} prefer {topic} to {topic}.", "There are {count} reasons to {do}.",
    "To be honest, I would rather {do} than {do}.", "The {quality} part is that {name} forgot the {thing}.",
    "In my opinion, {topic} should be {quality}.", "{name} and {name} met in {place} by chance.",
    "Here is how it works: you {do}, and I {do}.", "Nothing is {quality} about the {thing}, believe me.",
)  # fmt: skip


def fill(template: str, random: np.random.Generator) -> str:
    """Fill the slots of a template, those within the fillings too."""
    while slot := _SLOT.search(template):
        word = _word(slot[1], random)
        template = template[: slot.start()] + word + template[slot.end() :]
    return template[:1].upper() + template[1:]


def _word(slot: str, random: np.random.Generator) -> str:
    if slot == "number":
        return str(int(random.integers(2, 10 ** int(random.integers(1, 5)) + 2)))
    if slot == "year":
        return str(int(random.integers(1850, 2030)))
    return str(random.choice(_WORDS[slot]))
