"""The grammar behind `toy-comments`: its words, and the rules that put them together.

A comment has a topic, which its flair (an emoji) tells at once, and mostly a mood. Both bind all that follows: a
film is watched and a dish is cooked, "the ending is" but "the visuals are", 9/10 ends in praise and 2/10 does not.
So the grammar copies each rule for each topic and mood: `adj` becomes the symbol `adj.films.good`.
"""

import re

from aigc_course.data.grammar import Alternative

MOODS = ("good", "bad")
SHARED_WEIGHT = 2.0  # of an adjective that fits every topic, against one that fits a single topic
_REFERENCE = re.compile(r"\{(\w+)\}")


def _words(text: str, weight: float = 1.0) -> list[Alternative]:
    return [(weight, word.strip()) for word in text.split("|")]


# One entry for each topic. flair: how its comments begin; did: what one does to an item; part, parts: what is judged,
# in the singular and the plural; prep: joins a part to its item; things: what one looks for in a shop; good, bad: what
# a part can be.
TOPICS: dict[str, dict[str, str]] = {
    "games": {
        "flair": "🎮",
        "item": "{title} | {title} {sequel}",
        "did": "played | finished | replayed | uninstalled | speedran",
        "part": "combat | soundtrack | tutorial | final boss | crafting | map | main quest",
        "parts": "side quests | controls | graphics | boss fights | cutscenes | servers | weapons",
        "prep": "in",
        "things": "co-op games | controllers | puzzle games | racing games",
        "good": "addictive | polished | smooth | balanced",
        "bad": "buggy | grindy | clunky | unbalanced",
    },
    "cooking": {
        "flair": "🍕",
        "item": "{flavor} {dish}",
        "did": "cooked | ate | reheated | ordered | meal prepped",
        "part": "sauce | crust | filling | seasoning | smell | texture | skin",
        "parts": "herbs | toppings | vegetables | leftovers | spices | edges | slices",
        "prep": "of",
        "things": "cast iron pans | rice cookers | chef's knives | cookbooks",
        "good": "crispy | juicy | tasty | fragrant",
        "bad": "soggy | bland | salty | greasy",
    },
    "films": {
        "flair": "🎬",
        "item": "the {title} | the {title} {sequel}",
        "did": "watched | rewatched | saw | skipped | binged",
        "part": "ending | script | plot twist | lead actor | opening scene | trailer | score",
        "parts": "visuals | fight scenes | jokes | costumes | special effects | actors | stunts",
        "prep": "in",
        "things": "horror films | projectors | sci-fi films | old westerns",
        "good": "moving | gripping | stylish | heartfelt",
        "bad": "cheesy | predictable | wooden | pretentious",
    },
    "phones": {
        "flair": "📱",
        "item": "the {brand} {model} | the {brand} {model} {suffix}",
        "did": "bought | unboxed | returned | dropped | repaired",
        "part": "battery | camera | screen | charger | fingerprint reader | speaker | keyboard",
        "parts": "buttons | updates | photos | cameras | icons | speakers | bezels",
        "prep": "on",
        "things": "chargers | phone cases | earbuds | tablets",
        "good": "responsive | sharp | bright | sturdy",
        "bad": "overpriced | flimsy | dim | outdated",
    },
    "pets": {
        "flair": "🐾",
        "item": "{pet} the {breed}",
        "did": "adopted | walked | bathed | brushed | fed",
        "part": "fur | tail | appetite | snoring | temper | howling | nap schedule",
        "parts": "ears | paws | zoomies | table manners | whiskers | naps | tricks",
        "prep": "of",
        "things": "chew toys | cat trees | leashes | litter boxes",
        "good": "fluffy | playful | gentle | adorable",
        "bad": "smelly | stubborn | noisy | muddy",
    },
    "travel": {
        "flair": "🌍",
        "item": "{city} | the {place} in {city}",
        "did": "visited | explored | toured | photographed | hiked around",
        "part": "street food | old town | hostel | view | airport | nightlife | coffee",
        "parts": "locals | hotels | side streets | markets | tour guides | sunsets | night buses",
        "prep": "near",
        "things": "cheap flights | backpacks | travel guides | city passes",
        "good": "charming | walkable | friendly | scenic",
        "bad": "crowded | touristy | dirty | sketchy",
    },
}

