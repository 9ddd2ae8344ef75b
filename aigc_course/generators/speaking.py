"""Generator of sound: a model in evaluation mode that says one word after another."""

import math
from collections.abc import Callable, Sequence

import torch
from torch.nn import functional as F

from aigc_course import audio
from aigc_course.data.batches import generator
from aigc_course.errors import UsageError
from aigc_course.generators.arguments import (
    MOST_SAMPLES,
    Label,
    choose_labels,
    has_several,
    number_of,
    require_count,
    seed_of,
)
from aigc_course.generators.provenance import UNNAMED
from aigc_course.generators.results import GeneratedAudio
from aigc_course.recipes.spectrogram_scale import Sounds

DrawSounds = Callable[[torch.Tensor, torch.Tensor | None, int, float], Sounds]

_MOST_HZ = 192_000
_COMMON_FACTOR = 25  # of 8,000, 22,050 and the other usual rates


class AudioGenerator:
    """Speaks (or dials) with a trained audio VAE.

    `draw(labels, speakers, seed, temperature)` is the model: labels (B,) -> B sounds in [-1, 1] of drawn lengths, none
    longer than `longest` samples. Of a model without classes the labels say nothing but how many sounds to make.
    """

    made_by = UNNAMED

    def __init__(
        self,
        draw: DrawSounds,
        class_names: Sequence[str],
        speaker_names: Sequence[str],
        sample_rate_hz: int,
        longest: int,
    ) -> None:
        self._draw, self._longest = draw, longest
        self.class_names, self.speaker_names = tuple(class_names), tuple(speaker_names)
        self.sample_rate_hz = sample_rate_hz

    def generate_audio(
        self,
        num_samples: int | None = 10_000,
        *,
        label: Label | Sequence[Label] | None = None,
        digit: Label | Sequence[Label] | None = None,
        speaker: Label | None = None,
        sample_rate: int | None = None,
        seed: int | None = None,
        temperature: float = 1.0,
    ) -> GeneratedAudio:
        """Make a sound of exactly `num_samples` samples: words one after another, and silence where no other one fits.

        Each word is as long as the model draws it. One that is longer than the whole is cut, and fades out.

        Args:
            num_samples: at the rate of the result; None: the word of each label once, as long as it is drawn.
            label: the class to say by name or number, again and again, or several in turn; None takes all in turn.
            digit: another name of `label`, for models of digits.
            speaker: who says it, where the model knows speakers; None draws one at random for each word.
            sample_rate: of the result, in Hz, to which the sound is resampled; None: the model's.
            seed: the same seed gives the same sound; None a new one each time.
            temperature: scale of the latent noise; below 1 gives more typical sounds.

        Raises: UsageError for a value that is not allowed.
        """
        if label is not None and digit is not None:
            raise UsageError("digit is another name of label; give one of the two")
        label = digit if label is None else label
        rate = self.sample_rate_hz if sample_rate is None else sample_rate
        _require_rate(rate, self.sample_rate_hz)
        if not temperature >= 0:
            raise UsageError(f"temperature must be at least 0, but is {temperature}")
        enough = None
        if num_samples is not None:
            require_count("num_samples", num_samples, MOST_SAMPLES)
            enough = -(-num_samples * self.sample_rate_hz // rate)
        words, said = self._words(label, self._speaker(speaker), enough, seed_of(seed), temperature)
        sound = torch.cat(words) if enough is None else _in_a_row(words, enough, self.sample_rate_hz)
        if rate != self.sample_rate_hz:
            sound = audio.resample(sound, self.sample_rate_hz, rate)[:num_samples]
            sound = sound / sound.abs().max().clamp(min=1)  # the filter may overshoot
        return GeneratedAudio(sound, rate, caption=" ".join(said), made_by=self.made_by)

    def _words(
        self,
        label: Label | Sequence[Label] | None,
        speaker: int | None,
        enough: int | None,
        seed: int,
        temperature: float,
    ) -> tuple[list[torch.Tensor], list[str]]:
        """Words (T,) of at most `enough` samples together, or a single longer one, and what they say.

        Without `enough`, one word for each label.
        """
        words: list[torch.Tensor] = []
        said: list[str] = []
        total = 0
        wanted = len(self.class_names) if label is None else len(label) if has_several(label) else 1
        while True:
            count = max(1, wanted) if enough is None else max(1, (enough - total) // self._longest)
            labels = choose_labels(label, len(words) + count, self.class_names, in_turn=True)
            now = torch.zeros(count, dtype=torch.int64) if labels is None else labels[len(words) :]
            speakers = None if speaker is None else torch.full((count,), speaker)
            sounds = self._draw(now, speakers, generator(seed, "words", len(words)).initial_seed(), temperature)
            for waveform, length, number in zip(*sounds, now, strict=True):
                total += int(length)
                if enough is not None and words and total > enough:
                    return words, said
                words.append(waveform[: int(length)])
                said += [self.class_names[number]] if self.class_names else []
            if enough is None or total >= enough:
                return words, said

    def _speaker(self, speaker: Label | None) -> int | None:
        """The speaker's number. Raises: UsageError that names the speakers, for one whom the model doesn't know."""
        if speaker is None:
            return None
        if not self.speaker_names:
            raise UsageError("this model does not know speakers; leave speaker out")
        return number_of(speaker, self.speaker_names, "speaker")


def _require_rate(rate: int, own: int) -> None:
    """Raise UsageError unless the rate is one that sounds of the model's own rate can be resampled to."""
    require_count("sample_rate", rate, _MOST_HZ)
    if math.gcd(rate, own) < min(_COMMON_FACTOR, own):
        raise UsageError(
            f"sample_rate {rate:,} and the model's {own:,} have no common factor of {_COMMON_FACTOR} or more, so that "
            "resampling would take a filter for each sample; choose a usual rate, such as 16000, 22050 or 44100"
        )


def _in_a_row(words: Sequence[torch.Tensor], num_samples: int, sample_rate_hz: int) -> torch.Tensor:
    """Words (T,) as one sound (num_samples,) with silence after them; a longer one is cut, and fades out."""
    sound = torch.cat(list(words))
    if len(sound) > num_samples:
        return audio.fade(sound[:num_samples], sample_rate_hz)
    return F.pad(sound, (0, num_samples - len(sound)))
