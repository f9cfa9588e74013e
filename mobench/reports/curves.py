"""Validation against steps and against seconds of training, from the looks that records hold."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mobench.errors import StoreError
from mobench.reports.leaderboard import labels_of
from mobench.reports.tables import write_texts
from mobench.runs.record import Record

if TYPE_CHECKING:
    import pandas as pd

VALUES = {True: "validation loss", False: "validation hypervolume"}


def curves(records: Sequence[Record]) -> pd.DataFrame:
    """One row per look: dataset, solver, model, seed, step, seconds, and the value.

    With one objective the value is the loss, which is the reference less the hypervolume, unless
    it was above the reference; with several it is the hypervolume.
    """
    import pandas as pd

    names = labels_of(records)
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
                    "solver": names[record.id],
                    "model": record.job.model.name,
                    "seed": record.job.seeds.solver,
                    "step": look.step,
                    "seconds": look.seconds,
                    "what": VALUES[single],
                    "value": reference - look.hypervolume if single else look.hypervolume,
                }
            )
    return pd.DataFrame(rows)


def export(records: Sequence[Record], folder: Path) -> list[Path]:
    """Write curves.csv, and curves.svg with steps on the left and seconds on the right.

    Raises: StoreError where no record has a look, or nothing can be written.
    """
    table = curves(records)
    if table.empty:
        raise StoreError("no record holds looks at validation: there is nothing to draw")
    return write_texts(
        folder, {"curves.csv": table.to_csv(index=False, lineterminator="\n"), "curves.svg": _draw(table)}
    )


def _draw(table: pd.DataFrame) -> str:
    """A row of two plots for each dataset, as SVG, the same to the byte for the same table."""
    import matplotlib as mpl
    import seaborn as sns
    from matplotlib.figure import Figure

    datasets = sorted(set(table["dataset"]))
    models = table["model"].nunique() > 1
    name = table["model"] + " · " + table["solver"] if models else table["solver"]
    shown = table.assign(name=name)
    with mpl.rc_context({"svg.hashsalt": "mobench", "svg.fonttype": "none"}):
        figure = Figure(figsize=(10, 4 * len(datasets)), layout="constrained")
        axes = figure.subplots(len(datasets), 2, squeeze=False)
        for row, dataset in zip(axes, datasets, strict=True):
            part = shown[shown["dataset"] == dataset]
            for axis, against in zip(row, ("step", "seconds"), strict=True):
                sns.lineplot(
                    part, x=against, y="value", hue="name", units="seed", estimator=None, ax=axis,
                    palette="colorblind", legend=against == "step",
                )  # fmt: skip
                axis.set_ylabel(f"{dataset}: {part['what'].iloc[0]}")
                axis.set_xlabel("steps" if against == "step" else "seconds of training")
                axis.grid(alpha=0.3)
            row[0].get_legend().set_title("")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
