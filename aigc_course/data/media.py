"""One image from its file's bytes, with errors that name the file; which files are images, and which sounds."""

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
