"""Right answers by other algorithms: loops, recursion, closed forms, libraries. Those of 02 to 05 stand beside it."""

import math
from fractions import Fraction
from functools import cache, reduce

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import softmax
from torch import nn

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise


def distance_by_projection(x, w, b):
    """From the foot of the perpendicular, whose place is found first."""
    foot = x - (torch.dot(x, w) + b) / torch.dot(w, w) * w
    return torch.sign(torch.dot(x - foot, w)) * torch.dist(x, foot)


def collapse_by_probing(layers):
    """Send the origin and the unit vectors through the stack: the images are the bias and the columns."""

    def through(x):
        for weight, bias in layers:
            x = weight @ x + bias
        return x

    width = layers[0][0].shape[1]
    bias = through(torch.zeros(width))
    return torch.stack([through(unit) - bias for unit in torch.eye(width)], dim=1), bias


def collapse_by_homogeneous_matrices(layers):
    def padded(layer):
        weight, bias = layer
        top = torch.cat([weight.double(), bias.double()[:, None]], dim=1)
        return torch.cat([top, torch.eye(1, top.shape[1], dtype=torch.float64).flip(1)])

    product = reduce(lambda done, layer: padded(layer) @ done, layers[1:], padded(layers[0]))
    return product[:-1, :-1], product[:-1, -1]


def gradients_by_autograd(x, y, w1, b1, w2, b2):
    leaves = [p.clone().requires_grad_() for p in (w1, b1, w2, b2)]
    h = torch.sigmoid(F.linear(x, leaves[0], leaves[1]))
    loss = F.mse_loss(F.linear(h, leaves[2], leaves[3]), y, reduction="sum") / (2 * len(x))
    return torch.autograd.grad(loss, leaves)


def gradients_example_by_example(x, y, w1, b1, w2, b2):
    """Outer products of each example, averaged afterwards."""
    sums = [torch.zeros_like(p) for p in (w1, b1, w2, b2)]
    for row, target in zip(x, y, strict=True):
        h = torch.special.expit(w1 @ row + b1)
        error = w2 @ h + b2 - target
        back = (w2.T @ error) * (h - h**2)
        parts = torch.outer(back, row), back, torch.outer(error, h), error
        sums = [total + part for total, part in zip(sums, parts, strict=True)]
    return tuple(total / len(x) for total in sums)


def accumulate_by_recursion(tape):
    """Each node asks those that use it."""
    users = {node: [(i, w) for i, row in enumerate(tape) for j, w in row if j == node] for node in range(len(tape))}

    @cache
    def derivative(node):
        if node == len(tape) - 1:
            return 1.0
        return sum(weight * derivative(user) for user, weight in users[node])

    return [derivative(node) for node in range(len(tape))]


def accumulate_by_linear_equations(tape):
    """(I - A) d = e, with A[j, i] the local derivative of node i with respect to node j."""
    size = len(tape)
    matrix, last = np.eye(size), np.eye(size)[-1]
    for i, row in enumerate(tape):
        for j, local in row:
            matrix[j, i] -= local
    return np.linalg.solve(matrix, last)


def best_step_by_logarithms(epsilon, f, third):
    return math.exp((math.log(3) + math.log(epsilon) + math.log(f) - math.log(third)) / 3)


def attention_by_loops(q, k):
    rows = []
    for query in q.tolist():
        scores = [sum(a * b for a, b in zip(query, key, strict=True)) / len(query) ** 0.5 for key in k.tolist()]
        top = max(scores)
        weights = [math.exp(s - top) for s in scores]
        rows.append([w / sum(weights) for w in weights])
    return rows


def attention_by_the_library(q, k):
    """Attention over the unit vectors as values gives the weights back."""
    values = torch.eye(len(k), dtype=q.dtype)
    return F.scaled_dot_product_attention(q[None], k[None], values[None])[0]


def causal_row_by_row(scores):
    weights = torch.zeros_like(scores)
    for t in range(len(scores)):
        weights[t, : t + 1] = scores[t, : t + 1].softmax(0)
    return weights


def causal_by_a_finite_mask(scores):
    mask = torch.full_like(scores, -1e9).triu(1)
    return (scores.tril() + mask).softmax(-1)


def rotate_by_complex_numbers(x, position):
    half = len(x) // 2
    z = torch.complex(x[:half].double(), x[half:].double())
    frequencies = torch.tensor([10_000 ** (-2 * i / len(x)) for i in range(half)], dtype=torch.float64)
    turned = z * torch.polar(torch.ones(half, dtype=torch.float64), position * frequencies)
    return torch.cat([turned.real, turned.imag])


def rotate_by_a_matrix(x, position):
    size, half = len(x), len(x) // 2
    matrix = np.eye(size)
    for i in range(half):
        angle = position / 10_000 ** (i / half)
        matrix[i, i] = matrix[i + half, i + half] = np.cos(angle)
        matrix[i, i + half], matrix[i + half, i] = -np.sin(angle), np.sin(angle)
    return matrix @ x.numpy()


