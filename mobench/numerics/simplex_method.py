"""Linear programs on the simplex by the two-phase simplex method, for a batch of K programs at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

PIVOT = 1e-11
"""Smallest entry that may become a pivot, relative to the largest entry of its column."""
IMPROVES = 1e-12
"""Smallest reduced cost that improves a solution, relative to the largest coefficient of the objective."""
INFEASIBLE = 1e-9
"""Largest violation of a scaled row at the end of the first phase that counts as rounding."""
TIES = 1e-15
"""Largest difference of two ratios that count as equal."""
TINY = float(np.finfo(float).tiny)


def maximise_on_simplex(objective: Array, rows: Array) -> tuple[Array, Array, Array]:
    """Return argmax over the simplex of cᵀα subject to rows · α ≥ 0, for a batch of K programs.

    objective: c [K, n]; rows: [K, p, n], each scaled so that its largest entry is about 1. A row of zeros has no
        effect.
    Returns:   α [K, n]; feasible [K], False where no α satisfies the rows (α is then uniform); and ended [K], False
        where rounding stopped the method, so that α and feasible have no meaning.

    Every iteration exchanges one basic variable of each program that has not ended. The first phase relaxes all rows by
    one variable, rows · α + t ≥ 0, and minimises t; the second phase maximises cᵀα. The variable with the largest
    reduced cost enters. After 5 (n + p) iterations the first one with a positive reduced cost does (Bland 1977), so
    that the method does not cycle at a degenerate vertex.
    """
    batch = _Batch.start(objective, rows)
    n, p = objective.shape[1], rows.shape[1]
    scale = np.maximum(np.abs(objective).max(1), TINY)
    tolerances = np.stack([np.full_like(scale, IMPROVES), IMPROVES * scale], axis=1)
    phase = np.where(batch.values(n + p) > 0, 0, 1)
    programs = np.arange(len(rows))
    running, infeasible, ended = np.ones((3, len(rows)), bool)
    infeasible[:], ended[:] = False, False
    for iteration in range(10 * (n + p)):
        reduced = batch.costs[programs, phase, : n + p]
        improving = reduced > tolerances[programs, phase, None]
        optimal = ~improving.any(1)
        if (in_first := running & optimal & (phase == 0)).any():
            infeasible |= in_first & (batch.values(n + p) > INFEASIBLE)
            batch.remove(n + p, in_first & ~infeasible)
            phase = np.where(in_first, 1, phase)
            running &= ~infeasible
            continue
        ended |= running & optimal
        running &= ~optimal
        if not running.any():
            break
        is_careful = iteration > 5 * (n + p)
        entering = improving.argmax(1) if is_careful else np.where(improving, reduced, -np.inf).argmax(1)
        leaving, bounded = batch.leaving(entering, n + p, is_careful)
        running &= bounded  # on a simplex, only rounding removes the bound
        batch.exchange(entering, leaving, running)
        phase = np.where((batch.basis == n + p).any(1), phase, 1)
    alpha = np.maximum(batch.solution()[:, :n], 0.0)
    total = alpha.sum(1, keepdims=True)
    uniform = infeasible | (total[:, 0] <= 0)
    alpha = np.where(uniform[:, None], 1 / n, alpha / np.where(total > 0, total, 1.0))
    return alpha, ~infeasible, ended | infeasible


@dataclass
class _Batch:
    """K tableaus with n variables, p slacks, the relaxation and the right-hand side as columns.

    table: [K, p + 1, n + p + 2], the rows of the constraints, and of Σ α = 1.
    basis: [K, p + 1], the variable that each row determines.
    costs: [K, 2, n + p + 2], the reduced costs of −t and of cᵀα.
    """

    table: Array
    basis: Array
    costs: Array

    @classmethod
    def start(cls, objective: Array, rows: Array) -> _Batch:
        """Return tableaus whose solution is the vertex that violates the rows least, with the relaxation it needs."""
        k, p, n = rows.shape
        programs = np.arange(k)
        table = np.zeros((k, p + 1, n + p + 2))
        table[:, :p, :n] = -rows
        table[:, :p, n : n + p] = np.eye(p)
        table[:, :p, n + p] = np.where((rows != 0).any(2), -1.0, 0.0)
        table[:, p, :n] = 1.0
        table[:, p, -1] = 1.0
        basis = np.tile(np.arange(n, n + p + 1), (k, 1))
        costs = np.zeros((k, 2, n + p + 2))
        costs[:, 0, n + p] = -1.0
        costs[:, 1, :n] = objective
        batch = cls(table, basis, costs)
        all_programs = np.ones(k, bool)
        vertex = rows.min(1).argmax(1) if p else objective.argmax(1)
        batch.exchange(vertex, np.full(k, p), all_programs)
        worst = table[:, :, -1].argmin(1)
        batch.exchange(np.full(k, n + p), worst, table[programs, worst, -1] < 0)
        return batch

    def values(self, variable: int) -> Array:
        """Return the value [K] of a variable, 0 where it is not basic."""
        values: Array = np.where(self.basis == variable, self.table[:, :, -1], 0.0).sum(1)
        return values

    def solution(self) -> Array:
        """Return the values [K, n + p + 1] of all variables."""
        values = np.zeros((len(self.table), self.table.shape[2] - 1))
        np.put_along_axis(values, self.basis, self.table[:, :, -1], axis=1)
        return values

    def leaving(self, entering: Array, relaxation: int, is_careful: bool) -> tuple[Array, Array]:
        """Return the row [K] whose variable reaches 0 first as the entering one grows, and whether there is one.

        Of equal rows, that of the relaxation leaves; otherwise the largest pivot, or the first variable if careful.
        """
        column = np.take_along_axis(self.table, entering[:, None, None], axis=2)[:, :, 0]
        usable = column > PIVOT * np.abs(column).max(1, keepdims=True)
        ratios = np.full_like(column, np.inf)
        np.divide(np.maximum(self.table[:, :, -1], 0.0), column, out=ratios, where=usable)
        smallest = ratios.min(1, keepdims=True)
        ties = usable & (ratios <= smallest + TIES)
        preference = -self.basis.astype(float) if is_careful else column
        score = np.where(self.basis == relaxation, np.inf, preference)
        return np.where(ties, score, -np.inf).argmax(1), np.isfinite(smallest[:, 0])

    def remove(self, variable: int, where: Array) -> None:
        """Make a variable whose value is 0 non-basic in the programs of a mask [K]."""
        row = (self.basis == variable).argmax(1)
        entries = np.abs(np.take_along_axis(self.table, row[:, None, None], axis=1)[:, 0, :variable])
        entering = entries.argmax(1)
        possible = entries.max(1) > PIVOT
        self.exchange(entering, row, where & possible & (self.basis == variable).any(1))

    def exchange(self, entering: Array, leaving: Array, where: Array) -> None:
        """Make the variables [K] basic in the rows [K], in the programs of a mask [K]."""
        chosen = np.flatnonzero(where)
        if not len(chosen):
            return
        entering, leaving = entering[chosen], leaving[chosen]
        pivot_rows = self.table[chosen, leaving]
        pivot_rows = pivot_rows / np.take_along_axis(pivot_rows, entering[:, None], axis=1)
        table, costs = self.table[chosen], self.costs[chosen]
        columns = np.take_along_axis(table, entering[:, None, None], axis=2)
        table = table - columns * pivot_rows[:, None]
        table[np.arange(len(chosen)), leaving] = pivot_rows
        self.table[chosen] = table
        self.costs[chosen] = costs - np.take_along_axis(costs, entering[:, None, None], axis=2) * pivot_rows[:, None]
        self.basis[chosen, leaving] = entering
