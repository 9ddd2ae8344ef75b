"""One image or one recording from its file's bytes, with errors that name the file."""

import io

import numpy as np

from aigc_course.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
AUDIO_SUFFIXES = (".wav",)


def decode_image(data: bytes, where: str, channels: int = 3, image_size: int | None = None) -> np.ndarray:
    """An image file as (H, W, channels) uint8, RGB or grey, cut square and resized when `image_size` is given.

    Transparent places become white; of 16 bits a pixel the upper 8 are kept.
    Raises: DataError when it can't be read to its end.
    """
    from PIL import Image, ImageOps

    mode = "RGB" if channels == 3 else "L"
    try:
        file = Image.open(io.BytesIO(data))
        file.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(
            f"{where} can't be read as an image ({error}); it is damaged, cut off or of another kind"
        ) from error
    image: Image.Image = file
    if file.mode.startswith("I"):  # 16 bits of grey, which convert() would cut off at 255
        image = Image.fromarray((np.asarray(file) >> 8).astype(np.uint8))
    elif file.mode in ("RGBA", "LA", "PA") or "transparency" in file.info:
        image = file.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert(mode)
    if image_size is not None:
        image = ImageOps.fit(image, (image_size, image_size), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, channels)


def decode_wav(data: bytes, where: str, mono: bool = False) -> tuple[np.ndarray, int]:
    """A WAV file as samples (T,) float32 in [-1, 1], and its sample rate in Hz.

    Args: mono: average the channels of a recording that has several, instead of refusing it.
    Raises: DataError when it can't be read, is empty, cut off, or has several channels.
    """
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            samples = file.read(dtype="float32", always_2d=True)
            rate = file.samplerate
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise DataError(f"{where} can't be read as WAV ({error}); it is damaged or of another kind") from error
    declared = _declared_bytes(data)
    if declared is not None and declared > len(data):
        raise DataError(f"{where} is cut off: its header promises {declared:,} bytes, but there are {len(data):,}")
    if not len(samples):
        raise DataError(f"{where} holds no samples")
    if samples.shape[1] > 1 and not mono:
        raise DataError(
            f"{where} has {samples.shape[1]} channels; the course works with one: "
            "load it with mono=True, which averages them"
        )
    samples = samples.mean(axis=1)
    if not np.isfinite(samples).all():
        raise DataError(f"{where} holds samples that are not finite numbers")
    return np.clip(samples, -1, 1), rate


def _declared_bytes(data: bytes) -> int | None:
    """How long a RIFF file says its data chunk goes, counted from the file's beginning; None when it says nothing."""
    at = 12
    while data[:4] == b"RIFF" and at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return None if size in (0, 0xFFFFFFFF) else at + 8 + size  # both mean: up to the end
        at += 8 + size + size % 2
    return None
