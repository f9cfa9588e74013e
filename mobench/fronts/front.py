"""A trained Pareto front: tables, plots, networks at preferences, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mobench.arrays import FloatArray
from mobench.errors import OptionError, PreferenceError
from mobench.fronts.front_network import FrontNetwork
from mobench.interfaces import ParetoSet, PointSet, Problem, Split
from mobench.learning.preferences import check_on_simplex
from mobench.records.record import Record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class Front:
    """A trained Pareto front; `mobench.fit` and `mobench.load` return it.

    record: losses, metrics, indicators, cost and provenance, as of a job of `mobench.run`.
    """

    def __init__(self, record: Record, problem: Problem, pareto_set: ParetoSet | PointSet) -> None:
        self.record = record
        self._problem = problem
        self._pareto_set = pareto_set

    def __repr__(self) -> str:
        hypervolume = self.record.indicators.get("val", {}).get("hypervolume")
        shown = "" if hypervolume is None else f", hypervolume {hypervolume:.4g} on validation"
        return f"<Front {self.record.job.title}: {', '.join(self.objectives)}{shown}>"

    @property
    def objectives(self) -> list[str]:
        """Names of the objectives, in the order of the entries of a preference."""
        return list(self.record.objectives)

    @property
    def table(self) -> pd.DataFrame:
        """The front on the validation part, as `table_of`."""
        return self.table_of("val")

    def table_of(self, split: Split) -> pd.DataFrame:
        """Return one row per preference, or per point of a set without preferences.

        split: "train" (as many samples as the validation part has), "val" or "test".

        Columns: "preference NAME" of each objective, its loss under its name, and metrics as "NAME/METRIC".

        Raises: OptionError for another split.
        """
        import pandas as pd

        if split not in self.record.fronts:
            raise OptionError(f"split {split!r} was given: {', '.join(map(repr, self.record.fronts))} are accepted")
        front = self.record.fronts[split]
        preferences = np.asarray(front.preferences, dtype=float)
        losses = np.asarray(front.losses, dtype=float)
        columns: dict[str, Any] = {
            f"preference {name}": preferences[:, i] for i, name in enumerate(self.objectives) if len(preferences)
        }
        columns |= {name: losses[:, i] for i, name in enumerate(self.objectives)}
        columns |= {name: np.asarray(values, dtype=float) for name, values in front.metrics.items()}
        return pd.DataFrame(columns)

    def plot(self, ax: Axes | None = None, split: Split = "val") -> Axes:
        """Draw the front and return the axes: two losses as points, more than two as parallel coordinates.

        ax: axes to draw on; None: new ones of pyplot.
        """
        from mobench.fronts.front_plot import draw

        front = self.record.fronts[split]
        return draw(ax, np.asarray(front.losses), self.objectives, split, bool(front.preferences))

    def network(self, preference: Sequence[float] | FloatArray | torch.Tensor | int) -> FrontNetwork:
        """Return the network at a preference.

        preference: values of 0 or more that sum to 1, one for each objective; or a row of `table`. A finite set of
            networks has those of the table only.

        Raises: PreferenceError for another preference, and where there is no network for it.
        """
        if isinstance(preference, int | np.integer):
            n_rows = len(self.record.fronts["val"].losses)
            if not 0 <= preference < n_rows:
                raise PreferenceError(f"row {preference} was given: the table has rows 0 to {n_rows - 1}")
            if isinstance(self._pareto_set, PointSet):
                return FrontNetwork(self._problem, self._pareto_set, int(preference), self.record)
            preference = self.record.fronts["val"].preferences[preference]
        if isinstance(self._pareto_set, PointSet):
            raise PreferenceError(
                f"{self.record.job.solver.name} trains points that belong to no preference: pass a row of the table, "
                "from 0"
            )
        at = torch.tensor(np.asarray(preference).tolist(), dtype=torch.float64)
        m = len(self.objectives)
        if at.shape != (m,):
            raise PreferenceError(
                f"preference {at.tolist()} was given: pass {m} values that sum to 1, for {', '.join(self.objectives)}"
            )
        check_on_simplex(at[None])
        rays = self._pareto_set.rays
        if rays is not None:
            distances = (rays.cpu().double() - at).abs().amax(1)
            if float(distances.min()) > 1e-3:
                accepted = "; ".join(str([round(float(r), 3) for r in ray]) for ray in rays.cpu())
                raise PreferenceError(
                    f"{self.record.job.solver.name} trained one network for each of {len(rays)} preferences, and "
                    f"none for {at.tolist()}: pass one of {accepted}, or a row of the table, or fit a "
                    "solver with one network for all preferences"
                )
            at = rays[int(distances.argmin())]
        return FrontNetwork(self._problem, self._pareto_set, at, self.record)

    def choose(self, bounds: Mapping[str, float] | None = None, /, **bounds_by_name: float) -> FloatArray | int:
        """Return the preference whose validation losses are within bounds while the other losses are best.

        bounds, bounds_by_name: name of an objective -> largest accepted loss, such as income=0.35.

        Of the rows of `table` that satisfy every bound, it is the row with the smallest mean of the losses without a
        bound, each from 0 at the ideal point to 1 at the reference point; if every loss has a bound, the mean of all.
        With two objectives that conflict, this is the row whose loss is closest under the bound. A set of points
        without preferences gives the number of the row.

        Raises: OptionError for unknown names, and if no row satisfies the bounds, with the losses that are attained.
        """
        limits = {**(bounds or {}), **bounds_by_name}
        for name in limits or {"": 0.0}:
            if name not in self.objectives:
                stated = f"a bound of {name!r}" if limits else "no bound"
                raise OptionError(f"{stated} was given: pass bounds of losses by name, of {', '.join(self.objectives)}")
        front = self.record.fronts["val"]
        losses = np.asarray(front.losses)
        positions = [self.objectives.index(name) for name in limits]
        is_within = (losses[:, positions] <= np.asarray(list(limits.values()))).all(1)
        if not is_within.any():
            raise OptionError(self._unattainable(limits, losses))
        free = [i for i in range(len(self.objectives)) if i not in positions] or list(range(len(self.objectives)))
        ideal, reference = (np.asarray(self.record.protocol[point])[free] for point in ("ideal", "reference"))
        means = ((losses[:, free] - ideal) / (reference - ideal)).mean(1)
        row = int(np.where(is_within, means, np.inf).argmin())
        return np.asarray(front.preferences[row]) if front.preferences else row

    def _unattainable(self, limits: Mapping[str, float], losses: FloatArray) -> str:
        stated = ", ".join(f"{name} ≤ {value:g}" for name, value in limits.items())
        ranges = ", ".join(
            f"{name} from {losses[:, i].min():.4g} to {losses[:, i].max():.4g}"
            for i, name in enumerate(self.objectives)
            if name in limits
        )
        together = " at the same time" if len(limits) > 1 else ""
        return (
            f"no preference has {stated}{together} on the validation part, where the front attains {ranges}: pass "
            "larger bounds, or train longer"
        )

    def save(self, path: str | Path) -> Path:
        """Write weights, record and description of the data to a safetensors file, which `mobench.load` reads.

        The file contains no code. Samples are not in it.

        Raises: MobenchError for a solver whose result is no network; StoreError if the file cannot be written.
        """
        from mobench.fronts.front_file import save

        return save(Path(path), self.record, self._problem, self._pareto_set)

    def to_onnx(self, path: str | Path) -> Path:
        """Write an ONNX file with the inputs "input" [batch, …] and "preference" [m], and one output per head.

        Inputs are in the units of the user; `metadata_props` of the file says what inputs and outputs are.

        Raises: IncompatibleError for a finite set of networks, of which `network(preference).to_onnx(path)` writes
            one; MobenchError if the network cannot be exported.
        """
        from mobench.fronts.front_onnx import write_front

        return write_front(Path(path), self.record, self._problem, self._pareto_set)
