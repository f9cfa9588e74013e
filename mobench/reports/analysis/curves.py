"""Learning curves: the validation checks of records against training steps and seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mobench.records.record import Record
from mobench.reports.analysis.row_labels import labels_of

if TYPE_CHECKING:
    import pandas as pd

VALUES = {True: "validation loss", False: "validation hypervolume"}


def curves(records: Sequence[Record], names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return one row per validation check: dataset, solver, model, seed, step, cost so far and value.

    The cost columns are "seconds" and "gradient evaluations", and "core-seconds" if every check has its processor
    time. "what" names the value. With several objectives the value is the hypervolume. With one objective it is the
    loss, computed as the reference minus the hypervolume; a loss above the reference is shown as the reference.

    names: record id -> name of its solver; by default the names of the leaderboard.
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
