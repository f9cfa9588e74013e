"""Logger that writes event files for TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mobench import LoggedJob, LoggedRun, Logger, option
from mobench.events import JobEnded, TrainingProgress

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@dataclass(eq=False)
class TensorBoard(Logger):
    """Writes one folder of event files for each job: `tensorboard --logdir FOLDER` shows them.

    Losses and the validation hypervolume are scalars over training steps. The options are a text and, with the
    results, the hyperparameters of the HPARAMS tab.
    """

    packages: ClassVar[Mapping[str, str]] = {"tensorboard": "pip install 'mobench[tensorboard]'"}

    folder: str = option("", "folder of the event files; empty: `tensorboard` below the folder of the records")

    def open(self, run: LoggedRun) -> None:
        self._folder = Path(self.folder) if self.folder else run.folder / "tensorboard"
        self._writers: dict[str, SummaryWriter] = {}
        self._n_steps: dict[str, int] = {}

    def start(self, job: LoggedJob) -> None:
        # imports TensorFlow if it is installed, and takes a second: not before it is needed
        from torch.utils.tensorboard import SummaryWriter

        folder = self._folder / f"{job.dataset}-{job.solver}-s{job.seed}-{job.id}"
        writer = self._writers[job.id] = SummaryWriter(str(folder))
        rows = "".join(f"| {name} | {_shown(value)} |\n" for name, value in job.options.items())
        writer.add_text("options", f"| option | value |\n| --- | --- |\n{rows}")

    def progress(self, job: LoggedJob, event: TrainingProgress) -> None:
        self._n_steps[job.id] = event.step
        for name, value in job.training_values(event).items():
            self._writers[job.id].add_scalar(name, value, event.step)

    def end(self, job: LoggedJob, event: JobEnded, results: Mapping[str, float]) -> None:
        writer = self._writers.pop(job.id)
        text = f"{event.status}: {event.message}" if event.message else event.status
        writer.add_text("status", text)
        if results:
            options = {name: _shown(value) for name, value in job.options.items()}
            step = self._n_steps.get(job.id, 0)
            # run_name ".": in the folder of the job itself
            writer.add_hparams(options, dict(results), run_name=".", global_step=step)
        writer.close()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


def _shown(value: object) -> str | float | int | bool:
    """Return a value of a type that TensorBoard accepts: lists and None as JSON."""
    return value if isinstance(value, str | float | int | bool) else json.dumps(value)
