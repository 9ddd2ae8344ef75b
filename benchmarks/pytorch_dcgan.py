"""The DCGAN of pytorch/examples as a peer: networks, losses, optimizers and the body of the loop, all from its file.

Its folder is an argument of the benchmarks and nothing of it is kept here.
"""

import ast
import contextlib
import io
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

LATENT_DIM, WIDTH = 100, 64  # its defaults of --nz, and of --ngf and --ndf
_LOSSES, _TAKEN, _LAST_LINE = ("errD", "errG"), "data", "optimizerG.step()"  # in its loop


class Peer:
    """What its script has made before the loop begins, and one pass through that loop.

    At 64 x 64 all is as in the file. At 32 x 32 each network has one stage less, that of 512 maps: 256, 128 and 64 are
    left, from 4 x 4 to 16 x 16; the optimizers are made anew.
    """

    def __init__(self, folder: Path, image_size: int, batch_size: int, seed: int = 0) -> None:
        path = folder / "main.py"
        if not path.is_file():
            raise SystemExit(f"{folder} has no main.py; give the folder dcgan of pytorch/examples")
        statements = ast.parse(path.read_text("utf-8")).body
        loop = next(place for place, statement in enumerate(statements) if isinstance(statement, ast.For))
        self._names: dict[str, Any] = {"__name__": "peer"}
        arguments = ["--dataset=fake", f"--batchSize={batch_size}", "--imageSize=64", f"--manualSeed={seed}"]
        with tempfile.TemporaryDirectory() as scratch, _called_with([*arguments, f"--outf={scratch}"]):
            self._run(statements[:loop])
        self.generator, self.discriminator = self._names["netG"], self._names["netD"]
        if image_size == 32:
            shorten(self.generator.main, self.discriminator.main)
            self._run(s for s in statements[:loop] if isinstance(s, ast.Assign) and "optim." in ast.unparse(s.value))
        elif image_size != 64:
            raise SystemExit(f"image_size is {image_size}; the peer is made for 64, and shortened for 32")
        self.optimizers: list[torch.optim.Optimizer] = [self._names["optimizerG"], self._names["optimizerD"]]
        self._run([_function_of(_loop_body(statements[loop]))])
        self.step: Callable[[list[torch.Tensor]], tuple[torch.Tensor, torch.Tensor]] = self._names["peer_step"]
        """[images (B, 3, H, W)] -> its losses of D and of G in this pass, scalars; both networks are a step further."""

    def _run(self, statements: Iterable[ast.stmt]) -> None:
        module = ast.fix_missing_locations(ast.Module(body=list(statements), type_ignores=[]))
        exec(compile(module, "pytorch/examples dcgan/main.py", "exec"), self._names)


def shorten(generator: nn.Sequential, discriminator: nn.Sequential) -> None:
    """Take off the stage of 512 maps at 4 x 4: its convolution, its batch norm, its activation.

    The generator's first convolution goes to 256 maps then, the discriminator's last one comes from 256; both new ones
    have weights N(0, 0.02), as the file's.
    """
    first = nn.ConvTranspose2d(LATENT_DIM, 4 * WIDTH, 4, 1, 0, bias=False)
    last = nn.Conv2d(4 * WIDTH, 1, 4, 1, 0, bias=False)
    for layer in (first, last):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    generator[3] = first  # instead of 512 -> 256
    del generator[:3]  # z -> 512, norm, ReLU
    discriminator[11] = last  # instead of 512 -> 1
    del discriminator[8:11]  # 256 -> 512, norm, LeakyReLU


def _loop_body(epochs: ast.stmt) -> list[ast.stmt]:
    """The statements of a pass, from the first one to the generator's step: no printing, no saving of images."""
    assert isinstance(epochs, ast.For)
    passes = next(statement for statement in epochs.body if isinstance(statement, ast.For))
    assert _TAKEN in ast.unparse(passes.target)
    last = next(place for place, statement in enumerate(passes.body) if ast.unparse(statement) == _LAST_LINE)
    return passes.body[: last + 1]


def _function_of(body: list[ast.stmt]) -> ast.stmt:
    """`def peer_step(data): ...` that returns the two losses."""
    function = ast.parse(f"def peer_step({_TAKEN}):\n    return {', '.join(_LOSSES)}").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body[:0] = body
    return function


@contextlib.contextmanager
def _called_with(arguments: list[str]) -> Iterator[None]:
    """The command line that its argument parser reads; what it prints is thrown away."""
    own, sys.argv = sys.argv, ["main.py", *arguments]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        sys.argv = own
