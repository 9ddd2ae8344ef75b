"""Exercises on repetition: a penalty on what was written already, and how much was copied from the training data."""

from collections.abc import Sequence

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def penalise_repetition(logits: Tensor, seen_ids: Sequence[int], penalty: float) -> Tensor:
    """logits (V,) with those of the seen ids divided by the penalty where positive, multiplied where negative."""
    seen = list(set(seen_ids))
    penalised = logits.clone()
    penalised[seen] = torch.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
    return penalised


def longest_copy(text: str, training: Sequence[str]) -> int:
    """Characters in the longest stretch of `text` that stands verbatim inside one of the training documents."""
    longest = 0
    for start in range(len(text)):
        while start + longest < len(text) and any(text[start : start + longest + 1] in doc for doc in training):
            longest += 1
    return longest


def _logits_seen_and_penalty(rng: Rng) -> tuple[Tensor, list[int], float]:
    """Of the seen ids one has a positive logit, one a negative; one is seen twice. Others are not seen."""
    vocab_size = int(rng.integers(6, 13))
    logits = 2 * normal(rng, vocab_size)
    order = [int(i) for i in rng.permutation(vocab_size)]
    logits[order[0]], logits[order[1]] = logits[order[0]].abs() + 0.1, -logits[order[1]].abs() - 0.1
    seen = [*order[:2], *order[: int(rng.integers(2, vocab_size - 2))]]
    return logits, [seen[i] for i in rng.permutation(len(seen))], float(rng.uniform(1.1, 2.0))


def _others_stay(answer: Answer, rng: Rng) -> bool:
    logits, seen, penalty = _logits_seen_and_penalty(rng)
    others = [i for i in range(len(logits)) if i not in seen]
    return near(answer(logits, seen, penalty)[others], logits[others])


def _no_seen_logit_rises(answer: Answer, rng: Rng) -> bool:
    logits, seen, penalty = _logits_seen_and_penalty(rng)
    return bool((answer(logits, seen, penalty)[seen] < logits[seen]).all())


def _sizes_change_by_the_penalty(answer: Answer, rng: Rng) -> bool:
    logits, seen, penalty = _logits_seen_and_penalty(rng)
    given = answer(logits, seen, penalty)[seen]
    ratio = torch.where(logits[seen] > 0, logits[seen] / given, given / logits[seen])
    return near(ratio, torch.full_like(ratio, penalty)) and near(answer(logits, seen, 1.0), logits)


def _seen_twice_is_seen_once(answer: Answer, rng: Rng) -> bool:
    logits, seen, penalty = _logits_seen_and_penalty(rng)
    return near(answer(logits, seen * 3, penalty), answer(logits, sorted(set(seen)), penalty))


def _replaced(logits: Tensor, ids: Sequence[int], values: Tensor) -> Tensor:
    changed = logits.clone()
    changed[list(ids)] = values[list(ids)]
    return changed


def _rewarded(logits: Tensor, seen_ids: Sequence[int], penalty: float) -> Tensor:
    return penalise_repetition(logits, seen_ids, 1 / penalty)


def _once_per_occurrence(logits: Tensor, seen_ids: Sequence[int], penalty: float) -> Tensor:
    for i in seen_ids:
        logits = penalise_repetition(logits, [i], penalty)
    return logits


REPETITION = Exercise(
    id="07.5",
    title="A penalty on repetition",
    stars=2,
    minutes=8,
    inputs=_logits_seen_and_penalty,
    reference=penalise_repetition,
    hints=(
        "The logit of a seen token must become smaller. What does division by 1.2 do to a logit of -3?",
        "So there are two cases, by the sign of the logit: dividing makes a positive one smaller, multiplying a "
        "negative one.",
        "Each token once, however often it was seen: set(seen_ids). Work on logits.clone(), not on logits.",
        "torch.where(logits > 0, logits / penalty, logits * penalty) treats both cases at once.",
    ),
    properties=(
        Property(statement="the logits of tokens that were not seen stay as they are", holds=_others_stay),
        Property(statement="a penalty above 1 lowers the logit of every seen token", holds=_no_seen_logit_rises),
        Property(
            statement="a seen token's logit changes by the factor `penalty` or its inverse, so that 1 changes nothing",
            holds=_sizes_change_by_the_penalty,
        ),
        Property(statement="how often a token was seen makes no difference", holds=_seen_twice_is_seen_once),
    ),
    misconceptions=(
        Misconception(
            name="negative logits divided too",
            wrong=lambda logits, seen, penalty: _replaced(logits, seen, logits / penalty),
            message="You divided negative logits as well. That brings them nearer to 0: an unlikely token becomes "
            "likelier because it was written before.",
        ),
        Misconception(
            name="subtracted",
            wrong=lambda logits, seen, penalty: _replaced(logits, seen, logits - penalty),
            message="You subtracted the penalty. Such a rule exists (a presence penalty), but there 0 means no "
            "penalty; here 1 does.",
        ),
        Misconception(
            name="once per occurrence",
            wrong=_once_per_occurrence,
            message="You applied the penalty each time that a token was seen. A common word would soon be forbidden; "
            "here it counts only whether a token was seen.",
        ),
        Misconception(
            name="everything penalised",
            wrong=lambda logits, _seen, penalty: penalise_repetition(logits, range(len(logits)), penalty),
            message="You penalised every token, seen or not. That favours nothing new: it works much like another "
            "temperature.",
        ),
        Misconception(
            name="repetition rewarded",
            wrong=_rewarded,
            message="You mixed up the two cases, so that seen tokens become likelier. Try a logit of 3 and one of -3 "
            "with a penalty of 2.",
        ),
        Misconception(
            name="only the newest token",
            wrong=lambda logits, seen, penalty: penalise_repetition(logits, seen[-1:], penalty),
            message="You penalised the newest token alone. A loop that repeats a whole sentence would not notice.",
        ),
    ),
)


