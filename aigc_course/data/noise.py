"""Random numbers as a part of the batch, so that they too are a function of (seed, k, rank, world)."""

from collections.abc import Mapping

import torch

from aigc_course.data.batches import Batch, BatchStream, _check_k, _rank_part, generator
from aigc_course.errors import UsageError

Size = int | tuple[int, ...]


class NoiseBatches:
    """A stream with fresh noise in every batch: what a VAE or a GAN draws, without the global generator.

    The noise of batch k is drawn for all ranks at once from (seed, name, k) and then cut: so several processes see
    together what one process would see, and a resumed run sees what the straight run saw. Another kind of device
    draws other numbers.

    Args:
        stream: the batches to add to; they must have been cut for the same batch_size, rank and world.
        normal: name -> size of one example's draw from N(0, 1): a length, or a shape.
        batch_size: B, of all ranks together; a multiple of `world`.
        uniform: the same, drawn from [0, 1).
        device: where it is drawn.
    Raises: UsageError for a wrong batch size, rank or k, a name twice, or a name that the stream's batches have.
    """

    def __init__(
        self,
        stream: BatchStream,
        normal: Mapping[str, Size],
        batch_size: int,
        *,
        seed: int,
        rank: int = 0,
        world: int = 1,
        uniform: Mapping[str, Size] | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self._stream, self._seed, self._batch_size = stream, seed, batch_size
        self._device = torch.device(device)
        self._part = _rank_part(batch_size, rank, world)
        self._normal, self._uniform = _shapes(normal), _shapes(uniform or {})
        twice = self._normal.keys() & self._uniform.keys()
        if twice:
            raise UsageError(f"noise must have one distribution a name, but {sorted(twice)} have two")

    def __getitem__(self, k: int) -> Batch:
        """Batch k of this rank, with name -> (B / world, *shape) float32 for every kind of noise."""
        batch = self._stream[_check_k(k)]
        noise = self.noise(k)
        taken = noise.keys() & batch.keys()
        if taken:
            raise UsageError(f"the batches have {sorted(taken)} already; give the noise another name")
        return batch | noise

    def noise(self, k: int) -> Batch:
        """The noise of batch k of this rank alone."""
        drawn = {
            name: draw(
                (self._batch_size, *shape),
                generator=generator(self._seed, f"noise/{name}", k, self._device),
                device=self._device,
            )
            for draw, shapes in ((torch.randn, self._normal), (torch.rand, self._uniform))
            for name, shape in shapes.items()
        }
        return {name: tensor[self._part] for name, tensor in drawn.items()}


def _shapes(sizes: Mapping[str, Size]) -> dict[str, tuple[int, ...]]:
    return {name: (size,) if isinstance(size, int) else tuple(size) for name, size in sizes.items()}
