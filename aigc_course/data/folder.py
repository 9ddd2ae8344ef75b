"""The user's own folder of text, images or WAV files as a data set; of text also a single file.

Splits: folders named train, validation and test, where the folder begins with such; else (and for those of them
that are missing) about one example in ten goes to validation and one to test, by a hash of its name, so the same
folder gives the same splits on every machine. A text that is read as a whole is cut at 8 and 9 tenths of its length.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from aigc_course.data.archives import entries
from aigc_course.data.media import AUDIO_SUFFIXES, IMAGE_SUFFIXES, decode_image
from aigc_course.data.recordings import read_recordings
from aigc_course.data.sets import AudioSet, ImageSet, TextSet
from aigc_course.data.splitting import SPLITS, split_of_files
from aigc_course.data.text_files import Documents, text_set
from aigc_course.errors import DataError, UsageError, unknown
from aigc_course.files import explain_os_errors

SUFFIXES = {"text": (".txt",), "images": IMAGE_SUFFIXES, "audio": AUDIO_SUFFIXES}


def load_folder(
    path: str | Path,
    *,
    kind: Literal["text", "images", "audio"] | None = None,
    documents: Documents = "lines",
    image_size: int | None = None,
    channels: Literal[1, 3] = 3,
    sample_rate_hz: int | None = None,
) -> TextSet | ImageSet | AudioSet:
    """Read every file of one kind under a folder.

    Args:
        path: the folder, or one text file; other kinds of files and hidden ones are left out.
        kind: which kind to read; needed only where there are several.
        documents: for text, whether every non-empty line is one document, or every file; "whole" reads all files in
            the order of their names as one text, as of a book.
        image_size: cut images square and resize them to so many pixels; None asks that all have one size.
        channels: 3 reads images as RGB, 1 as grey.
        sample_rate_hz: resample recordings to this rate; None takes the lowest rate among them.
    Classes are the names of the folders that hold the files; recordings that stand in no such folder and are all
    named DIGIT_….wav have the digits as classes; anything else is one class named "all".
    What had to be changed in recordings is said by a CourseWarning: see `recordings.read_recordings`.
    Raises: UsageError for an unknown option; DataError naming the file that can't be used, and why.
    """
    path = Path(path).expanduser()
    if documents not in ("lines", "files", "whole"):
        raise unknown("value of documents", documents, ["lines", "files", "whole"])
    for option, value in {"image_size": image_size, "sample_rate_hz": sample_rate_hz}.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise UsageError(f"{option} must be a positive integer or None, but is {value!r}")
    if channels not in (1, 3):
        raise UsageError(f"channels must be 1 (grey) or 3 (RGB), but is {channels!r}")
    if path.is_file() and path.name.lower().endswith(SUFFIXES["text"]) and kind in (None, "text"):
        return text_set(path.stem, path.parent, [path.name], documents)
    found_kind, names = _files(path, kind)
    if found_kind == "text":
        return text_set(path.resolve().name, path, names, documents)
    if found_kind == "images":
        return _images(path, names, image_size, channels)
    return _audio(path, names, sample_rate_hz)


def _files(path: Path, kind: str | None) -> tuple[str, list[str]]:
    """The kind of the folder's files, and their names relative to it, sorted."""
    if kind is not None and kind not in SUFFIXES:
        raise unknown("kind of data", kind, SUFFIXES)
    if not path.exists():
        raise DataError(f"{path} is not there; give the path of a folder, or of a .txt file")
    if not path.is_dir():
        raise DataError(f"{path} is a file; give the path of a folder, or of a .txt file where text is wanted")
    names = [entry.name for entry in entries(path)]
    found = {k: [n for n in names if n.lower().endswith(suffixes)] for k, suffixes in SUFFIXES.items()}
    kinds = [k for k in found if found[k]] if kind is None else [kind]
    if len(kinds) > 1:
        counts = ", ".join(f"{len(found[k])} {k}" for k in kinds)
        raise DataError(f"{path} holds files of several kinds ({counts}); choose one with kind={kinds[0]!r}")
    if not kinds or not found[kinds[0]]:
        wanted = ", ".join(s for k, suffixes in SUFFIXES.items() if kind in (None, k) for s in suffixes)
        raise DataError(f"{path} holds none of the files that can be read ({wanted})")
    return kinds[0], sorted(found[kinds[0]])


