"""The sentences of a card that depend on recipe and licence, and text of users made safe for Markdown."""

import json
import re
from typing import Any

_MARKUP = re.compile(r"([\\`*_\[\]#|~$])")
_LONGEST = 300  # characters of a user's text in a line

_USES = {
    "text-gpt": "Learning how language models work; text in the style of its data for exercises and tests. It states "
    "nothing that anyone checked: not for advice, news, or text that is taken for a person's.",
    "image-gan": "Learning how adversarial training works; pictures of its classes for exercises and tests. Not as "
    "evidence of anything, and not for pictures of people.",
    "image-vae": "Learning how latent variables work; mean images of its classes, and how probable an image is under "
    "the model. Not for decisions about images of another source than its data.",
    "audio-vae": "Learning how sounds are modelled; words (or tones) of its classes for exercises and tests. Not for "
    "speech that is taken for a person's, and not to open what a voice or a tone opens.",
    "waveform-vae": "Learning why waveforms are hard to model. Its sounds are exercises, not speech.",
    "vocoder": "Sound of spectrograms like those of its data, for the audio-vae and exercises. Not for other voices.",
    "image-classifier": "Measuring generated images of its data: its features and verdicts stand behind the course's "
    "distances and accuracies. Not for decisions about photographs of another source.",
    "audio-classifier": "Measuring generated sounds of its data. Not for recognising anybody's speech, and not for "
    "telling who speaks.",
}


UNITS = {
    "text-gpt": "nats per character",
    "image-gan": "shares",
    "image-vae": "nats per image",
    "audio-vae": "nats per sound",
    "waveform-vae": "nats per sound",
    "vocoder": "units of its loss",
    "image-classifier": "nats per image and shares",
    "audio-classifier": "nats per sound and shares",
}
"""Of what training records on the validation split."""


def intended_use(recipe: str) -> str:
    """What models of the recipe are for, and what they are not for."""
    return _USES[recipe]


def limits(recipe: str, config: dict[str, Any]) -> str:
    """Known failures of the recipe's models, as a Markdown list."""
    model, names, voices = (config["model"], config["data"].get("class_names", []), config["data"].get("speaker_names"))
    several = {
        "text-gpt": (
            f"It looks at the last {model.get('context_length')} tokens and has forgotten what stood before.",
            "It can write anything that its data could: errors, insults, what someone once wrote word for word.",
            "It knows no other language or topic than its data.",
        ),
        "image-gan": (
            f"It paints {len(names)} classes at {config['data'].get('image_size')} pixels a side, and nothing else.",
            "A generator can leave out kinds of images that its data have, and its losses don't show it.",
            "It gives no probability: how likely a real image is under it can't be said.",
        ),
        "image-vae": (
            "It gives means: of several images that z could stand for, a blend.",
            "Codes that are drawn from the prior and that no training image has give images that look like none.",
            "Likelihoods of it compare only with those of the same pixels under the same kind of likelihood.",
        ),
        "audio-vae": (
            f"It says {len(names)} words or tones, each alone, and no others.",
            "Its spectrograms are means, and smoother than real ones; phases are found afterwards, so that sounds can "
            "ring.",
            *(["Its voices are those of people: don't let it speak in their name."] if voices else []),
        ),
        "waveform-vae": (
            "It loses what it can't predict, the phases: most of its sounds are quiet or noisy.",
            f"It makes sounds of {model.get('n_samples')} samples, and no others.",
        ),
        "vocoder": (
            "It knows the voices of its data; of other sounds it makes something like them.",
            "It takes spectrograms of the settings that it was trained with, and no others.",
        ),
        "image-classifier": (
            f"It names one of {len(names)} classes whatever an image shows, noise included.",
            "Images that are made to fool it can score well: a generator that was trained against it can't be measured "
            "by it.",
            "Distances in its features compare only with distances in the same features, at the same n.",
        ),
        "audio-classifier": (
            f"It names one of {len(names)} words or tones whatever a sound is, silence included.",
            "It has heard the voices of its data alone; `--set held_out_speaker=NAME` in training measures what it "
            "understands of a new one.",
        ),
    }
    return "\n".join(f"- {sentence}" for sentence in several[recipe])


def consequences(licence: str) -> str:
    """What a data set's licence means for whoever uses the model; no legal advice."""
    if not licence:
        return (
            "**What follows.** Nothing is known of the rights in these files. Ask who trained the model before its "
            "weights or results leave the room."
        )
    if licence.startswith("MIT"):
        return "**What follows.** The data are made by a program under the MIT licence; they restrict nothing further."
    if licence.startswith("CC BY-SA"):
        return (
            f"**What follows.** {inline(licence)} asks to name the source, and to share what is adapted under the same "
            "licence. Whether weights and results are adaptations is not settled; the careful way is to treat them so."
        )
    if licence.startswith("CC BY"):
        return (
            f"**What follows.** {inline(licence)} asks to name the source and say what was changed. It gives no right "
            "in the persons who stand behind the data."
        )
    return (
        f"**What follows.** The licence is: {inline(licence)}. Without a licence nobody has been given a right to "
        "publish what is made from the data; keep weights and results to teaching and research."
    )


def weights_licence(licence: str) -> str:
    """Under which licence the course passes weights on that were trained on data of `licence`: a careful reading."""
    if licence.startswith(("MIT", "CC BY")):
        return licence.split(" (")[0]
    return "none given: for teaching and research alone, as the data are used"


def inline(text: str) -> str:
    """Text of any origin as plain words in one line of Markdown, in a table too; cut where it is very long."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    words = words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
    return _MARKUP.sub(r"\\\1", words.replace("&", "&amp;").replace("<", "&lt;"))


def fenced(code: str, language: str) -> str:
    """A code block that nothing in `code` can end."""
    ticks = "`" * (1 + max([2, *map(len, re.findall("`+", code))]))
    return f"{ticks}{language}\n{code}\n{ticks}"


def yaml_text(text: str) -> str:
    """A YAML scalar: JSON's strings are YAML's."""
    return json.dumps(text)