_WORDS = ("the", "cat", "a", "dog", "was", "so", "good", "at", "this", "I", "love", "it")


def _words(rng: Rng, least: int, most: int) -> str:
    return " ".join(_WORDS[i] for i in rng.integers(len(_WORDS), size=int(rng.integers(least, most + 1))))


def _text_and_training(rng: Rng) -> tuple[str, list[str]]:
    """A text with a piece of a document, a whole one, or one's end and the next one's beginning; or a mere copy."""
    training = [_words(rng, 5, 8), _words(rng, 5, 8), _words(rng, 2, 3)]
    piece = training[1][int(rng.integers(0, 4)) : -int(rng.integers(1, 4))]
    across = training[0][-int(rng.integers(6, 11)) :] + training[1][: int(rng.integers(6, 11))]
    kind = int(rng.integers(4))
    if kind == 3:
        return piece, training
    return f"{_words(rng, 1, 2)} {(piece, across, training[2])[kind]} {_words(rng, 1, 2)}", training


def _distinct(rng: Rng, length: int) -> str:
    """Letters of which none comes twice."""
    return "".join(chr(ord("a") + i) for i in rng.permutation(26)[:length])


def _all_or_nothing(answer: Answer, rng: Rng) -> bool:
    text, training = _text_and_training(rng)
    inside = training[0][2:-2]
    return answer(inside, training) == len(inside) and answer(text.upper(), ["xyz"]) == 0


def _a_foreign_character_cuts_it(answer: Answer, rng: Rng) -> bool:
    document = _distinct(rng, int(rng.integers(6, 20)))
    cut = int(rng.integers(1, len(document)))
    text = document[:cut] + "#" + document[cut:]
    return answer(text, ["?", f"!{document}!"]) == max(cut, len(document) - cut)


def _a_border_cuts_it(answer: Answer, rng: Rng) -> bool:
    document = _distinct(rng, int(rng.integers(6, 20)))
    cut = int(rng.integers(1, len(document)))
    return answer(document, [document[:cut], document[cut:]]) == max(cut, len(document) - cut)


def _common_subsequence(text: str, document: str) -> int:
    row = [0] * (len(document) + 1)
    for a in text:
        above, row = row, [0]
        for j, b in enumerate(document):
            row.append(above[j] + 1 if a == b else max(row[j], above[j + 1]))
    return row[-1]


def _words_in_a_row(text: str, training: Sequence[str]) -> int:
    words = text.split()
    return max(
        (j - i for i in range(len(words)) for j in range(i + 1, len(words) + 1) if _has_run(training, words[i:j])),
        default=0,
    )


def _has_run(training: Sequence[str], run: Sequence[str]) -> bool:
    return any(f" {' '.join(run)} " in f" {document} " for document in training)


LONGEST_COPY = Exercise(
    id="07.6",
    title="The longest copy",
    stars=2,
    minutes=12,
    inputs=_text_and_training,
    reference=longest_copy,
    hints=(
        "A stretch of the text is text[i:j]. Python tells whether it stands in a document: text[i:j] in document.",
        "Try all stretches and keep the largest j - i for which any document contains it: two loops and an any().",
        "Quicker: if a stretch is not in the data, no longer one from the same start is. Go on to the next start, and "
        "look only for stretches that are longer than the best so far.",
    ),
    properties=(
        Property(
            statement="a text cut out of a document counts whole, and one that shares no character counts 0",
            holds=_all_or_nothing,
        ),
        Property(
            statement="one foreign character in a copy leaves the longer of its two parts",
            holds=_a_foreign_character_cuts_it,
        ),
        Property(statement="a stretch ends where its document ends", holds=_a_border_cuts_it),
    ),
    misconceptions=(
        Misconception(
            name="the longest common subsequence",
            wrong=lambda text, training: max(_common_subsequence(text, document) for document in training),
            message="You counted characters that come in the same order, with others in between. Almost any two "
            "English sentences share many; a copy is a stretch without gaps.",
        ),
        Misconception(
            name="only from the text's beginning",
            wrong=lambda text, training: max(
                n for n in range(len(text) + 1) if any(text[:n] in document for document in training)
            ),
            message="You looked at stretches from the beginning of the text only. A copy may begin anywhere in it.",
        ),
        Misconception(
            name="the whole text or nothing",
            wrong=lambda text, training: len(text) * any(text in document for document in training),
            message="You asked whether the whole text stands in the training data. A text with one word changed would "
            "count as new.",
        ),
        Misconception(
            name="across two documents",
            wrong=lambda text, training: longest_copy(text, ["".join(training)]),
            message="You joined the documents, and so found stretches that begin in one and end in the next. Nobody "
            "wrote those.",
        ),
        Misconception(
            name="words counted",
            wrong=_words_in_a_row,
            message="You counted words. That misses copies that begin or end inside a word; the question is how many "
            "characters.",
        ),
        Misconception(
            name="only whole documents",
            wrong=lambda text, training: max((len(d) for d in training if d in text), default=0),
            message="You looked for whole training documents inside the text. It may have taken only a part of one.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (REPETITION, LONGEST_COPY)
