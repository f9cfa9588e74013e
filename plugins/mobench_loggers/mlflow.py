"""Logger that writes runs of an MLflow experiment."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mobench import LoggedJob, LoggedRun, Logger, option
from mobench.events import JobEnded, TrainingProgress

STATUS = {"completed": "FINISHED", "declined": "KILLED", "pruned": "KILLED"}
"""Status of an MLflow run for the status of a job; FAILED for the others."""
MAX_PARAMETERS = 100
"""Parameters that one call of MLflow accepts."""
MAX_CHARACTERS = 500
"""Length of a parameter or tag that every version of MLflow accepts."""


@dataclass(eq=False)
class MLflow(Logger):
    """Creates one MLflow run for each job: options are parameters, losses and results are metrics.

    Names of metrics may have letters, digits, and "_-. :/"; other characters are replaced by "_".
    """

    packages: ClassVar[Mapping[str, str]] = {"mlflow": "pip install 'mobench[mlflow]'"}

    experiment: str = option("", "name of the experiment; empty: the name of the suite")
    uri: str = option(
        "",
        "tracking server or database, such as http://localhost:5000; empty: MLFLOW_TRACKING_URI, "
        "otherwise the SQLite file mlflow.db in the folder of the records",
    )

    def open(self, run: LoggedRun) -> None:
        from mlflow.tracking import MlflowClient

        # messages about the creation of a database would disturb the live view
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        uri = self.uri or os.environ.get("MLFLOW_TRACKING_URI", "")
        if not uri:
            run.folder.mkdir(parents=True, exist_ok=True)
            uri = f"sqlite:///{(run.folder / 'mlflow.db').resolve()}"
        self._client: Any = MlflowClient(tracking_uri=uri)
        name = self.experiment or run.name
        existing = self._client.get_experiment_by_name(name)
        self._experiment = existing.experiment_id if existing is not None else self._client.create_experiment(name)
        self._runs: dict[str, str] = {}
        self._n_steps: dict[str, int] = {}

    def start(self, job: LoggedJob) -> None:
        from mlflow.entities import Param

        tags = {"mobench.job": job.id, "mobench.dataset": job.dataset, "mobench.model": job.model}
        tags |= {"mobench.solver": job.solver, "mobench.seed": str(job.seed)}
        run = self._client.create_run(self._experiment, run_name=job.title, tags=tags)
        run_id = self._runs[job.id] = run.info.run_id
        values = {name: v if isinstance(v, str) else json.dumps(v) for name, v in job.options.items()}
        parameters = [Param(_name(name), text[:MAX_CHARACTERS]) for name, text in values.items()]
        for i in range(0, len(parameters), MAX_PARAMETERS):
            self._client.log_batch(run_id, params=parameters[i : i + MAX_PARAMETERS])

    def progress(self, job: LoggedJob, event: TrainingProgress) -> None:
        self._n_steps[job.id] = event.step
        self._log(job, job.training_values(event), event.step)

    def end(self, job: LoggedJob, event: JobEnded, results: Mapping[str, float]) -> None:
        self._log(job, results, self._n_steps.get(job.id, 0))
        run_id = self._runs.pop(job.id)
        if event.message:
            self._client.set_tag(run_id, "mobench.message", event.message[:MAX_CHARACTERS])
        self._client.set_terminated(run_id, STATUS.get(event.status, "FAILED"))

    def close(self) -> None:
        for run_id in self._runs.values():
            self._client.set_terminated(run_id, "KILLED")

    def _log(self, job: LoggedJob, values: Mapping[str, float], step: int) -> None:
        """Log the finite values in one transaction: databases store no NaN or infinity."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        finite = {_name(name): value for name, value in values.items() if math.isfinite(value)}
        metrics = [Metric(name, value, now, step) for name, value in finite.items()]
        self._client.log_batch(self._runs[job.id], metrics=metrics)


def _name(text: str) -> str:
    """Return a name that MLflow accepts."""
    return "".join(c if c.isalnum() or c in "_-. :/" else "_" for c in text)
