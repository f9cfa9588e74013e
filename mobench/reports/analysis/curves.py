"""Validation against steps and against seconds of training, from the looks that records hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mobench.records.record import Record
from mobench.reports.analysis.labels import labels_of

if TYPE_CHECKING:
    import pandas as pd

VALUES = {True: "validation loss", False: "validation hypervolume"}


def curves(records: Sequence[Record], names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One row per look: dataset, solver, model, seed, step, seconds, gradient evaluations, and the value.

    Where every look has its processor time, it is there too, as "core-seconds".

    With one objective the value is the loss, which is the reference less the hypervolume, unless
    it was above the reference; with several it is the hypervolume.

    names: record id -> what its solver is called; by default as in the leaderboard.
    """
    import pandas as pd

    called = labels_of(records) if names is None else names
    timed = all(look.core_seconds is not None for record in records for look in record.trace)
    rows = []
    for record in records:
        single = len(record.objectives) == 1
        reference = record.protocol.get("reference", [0.0])[0]
        for look in record.trace:
            if look.hypervolume is None:
                continue
            rows.append(
                {
                    "dataset": record.job.dataset.name,
                    "solver": called[record.id],
                    "model": record.job.model.name,
                    "seed": record.job.seeds.solver,
                    "step": look.step,
                    "seconds": look.seconds,
                    **({"core-seconds": look.core_seconds} if timed else {}),
                    "gradient evaluations": look.gradient_evaluations,
                    "what": VALUES[single],
                    "value": reference - look.hypervolume if single else look.hypervolume,
                }
            )
    return pd.DataFrame(rows)
