"""A walk through a decoder's codes: where real codes lie, and what the decoder makes of the places between."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.plots import COLOURS
from aigc_course.widgets.controls import Button, Choice, Slider
from aigc_course.widgets.explorer import Explorer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_REACH = 3.0  # of the sliders, in standard deviations
_MOST_POINTS = 1000  # real codes that are drawn and compared


@dataclass(frozen=True, kw_only=True, eq=False)
class PrincipalAxes:
    """The directions in which codes vary, the strongest first: code = mean + (amounts * scale) @ directions."""

    mean: Tensor  # (K,)
    directions: Tensor  # (K, K), orthonormal rows
    scale: Tensor  # (K,), standard deviation of the codes along each

    def code(self, amounts: Tensor) -> Tensor:
        """The codes (B, K) that lie `amounts` (B, K) standard deviations from the mean along the directions."""
        return self.mean + (amounts * self.scale) @ self.directions

    def amounts(self, codes: Tensor) -> Tensor:
        """Where codes (B, K) lie, in standard deviations along each direction (B, K); 0 where codes don't vary."""
        along = (codes - self.mean) @ self.directions.T
        return torch.where(self.scale > 0, along / self.scale.clamp(min=1e-12), 0.0)

    @property
    def share_of_two(self) -> float:
        """The share of the variance that lies in the first two directions."""
        variance = self.scale.square()
        return float(variance[:2].sum() / variance.sum())


def principal_axes(codes: Tensor) -> PrincipalAxes:
    """The principal axes of codes (N, K), N >= 2, by an eigendecomposition of their covariance (divided by N)."""
    mean = codes.mean(dim=0)
    centred = (codes - mean).double()
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(codes))  # ascending
    signs = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True)).sign()  # the same on every machine
    directions = (vectors * signs).T.flip(0)
    values = values.flip(0)
    scale = torch.where(values > 1e-10 * values[0], values, 0.0).clamp(min=0).sqrt()
    return PrincipalAxes(mean=mean, directions=directions.to(codes), scale=scale.to(codes))


