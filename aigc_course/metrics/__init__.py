"""How good a model is: likelihoods in comparable units, and what generated examples are worth."""

from aigc_course.metrics.bounds import active_units, iwae_bound
from aigc_course.metrics.classification import (
    accuracy,
    confusion_matrix,
    most_confused,
    precision_per_class,
    recall_per_class,
)
from aigc_course.metrics.likelihood import bits_per_byte, bits_per_dim, mean_and_standard_error, perplexity

__all__ = [
    "perplexity",
    "bits_per_byte",
    "bits_per_dim",
    "mean_and_standard_error",
    "iwae_bound",
    "active_units",
    "confusion_matrix",
    "accuracy",
    "most_confused",
    "recall_per_class",
    "precision_per_class",
]
