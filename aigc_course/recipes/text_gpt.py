"""`text-gpt`: a GPT that writes forum comments."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from aigc_course.config import from_dict
from aigc_course.data import load_text, toy_comments
from aigc_course.data.batches import TextWindows
from aigc_course.data.sets import TextSet
from aigc_course.data.text_files import Documents
from aigc_course.data.token_file import one_line, prepare_tokens
from aigc_course.data.tokenizer import SEPARATOR, BPETokenizer, CharTokenizer, Tokenizer, tokenizer_from_dict
from aigc_course.errors import DataError, UsageError
from aigc_course.losses.language import cross_entropy_nats
from aigc_course.models.gpt import GPT, GPTConfig
from aigc_course.paths import runs_dir
from aigc_course.recipes.recipe import Job, Recipe, smoke, weights_of
from aigc_course.recipes.text_evaluation import baselines, some_of, stretches, text_loss, write, writing_metrics
from aigc_course.training import LoopSettings, Runtime, Session, fit
from aigc_course.training.optimizers import adamw, muon_with_adamw


@dataclass(frozen=True, kw_only=True, slots=True)
class TextGPTSettings:
    """Everything that decides what a `text-gpt` run does."""

    data: str = "toy-comments"  # a text data set, an imported dump, a text file or a folder of them
    data_filter: Literal["classroom", "off"] = "classroom"  # whether people's comments with coarse words are left out
    documents: Documents = "lines"  # of text files: every line, every file, or all of them as one text
    tokens: Literal["characters", "bpe"] = "characters"  # what the model reads and writes, one after another
    bpe_vocab_size: int = 1536  # how many tokens there may be, where they are byte pairs
    model: GPTConfig = field(default_factory=lambda: GPTConfig(vocab_size=1))  # vocab_size: taken from the data
    loop: LoopSettings = field(default_factory=LoopSettings)
    optimizer: Literal["muon", "adamw"] = "muon"  # of the blocks' matrices; the rest has AdamW always
    learning_rate: float = 1e-2  # peak, of AdamW: embeddings, biases, norms (of adamw alone a tenth is usual)
    muon_learning_rate: float = 2e-2  # peak, of Muon: the matrices of the blocks
    weight_decay: float = 0.1  # of the matrices of the blocks
    evaluation_documents: int = 500  # of the validation split, for the evaluations during training
    test_documents: int = 20_000  # of the test split, for `evaluate`
    evaluation_samples: int = 500  # documents written by `evaluate`

    def __post_init__(self) -> None:
        if self.tokens not in ("characters", "bpe"):
            raise ValueError(f"tokens is {self.tokens!r}, but must be 'characters' or 'bpe'")


def profile(name: str) -> TextGPTSettings:
    """The settings of a profile."""
    quick = TextGPTSettings(
        tokens="bpe",
        model=GPTConfig(vocab_size=1, context_length=64, d_model=128, n_layers=2, n_heads=4, position="rotary"),
        loop=LoopSettings(
            steps=1200, batch_size=16, warmup_steps=30, decay="linear", grad_clip=1.0, log_every=25, evaluate_every=500
        ),
    )
    laptop = dataclasses.replace(  # 2,048 byte pairs and this size: the best of a few tried on the validation split
        quick,
        data="goemotions",
        bpe_vocab_size=2048,
        model=dataclasses.replace(quick.model, d_model=256, n_layers=4, n_heads=8, dropout=0.1),
        loop=dataclasses.replace(
            quick.loop, steps=1200, batch_size=64, warmup_steps=50, evaluate_every=200, patience=3
        ),
        evaluation_documents=1000,
    )
    # These few comments bear no larger network: 5 layers of 320 learned them by heart (1.283 on validation at best).
    full = dataclasses.replace(
        laptop,
        model=dataclasses.replace(laptop.model, dropout=0.2),
        loop=dataclasses.replace(laptop.loop, steps=2400, evaluate_every=300),
    )
    return {
        "smoke": smoke(quick, evaluation_documents=20, evaluation_samples=20),
        "quick": quick,
        "laptop": laptop,
        "full": full,
    }[name]


def next_token_step(
    model: nn.Module, batch: dict[str, torch.Tensor], *, tokens_per_character: float = 1.0
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Predict each next token of every window: the loss is the mean surprise, in nats per token.

    It is recorded per character too, at the mean length of a token, where it compares with the validation loss.
    """
    inputs, targets = batch["tokens"][:, :-1], batch["tokens"][:, 1:]  # (B, T) each
    loss = cross_entropy_nats(model(inputs), targets)
    return loss, {"loss_per_character": loss.detach() * tokens_per_character}


