"""Batch streams: `stream[k]` is the k-th batch, a function of (seed, k, rank, world) and of nothing else.

So the position in the data is one integer, any batch can be made in any order, and the batches of all ranks, joined,
are the batch that one process would see. Data stay where they are as whole tensors (resident, or memory-mapped); a
batch is one gather, which is what makes these streams tens of times faster than fetching one example at a time.
"""

import hashlib
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course.errors import DataError, UsageError

Batch = dict[str, Tensor]

_IMAGES_AT_ONCE = 256  # gathered and augmented together; 64 took 1.6 times as long a batch of 64, 2048 1.2 times


class BatchStream(Protocol):
    """What training asks of a stream: `stream[k]` for k = 0, 1, 2, …, without end."""

    def __getitem__(self, k: int) -> Batch:
        """The k-th batch: this rank's part of it."""


class TensorBatches:
    """Shuffled batches of tensors that share their first axis.

    The stream is the data in a fresh random order, then in another, and so on, cut into batches: batch k holds the
    positions [k B, (k + 1) B). So every example comes once an epoch and none is dropped; where an epoch ends inside
    a batch, the next epoch follows in the same batch, and a set smaller than a batch comes more than once in it.

    Args:
        tensors: name -> (N, …), N >= 1 the same for all; kept by reference on the CPU, copied once to another device.
        batch_size: B, of all ranks together; a multiple of `world`.
        seed: any integer; another seed gives another order.
        rank, world: this process's number and how many there are; it gets the rank-th of `world` equal parts.
        transform: applied to each finished batch; must be a function of the batch alone.
        device: where the tensors are kept and the batches made.
    Raises: UsageError for a wrong batch size, rank or k; DataError for no data or lengths that differ.
    """

    def __init__(
        self,
        tensors: Batch,
        batch_size: int,
        *,
        seed: int,
        rank: int = 0,
        world: int = 1,
        transform: Callable[[Batch], Batch] | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.num_examples = _common_length(tensors)
        self.batch_size, self.seed, self.device = batch_size, seed, torch.device(device)
        self._part = _rank_part(batch_size, rank, world)
        self._tensors = {name: tensor.to(self.device) for name, tensor in tensors.items()}
        self._transform = transform
        self._orders: dict[int, Tensor] = {}

    def __getitem__(self, k: int) -> Batch:
        """Batch k of this rank: name -> (B / world, …)."""
        batch = self.gather(self.rows(k)[self._part])
        return batch if self._transform is None else self._transform(batch)

    def gather(self, rows: Tensor) -> Batch:
        """The examples of these rows (R,), in this order, without the transform."""
        rows = rows.to(self.device)
        return {name: tensor.index_select(0, rows) for name, tensor in self._tensors.items()}

    def epoch(self, k: int) -> float:
        """How many times the whole data have been seen before batch k."""
        return k * self.batch_size / self.num_examples

    def rows(self, k: int) -> Tensor:
        """(B,) int64: which examples make batch k, those of all ranks."""
        begin, n = _check_k(k) * self.batch_size, self.num_examples
        end = begin + self.batch_size
        epochs = range(begin // n, (end - 1) // n + 1)
        self._orders = {e: self._orders[e] if e in self._orders else self._order(e) for e in epochs}
        return torch.cat([self._orders[e][max(begin - e * n, 0) : end - e * n] for e in epochs])

    def _order(self, epoch: int) -> Tensor:
        return torch.randperm(self.num_examples, generator=generator(self.seed, "order", epoch))


class ImageBatches:
    """Batches of uint8 images as floats, with random crops and flips: {"images": (B, C, H, W), "labels": (B,)}.

    Order, ranks and errors are those of `TensorBatches`. What is random about batch k is drawn for all ranks at once
    from (seed, k): whether each image is flipped, one in two, and its crop offset, uniform over (2 pad + 1)² places.

    Args:
        images: (N, C, H, W) uint8.  labels: (N,) int64, or None for batches without labels.
        value_range: what 0 and 255 become: (-1, 1) or (0, 1).
        flip: mirror left and right with probability 1/2.
        pad: then pad every side by so many black pixels and cut H × W out at a random place; 0 leaves images whole.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None,
        batch_size: int,
        *,
        seed: int,
        rank: int = 0,
        world: int = 1,
        value_range: tuple[float, float] = (-1.0, 1.0),
        flip: bool = False,
        pad: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise DataError(f"images must be uint8 (N, C, H, W), but are {images.dtype} {tuple(images.shape)}")
        if value_range not in ((-1.0, 1.0), (0.0, 1.0)):
            raise UsageError(f"value_range must be (-1, 1) or (0, 1), but is {value_range}")
        if isinstance(pad, bool) or not isinstance(pad, int) or pad < 0:
            raise UsageError(f"pad must be a whole number of pixels >= 0, but is {pad!r}")
        tensors = {"images": images} if labels is None else {"images": images, "labels": labels}
        self._stream = TensorBatches(tensors, batch_size, seed=seed, rank=rank, world=world, device=device)
        self._part = _rank_part(batch_size, rank, world)
        self._flip, self._pad, self._from_zero = flip, pad, value_range[0] == 0
        self._group_size = max(1, _IMAGES_AT_ONCE // batch_size)  # batches
        self._group: tuple[int, Batch] = (-1, {})

    def __getitem__(self, k: int) -> Batch:
        """Batch k of this rank: fresh tensors, "images" float32 in `value_range`."""
        number, place = divmod(_check_k(k), self._group_size)
        if self._group[0] != number:
            self._group = (number, self._make_group(number))
        size = self._part.stop - self._part.start
        batch = {name: tensor[place * size : (place + 1) * size] for name, tensor in self._group[1].items()}
        fresh = {name: tensor.clone() for name, tensor in batch.items() if name != "images"}
        return {"images": self._to_float(batch["images"])} | fresh

    def epoch(self, k: int) -> float:
        """How many times the whole data have been seen before batch k."""
        return self._stream.epoch(k)

    def augmentation(self, k: int) -> tuple[Tensor, Tensor]:
        """Flips (B,) bool and crop offsets (B, 2) int64 in [0, 2 pad], down and right, of batch k, all ranks."""
        number, place = divmod(_check_k(k), self._group_size)
        flips, offsets = self._draw(number)
        return flips[place], offsets[place]

    def _draw(self, number: int) -> tuple[Tensor, Tensor]:
        """Flips (G, B) and crop offsets (G, B, 2) of a group of batches."""
        source, shape = (
            generator(self._stream.seed, "augmentation", number),
            (self._group_size, self._stream.batch_size),
        )
        flips = torch.randint(0, 2, shape, generator=source).bool()
        offsets = torch.randint(0, 2 * self._pad + 1, (*shape, 2), generator=source)
        return flips & self._flip, offsets

    def _make_group(self, number: int) -> Batch:
        """This rank's parts of a group of batches, end to end, still uint8: small batches cost little that way."""
        first = number * self._group_size
        rows = torch.cat([self._stream.rows(k)[self._part] for k in range(first, first + self._group_size)])
        group = self._stream.gather(rows)
        if self._flip or self._pad:
            flips, offsets = self._draw(number)
            flips, offsets = flips[:, self._part].flatten(), offsets[:, self._part].flatten(0, 1)
            group["images"] = self._augment(group["images"], flips, offsets)
        return group

    def _augment(self, images: Tensor, flips: Tensor, offsets: Tensor) -> Tensor:
        if self._flip:
            both = torch.cat([images, images.flip(-1)])
            rows = torch.arange(len(images)) + len(images) * flips
            images = both.index_select(0, rows.to(images.device))
        return _crop(images, self._pad, offsets.to(images.device)) if self._pad else images

    def _to_float(self, images: Tensor) -> Tensor:
        # In this order float32 rounds to exactly -1 and 1 (or 0 and 1) at the ends, never beyond.
        return images.mul(1 / 255) if self._from_zero else images.sub(127.5).mul_(2 / 255)


class TextWindows:
    """Windows of a long token sequence, drawn with replacement: {"tokens": (B, context_length + 1) int64}.

    A window holds inputs and targets: tokens[:, :-1] and tokens[:, 1:].

    Args:
        tokens: (L,) integers, L > context_length: a CPU tensor, an array or an `np.memmap`; only the windows are read.
        context_length: tokens that a model sees at once.
        batch_size, seed, rank, world: as in `TensorBatches`.
        starts: (S,) int64, where windows may begin, such as the documents' beginnings; None means anywhere. Starts
            whose window would run past the end are left out.
    Raises: UsageError for wrong sizes; DataError when no window fits into the tokens.
    """

    def __init__(
        self,
        tokens: Tensor | np.ndarray,
        context_length: int,
        batch_size: int,
        *,
        seed: int,
        rank: int = 0,
        world: int = 1,
        starts: Tensor | None = None,
    ) -> None:
        self._tokens: np.ndarray = tokens.numpy() if isinstance(tokens, Tensor) else tokens
        if self._tokens.ndim != 1 or self._tokens.dtype.kind not in "iu":
            raise DataError(f"tokens must be integers (L,), but are {self._tokens.dtype} {self._tokens.shape}")
        if isinstance(context_length, bool) or not isinstance(context_length, int) or context_length < 1:
            raise UsageError(f"context_length must be a positive integer, but is {context_length!r}")
        self._offsets = torch.arange(context_length + 1)
        self._num_places = len(self._tokens) - context_length
        if self._num_places < 1:
            raise DataError(
                f"a window takes {context_length + 1} tokens, but there are only {len(self._tokens)}; "
                "use more text or a smaller context_length"
            )
        self._starts = None if starts is None else self._fitting(starts)
        self.batch_size, self.seed = batch_size, seed
        self._part = _rank_part(batch_size, rank, world)

    def __getitem__(self, k: int) -> Batch:
        """Batch k of this rank."""
        num_choices = self._num_places if self._starts is None else len(self._starts)
        source = generator(self.seed, "windows", _check_k(k))
        choice = torch.randint(0, num_choices, (self.batch_size,), generator=source)[self._part]
        begin = choice if self._starts is None else self._starts[choice]
        positions = begin[:, None] + self._offsets  # (B / world, context_length + 1)
        return {"tokens": torch.from_numpy(self._tokens[positions.numpy()].astype(np.int64))}

    def epoch(self, k: int) -> float:
        """How many times as many tokens as there are have been drawn as inputs before batch k."""
        return k * self.batch_size * (len(self._offsets) - 1) / len(self._tokens)

    def _fitting(self, starts: Tensor) -> Tensor:
        if starts.ndim != 1 or starts.dtype != torch.int64 or (starts.numel() and starts.min() < 0):
            raise DataError(f"starts must be int64 (S,), each >= 0, but are {starts.dtype} {tuple(starts.shape)}")
        fitting = starts[starts < self._num_places]
        if not len(fitting):
            raise DataError(
                f"none of the {len(starts)} starts leaves room for {len(self._offsets)} tokens; "
                "use a smaller context_length"
            )
        return fitting


def generator(seed: int, purpose: str, number: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A random generator that is a function of its arguments, independent for different ones."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{number}".encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "little") >> 1)


def _crop(images: Tensor, pad: int, offsets: Tensor) -> Tensor:
    """Pad (B, C, H, W) with zeros on every side and cut H × W out of each at its offset (B, 2)."""
    count, channels, height, width = images.shape
    padded = F.pad(images, (pad, pad, pad, pad))
    stride_b, stride_c, stride_h, stride_w = padded.stride()
    begins = torch.arange(count, device=images.device) * stride_b + offsets[:, 0] * stride_h + offsets[:, 1] * stride_w
    # Every place at which a crop can begin, as overlapping views: one gather then cuts a whole batch.
    num_places = padded.numel() - (channels - 1) * stride_c - (height - 1) * stride_h - (width - 1) * stride_w
    crops = padded.as_strided((num_places, channels, height, width), (1, stride_c, stride_h, stride_w))
    return crops.index_select(0, begins)


def _check_k(k: int) -> int:
    if isinstance(k, bool) or not isinstance(k, int) or k < 0:
        raise UsageError(f"batches are numbered by whole numbers from 0, but {k!r} was asked for")
    return k


def _rank_part(batch_size: int, rank: int, world: int) -> slice:
    """Which rows of the global batch are this rank's."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise UsageError(f"batch_size must be a positive integer, but is {batch_size!r}")
    if not 0 <= rank < world:
        raise UsageError(f"rank must be in [0, world), but rank is {rank} and world {world}")
    if batch_size % world:
        raise UsageError(
            f"batch_size {batch_size} cannot be shared equally by {world} processes; "
            f"use {batch_size // world * world or world} or {(batch_size // world + 1) * world}"
        )
    each = batch_size // world
    return slice(rank * each, (rank + 1) * each)


def _common_length(tensors: Batch) -> int:
    lengths = {name: len(tensor) for name, tensor in tensors.items()}
    if len(set(lengths.values())) != 1:
        raise DataError(f"tensors of a batch must be of one length, but are {lengths or 'none at all'}")
    length = next(iter(lengths.values()))
    if length < 1:
        raise DataError("there are no examples to make batches of")
    return length