def parameters_by_torch(vocab_size, context_length, d_model, n_layers):
    """Build the parts of one block and count; the head is the embedding."""
    with torch.device("meta"):
        block = nn.TransformerEncoderLayer(d_model, 1, dim_feedforward=4 * d_model)
        others = [nn.Embedding(vocab_size, d_model), nn.Embedding(context_length, d_model), nn.LayerNorm(d_model)]
    return n_layers * _size(block) + sum(map(_size, others))


def _size(module):
    return sum(p.numel() for p in module.parameters())


def merge_by_recursion(ids, pair, new_id):
    if len(ids) < 2:
        return list(ids)
    if (ids[0], ids[1]) == tuple(pair):
        return [new_id, *merge_by_recursion(ids[2:], pair, new_id)]
    return [ids[0], *merge_by_recursion(ids[1:], pair, new_id)]


def merge_with_a_stack(ids, pair, new_id):
    """A token that was merged is marked by None, so that nothing merges with it."""
    out = []
    fresh = False
    for token in ids:
        if fresh and out and (out[-1], token) == tuple(pair):
            out[-1] = new_id
            fresh = False
        else:
            out.append(token)
            fresh = True
    return out


def merge_by_text(ids, pair, new_id):
    text = "".join(map(chr, ids)).replace("".join(map(chr, pair)), chr(new_id))
    return [ord(sign) for sign in text]


def perplexity_by_products(logits, tokens):
    probabilities = softmax(logits.numpy(), axis=1)
    product = math.prod(float(probabilities[t, token]) for t, token in enumerate(tokens[1:].tolist()))
    return product ** (-1 / (len(tokens) - 1))


def perplexity_by_gather(logits, tokens):
    surprise = logits.logsumexp(1)[:-1] - logits[:-1].gather(1, tokens[1:, None])[:, 0]
    return surprise.double().mean().exp()


def nucleus_token_by_token(probabilities, top_p):
    left = dict(enumerate(probabilities.tolist()))
    kept, mass = {}, 0.0
    while left and mass < top_p:
        best = max(left, key=left.get)
        kept[best] = left.pop(best)
        mass += kept[best]
    return [kept.get(i, 0.0) / mass for i in range(len(probabilities))]


def nucleus_by_threshold(probabilities, top_p):
    """A token stays when what is likelier than it has not reached top_p."""
    likelier = torch.stack([probabilities[probabilities > p].sum() for p in probabilities])
    kept = torch.where(likelier < top_p, probabilities, 0)
    return F.normalize(kept, p=1, dim=0)


OTHERS = [
    ("00.1", lambda loss: math.e**loss),
    ("00.1", lambda loss: 2 ** (loss / math.log(2))),
    ("00.1", lambda loss: np.exp(loss)),
    ("00.2", lambda loss, floor: loss / floor - 1),
    ("00.2", lambda loss, floor: float(Fraction(loss) / Fraction(floor) - 1)),
    ("01.1", distance_by_projection),
    ("01.1", lambda x, w, b: F.normalize(w, dim=0) @ x + b / w.norm()),
    ("01.2", lambda grad_a, z: grad_a / torch.cosh(z).square()),
    ("01.2", lambda grad_a, z: 4 * grad_a * torch.sigmoid(2 * z) * torch.sigmoid(-2 * z)),
    ("01.3", collapse_by_probing),
    ("01.3", collapse_by_homogeneous_matrices),
    ("01.4", gradients_by_autograd),
    ("01.4", gradients_example_by_example),
    ("01.5", accumulate_by_recursion),
    ("01.5", accumulate_by_linear_equations),
    ("01.6", best_step_by_logarithms),
    ("01.6", lambda epsilon, f, third: np.cbrt(3 * epsilon * f / third)),
    ("01.7", lambda slope, fan_in, _: nn.init.calculate_gain("leaky_relu", slope) / fan_in**0.5),
    ("06.1", attention_by_loops),
    ("06.1", attention_by_the_library),
    ("06.1", lambda q, k: torch.einsum("td,sd->ts", q / q.shape[1] ** 0.5, k).softmax(-1)),
    ("06.2", causal_row_by_row),
    ("06.2", causal_by_a_finite_mask),
    ("06.3", rotate_by_complex_numbers),
    ("06.3", rotate_by_a_matrix),
    ("06.4", parameters_by_torch),
    ("06.5", merge_by_recursion),
    ("06.5", merge_with_a_stack),
    ("06.5", merge_by_text),
    ("06.6", perplexity_by_products),
    ("06.6", perplexity_by_gather),
    ("06.7", lambda nats, n_tokens, text: sum([nats] * n_tokens) / len(bytes(text, "utf-8")) / np.log(2)),
    ("06.8", lambda logits, temperature: softmax(logits.numpy() / temperature)),
    ("06.8", lambda logits, temperature: torch.distributions.Categorical(logits=logits / temperature).probs),
    ("06.9", nucleus_token_by_token),
    ("06.9", nucleus_by_threshold),
]


@pytest.mark.parametrize(("exercise_id", "answer"), OTHERS, ids=[f"{i}-{f.__name__}" for i, f in OTHERS])
def test_another_algorithm_passes(exercise_id, answer):
    for seed in range(4):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result