def train(job: Job) -> Session:
    """Train a GPT on the documents of `settings.data`."""
    settings: TextGPTSettings = job.settings
    loop = settings.loop
    dataset = load_data(settings, "train", "validation")
    way = f"bpe-{settings.bpe_vocab_size}" if settings.tokens == "bpe" else settings.tokens
    made = prepare_tokens(
        dataset.documents("train"),
        partial(make_tokenizer, settings),
        recipe=way,
        folder=runs_dir() / "tokens" / dataset.name / way,
    )
    tokenizer = made.tokenizer
    model_config = dataclasses.replace(settings.model, vocab_size=len(tokenizer))
    runtime = Runtime(loop)
    torch.manual_seed(loop.seed)
    model = runtime.prepare(GPT(model_config))
    batches = TextWindows(
        made.ids,
        model_config.context_length,
        loop.batch_size,
        seed=loop.seed,
        rank=runtime.rank,
        world=runtime.world,
        starts=None if dataset.continuous else made.starts,
    )
    validation = dataset.documents("validation")[: settings.evaluation_documents]
    return fit(
        model,
        make_optimizer(settings, model),
        batches,
        partial(next_token_step, tokens_per_character=len(made.ids) / made.num_characters),
        settings=loop,
        runtime=runtime,
        run_dir=job.run_dir,
        resume=job.resume,
        config=job.config(model=model_config, data={"name": dataset.name, "tokenizer": tokenizer.to_dict()}),
        evaluate=lambda m: {
            "validation_loss": text_loss(
                m, validation, tokenizer, runtime, continuous=dataset.continuous
            ).nats_per_character
        },
        on_log=job.on_log,
        title=job.recipe,
    )


def make_optimizer(settings: TextGPTSettings, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a run."""
    if settings.optimizer == "adamw":
        return adamw(model, settings.learning_rate, settings.weight_decay)
    muon_rate = settings.muon_learning_rate
    return muon_with_adamw(model, settings.learning_rate, settings.weight_decay, muon_learning_rate=muon_rate)


def load_data(settings: TextGPTSettings, *needed: str) -> TextSet:
    """The data set of a run; raises DataError where one of the splits that are needed holds nothing."""
    options = {} if settings.documents == "lines" else {"documents": settings.documents}
    if options and not Path(settings.data).expanduser().exists():
        raise UsageError(
            f"documents={settings.documents} says how to read text files, but data is {settings.data!r}; "
            "use documents=lines, or give the path of a file or folder"
        )
    dataset = load_text(settings.data, settings.data_filter, **options)
    for split in needed:
        if not dataset.splits.get(split):
            sizes = {name: len(documents) for name, documents in dataset.splits.items()}
            what = "text" if dataset.continuous else "documents"
            raise DataError(
                f"{dataset.name} has no {what} for {split}: {sizes}. Three documents or more fill all splits, and "
                "each line of a text file that is not empty is one (with documents=whole it is cut); add text"
            )
    return dataset


def make_tokenizer(settings: TextGPTSettings, documents: Sequence[str]) -> Tokenizer:
    """The tokenizer of a run, made from its training documents."""
    if settings.tokens == "bpe":
        return BPETokenizer.from_text(map(one_line, documents), settings.bpe_vocab_size)
    return CharTokenizer.from_text(documents)


def rebuild(tree: dict[str, Any]) -> tuple[GPT, Tokenizer]:
    """The model and the tokenizer of a loaded checkpoint."""
    model = GPT(from_dict(GPTConfig, tree["config"]["model"]))
    return model, tokenizer_from_dict(tree["config"]["data"]["tokenizer"])


def evaluate(tree: dict[str, Any]) -> dict[str, float]:
    """The test loss in three units, baselines beside it, and what the model's own comments are worth.

    On toy-comments that is said by the grammar that the comments come from, whose entropy is the floor under the loss;
    of other sets, by how varied they are and by what they copy (`text_evaluation.writing_metrics`).
    """
    settings = from_dict(TextGPTSettings, tree["config"]["settings"])
    dataset = load_data(settings, "test")
    model, tokenizer = rebuild(tree)
    model.load_state_dict(weights_of(tree))
    runtime = Runtime(settings.loop)
    model = model.to(runtime.device).eval()
    test = [one_line(document) for document in dataset.documents("test")[: settings.test_documents]]
    training = [one_line(document) for document in some_of(dataset.documents("train"))]
    continuous = dataset.continuous
    measured = text_loss(model, test, tokenizer, runtime, continuous=continuous).metrics("test")
    written = write(model, tokenizer, settings.evaluation_samples, settings.loop.seed, continuous=continuous)
    if dataset.name == toy_comments.NAME:
        floor = toy_comments.comment_grammar().entropy_per_character_nats()
        measured |= {"floor": floor, "loss_over_floor": measured["test_loss"] / floor}
        return measured | baselines(training, test) | toy_comments.grade(written, training)
    simpler = baselines(training, test)
    if continuous:
        training, test = [SEPARATOR.join(training)], stretches(SEPARATOR.join(test))
    return measured | simpler | writing_metrics(written, training, test)


RECIPE = Recipe(
    name="text-gpt",
    kind="text",
    summary="a GPT that writes forum comments",
    settings_type=TextGPTSettings,
    profile=profile,
    train=train,
    evaluate=evaluate,
)
