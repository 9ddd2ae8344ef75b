"""What `check` says of mistakes that have nothing to do with the subject: one class of error, one message."""

import functools
import math
import sys
import textwrap

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from aigc_course.exercises import check, exercise
from aigc_course.exercises.record import read

KL, SAMPLE, STACK = "05.2", "05.3", "01.3"
kl = exercise(KL).reference
sample = exercise(SAMPLE).reference


def complaint(exercise_id, answer, kind, *words):
    """The result of a check that must fail, in this way and no other, and say these words."""
    result = check(exercise_id, answer)
    assert (result.status, result.kind, result.misconception) == ("failed", kind, None), result
    for word in words:
        assert word in result.message, result.message
    assert read()[exercise_id].status == "failed"
    return result


# --- the form of the result


def test_another_device():
    complaint(KL, lambda mu, logvar: kl(mu, logvar).to("meta"), "wrong device", "'meta'", "'cpu'", "device=x.device")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda mu, logvar: kl(mu, logvar).long(), ("whole numbers", "torch.int64", "real ones")),
        (lambda mu, logvar: kl(mu, logvar) > 1, ("boolean numbers", "real ones")),
        (lambda mu, logvar: kl(mu, logvar) + 1j, ("complex numbers", "real ones")),
        (lambda mu, logvar: str(kl(mu, logvar)), ("the text", "made of numbers")),
    ],
)
def test_another_kind_of_number(answer, words):
    complaint(KL, answer, "wrong dtype", *words)


@pytest.mark.parametrize(
    ("answer", "shape"),
    [(lambda mu, logvar: kl(mu, logvar)[:, None], ", 1)"), (lambda mu, logvar: kl(mu, logvar)[:1], "(1,)")],
)
def test_another_shape(answer, shape):
    complaint(KL, answer, "wrong shape", f"gives the shape {shape}" if shape[0] == "(" else shape)


def test_a_missing_part_of_the_result():
    complaint("02.8", lambda theta, v, g, rate, beta: (theta - rate * (beta * v + g),), "wrong shape")


# --- gradients


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (lambda m, s, n: m.detach() + (0.5 * s).exp() * n, "gradient missing", "no gradient reaches argument 1"),
        (lambda m, s, n: m + (0.5 * s).exp().detach() * n, "gradient missing", "no gradient reaches argument 2"),
        (lambda m, s, n: sample(m, s, n).detach(), "gradient missing", "no gradient goes back"),
        (lambda m, s, n: np.asarray(m) + np.exp(np.asarray(s) / 2) * np.asarray(n), "gradient missing", "grad"),
        (lambda m, s, n: torch.tensor(sample(m, s, n).tolist()), "gradient missing", "no gradient goes back"),
        (lambda m, s, n: m + (0.25 * s + 0.25 * s.detach()).exp() * n, "wrong gradient", "argument 2"),
    ],
)
def test_a_right_value_without_its_gradient(answer, kind, words):
    complaint(SAMPLE, answer, kind, "The value is right", words)


# --- extremes: right on ordinary inputs


def naive_softmax(logits, dim=1):
    return logits.exp() / logits.exp().sum(dim=dim, keepdim=True)


def naive_kl(mu, logvar):
    variance = logvar.exp()
    return 0.5 * (mu**2 + variance - 1 - variance.log()).sum(dim=1)


def naive_tanh_slope(grad_a, z):
    a = (z.exp() - (-z).exp()) / (z.exp() + (-z).exp())
    return grad_a * (1 - a**2)


def naive_network(x, y, w1, b1, w2, b2):
    z = x @ w1.T + b1
    h = z.exp() / (1 + z.exp())
    delta2 = (h @ w2.T + b2 - y) / len(x)
    delta1 = (delta2 @ w2) * h * (1 - h)
    return [delta1.T @ x, delta1.sum(dim=0), delta2.T @ h, delta2.sum(dim=0)]


def naive_causal(scores):
    weights = scores.exp().tril()
    return weights / weights.sum(dim=1, keepdim=True)


def naive_iwae(log_weights):
    """One maximum for all images: what lies far below it is 0."""
    top = log_weights.max()
    return (log_weights - top).exp().mean(dim=0).log() + top


