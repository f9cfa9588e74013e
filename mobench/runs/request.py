"""Request to a worker process: a job and how to run it, as JSON on the worker's standard input."""

from __future__ import annotations

from pydantic import Field

from mobench.jobs.job import Job, Strict
from mobench.runs.run_options import RunOptions


class Request(Strict):
    """Request to a worker.

    store:   folder of the store that receives the record.
    options: of the run.
    threads: number of torch threads.
    plugins: keys of the plugins of the job's parts; only these are loaded. Empty: all plugins are loaded.
    in_process: parts that are registered in the process of the runner, as `mobench.in_process.transport` packs them.
    """

    job: Job
    store: str
    options: RunOptions = RunOptions()
    threads: int = 1
    plugins: list[str] = Field(default_factory=list)
    in_process: str = ""
