"""Logger that writes runs of Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from mobench import LoggedJob, LoggedRun, Logger, option
from mobench.events import JobEnded, TrainingProgress


@dataclass(eq=False)
class WandB(Logger):
    """Creates one run for each job: options are the configuration, losses the history, results the summary.

    In offline mode the runs are files; `wandb sync FOLDER` uploads them later.
    """

    packages: ClassVar[Mapping[str, str]] = {"wandb": "pip install 'mobench[wandb]'"}

    project: str = option("", "name of the project; empty: the name of the suite")
    entity: str = option("", "user or team; empty: the default one")
    mode: Literal["offline", "online"] = option("offline", "offline: write files; online: send the data at once")
    folder: str = option("", "folder of the files; empty: the folder of the records, in which wandb makes `wandb`")

    def open(self, run: LoggedRun) -> None:
        self._name = run.name
        self._folder = Path(self.folder) if self.folder else run.folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._runs: dict[str, Any] = {}

    def start(self, job: LoggedJob) -> None:
        import wandb

        self._runs[job.id] = wandb.init(
            project=self.project or self._name,
            entity=self.entity or None,
            name=job.title,
            group=f"{job.dataset} {job.solver}",
            config=dict(job.options),
            mode=self.mode,
            dir=str(self._folder),
            reinit="create_new",
            # the terminal belongs to mobench; git state, code and packages of the process are no data of a job
            settings=wandb.Settings(
                silent=True, console="off", disable_git=True, save_code=False, x_disable_stats=True, x_disable_meta=True
            ),
        )

    def progress(self, job: LoggedJob, event: TrainingProgress) -> None:
        self._runs[job.id].log(job.training_values(event), step=event.step)

    def end(self, job: LoggedJob, event: JobEnded, results: Mapping[str, float]) -> None:
        run = self._runs.pop(job.id)
        run.summary.update({**results, "status": event.status, "message": event.message})
        run.finish(exit_code=int(event.status in ("failed", "diverged")))

    def close(self) -> None:
        for run in self._runs.values():
            run.finish(exit_code=1)