def naive_perplexity(logits, tokens):
    p = naive_softmax(logits[:-1])[torch.arange(len(tokens) - 1), tokens[1:]]
    return p.log().mean().neg().exp().item()


UNSTABLE = [
    ("01.2", naive_tanh_slope),
    ("01.4", naive_network),
    ("02.4", lambda logits, labels: (naive_softmax(logits) - F.one_hot(labels, logits.shape[1])) / len(logits)),
    ("05.2", naive_kl),
    ("05.8", naive_iwae),
    ("06.1", lambda q, k: naive_softmax(q @ k.T / math.sqrt(q.shape[1]))),
    ("06.2", naive_causal),
    ("06.6", naive_perplexity),
]


@pytest.mark.parametrize(("exercise_id", "answer"), UNSTABLE, ids=[exercise_id for exercise_id, _ in UNSTABLE])
def test_a_naive_version_leaves_the_floating_point_numbers(exercise_id, answer):
    result = complaint(exercise_id, answer, "not finite", "Right on ordinary inputs", "takes the logarithm of 0?")
    assert dict(result.details).keys() == {"Given", "You gave", "The answer"}
    assert check(exercise_id, exercise(exercise_id).reference).status == "passed"


def test_a_clamped_version_is_wrong_at_extremes():
    def clamped(mu, logvar):
        return kl(mu, logvar.clamp(min=-50))

    complaint(KL, clamped, "wrong at extremes", "at an extreme one your function gives another value")


# --- how it is called


def test_parameters_may_have_any_names():
    assert check(KL, lambda b, a: kl(b, a))
    assert check(KL, lambda mu, logvar, factor=1: factor * kl(mu, logvar))
    assert check(KL, functools.partial(lambda factor, mu, logvar: factor * kl(mu, logvar), 1))
    assert check(KL, lambda *gaussian: kl(*gaussian))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda mu: mu, ("1 argument (mu)", "2 arguments (mu, logvar)")),
        (
            lambda mu, logvar, sigma: mu + logvar + sigma,
            ("3 arguments (mu, logvar, sigma)", "it 2 arguments"),
        ),
        (lambda: None, ("no arguments",)),
        (lambda *, mu, logvar: mu + logvar, ("2 arguments (mu, logvar)", "2 arguments (mu, logvar)", "after the *")),
    ],
)
def test_parameters_that_do_not_fit(answer, words):
    complaint(KL, answer, "wrong parameters", *words)


@pytest.mark.parametrize("answer", [kl(torch.zeros(1, 1), torch.zeros(1, 1)), None, 3, "kl"])
def test_something_that_is_no_function(answer):
    complaint(KL, answer, "not a function", "takes the function itself", "without parentheses")


# --- what it does beside


def test_a_million_printed_lines_are_cut_to_a_few(capsys):
    def talkative(mu, logvar):
        for number in range(15_000):  # times twenty draws, and twenty for each of three properties
            print("line", number)
        return kl(mu, logvar)

    result = check(KL, talkative)
    assert result.status == "passed"
    assert result.printed.splitlines() == ["line 0", "line 1", "line 2", "line 3", "line 4", "…"]
    assert capsys.readouterr().out == "" and len(repr(result)) < 2_000


def test_one_endless_line_is_cut():
    def shouting(mu, logvar):
        print("a" * 10_000_000)
        return -kl(mu, logvar)

    result = check(KL, shouting)
    assert result.misconception == "the sign" and len(result.printed) <= 121


def test_printing_instead_of_returning():
    complaint(KL, lambda mu, logvar: print(kl(mu, logvar)), "no return", "it prints the result")