def _images(path: Path, names: list[str], image_size: int | None, channels: int) -> ImageSet:
    images: list[np.ndarray] = []
    for name in names:
        image = decode_image(next(entries(path / name)).read(), str(path / name), channels, image_size)
        if images and image.shape != images[0].shape:
            first, this = (f"{s.shape[1]} × {s.shape[0]}" for s in (images[0], image))
            raise DataError(
                f"images must have one size, but {path / names[0]} has {first} pixels and {path / name} {this}; "
                f"make a folder of them cut square and resized by: aigc-course data resize {path} {path}-64 --size 64 "
                "(or load them with image_size=64)"
            )
        images.append(image)
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()  # (N, C, H, W)
    labels, class_names = _classes(names, digits=False)
    pick = _picker(names)
    return ImageSet(name=path.resolve().name, images=pick(stacked), labels=pick(labels), class_names=class_names)


def resize_images(source: str | Path, target: str | Path, size: int) -> int:
    """Write every image under a folder to a new one, cut square about its middle and resized, as PNG in RGB.

    Folders inside, which name classes and splits, are kept.

    Args: target: must not be there yet. size: pixels of each side.
    Returns: how many images there are.
    Raises: UsageError for a size below 1, or a target that exists; DataError naming the image that can't be read, and
        WriteError when the disk is full or can't be written. Nothing is left of the new folder then.
    """
    from PIL import Image

    source, target = Path(source).expanduser(), Path(target).expanduser()
    if size < 1:
        raise UsageError(f"size must be at least 1 pixel, but is {size}")
    if target.exists():
        raise UsageError(f"{target} exists already; give the name of a new folder")
    _, names = _files(source, "images")
    with explain_os_errors(str(target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
            new = Path(temporary) / target.name
            for name in names:
                image = decode_image(next(entries(source / name)).read(), str(source / name), image_size=size)
                path = new / (name if name.lower().endswith(".png") else f"{name}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path, "PNG")
            os.replace(new, target)
    return len(names)


def _audio(path: Path, names: list[str], sample_rate_hz: int | None) -> AudioSet:
    recordings, rate = read_recordings(path, names, sample_rate_hz)
    labels, class_names = _classes(names, digits=True)
    pick = _picker(names)
    return AudioSet(
        name=path.resolve().name,
        sample_rate_hz=rate,
        waveforms=pick(torch.nn.utils.rnn.pad_sequence(recordings, batch_first=True)),
        lengths=pick(torch.tensor([len(recording) for recording in recordings])),
        labels=pick(labels),
        class_names=class_names,
    )


def _classes(names: list[str], digits: bool) -> tuple[Tensor, tuple[str, ...]]:
    """Labels (N,) and class names, from the folders that hold the files or from DIGIT_… in the files' names."""
    folders = [PurePosixPath(name).parent.name for name in names]
    classes = ["" if folder in SPLITS else folder for folder in folders]
    stems = [PurePosixPath(name).stem.split("_")[0] for name in names]
    if not any(classes) and digits and all(len(stem) == 1 and stem in "0123456789" for stem in stems):
        classes = stems
    classes = [name or "all" for name in classes]
    class_names = sorted(set(classes))
    return torch.tensor([class_names.index(name) for name in classes]), tuple(class_names)


def _picker(names: list[str]) -> Callable[[Tensor], dict[str, Tensor]]:
    """A function that parts a tensor (N, …) into the splits that aren't empty."""
    splits = split_of_files(names)
    rows = {s: torch.tensor([i for i, split in enumerate(splits) if split == s], dtype=torch.int64) for s in SPLITS}
    return lambda values: {split: values[chosen] for split, chosen in rows.items() if len(chosen)}
