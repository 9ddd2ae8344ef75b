"""What generators make: values to go on with, that show themselves in a notebook and save themselves.

A saved file says that it was generated, by what, and when: see `provenance`.
"""

import base64
import html
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from aigc_course.audio import SpectrogramConfig, log_spectrogram, wav_bytes, write_wav
from aigc_course.errors import UsageError
from aigc_course.files import atomic_write, write_text
from aigc_course.generators.provenance import UNNAMED, generated_note, png_note

_SHOWN_SIDE = 96  # pixels of a generated image on the screen, at least


class GeneratedText(str):
    """Generated text. One text is a string as any other; of several, `texts` has each and the string has them all."""

    texts: tuple[str, ...]
    made_by: str

    def __new__(cls, texts: Sequence[str], *, made_by: str = UNNAMED) -> "GeneratedText":
        """Join `texts` by newlines."""
        made = super().__new__(cls, "\n".join(texts))
        made.texts, made.made_by = tuple(texts), made_by
        return made

    def save(self, path: str | Path) -> Path:
        """Write a UTF-8 text file: a line in brackets that says who made it, then one text per line."""
        path = _with_suffix(path, ".txt")
        write_text(path, f"[{generated_note(self.made_by)}]\n{self}\n")
        return path

    def _repr_html_(self) -> str:
        style = "border-left:3px solid #8a8a8a;margin:.4em 0;padding:.1em .8em;white-space:pre-wrap"
        return "".join(f'<blockquote style="{style}">{html.escape(text)}</blockquote>' for text in self.texts)


class GeneratedImages(Sequence[torch.Tensor]):
    """Generated images: `images[i]` is a tensor (H, W) if grey, (H, W, 3) in colour, in [0, 1], as imshow wants it.

    `tensor` holds them all, channels first: (N, C, H, W).
    """

    def __init__(self, tensor: torch.Tensor, captions: Sequence[str] = (), *, made_by: str = UNNAMED) -> None:
        self.tensor = tensor.detach().float().cpu().clamp(0, 1)
        self.captions, self.made_by = tuple(captions), made_by

    def __len__(self) -> int:
        return len(self.tensor)

    def __getitem__(self, index):
        """The image at `index`; of a slice, the images."""
        if isinstance(index, slice):
            return GeneratedImages(self.tensor[index], self.captions[index], made_by=self.made_by)
        image = self.tensor[index]  # (C, H, W)
        return image[0] if len(image) == 1 else image.permute(1, 2, 0)

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self[i] for i in range(len(self)))

    def save(self, path: str | Path) -> Path:
        """Write all images as one PNG, ten to a row; a text chunk says who made them."""
        path = _with_suffix(path, ".png")
        with atomic_write(path) as temporary:
            temporary.write_bytes(self.to_png())
        return path

    def to_png(self) -> bytes:
        """The bytes of the file that `save` writes."""
        return _png(_grid(self.tensor), generated_note(self.made_by))

    def to_pngs(self) -> list[bytes]:
        """Each image as the bytes of a PNG file of its own; a text chunk says who made it."""
        note = generated_note(self.made_by)
        return [_png(image, note) for image in self.tensor]

    def _repr_html_(self) -> str:
        side = max(_SHOWN_SIDE, self.tensor.shape[-1])
        captions = self.captions or ("",) * len(self)
        cells = [
            '<figure style="display:inline-block;margin:3px;text-align:center">'
            f'<img width="{side}" style="image-rendering:pixelated" alt="generated image {html.escape(caption)}" '
            f'src="data:image/png;base64,{_base64(_png(image))}"><figcaption>{html.escape(caption)}</figcaption></figure>'
            for image, caption in zip(self.tensor, captions, strict=True)
        ]
        return "".join(cells)


class GeneratedAudio:
    """Generated sound: `waveform` (num_samples,) in [-1, 1] at `sample_rate_hz`."""

    def __init__(
        self, waveform: torch.Tensor, sample_rate_hz: int, caption: str = "", *, made_by: str = UNNAMED
    ) -> None:
        self.waveform = waveform.detach().float().cpu()
        self.sample_rate_hz = sample_rate_hz
        self.caption, self.made_by = caption, made_by

    def __len__(self) -> int:
        return len(self.waveform)

    def numpy(self):
        """The waveform as a NumPy array, for librosa and others."""
        return self.waveform.numpy()

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self) / self.sample_rate_hz

    def save(self, path: str | Path) -> Path:
        """Write a WAV file (16 bit, mono); its comment says who made it."""
        path = _with_suffix(path, ".wav")
        write_wav(path, self.waveform, self.sample_rate_hz, comment=generated_note(self.made_by))
        return path

    def to_wav(self) -> bytes:
        """The bytes of the file that `save` writes."""
        return wav_bytes(self.waveform, self.sample_rate_hz, comment=generated_note(self.made_by))

    def _repr_html_(self) -> str:
        caption = html.escape(self.caption or f"{self.seconds:.2f} s")
        figure = _base64(_sound_figure(self.waveform, self.sample_rate_hz))
        sound = _base64(wav_bytes(self.waveform, self.sample_rate_hz))
        return (
            f'<figure style="margin:0"><img style="max-width:100%" alt="waveform and spectrogram: {caption}" '
            f'src="data:image/png;base64,{figure}"><br>'
            f'<audio controls src="data:audio/wav;base64,{sound}"></audio><figcaption>{caption}</figcaption></figure>'
        )


def _with_suffix(path: str | Path, suffix: str) -> Path:
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise UsageError(f"{str(path)!r} must end in {suffix}, the only form that this result is written in")
    return path


def _grid(images: torch.Tensor, columns: int = 10) -> torch.Tensor:
    """(N, C, H, W) in rows as one (C, …, …) image with a gap of two white pixels."""
    n, channels, height, width = images.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    sheet = torch.ones(channels, rows * (height + 2) + 2, columns * (width + 2) + 2)
    for i, image in enumerate(images):
        top, left = 2 + i // columns * (height + 2), 2 + i % columns * (width + 2)
        sheet[:, top : top + height, left : left + width] = image
    return sheet


def _png(image: torch.Tensor, note: str = "") -> bytes:
    """(C, H, W) in [0, 1] as a PNG file's bytes, the note in a text chunk."""
    from PIL import Image

    array = image.mul(255).round().to(torch.uint8).permute(1, 2, 0).squeeze(-1).numpy()
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", pnginfo=png_note(note) if note else None)
    return file.getvalue()


def _sound_figure(waveform: torch.Tensor, sample_rate_hz: int) -> bytes:
    """Waveform and spectrogram, as a PNG file's bytes."""
    from matplotlib.figure import Figure

    seconds = len(waveform) / sample_rate_hz
    figure = Figure(figsize=(7, 2.2), layout="constrained", dpi=100)
    wave, spectrum = figure.subplots(1, 2)
    wave.plot((torch.arange(len(waveform)) / sample_rate_hz).numpy(), waveform.numpy(), linewidth=0.5)
    wave.set(xlabel="time (s)", ylabel="amplitude", xlim=(0, seconds), ylim=(-1, 1))
    levels = log_spectrogram(waveform[None], SpectrogramConfig(sample_rate_hz=sample_rate_hz))[0]
    extent = (0, seconds, 0, sample_rate_hz / 2000)
    image = spectrum.imshow(levels.numpy(), origin="lower", aspect="auto", extent=extent, cmap="magma")
    spectrum.set(xlabel="time (s)", ylabel="frequency (kHz)")
    figure.colorbar(image, ax=spectrum, label="level (dB)")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