@pytest.mark.parametrize(
    ("exercise_id", "answer", "name"),
    [
        (KL, lambda mu, logvar: kl(mu.add_(1).sub_(2), logvar), "mu"),
        (KL, lambda mu, logvar: kl(mu, logvar.exp_().log()), "logvar"),
        (STACK, lambda layers: (layers.pop(), exercise(STACK).reference(layers))[1], "layers"),
        (STACK, lambda layers: (layers[0][0].zero_(), exercise(STACK).reference(layers))[1], "layers"),
        ("01.5", lambda tape: (tape[-1].clear(), [0.0] * len(tape))[1], "tape"),
        ("06.5", lambda ids, *_: (ids.reverse(), list(ids))[1], "ids"),
    ],
)
def test_a_change_of_what_was_given(exercise_id, answer, name):
    result = complaint(exercise_id, answer, "inputs changed", f"changes what it was given ({name})")
    assert [label for label, _ in result.details] == ["Before", "After"]


# --- right and wrong mixed


def test_right_every_other_time():
    calls = []

    def moody(mu, logvar):
        calls.append(1)
        return kl(mu, logvar) * (1 + len(calls) % 2)

    complaint(KL, moody, "wrong value", "It should hold that")


def test_right_but_for_one_kind_of_input():
    def mostly(mu, logvar):
        right = kl(mu, logvar)
        return right if float(mu[0, 0]) > -1 else right + 0.5

    result = complaint(KL, mostly, "wrong value")
    assert result.message


def test_one_right_and_one_wrong_part():
    def half_right(theta, v, g, rate, beta):
        return exercise("02.8").reference(theta, v, g, rate, beta)[0], v

    result = complaint("02.8", half_right, "wrong value")
    assert dict(result.details)["Parts"] == "1 right, 2 wrong"


def test_two_mistakes_at_once_are_not_taken_for_one():
    complaint(KL, lambda mu, logvar: -0.5 * (mu**2 + logvar.exp() - logvar).mean(dim=1), "wrong value")


# --- exceptions and loops, at the learner's own line


def written_by_a_learner(source):
    """The function of a cell, as a notebook would make it."""
    import linecache

    name = "<cell 3>"
    text = textwrap.dedent(source).lstrip()
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    namespace = {"torch": torch, "F": F}
    exec(compile(text, name, "exec"), namespace)
    return namespace["answer"]


def test_an_exception_is_shown_at_the_learners_line_not_torchs():
    answer = written_by_a_learner(
        """
        def helper(x):
            return F.linear(x, torch.ones(7, 7))

        def answer(mu, logvar):
            variance = logvar.exp()
            return helper(variance)
        """
    )
    result = complaint(KL, answer, "exception", "RuntimeError", "at line 2 of what you typed")
    assert "→ 2      return F.linear(x, torch.ones(7, 7))" in result.excerpt
    assert "shape (" in dict(result.details)["Given"]
    assert "site-packages" not in repr(result)


def test_an_exception_on_some_inputs_only():
    answer = written_by_a_learner(
        """
        def answer(mu, logvar):
            assert mu[0, 0] > -1, "never seen before"
            return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)
        """
    )
    complaint(KL, answer, "exception", "AssertionError at line 2", "never seen before")


@pytest.mark.parametrize(
    "line", ["while True: pass", "while mu.sum() < 1e9: x = mu + 1", "import time; time.sleep(60)"]
)
def test_a_loop_without_end_is_stopped_at_its_line(monkeypatch, line):
    monkeypatch.setenv("AIGC_CHECK_SECONDS", "0.3")
    answer = written_by_a_learner(f"def answer(mu, logvar):\n    x = mu\n    {line}\n    return x\n")
    result = complaint(KL, answer, "no end", "stopped after 0.3 seconds at line 3", "AIGC_CHECK_SECONDS")
    assert "→ 3  " in result.excerpt


def test_a_recursion_without_end():
    limit = sys.getrecursionlimit()
    answer = written_by_a_learner("def answer(mu, logvar):\n    return answer(mu, logvar)\n")
    complaint(KL, answer, "no end", "calls itself without end at line 2")
    assert sys.getrecursionlimit() == limit


def test_more_memory_than_there_is():
    answer = written_by_a_learner("def answer(mu, logvar):\n    return torch.ones(10**6, 10**6, 10**3)\n")
    complaint(KL, answer, "too much memory", "at line 2")


def test_a_stub_in_a_branch_is_a_stub():
    answer = written_by_a_learner("def answer(mu, logvar):\n    raise NotImplementedError\n")
    assert check(KL, answer).status == "not started"
