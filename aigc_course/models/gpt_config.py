"""What a GPT is made of: its size, and each choice of its architecture as one named option."""

from dataclasses import dataclass
from typing import Any, Literal

from aigc_course.models.settings import require_at_least, require_fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class GPTConfig:
    """The size and the parts of a GPT. The defaults are those of GPT-2; `gpt2` and `modern` are two complete sets."""

    vocab_size: int  # number of tokens
    context_length: int = 128  # tokens that the model can look at
    d_model: int = 128  # width of the residual stream
    n_layers: int = 4  # transformer blocks
    n_heads: int = 4  # attention heads per block
    dropout: float = 0.0  # probability, on embeddings, attention weights and both residual branches
    position: Literal["learned", "rotary"] = "learned"  # how a token's place is told
    activation: Literal["gelu", "relu2"] = "gelu"  # inside the MLP: GELU (by tanh, as in GPT-2), or ReLU squared
    qk_norm: bool = False  # whether queries and keys are normalised before they are compared
    bias: bool = True  # whether linear layers and norms have biases
    tied_head: bool = True  # whether the logits come from the token embedding itself, or from a matrix of their own
    zero_init: bool = False  # whether residual projections and an untied head start at zero
    hashed_ngrams: int = 0  # rows of each table of hashed n-gram embeddings; 0: none
    ngram_sizes: tuple[int, ...] = (2, 3)  # the last how many tokens each of those tables looks at
    attention: Literal["auto", "fused", "products"] = "auto"  # how it is computed; see `causal_attention`

    def __post_init__(self) -> None:
        require_at_least(
            1,
            vocab_size=self.vocab_size,
            context_length=self.context_length,
            d_model=self.d_model,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
        )
        require_at_least(0, hashed_ngrams=self.hashed_ngrams)
        require_fraction(dropout=self.dropout)
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model = {self.d_model} is not a multiple of n_heads = {self.n_heads}")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}, but must be {_listed(allowed)}")
        if self.position == "rotary" and self.head_dim % 2:
            raise ValueError(f"d_model / n_heads is {self.head_dim}; rotary positions need an even one")
        if not self.ngram_sizes or not {2, 3, 4, 5}.issuperset(self.ngram_sizes) or _repeats(self.ngram_sizes):
            raise ValueError(
                f"ngram_sizes = {self.ngram_sizes} is not allowed; give distinct numbers from 2 to 5, as (2, 3)"
            )

    @property
    def head_dim(self) -> int:
        """Width of one head's queries, keys and values."""
        return self.d_model // self.n_heads

    @classmethod
    def gpt2(cls, **sizes: Any) -> "GPTConfig":
        """The classic: learned positions, LayerNorm and linear layers with biases, GELU, tied head.

        Args: sizes: fields of GPTConfig; the others are those of the smallest published GPT-2.
        Source: Radford et al. 2019, Language models are unsupervised multitask learners.
        """
        smallest: dict[str, Any] = {
            "vocab_size": 50_257,
            "context_length": 1024,
            "d_model": 768,
            "n_layers": 12,
            "n_heads": 12,
        }
        return cls(**smallest | sizes)

    @classmethod
    def modern(cls, **changes: Any) -> "GPTConfig":
        """What has replaced parts of GPT-2 since; no biases.

        Rotary positions (Su et al. 2021, arXiv:2104.09864), normalised queries and keys (Dehghani et al. 2023,
        arXiv:2302.05442), ReLU squared (So et al. 2021, arXiv:2109.08668), projections that start at zero, so that
        a block begins as the identity (Goyal et al. 2017, arXiv:1706.02677, Section 5.1), a head of its own.

        Args: changes: fields of GPTConfig, vocab_size among them; a choice named here replaces the modern one.
        """
        choices: dict[str, Any] = {"position": "rotary", "activation": "relu2", "qk_norm": True}
        choices |= {"bias": False, "tied_head": False, "zero_init": True}
        return cls(**choices | changes)


_CHOICES: dict[str, tuple[str, ...]] = {
    "position": ("learned", "rotary"),
    "activation": ("gelu", "relu2"),
    "attention": ("auto", "fused", "products"),
}


def _repeats(values: tuple[int, ...]) -> bool:
    return len(set(values)) < len(values)


def _listed(names: tuple[str, ...]) -> str:
    """'a' or 'b'; 'a', 'b' or 'c'."""
    quoted = [repr(name) for name in names]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"