class CodeExplorer(Explorer):
    """Two directions of the code on sliders: the decoded image beside the map of real codes."""

    title = "What the decoder makes of a code"
    inches = (9.6, 3.9)

    def __init__(
        self,
        decode: Callable[[Tensor], Tensor],
        codes: Tensor | None = None,
        *,
        code_dim: int = 2,
        value_range: tuple[float, float] = (0.0, 1.0),
        seed: int = 0,
    ) -> None:
        """Show decode(code).

        Args:
            decode: (B, K) codes -> (B, 1, H, W) or (B, 3, H, W) images; a module should be in eval mode.
            codes: (N, K) of real images, N >= 2, K >= 2; the sliders move along their two principal axes. Without
                them N(0, I), the prior of a VAE, takes their place, in `code_dim` dimensions.
            value_range: black and white of the images; what lies beyond is cut off.
            seed: of the values at random in the other directions.
        Raises: UsageError if a shape is wrong.
        """
        self.decode = decode
        self.value_range = value_range
        self.from_prior = codes is None
        self.axes, self.codes = _directions(codes, code_dim)
        self._neighbour = _typical_neighbour(self.codes)
        self._seed = seed
        self.decoded(self.axes.mean[None])  # a wrong shape is refused here, not at the first look
        where = {"at their mean": "mean", "at random": "random"}
        sizes: dict[str, Any] = {"low": -_REACH, "high": _REACH, "step": 0.05}
        super().__init__(
            [
                Slider(name="first", label="direction 1 (std)", value=0.0, **sizes),
                Slider(name="second", label="direction 2 (std)", value=0.0, **sizes),
                Choice(name="others", label="other directions", value="mean", options=where),
                Button(name="again", label="Other random values"),
            ]
        )

    def pressed(self, name: str) -> None:
        if name != "again":
            super().pressed(name)
        self._seed += 1

    def disabled(self, values: Mapping[str, Any]) -> set[str]:
        if len(self.axes.mean) == 2:
            return {"others", "again"}
        return {"again"} if values["others"] == "mean" else set()

    def code(self, values: Mapping[str, Any]) -> Tensor:
        """The code (K,) that the controls choose."""
        amounts = torch.zeros(1, len(self.axes.mean))
        if values["others"] == "random":
            amounts = torch.randn(amounts.shape, generator=torch.Generator().manual_seed(self._seed))
        amounts[0, :2] = torch.tensor([values["first"], values["second"]])
        return self.axes.code(amounts)[0]

    def decoded(self, codes: Tensor) -> Tensor:
        """Images (B, H, W, C) of codes (B, K), from 0 to 1. Raises: UsageError if the decoder's shape is wrong."""
        with torch.no_grad():
            images = self.decode(codes)
        if images.ndim != 4 or len(images) != len(codes) or images.shape[1] not in (1, 3):
            raise UsageError(
                f"decode made {tuple(images.shape)} of codes {tuple(codes.shape)}; "
                "it must make (B, 1, H, W) or (B, 3, H, W): reshape its output"
            )
        low, high = self.value_range
        return ((images.detach().float().cpu() - low) / (high - low)).clamp(0, 1).permute(0, 2, 3, 1)

    def build(self, figure: "Figure") -> None:
        plane, here, nearest = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
        places = self.axes.amounts(self.codes).numpy()
        what = "drawn from the prior" if self.from_prior else "codes of real images"
        plane.plot(places[:, 0], places[:, 1], ".", color="0.55", ms=3, label=what)
        (self._near,) = plane.plot([], [], "s", color=COLOURS[2], ms=9, mec="white", label="nearest of them")
        (self._point,) = plane.plot([], [], "D", color=COLOURS[1], ms=10, mec="white", label="the code you chose")
        plane.set(xlim=(-1.15 * _REACH, 1.15 * _REACH), ylim=(-1.15 * _REACH, 1.15 * _REACH), aspect="equal")
        plane.set(xlabel="direction 1 (standard deviations)", ylabel="direction 2 (standard deviations)")
        plane.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize="small", markerscale=0.7, ncols=1
        )
        self._image = self._empty_image(here, "decoded: the code you chose")
        self._near_image = self._empty_image(nearest, "decoded: the nearest")

    def _empty_image(self, ax: "Axes", title: str) -> Any:
        ax.set_title(title, fontsize="medium")
        ax.set(xticks=[], yticks=[])
        image = self.decoded(self.axes.mean[None])[0]
        return ax.imshow(image.squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")

    def draw(self, values: Mapping[str, Any]) -> str:
        code = self.code(values)
        distances = (self.codes - code).square().sum(dim=1).sqrt()
        index = int(distances.argmin())
        near, distance = self.codes[index], float(distances[index])
        for point, place in ((self._point, code), (self._near, near)):
            point.set_data(*self.axes.amounts(place[None])[:, :2].T.numpy())
        for shown, image in zip((self._image, self._near_image), self.decoded(torch.stack([code, near])), strict=True):
            shown.set_data(image.squeeze(-1).numpy())
        kind = "code drawn from the prior" if self.from_prior else "real code"
        text = (
            f"The nearest {kind} is {distance:.2f} away, {distance / self._neighbour:.1f} times as far as "
            f"such codes typically are from their own nearest ({self._neighbour:.2f})."
        )
        if self.from_prior:
            return text
        return f"{text} The two directions hold {100 * self.axes.share_of_two:.0f} % of the real codes' variance."


def _directions(codes: Tensor | None, code_dim: int) -> tuple[PrincipalAxes, Tensor]:
    """The axes of the sliders, and the codes that are shown."""
    if codes is None:
        if code_dim < 2:
            raise UsageError(f"code_dim = {code_dim} is not allowed; the two sliders need at least 2")
        axes = PrincipalAxes(mean=torch.zeros(code_dim), directions=torch.eye(code_dim), scale=torch.ones(code_dim))
        return axes, torch.randn(_MOST_POINTS, code_dim, generator=torch.Generator().manual_seed(0))
    if codes.ndim != 2 or len(codes) < 2 or codes.shape[1] < 2:
        raise UsageError(f"codes are {tuple(codes.shape)}; they must be (N, K), at least two codes of two numbers")
    codes = codes.detach().float().cpu()
    if not codes.isfinite().all():
        raise UsageError("codes hold NaN or infinity; give the codes of an encoder that was trained")
    axes = principal_axes(codes)
    if float(axes.scale[0]) == 0:
        raise UsageError(
            "all codes are the same, so there is no direction to move in; give the codes of several images"
        )
    return axes, codes[torch.linspace(0, len(codes) - 1, min(len(codes), _MOST_POINTS)).long()].clone()


def _typical_neighbour(codes: Tensor) -> float:
    """The median distance of a code to the nearest other one."""
    distances = torch.cdist(codes, codes).fill_diagonal_(torch.inf)
    return max(float(distances.min(dim=1).values.median()), 1e-12)
