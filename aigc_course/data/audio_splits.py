"""A test split of audio sets that a single speaker makes."""

import dataclasses

import torch
from torch import Tensor

from aigc_course.data.sets import AudioSet
from aigc_course.data.splitting import SPLITS
from aigc_course.errors import UsageError, unknown


def with_held_out_speaker(dataset: AudioSet, speaker: str) -> AudioSet:
    """The set with everything that `speaker` said as its test split, and nothing of it in the others.

    What the others said in the test split is left out.
    Raises: UsageError when the set knows no speakers, none of that name, or no other one.
    """
    if not dataset.speaker_names:
        raise UsageError(f"{dataset.name} doesn't say who speaks, so nobody can be held out; leave the speaker out")
    if speaker not in dataset.speaker_names:
        raise unknown("speaker", speaker, dataset.speaker_names)
    if len(dataset.speaker_names) < 2:
        raise UsageError(f"{speaker} is the only speaker of {dataset.name}; to hold one out there must be another")
    code = dataset.speaker_names.index(speaker)
    said = {split: codes == code for split, codes in dataset.speakers.items()}

    def parted(values: dict[str, Tensor]) -> dict[str, Tensor]:
        kept = {split: values[split][~said[split]] for split in SPLITS[:2] if split in values}
        return kept | {"test": torch.cat([values[split][said[split]] for split in values])}

    return dataclasses.replace(
        dataset,
        waveforms=parted(dataset.waveforms),
        lengths=parted(dataset.lengths),
        labels=parted(dataset.labels),
        speakers=parted(dataset.speakers),
    )
