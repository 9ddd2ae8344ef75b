"""How well an audio classifier understands people whom it never heard."""

from collections.abc import Iterable
from pathlib import Path

from aigc_course import config
from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError
from aigc_course.metrics.likelihood import mean_and_standard_error
from aigc_course.recipes import runs
from aigc_course.recipes.recipe import load_set
from aigc_course.recipes.trained_audio_classifier import NAME


def speaker_held_out_accuracy(
    run_dir: str | Path, *, profile: str | None = None, data: str | None = None, overrides: Iterable[str] = ()
) -> dict[str, float]:
    """Train one audio-classifier for each speaker on what all others said, and test it on all that the speaker said.

    Args: run_dir: where the runs go, one directory for each speaker. profile, data, overrides: as in `recipes.train`.
    Returns: `speaker_held_out_accuracy`, the mean over the speakers; its standard error, over speakers too; and the
        accuracy on each, as `accuracy_NAME`.
    Raises: UsageError when the set has fewer than two speakers; KeyboardInterrupt when training is stopped.
    """
    overrides = list(overrides)
    chosen = config.override(runs.get_recipe(NAME).profile(runs.profile_name(profile)), overrides)
    dataset = load_set(data or chosen.data, AudioSet)
    if len(dataset.speaker_names) < 2:
        raise UsageError(
            f"{dataset.name} names {len(dataset.speaker_names)} speakers; to hold one out there must be two or more"
        )
    accuracies = {}
    for speaker in dataset.speaker_names:
        of_speaker = [*overrides, f"held_out_speaker={speaker}"]
        run = runs.train(NAME, profile=profile, data=data, overrides=of_speaker, run_dir=Path(run_dir) / speaker)
        if run.interrupted:
            raise KeyboardInterrupt
        accuracies[f"accuracy_{speaker}"] = runs.evaluate(run)["test_accuracy"]
    mean, standard_error = mean_and_standard_error(list(accuracies.values()))
    return {
        "speaker_held_out_accuracy": mean,
        "speaker_held_out_accuracy_standard_error": standard_error,
    } | accuracies
