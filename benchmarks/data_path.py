"""Images a second of CIFAR-10 batches: the course's resident stream against the textbook torchvision path.

Both give what a training loop takes: float tensors (64, 3, 32, 32) in [-1, 1] and int64 labels (64,), every batch made
anew. The textbook path is a data set of PIL images with ToTensor and Normalize behind a DataLoader; it is run with 0
and with 2 workers, and the better of the two is what counts. With augmentation, it adds RandomCrop(32, padding=4)
and RandomHorizontalFlip. Run it on an idle machine:

    python benchmarks/data_path.py [--rounds 5] [--json PATH]

It needs CIFAR-10 (`aigc-course data download cifar10`, or import) and says so where it isn't there.
"""

from collections.abc import Callable

import torch
from measure import Timing, report, rounds, side_by_side
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from aigc_course.data import load_dataset
from aigc_course.data.batches import ImageBatches

BATCH_SIZE = 64
TEXTBOOK_IMAGES = 20_000  # of a round; fewer images of the slow way, the same rate
RESIDENT_BATCHES = 5_000

_AUGMENT = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
_NORMALIZE = [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]


class PilImages(Dataset):
    """What `torchvision.datasets.CIFAR10` does: uint8 (H, W, C) in memory, one PIL image and transform an example."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, transform: Callable) -> None:
        self.data, self.targets = images.permute(0, 2, 3, 1).contiguous().numpy(), labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.data[i])), self.targets[i]


def textbook(images: torch.Tensor, labels: torch.Tensor, augment: bool, workers: int) -> Callable[[], int]:
    """One pass with a DataLoader; the workers' start is part of it, as it is of every epoch."""
    transform = transforms.Compose([*(_AUGMENT if augment else []), *_NORMALIZE])
    data = PilImages(images[:TEXTBOOK_IMAGES], labels[:TEXTBOOK_IMAGES], transform)
    loader = DataLoader(data, batch_size=BATCH_SIZE, shuffle=True, num_workers=workers)

    def run() -> int:
        return sum(len(batch) for batch, _ in loader)

    return run


def resident(images: torch.Tensor, labels: torch.Tensor, augment: bool) -> Callable[[], int]:
    """The course's stream, going on where the last round stopped."""
    stream = ImageBatches(images, labels, BATCH_SIZE, seed=0, flip=augment, pad=4 if augment else 0)
    position = 0

    def run() -> int:
        nonlocal position
        begin, position = position, position + RESIDENT_BATCHES
        return sum(len(stream[k]["images"]) for k in range(begin, position))

    return run


def main() -> None:
    images, labels = load_dataset("cifar10").split("train")
    ways, kinds = {}, {"plain": False, "crop and flip": True}
    for kind, augment in kinds.items():
        for workers in (0, 2):
            ways[f"textbook, {kind}, {workers} workers"] = textbook(images, labels, augment, workers)
        ways[f"resident, {kind}"] = resident(images, labels, augment)
    timings = side_by_side(ways, rounds=rounds(5), unit="images")
    pairs = {}
    for kind in kinds:
        best: Timing = max(
            (timings[f"textbook, {kind}, {workers} workers"] for workers in (0, 2)), key=lambda t: t.median
        )
        pairs[f"resident / textbook, {kind}"] = (timings[f"resident, {kind}"], best)
    report("CIFAR-10 batches of 64", timings, pairs, peer="torchvision")


if __name__ == "__main__":
    main()
