"""The grammar behind `toy-comments`: its words, and the rules that put them together.

A comment has a topic, which its flair (an emoji) tells at once, and mostly a mood. Both bind all that follows: a
film is watched and a dish is cooked, "the ending is" but "the visuals are", 9/10 ends in praise and 2/10 does not.
So the grammar copies each rule for each topic and mood: `adj` becomes the symbol `adj.films.good`.
"""

import re

from aigc_course.data.grammar import Alternative

MOODS = ("good", "bad")
_REFERENCE = re.compile(r"\{(\w+)\}")


def _words(text: str) -> list[Alternative]:
    return [word.strip() for word in text.split("|")]


# One entry for each topic. flair: how its comments begin; did: what one does to an item; part, parts: what is judged,
# in the singular and the plural; prep: joins a part to its item; things: what one looks for in a shop; good, bad: what
# a part can be.
TOPICS: dict[str, dict[str, str]] = {
    "games": {
        "flair": "🎮",
        "item": "{title} | {title} {sequel}",
        "did": "played | finished | replayed | uninstalled | speedran | streamed",
        "part": "combat | soundtrack | tutorial | final boss | crafting | map | main quest | dialogue | level design",
        "parts": "side quests | controls | graphics | boss fights | cutscenes | servers | weapons | puzzles | enemies",
        "prep": "in",
        "things": "co-op games | controllers | puzzle games | racing games | headsets",
        "good": "addictive | polished | smooth | balanced | clever | rewarding | immersive | fair",
        "bad": "buggy | grindy | clunky | unbalanced | laggy | repetitive | unfair | broken",
    },
    "cooking": {
        "flair": "🍕",
        "item": "{flavor} {dish}",
        "did": "cooked | ate | reheated | ordered | meal prepped | burned",
        "part": "sauce | crust | filling | seasoning | smell | texture | skin | middle | marinade | broth",
        "parts": "herbs | toppings | vegetables | leftovers | spices | edges | slices | side dishes | onions",
        "prep": "of",
        "things": "cast iron pans | rice cookers | chef's knives | cookbooks | spice racks",
        "good": "crispy | juicy | tasty | fragrant | tender | fluffy | creamy | savory",
        "bad": "soggy | bland | salty | greasy | undercooked | rubbery | watery | dry",
    },
    "films": {
        "flair": "🎬",
        "item": "the {title} | the {title} {sequel}",
        "did": "watched | rewatched | saw | skipped | binged | slept through",
        "part": "ending | script | plot twist | lead actor | opening scene | trailer | score | pacing | villain",
        "parts": "visuals | fight scenes | jokes | costumes | special effects | actors | stunts | flashbacks | credits",
        "prep": "in",
        "things": "horror films | projectors | sci-fi films | old westerns | documentaries",
        "good": "moving | gripping | stylish | heartfelt | believable | hilarious | haunting | memorable",
        "bad": "cheesy | predictable | wooden | pretentious | cringy | pointless | overacted | shallow",
    },
    "phones": {
        "flair": "📱",
        "item": "the {brand} {model} | the {brand} {model} {suffix}",
        "did": "bought | unboxed | returned | dropped | repaired | preordered",
        "part": "battery | camera | screen | charger | fingerprint reader | speaker | keyboard | night mode | hinge",
        "parts": "buttons | updates | photos | cameras | icons | speakers | bezels | cables | widgets",
        "prep": "on",
        "things": "chargers | phone cases | earbuds | tablets | power banks",
        "good": "responsive | sharp | bright | sturdy | snappy | efficient | sleek | reliable",
        "bad": "overpriced | flimsy | dim | outdated | unresponsive | bloated | blurry | scratched",
    },
    "pets": {
        "flair": "🐾",
        "item": "{pet} the {breed}",
        "did": "adopted | walked | bathed | brushed | fed | babysat",
        "part": "fur | tail | appetite | snoring | temper | howling | nap schedule | breath | training | nose",
        "parts": "ears | paws | zoomies | table manners | whiskers | naps | tricks | cuddles | claws",
        "prep": "of",
        "things": "chew toys | cat trees | leashes | litter boxes | dog beds",
        "good": "fluffy | playful | gentle | adorable | silly | sweet | soft | majestic",
        "bad": "smelly | stubborn | noisy | muddy | feral | moody | destructive | whiny",
    },
    "weather": {
        "flair": "☔",
        "item": "the {storm} in {city}",
        "did": "biked through | photographed | drove through | survived | missed | slept through",
        "part": "wind | forecast | humidity | sunset | evening | visibility | air | temperature | drive home",
        "parts": "clouds | roads | puddles | gusts | mornings | temperatures | trains | rainbows | nights",
        "prep": "during",
        "things": "rain jackets | umbrellas | snow tires | space heaters | weather apps",
        "good": "mild | calm | refreshing | breezy | peaceful | crisp | clear | cozy",
        "bad": "freezing | icy | unbearable | gloomy | brutal | slippery | miserable | stormy",
    },
    "books": {
        "flair": "📚",
        "item": "{title} by {author}",
        "did": "read | borrowed | reread | annotated | abandoned | reviewed",
        "part": "prose | narrator | last chapter | world building | translation | cover | prologue | magic system",
        "parts": "characters | chapters | footnotes | metaphors | dialogues | essays | cliffhangers | poems | subplots",
        "prep": "of",
        "things": "fantasy novels | e-readers | bookshelves | poetry books | audiobooks",
        "good": "poetic | witty | vivid | lyrical | profound | subtle | thoughtful | page turning",
        "bad": "dense | wordy | preachy | confusing | rushed | corny | tedious | unreadable",
    },
    "travel": {
        "flair": "🌍",
        "item": "{city} | the {place} in {city}",
        "did": "visited | explored | toured | photographed | hiked around | got lost in",
        "part": "street food | old town | hostel | view | airport | nightlife | coffee | museum | beach",
        "parts": "locals | hotels | side streets | markets | tour guides | sunsets | night buses | beaches | cafes",
        "prep": "near",
        "things": "cheap flights | backpacks | travel guides | city passes | hostels",
        "good": "charming | walkable | friendly | scenic | welcoming | affordable | breathtaking | authentic",
        "bad": "crowded | touristy | dirty | sketchy | expensive | rude | chaotic | closed",
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
    "colour": "silver | broken | hidden | crimson | silent | golden | frozen | burning | lost | hollow | electric | "
    "lonely | savage | velvet | wandering | paper | midnight | glass | bitter | sacred | distant | rusty | wild | "
    "phantom",
    "thing": "harbor | lantern | kingdom | river | machine | garden | shadow | summer | tower | signal | mirror | "
    "wolf | orchard | empire | highway | circus | island | promise | thunder | ghost | letter | desert | dragon | "
    "winter",
    "sequel": "2 | 3 | 4 | remastered",
    "city": "oslo | lisbon | kyoto | denver | lagos | quito | dublin | prague | hanoi | cairo | boston | naples | "
    "lima | seoul | perth | tunis | havana | krakow | mumbai | austin | nairobi | zagreb | porto | bergen",
    "flavor": "garlic | lemon | smoked | spicy | honey | ginger | coconut | peppery | miso | maple | vegan | "
    "chili | basil | homemade",
    "dish": "noodles | dumplings | lasagna | pancakes | tacos | risotto | chicken | ramen | meatballs | pizza | "
    "soup | burritos | gnocchi | salmon",
    "brand": "zenko | nordix | pixela | lumo | quarq | veltra",
    "model": "3 | 4 | 5 | 6 | 7 | 8 | 9 | x2 | x3 | z10 | z20",
    "suffix": "pro | mini | max | lite | ultra",
    "pet": "biscuit | luna | mochi | pickles | waffles | shadow | pepper | olive | ziggy | bean | nacho | willow | "
    "oreo | gizmo",
    "breed": "beagle | tabby | corgi | husky | poodle | siamese | labrador | spaniel | terrier | mastiff | "
    "greyhound | dachshund",
    "storm": "hailstorm | heatwave | blizzard | thunderstorm | fog | monsoon | snowfall | drizzle",
    "author": "ada moreno | t. k. walsh | ines okafor | jonas lindt | mira chen | r. j. patel | elsa vogel | "
    "omar haddad",
    "place": "old harbor | cathedral | botanical garden | night market | castle | fish market | art museum | "
    "main square",
    "person": "sister | brother | roommate | boss | cousin | neighbor | wife | husband | best friend | dad | mom | "
    "teacher",
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
    "quality": "quiet | angry | tiny | sleepy | cosmic | salty | fuzzy | grumpy | lazy | neon | retro | sneaky | "
    "turbo | spicy | clumsy | humble",
    "animal": "otter | panda | toaster | wizard | badger | llama | pirate | robot | potato | ninja | walrus | "
    "goose | raccoon | mango | yeti | gecko",
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
            rules[f"adj.{topic}.{mood}"] = _words(f"{words[mood]} | {_SHARED_ADJECTIVES[mood]}")
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
