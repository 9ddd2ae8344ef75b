"""How good a model is: likelihoods in comparable units, and what generated examples are worth."""

from aigc_course.metrics.bounds import StreamingBound, active_units, iwae_bound
from aigc_course.metrics.class_scores import (
    class_histogram,
    classifier_score,
    classifier_score_in_splits,
    expected_total_variation,
    total_variation_from_uniform,
)
from aigc_course.metrics.classification import (
    accuracy,
    confusion_matrix,
    most_confused,
    precision_per_class,
    recall_per_class,
)
from aigc_course.metrics.estimate import Estimate
from aigc_course.metrics.exposure import exposures
from aigc_course.metrics.frechet import FeatureStatistics, frechet_distance, frechet_floor
from aigc_course.metrics.frechet_bias import FrechetExtrapolation, frechet_extrapolation
from aigc_course.metrics.inception import inception_fid
from aigc_course.metrics.intervals import Interval, binomial_interval, bootstrap_interval
from aigc_course.metrics.kernel_distance import kernel_distance, kernel_distance_in_subsets
from aigc_course.metrics.likelihood import (
    bits_per_byte,
    bits_per_dim,
    mean_and_standard_error,
    perplexity,
    two_phase_mean,
)
from aigc_course.metrics.log_spectral import log_spectral_distance
from aigc_course.metrics.neighbours import Memorisation, Neighbours, memorisation, nearest_neighbours
from aigc_course.metrics.precision_recall import ManifoldScores, expected_coverage, precision_recall
from aigc_course.metrics.privacy import dp_sgd_epsilon, subsampled_gaussian_rdp
from aigc_course.metrics.roc import Area, roc_area
from aigc_course.metrics.share import Share

__all__ = [
    "perplexity",
    "bits_per_byte",
    "bits_per_dim",
    "mean_and_standard_error",
    "two_phase_mean",
    "iwae_bound",
    "StreamingBound",
    "active_units",
    "confusion_matrix",
    "accuracy",
    "most_confused",
    "recall_per_class",
    "precision_per_class",
    "Estimate",
    "Interval",
    "binomial_interval",
    "bootstrap_interval",
    "FeatureStatistics",
    "frechet_distance",
    "frechet_floor",
    "FrechetExtrapolation",
    "frechet_extrapolation",
    "inception_fid",
    "kernel_distance",
    "kernel_distance_in_subsets",
    "log_spectral_distance",
    "ManifoldScores",
    "precision_recall",
    "expected_coverage",
    "Neighbours",
    "nearest_neighbours",
    "Memorisation",
    "memorisation",
    "classifier_score",
    "classifier_score_in_splits",
    "class_histogram",
    "total_variation_from_uniform",
    "expected_total_variation",
    "Share",
    "Area",
    "roc_area",
    "exposures",
    "dp_sgd_epsilon",
    "subsampled_gaussian_rdp",
]