_SHARED_ADJECTIVES = {
    "good": "great | amazing | lovely | perfect | brilliant | fantastic | solid | underrated | beautiful | excellent",
    "bad": "awful | terrible | horrible | boring | annoying | overrated | dreadful | mediocre | ridiculous | pathetic",
}

_MOOD_WORDS: dict[str, dict[str, str]] = {
    "good": {
        "score": "7 | 8 | 9 | 10 | 7.5 | 8.5 | 9.5",
        "end": ". | ! | !! | 🔥 | 😍 | 👍 | 🎉",
        "feels": "loves | adores | keeps praising | recommends | is obsessed with",
        "closer": "highly recommend | worth every cent | can't wait for more | made my week | take my money | "
        "no regrets | five stars | i'm hooked | best ${first}{digit} i ever spent | what a gem | so happy right now",
        "stance": "i agree | so true | exactly | well said | couldn't agree more | this is the way | 100% this",
        "turn": "no way | hard disagree | give it a chance | that's harsh | you're wrong | be fair",
    },
    "bad": {
        "score": "1 | 2 | 3 | 4 | 1.5 | 2.5 | 3.5",
        "end": ". | ... | ?! | 😭 | 😡 | 👎 | 💀",
        "feels": "hates | can't stand | keeps mocking | is sick of | complains about",
        "closer": "never again | save your money | i want my ${first}{digit} back | what a letdown | don't bother | "
        "i expected better | huge regrets | hard pass | it ruined my day | zero stars | i'm so done",
        "stance": "sadly true | you're right | same here | i feel your pain | thanks for the warning | sad but true",
        "turn": "keep dreaming | did we get the same one | come on | are you serious | stop the hype | that's a lie",
    },
}

_SHARED_WORDS: dict[str, str] = {
    "title": "{colour} {thing}",
    "colour": "silver | broken | hidden | crimson | silent | golden | frozen | "
    "burning | lost | hollow | electric | lonely | savage | velvet",
    "thing": "harbor | lantern | kingdom | river | machine | garden | shadow | "
    "summer | tower | signal | mirror | wolf | orchard | empire",
    "sequel": "2 | 3 | 4 | remastered",
    "city": "oslo | lisbon | kyoto | denver | lagos | quito | dublin | prague | hanoi | cairo | boston | naples",
    "flavor": "garlic | lemon | smoked | spicy | honey | ginger | coconut | peppery | miso | maple",
    "dish": "noodles | dumplings | lasagna | pancakes | tacos | risotto | chicken | ramen | meatballs | pizza",
    "brand": "zenko | nordix | pixela | lumo | quarq | veltra",
    "model": "3 | 4 | 5 | 6 | 7 | 8 | 9 | x2 | x3 | z10 | z20",
    "suffix": "pro | mini | max | lite | ultra",
    "pet": "biscuit | luna | mochi | pickles | waffles | shadow | pepper | olive | ziggy | bean",
    "breed": "beagle | tabby | corgi | husky | poodle | siamese | labrador | spaniel",
    "storm": "hailstorm | heatwave | blizzard | thunderstorm | fog | monsoon | snowfall | drizzle",
    "author": "ada moreno | t. k. walsh | ines okafor | jonas lindt | mira chen | r. j. patel | elsa vogel | "
    "omar haddad",
    "place": "old harbor | cathedral | botanical garden | night market | castle | fish market",
    "person": "sister | brother | roommate | boss | cousin | neighbor | wife | husband",
    "when": "last night | yesterday | this morning | over the weekend | on {weekday} | back in {year} | "
    "{count} days ago | {count} weeks ago | a month ago | during lunch | on my birthday | twice this week",
    "weekday": "monday | tuesday | wednesday | thursday | friday | saturday | sunday",
    "year": "|".join(str(year) for year in range(1985, 2025)),
    "count": "2 | 3 | 4 | 5 | 6 | 7 | 8 | 9",
    "price": "{first}{digit} | {first}{digit}{last}",
    "first": "1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9",
    "digit": "0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9",
    "last": "0 | 5 | 9",
    "user": "{quality}_{animal}{first}{digit}",
    "quality": "quiet | angry | tiny | sleepy | cosmic | salty | fuzzy | grumpy | lazy | neon",
    "animal": "otter | panda | toaster | wizard | badger | llama | pirate | robot | potato | ninja",
    "help": "any tips | any ideas | suggestions | what should i get | can anyone help",
    "edit": "typo | fixed the price, it was ${price} | thanks u/{user} | wow, {first}{digit} replies | "
    "wrong year, it was {year} | my {person} disagrees",
}

