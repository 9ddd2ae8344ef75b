"""The latent space of a VAE of sounds: z on sliders, the sound as waveform, spectrogram and player, what is heard."""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from aigc_course.audio import SpectrogramConfig, log_spectrogram, wav_bytes
from aigc_course.data import dtmf_digits
from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError
from aigc_course.models.latent_space import Posteriors
from aigc_course.plots import COLOURS
from aigc_course.recipes.runs import Run
from aigc_course.recipes.trained_audio_classifier import TrainedAudioClassifier
from aigc_course.recipes.trained_voice import load_voice
from aigc_course.widgets.controls import Button
from aigc_course.widgets.latent_sliders import Condition, LatentSliders, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FRAME_SECONDS = 0.032  # of the spectrogram that is shown


class Voice(Protocol):
    """A trained VAE of sounds, such as `load_voice` gives."""

    @property
    def latent_dim(self) -> int: ...
    @property
    def class_names(self) -> tuple[str, ...]:
        """Empty where it isn't told the class."""

    @property
    def speaker_names(self) -> tuple[str, ...]:
        """Empty where it isn't told the speaker."""

    @property
    def sample_rate_hz(self) -> int: ...

    def decode(self, z: Tensor, label: int | None = None, speaker: int | None = None) -> Tensor:
        """One z (D,) and the numbers of class and speaker, where it is told of them -> a waveform (T,) in [-1, 1]."""

    def posterior(
        self, waveforms: Tensor, lengths: Tensor, labels: Tensor | None, speakers: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Recordings (N, T) with their lengths (N,) and what it is told of them -> mu, logvar (N, D) of q(z | x)."""


class SoundExplorer(LatentSliders):
    """Coordinates of z on sliders, class and speaker where the model knows them: the sound, to see and to hear."""

    title = "What the decoder says"
    inches = (9.6, 5.0)

    def __init__(
        self,
        voice: Voice,
        dataset: AudioSet,
        *,
        split: str = "test",
        coordinates: int | Sequence[int] = 4,
        classifier: TrainedAudioClassifier | None = None,
        seed: int = 0,
    ) -> None:
        """Let `voice` speak.

        Args:
            voice: a trained VAE. dataset: sounds as it learned from; at most 1,000 of `split`, evenly over it, are the
                map and the places where z may begin.
            coordinates: which of z get a slider; or how many, those that carry most KL. The first two span the map.
            classifier: what it hears is in the text. On dtmf-digits the decoder of telephone exchanges hears.
            seed: of "New z".
        Raises: UsageError when voice, sounds and classifier don't fit, or for coordinates that z doesn't have.
        """
        _require_fitting(voice, dataset, classifier)
        self.voice, self.dataset, self.classifier = voice, dataset, classifier
        waveforms, lengths, labels = dataset.split(split)
        rows = spread(len(waveforms))
        self.waveforms, self.lengths = waveforms[rows], lengths[rows]  # (N, T), (N,)
        classes = Condition("class", dataset.class_names, labels[rows])
        conditions = {"label": classes} if voice.class_names else {}
        if voice.speaker_names:
            conditions["speaker"] = Condition("speaker", dataset.speaker_names, dataset.speakers[split][rows])
        told = [conditions[name].of_examples if name in conditions else None for name in ("label", "speaker")]
        super().__init__(
            Posteriors(*voice.posterior(self.waveforms, self.lengths, *told)),
            what="sound",
            split=split,
            classes=classes,
            conditions=conditions,
            coordinates=coordinates,
            seed=seed,
            more=[Button(name="play", label="Play")],
        )
        self._made: tuple[object, Tensor] | None = None

    @classmethod
    def of_run(cls, run: Run | str | Path, **options: Any) -> "SoundExplorer":
        """The explorer of a run of `audio-vae` and its data set. options: those of `SoundExplorer`.

        Raises: CheckpointError when there is none, or the run is of another recipe.
        """
        return cls(*load_voice(run), **options)

    @property
    def waveform(self) -> Tensor:
        """The sound (T,) of z, told what the controls say, in [-1, 1]."""
        asked = (tuple(self.z.tolist()), self.told("label"), self.told("speaker"))
        if self._made is None or self._made[0] != asked:
            self._made = asked, self.voice.decode(self.z, asked[1], asked[2]).detach().float().cpu()
        return self._made[1]

    @property
    def heard(self) -> str:
        """What is heard in the sound, in words: by the classifier, else by the exchange on dtmf-digits; else ""."""
        waveform = self.waveform
        if self.classifier is not None:
            length = torch.tensor([len(waveform)])
            shares = self.classifier.probabilities(waveform[None], length, self.voice.sample_rate_hz)[0]
            best = int(shares.argmax())
            return f"The classifier hears '{self.classifier.class_names[best]}' ({100 * shares[best]:.0f} %)."
        if self.dataset.name == dtmf_digits.NAME:
            # All of one length: the decoder keeps the filters that it has made for a length.
            of_one_length = _filled(waveform, self.waveforms.shape[1])
            number = int(dtmf_digits.decode(of_one_length[None], self.voice.sample_rate_hz).label)
            what = "no digit that it accepts" if number < 0 else f"'{dtmf_digits.CLASS_NAMES[number]}'"
            return f"The telephone exchange hears {what}."
        return ""

    def pressed(self, name: str) -> None:
        if name == "play":
            self.redraw()  # a change that isn't drawn yet would stop the sound
            if self._panel is not None:
                self._panel.play()
        else:
            super().pressed(name)

    def build(self, figure: "Figure") -> None:
        axes = figure.subplot_mosaic(
            [["wave", "map"], ["levels", "map"], ["z", "z"]], width_ratios=(1.5, 1), height_ratios=(1, 1.6, 1)
        )
        rate = self.voice.sample_rate_hz
        seconds = max(self.waveforms.shape[1], len(self.waveform)) / rate
        (self._line,) = axes["wave"].plot([], [], color=COLOURS[0], lw=0.6, animated=True)
        axes["wave"].set(xlim=(0, seconds), ylim=(-1.05, 1.05), ylabel="amplitude")
        self._title = axes["wave"].set_title("0.00 s", fontsize="medium", animated=True)
        self._build_levels(axes["levels"], seconds)
        self._build_map(axes["map"])
        self._build_numbers(axes["z"])

    def _build_levels(self, ax: "Axes", seconds: float) -> None:
        rate = self.voice.sample_rate_hz
        half_frame = max(2, round(_FRAME_SECONDS * rate / 2))
        self._view = SpectrogramConfig(
            sample_rate_hz=rate, n_fft=2 * half_frame, hop_length=max(1, half_frame // 2), floor_db=-80.0
        )
        blank = torch.full((self._view.n_bins, 2), self._view.floor_db).numpy()
        limits: dict[str, Any] = {
            "cmap": "magma",
            "vmin": self._view.floor_db,
            "vmax": 0,
            "animated": True,
            "interpolation": "nearest",
        }
        self._levels = ax.imshow(blank, origin="lower", aspect="auto", **limits)
        ax.set(xlim=(0, seconds), ylim=(0, rate / 2000), xlabel="time (s)", ylabel="frequency (kHz)")
        ax.set_facecolor("black")
        ax.figure.colorbar(self._levels, ax=ax, pad=0.01, label="level (dB)")

    def draw(self, values: Mapping[str, Any]) -> str:  # noqa: ARG002
        waveform, rate = self.waveform, self.voice.sample_rate_hz
        seconds = len(waveform) / rate
        self._line.set_data((torch.arange(len(waveform)) / rate).numpy(), waveform.numpy())
        self._title.set_text(f"{seconds:.2f} s of sound; z began at {self._beginning()}")
        self._levels.set_data(self._levels_db(waveform).numpy())
        self._levels.set_extent((0, seconds, 0, rate / 2000))
        self._show_z()
        self.sound = wav_bytes(waveform, rate)
        return f"{self.heard} {self._where()}".strip()

    def _levels_db(self, waveform: Tensor) -> Tensor:
        """The spectrogram (n_bins, n_frames) of a sound (T,)."""
        return log_spectrogram(_filled(waveform, self._view.n_fft)[None], self._view)[0]

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """As every explorer, and as HTML with a player: without a kernel the sound stays, too."""
        bundle = super()._repr_mimebundle_(**options)
        picture, sound = bundle.pop("image/png"), base64.b64encode(self.sound).decode("ascii")
        text = html.escape(self.readout)
        page = (
            f'<figure style="margin:0"><img style="max-width:100%" alt="{text}" src="data:image/png;base64,{picture}">'
            f'<br><audio controls src="data:audio/wav;base64,{sound}"></audio><figcaption>{text}</figcaption></figure>'
        )
        return {**bundle, "text/html": page}


def _filled(waveform: Tensor, least: int) -> Tensor:
    """The sound (T,), with silence after it up to `least` samples."""
    return pad(waveform, (0, max(0, least - len(waveform))))


def _require_fitting(voice: Voice, dataset: AudioSet, classifier: TrainedAudioClassifier | None) -> None:
    """Raise UsageError unless the three are of the same sounds."""
    for what in ("class_names", "speaker_names"):
        known, there = tuple(getattr(voice, what)), tuple(getattr(dataset, what))
        if known not in ((), there):
            raise UsageError(
                f"the voice knows the {what} {', '.join(known)}, but {dataset.name} has {', '.join(there) or 'none'}; "
                "give the set it learned from"
            )
    for what, rate in (("sounds", dataset.sample_rate_hz), ("classifier", classifier and classifier.sample_rate_hz)):
        if rate not in (None, voice.sample_rate_hz):
            raise UsageError(
                f"the voice has {voice.sample_rate_hz:,} samples a second, but the {what} {rate:,}; "
                "give what belongs together"
            )
