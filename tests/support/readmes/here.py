"""`--executor readmes.here`: an executor that runs jobs in the process of the command, where torch is imported."""

from __future__ import annotations

from in_process import InProcess

from mobench.runs.executors import Limits


def make(limits: Limits) -> InProcess:
    return InProcess()
