"""The exercise on the short-time Fourier transform: a sound cut into frames, and each into its frequencies."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.exercises.draws import near_float32, normal_float32
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def stft_magnitudes(waveform: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """(n_fft / 2 + 1, n_frames) magnitudes of a waveform (T,): frames of n_fft samples, an even number.

    Frame m is centred on sample m * hop_length; the ends are mirrored; the window is Hann's, sin^2(pi n / n_fft).
    """
    padded = F.pad(waveform[None], (n_fft // 2, n_fft // 2), mode="reflect")[0]
    frames = padded.unfold(0, n_fft, hop_length)  # (n_frames, n_fft)
    window = torch.hann_window(n_fft, dtype=waveform.dtype)
    return torch.fft.rfft(frames * window).abs().T


def _sizes(rng: Rng) -> tuple[int, int]:
    """n_fft and hop_length."""
    n_fft = int(rng.choice([8, 12, 16]))
    return n_fft, int(rng.integers(2, n_fft // 2 + 1))


def _waveform_and_sizes(rng: Rng) -> tuple[Tensor, int, int]:
    return normal_float32(rng, int(rng.integers(50, 90))), *_sizes(rng)


def _an_impulse_shows_the_window(answer: Answer, rng: Rng) -> bool:
    """A single 1 has all frequencies alike; each frame weighs it by the window's value there."""
    n_fft, hop_length = _sizes(rng)
    waveform = torch.zeros(6 * n_fft)
    place = int(rng.integers(n_fft, 5 * n_fft))
    waveform[place] = 1
    distance = place - hop_length * torch.arange(1 + len(waveform) // hop_length)
    weight = torch.where(distance.abs() < n_fft // 2, (torch.pi * distance / n_fft).cos().square(), 0)
    return near_float32(answer(waveform, n_fft, hop_length), weight.expand(n_fft // 2 + 1, -1))


def _a_cosine_goes_on_beyond_the_ends(answer: Answer, rng: Rng) -> bool:
    """Mirrored at its crests; the window halves it and gives half of that to the rows beside it."""
    n_fft, hop_length = _sizes(rng)
    row, amplitude, length = int(rng.integers(2, n_fft // 2 - 1)), float(rng.uniform(0.5, 2)), 5 * n_fft + 1
    waveform = amplitude * (2 * torch.pi * row / n_fft * torch.arange(length)).cos()
    expected = torch.zeros(n_fft // 2 + 1, 1 + length // hop_length)
    expected[row - 1 : row + 2] = amplitude * n_fft * torch.tensor([[1 / 8], [1 / 4], [1 / 8]])
    return near_float32(answer(waveform, n_fft, hop_length), expected)


def _a_sine_stands_in_its_row(answer: Answer, rng: Rng) -> bool:
    """A sin(2 pi k n / n_fft + phase): A n_fft / 4 in row k, whatever the phase, in every frame within the sound."""
    n_fft, hop_length = _sizes(rng)
    row, amplitude, phase = int(rng.integers(2, n_fft // 2 - 1)), float(rng.uniform(0.5, 2)), float(rng.uniform(0, 6))
    waveform = amplitude * (2 * torch.pi * row / n_fft * torch.arange(8 * n_fft) + phase).sin()
    inside = answer(waveform, n_fft, hop_length)[row, n_fft // hop_length : -n_fft // hop_length]
    return near_float32(inside, torch.full_like(inside, amplitude * n_fft / 4))


def _transformed(transform: Callable[[Tensor], Tensor], pad_mode: str = "reflect") -> Answer:
    """Right but for what is made of the windowed frames (n_frames, n_fft), or for what lies beyond the ends."""

    def wrong(waveform: Tensor, n_fft: int, hop_length: int) -> Tensor:
        frames = F.pad(waveform[None], (n_fft // 2, n_fft // 2), mode=pad_mode)[0].unfold(0, n_fft, hop_length)
        return transform(frames * torch.hann_window(n_fft, dtype=waveform.dtype)).T

    return wrong


def _with_window(waveform: Tensor, n_fft: int, hop_length: int, window: Tensor, *, centred: bool = True) -> Tensor:
    padded = F.pad(waveform[None], (n_fft // 2, n_fft // 2), mode="reflect")[0] if centred else waveform
    return torch.fft.rfft(padded.unfold(0, n_fft, hop_length) * window).abs().T


def _no_window(waveform: Tensor, n_fft: int, hop_length: int) -> Tensor:
    return _with_window(waveform, n_fft, hop_length, torch.ones(n_fft))


def _symmetric_window(waveform: Tensor, n_fft: int, hop_length: int) -> Tensor:
    window = torch.hann_window(n_fft, periodic=False, dtype=waveform.dtype)
    return _with_window(waveform, n_fft, hop_length, window)


def _not_centred(waveform: Tensor, n_fft: int, hop_length: int) -> Tensor:
    window = torch.hann_window(n_fft, dtype=waveform.dtype)
    return _with_window(waveform, n_fft, hop_length, window, centred=False)


SHORT_TIME_SPECTRUM = Exercise(
    id="10.1",
    title="The short-time spectrum",
    stars=2,
    minutes=12,
    inputs=_waveform_and_sizes,
    reference=stft_magnitudes,
    relative_tolerance=1e-3,
    absolute_tolerance=1e-4,  # frequencies that cancel
    hints=(
        "In the order of time: lengthen the waveform at both ends, cut it into frames, weigh each frame by the "
        "window, transform it, take the size of the complex numbers.",
        'F.pad(waveform[None], (n_fft // 2, n_fft // 2), mode="reflect")[0] mirrors the ends, so that the first frame '
        "is centred on sample 0. (F.pad wants a batch dimension.)",
        ".unfold(0, n_fft, hop_length) cuts frames: (n_frames, n_fft). torch.hann_window(n_fft) is the window.",
        "torch.fft.rfft keeps the n_fft / 2 + 1 frequencies from 0 to half the sample rate; then .abs(), and .T for "
        "one row per frequency.",
    ),
    properties=(
        Property(
            statement="of a single sample of height 1, each frame shows the window's value at that place, at all "
            "frequencies",
            holds=_an_impulse_shows_the_window,
        ),
        Property(
            statement="a cosine of amplitude A with k periods per frame, from crest to crest, gives A n_fft / 4 in row "
            "k, half of that in the rows beside it and 0 elsewhere, in the first and last frame too",
            holds=_a_cosine_goes_on_beyond_the_ends,
        ),
        Property(
            statement="a sine of amplitude A with k periods per frame gives A n_fft / 4 in row k, whatever its phase",
            holds=_a_sine_stands_in_its_row,
        ),
    ),
    misconceptions=(
        Misconception(
            name="no window",
            wrong=_no_window,
            message="You transformed the frames as they were cut. A cut through a wave is a jump, and a jump has all "
            "frequencies: they leak into every row. The window lets each frame fade in and out.",
        ),
        Misconception(
            name="the symmetric window",
            wrong=_symmetric_window,
            message="Your Hann window is the symmetric one, which ends on a 0 as it begins (np.hanning gives it). "
            "Frames want the periodic one: its next value, which is no longer in it, would be that 0.",
        ),
        Misconception(
            name="frames that begin at their place",
            wrong=_not_centred,
            message="Your frame m begins at sample m * hop_length. It should be centred there; for that the waveform "
            "needs n_fft / 2 more samples at both ends.",
        ),
        Misconception(
            name="zeros beyond the ends",
            wrong=_transformed(lambda frames: torch.fft.rfft(frames).abs(), "constant"),
            message="Right, but for the frames at the ends: you filled them up with zeros, which makes a jump where "
            "the sound does not begin in silence. Mirror the ends.",
        ),
        Misconception(
            name="the end sample twice",
            wrong=lambda waveform, n_fft, hop_length: _not_centred(
                torch.cat([waveform[: n_fft // 2].flip(0), waveform, waveform[-(n_fft // 2) :].flip(0)]),
                n_fft,
                hop_length,
            ),
            message="Right, but for the frames at the ends: your mirror stands beside the end sample, which so comes "
            "twice. Let it stand on that sample, as reflect does.",
        ),
        Misconception(
            name="power",
            wrong=_transformed(lambda frames: torch.fft.rfft(frames).abs().square()),
            message="You gave the squared magnitudes, the power. A sound twice as loud should give numbers twice as "
            "large, not four times.",
        ),
        Misconception(
            name="the real part",
            wrong=_transformed(lambda frames: torch.fft.rfft(frames).real),
            message="You took the real part. It depends on where in its period a wave is met: a steady tone would "
            "flicker. The magnitude is the length of the complex number.",
        ),
        Misconception(
            name="every frequency twice",
            wrong=_transformed(lambda frames: torch.fft.fft(frames).abs()),
            message="You kept all n_fft rows. Of a real sound the upper half repeats the lower one in reverse: "
            "n_fft / 2 + 1 rows say everything.",
        ),
        Misconception(
            name="one row per frame",
            wrong=lambda *given: stft_magnitudes(*given).T,
            message="The numbers are right, but each of your rows is a frame. A spectrogram has a row for each "
            "frequency, and time runs along it.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (SHORT_TIME_SPECTRUM,)
