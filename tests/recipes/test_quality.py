"""What the quick profiles must reach, each measured by the oracle of its data set."""

from pathlib import Path

import pytest

from aigc_course import recipes

# recipe -> metric -> lowest and highest value that is right; the far ends catch a measure that went wrong
TARGETS = {
    "text-gpt": {"loss_over_floor": (0.97, 1.08), "parse_rate": (0.8, 1.0), "copied_rate": (0.0, 0.2)},
    "image-gan": {"valid_rate": (0.82, 1.0), "classes_hit": (10, 10), "largest_class_share": (0.1, 0.25)},
    "image-vae": {"recognised_rate": (0.85, 1.0), "classifier_accuracy": (0.97, 1.0), "kl_nats": (3.0, 12.0)},
    "image-classifier": {"test_accuracy": (0.98, 1.0), "test_loss": (0.0, 0.3)},
    "audio-classifier": {"test_accuracy": (0.98, 1.0), "test_loss": (0.0, 0.3)},
    "vocoder": {
        "learned_label_accuracy": (0.97, 1.0),
        "learned_log_spectral_distance_db": (0.3, 2.0),
        "learned_linear_distance_db": (1.0, 3.9),
        "griffin_lim_label_accuracy": (0.3, 0.9),  # the mel bands lose what the exchange needs
    },
    "audio-vae": {"label_accuracy": (0.98, 1.0), "ceiling_accuracy": (0.98, 1.0), "kl_nats": (1.0, 20.0)},
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", TARGETS)
def test_quick_profile_reaches_the_target(recipe: str, tmp_path: Path) -> None:
    run = recipes.train(recipe, profile="quick", run_dir=tmp_path / "run")
    metrics = recipes.evaluate(run)
    missed = {name: metrics[name] for name, (low, high) in TARGETS[recipe].items() if not low <= metrics[name] <= high}
    assert not missed, f"{recipe}: {missed} outside {TARGETS[recipe]}"