_RULES: dict[str, list[Alternative]] = {
    "comment": [(11.0, "{post}"), (1.0, "{post} EDIT: {edit}")],
    "opener": [(8.0, ""), "honestly, ", "ok so ", "hot take: ", "update: ", "fun fact: ", "lol ", "psa: "],
    "degree": [(5.0, ""), (2.0, "so "), (2.0, "pretty "), (1.0, "kinda "), (3.0, "{really} ")],
    "really": [(3.0, "really"), (1.0, "really, {really}")],
}

_MOOD_RULES: dict[str, list[Alternative]] = {
    "post": [
        (3.0, "{opener}{statement}{end} {closer}{end}"),
        (3.0, "{opener}{statement}{end}"),
        (3.0, "{score}/10. {statement}, {closer}{end}"),
        (1.0, "{item}: {score}/10. the {parts} are {degree}{adj}, {closer}{end}"),
        (3.0, "u/{user} {stance}, the {part} {prep} {item} is {degree}{adj}{end}"),
        (2.0, "u/{user} {turn}. {statement}{end}"),
        (2.0, '"the {parts} are {degree}{other_adj}"? {turn}. {statement}{end}'),
    ],
    "statement": [
        (3.0, "just {did} {item}, the {part} is {degree}{adj}"),
        (3.0, "the {parts} {prep} {item} are {degree}{adj}"),
        (2.0, "i {did} {item} {when}, the {parts} were {degree}{adj}"),
        (2.0, "my {person} {did} {item} {when} and {feels} the {part}"),
    ],
    "question": [
        (1.0, "who {did} {item}? is the {part} {adj} or {other_adj}?"),
        (1.0, "why are the {parts} {prep} {item} {degree}{adj}?"),
    ],
}

_TOPIC_RULES: dict[str, list[Alternative]] = {
    "search": [
        (2.0, "{things} under ${price}, {help}? my {person} {did} {item}"),
        (1.0, "are {things} for ${price} ok? {help}"),
    ],
}

_OF_TOPIC = frozenset(("item", "did", "part", "parts", "prep", "things"))
_OF_BOTH = frozenset(("adj", "statement"))


def comment_rules() -> dict[str, list[Alternative]]:
    """The rules of `toy-comments`, for `Grammar`; the start symbol is `comment`."""
    rules = {**_RULES, **{name: _words(text) for name, text in _SHARED_WORDS.items()}}
    rules["post"] = []
    for mood in MOODS:
        rules |= {f"{name}.{mood}": _words(text) for name, text in _MOOD_WORDS[mood].items()}
    for topic, words in TOPICS.items():
        flair = words["flair"]
        rules |= {f"{name}.{topic}": _words(words[name]) for name in sorted(_OF_TOPIC)}
        for mood in MOODS:
            rules[f"adj.{topic}.{mood}"] = _words(words[mood]) + _words(_SHARED_ADJECTIVES[mood], SHARED_WEIGHT)
            for name, alternatives in _MOOD_RULES.items():
                rules[f"{name}.{topic}.{mood}"] = [_bind(a, topic, mood) for a in alternatives]
            rules["post"] += [(8.0, f"{flair} {{post.{topic}.{mood}}}"), (1.0, f"{flair} {{question.{topic}.{mood}}}")]
        rules[f"search.{topic}"] = [_bind(a, topic, MOODS[0]) for a in _TOPIC_RULES["search"]]
        rules["post"].append((1.0, f"{flair} {{search.{topic}}}"))
    return rules


def _bind(alternative: Alternative, topic: str, mood: str) -> Alternative:
    """The rule of one topic and mood: `{adj}` becomes `{adj.films.good}`, `{other_adj}` `{adj.films.bad}`."""
    weight, text = (1.0, alternative) if isinstance(alternative, str) else alternative

    def name(match: re.Match[str]) -> str:
        word = match[1]
        if word == "other_adj":
            return f"{{adj.{topic}.{MOODS[1 - MOODS.index(mood)]}}}"
        if word in _OF_BOTH:
            return f"{{{word}.{topic}.{mood}}}"
        if word in _OF_TOPIC:
            return f"{{{word}.{topic}}}"
        return f"{{{word}.{mood}}}" if word in _MOOD_WORDS[mood] else match[0]

    return weight, _REFERENCE.sub(name, text)
