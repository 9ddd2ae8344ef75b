"""Right answers of notebook 07 in other words: loops, lists, libraries, the package's own versions."""

import difflib
import math

import numpy as np
import pytest
import torch

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise
from aigc_course.metrics import bits_per_byte
from aigc_course.metrics.copying import longest_copied_lengths
from aigc_course.models.sampling import penalise_repeats


def windows_one_by_one(tokens, starts, context_length):
    begins = starts.tolist()
    inputs = [tokens[s : s + context_length] for s in begins]
    targets = [tokens[s + 1 : s + context_length + 1] for s in begins]
    return torch.stack(inputs), torch.stack(targets)


def windows_of_all_places(tokens, starts, context_length):
    every = tokens.unfold(0, context_length + 1, 1)[starts]
    return every[:, :-1], every[:, 1:]


def accumulated_by_backward(gradients, counts):
    """As a training loop does: each micro-batch's mean loss, weighted, adds to .grad."""
    weights = torch.zeros(gradients.shape[1], requires_grad=True)
    for gradient, count in zip(gradients, counts, strict=True):
        ((weights @ gradient.float()) * count / counts.sum()).backward()
    return weights.grad


def bits_row_by_row(nats, mask, texts):
    """Each row up to its number of real tokens."""
    total = sum(sum(row[: sum(real)]) for row, real in zip(nats.tolist(), mask.tolist(), strict=True))
    return math.log2(math.e) * total / len(bytes("".join(texts), "utf-8"))


def stop_with_a_counter(validation_losses, patience):
    lowest, best, waited = math.inf, 0, 0
    for i, loss in enumerate(validation_losses):
        if loss < lowest:
            lowest, best, waited = loss, i, 0
        else:
            waited += 1
        if waited == patience:
            break
    return i, best


def stop_by_running_minima(validation_losses, patience):
    losses = np.array(validation_losses)
    best = np.array([losses[: i + 1].argmin() for i in range(len(losses))])
    ends = np.flatnonzero(np.arange(len(losses)) - best >= patience)
    last = ends[0] if len(ends) else len(losses) - 1
    return np.array([last, best[last]])


def penalise_by_the_package(logits, seen_ids, penalty):
    seen = torch.zeros(len(logits), dtype=torch.bool)
    seen[seen_ids] = True
    return penalise_repeats(logits, seen, penalty)


def penalise_in_a_loop(logits, seen_ids, penalty):
    return [
        value if i not in seen_ids else value / penalty if value > 0 else value * penalty
        for i, value in enumerate(logits.tolist())
    ]


def penalise_by_scatter(logits, seen_ids, penalty):
    ids = torch.tensor(seen_ids)
    chosen = logits.gather(0, ids)
    return logits.scatter(0, ids, torch.minimum(chosen / penalty, chosen * penalty))


def copy_by_all_stretches(text, training):
    lengths = [j - i for i in range(len(text)) for j in range(i + 1, len(text) + 1) if _inside(text[i:j], training)]
    return max(lengths, default=0)


def copy_by_bisection(text, training):
    """If some stretch of n characters was copied, so was one of n - 1."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        found = any(_inside(text[i : i + middle], training) for i in range(len(text) - middle + 1))
        low, high = (middle, high) if found else (low, middle - 1)
    return low


def copy_by_difflib(text, training):
    return max(difflib.SequenceMatcher(None, text, d, autojunk=False).find_longest_match().size for d in training)


def _inside(stretch, training):
    return any(stretch in document for document in training)


def law_by_polyfit(sizes, losses):
    slope, height = np.polyfit(np.log(sizes.numpy()), np.log(losses.numpy()), 1)
    return np.exp(height), -slope


def law_by_lstsq(sizes, losses):
    x = torch.stack([torch.ones_like(sizes), -sizes.log10()], dim=1)
    a, b = torch.linalg.lstsq(x, losses.log10()[:, None]).solution[:, 0]
    return torch.stack([10**a, b])


REWRITES = [
    ("07.1", windows_one_by_one),
    ("07.1", windows_of_all_places),
    ("07.2", accumulated_by_backward),
    ("07.2", lambda gradients, counts: np.average(gradients, axis=0, weights=counts)),
    ("07.2", lambda gradients, counts: (counts / counts.sum()).float() @ gradients.float()),
    ("07.3", bits_row_by_row),
    ("07.3", lambda n, m, texts: bits_per_byte((n * m).sum().item(), sum(len(t.encode()) for t in texts))),
    ("07.3", lambda n, m, texts: n.where(m, 0).sum() / np.log(2) / len("".join(texts).encode())),
    ("07.4", stop_with_a_counter),
    ("07.4", stop_by_running_minima),
    ("07.5", penalise_by_the_package),
    ("07.5", penalise_in_a_loop),
    ("07.5", penalise_by_scatter),
    ("07.6", lambda text, training: longest_copied_lengths([text], training)[0]),
    ("07.6", copy_by_all_stretches),
    ("07.6", copy_by_bisection),
    ("07.6", copy_by_difflib),
    ("07.7", law_by_polyfit),
    ("07.7", law_by_lstsq),
]


@pytest.mark.parametrize(("exercise_id", "answer"), REWRITES)
def test_a_valid_rewrite_passes(exercise_id, answer):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result


def stop_that_forgets_the_last(validation_losses, patience):
    return stop_with_a_counter(validation_losses[:-1], patience)


def penalise_in_place(logits, seen_ids, penalty):
    logits[seen_ids] = exercise("07.5").reference(logits, seen_ids, penalty)[seen_ids]
    return logits


UNFORESEEN = [
    ("07.1", lambda tokens, starts, length: windows_one_by_one(tokens, starts + 1, length)),
    ("07.2", lambda gradients, counts: np.average(gradients, axis=0, weights=1 / counts)),
    ("07.3", lambda nats, mask, texts: bits_row_by_row(nats, mask, texts) + 0.01),
    ("07.4", stop_that_forgets_the_last),
    ("07.5", penalise_in_place),
    ("07.6", lambda text, training: copy_by_all_stretches(text[:-1], training)),
    ("07.6", lambda text, training: copy_by_all_stretches(text, training[:1])),
    ("07.7", lambda sizes, losses: law_by_polyfit(sizes[1:], losses[1:])),
]


@pytest.mark.parametrize(("exercise_id", "answer"), UNFORESEEN)
def test_a_mistake_that_is_not_listed_is_not_taken_for_a_listed_one(exercise_id, answer):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert (result.status, result.misconception) == ("failed", None), result
