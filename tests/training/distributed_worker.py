"""Trains under `torchrun` and writes what came out: `distributed_worker.py KIND RUN_DIR STEPS [--resume]`."""

import sys
from pathlib import Path

from tests.training import problem


def main(kind: str, run_dir: Path, steps: int, resume: bool) -> None:
    common = {"steps": steps, "log_every": 1, "decay": "constant", "checkpoint_every": 5, "ema_decay": 0.9}
    if kind.startswith("gan"):
        n_dis = int(kind.partition("-by-")[2] or 1)  # "gan-by-3": three discriminator steps per generator step
        session, *_ = problem.run_fit_gan(run_dir, resume=resume, plain=True, n_dis=n_dis, **common)
    else:
        model = problem.make_model(dropout=0.0, batch_norm=False)
        strategy, _, parts = kind.partition("-in-")  # "ddp-in-4": the batch in four parts
        common |= {"strategy": strategy, "accumulate": int(parts or 1)}
        session, _ = problem.run_fit(run_dir, resume=resume, model=model, evaluation=None, **common)
    session.runtime.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), "--resume" in sys.argv)
