"""The programs of gradient balancers in exact rational arithmetic: oracles without rounding.

Every float is a rational number, so gradients given as floats are represented exactly. All programs are solved by
enumerating the possible sets of active constraints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

Vector = list[Fraction]
Rows = Sequence[Sequence[float | Fraction]]


def exact(rows: Rows) -> list[Vector]:
    return [[Fraction(value) for value in row] for row in rows]


def dot(first: Sequence[Fraction], second: Sequence[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(first, second, strict=True)), Fraction(0))


def combination(weights: Sequence[float | Fraction], rows: Rows) -> Vector:
    """Return Σ w_i row_i."""
    columns = zip(*exact(rows), strict=True)
    return [dot([Fraction(w) for w in weights], column) for column in columns]


def cosine(first: Sequence[Fraction], second: Sequence[Fraction]) -> float:
    product = dot(first, second)
    return math.copysign(math.sqrt(product * product / (dot(first, first) * dot(second, second))), product)


def relative_distance(first: Sequence[Fraction], second: Sequence[Fraction]) -> float:
    """Return ‖first − second‖ / ‖second‖."""
    difference = [a - b for a, b in zip(first, second, strict=True)]
    return math.sqrt(dot(difference, difference) / dot(second, second))


def solve(matrix: Sequence[Vector], target: Vector) -> Vector | None:
    """Solve a square system by Gaussian elimination; return None if the matrix is singular."""
    n = len(matrix)
    rows = [[*row, value] for row, value in zip(matrix, target, strict=True)]
    for i in range(n):
        pivot = next((j for j in range(i, n) if rows[j][i] != 0), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for j in range(n):
            if j != i:
                rows[j] = [a - rows[j][i] * b for a, b in zip(rows[j], rows[i], strict=True)]
    return [row[-1] for row in rows]


def shortest_combination(gradients: Rows) -> Vector:
    """Return the weights of the min-norm point of the convex hull."""
    g = exact(gradients)

    def candidates() -> Iterator[Vector]:
        for members in _subsets(len(g)):
            system = [[*(dot(g[i], g[j]) for j in members), Fraction(-1)] for i in members]
            solution = solve([*system, [Fraction(1)] * len(members) + [Fraction(0)]], [*_zeros(members), Fraction(1)])
            if solution is not None and min(solution[:-1]) >= 0:
                yield _spread(solution[:-1], members, len(g))

    return min(candidates(), key=lambda w: dot(combination(w, g), combination(w, g)))


def mean_of_projections(gradients: Rows) -> Vector:
    """Return the mean of the gradients' projections onto the cone of directions that conflict with no gradient."""
    g = exact(gradients)

    def projection(i: int) -> Vector:
        points = [g[i]]
        for members in _subsets(len(g)):
            x = solve([[dot(g[a], g[b]) for b in members] for a in members], [-dot(g[a], g[i]) for a in members])
            if x is not None and min(x) >= 0:
                points.append([p + q for p, q in zip(g[i], combination(x, [g[a] for a in members]), strict=True)])
        return min(points, key=lambda point: dot(point, point))

    return combination([Fraction(1, len(g))] * len(g), [projection(i) for i in range(len(g))])


def best_on_simplex(objective: Sequence[float | Fraction], rows: Rows, bounds: Sequence[float | Fraction]) -> Vector:
    """Return a vertex of {α ≥ 0, Σα = 1, rows · α ≥ bounds} that maximises objective · α; −∞ bounds are ignored."""
    (c,), n = exact([objective]), len(objective)
    binding = [i for i, bound in enumerate(bounds) if bound != -math.inf]
    walls = [[*_spread([Fraction(1)], [i], n), Fraction(0)] for i in range(n)]
    walls += [[*exact([rows[i]])[0], Fraction(bounds[i])] for i in binding]

    def vertices() -> Iterator[Vector]:
        for chosen in combinations(walls, n - 1):
            alpha = solve([[Fraction(1)] * n, *(wall[:-1] for wall in chosen)], [Fraction(1), *(w[-1] for w in chosen)])
            if alpha is not None and all(dot(wall[:-1], alpha) >= wall[-1] for wall in walls):
                yield alpha

    return max(vertices(), key=lambda alpha: dot(c, alpha))


def equal_projections(gradients: Rows, lengths: Sequence[int]) -> Vector:
    """Return the unique α with Σα = 1 whose combination has equal projections on all unit gradients."""
    g = exact(gradients)
    units = [[value / length for value in row] for row, length in zip(g, lengths, strict=True)]
    differences = [[a - b for a, b in zip(units[0], unit, strict=True)] for unit in units[1:]]
    system = [[dot(difference, row) for row in g] for difference in differences]
    weights = solve([*system, [Fraction(1)] * len(g)], [*_zeros(differences), Fraction(1)])
    assert weights is not None
    return weights


def _subsets(n: int) -> Iterator[tuple[int, ...]]:
    for size in range(1, n + 1):
        yield from combinations(range(n), size)


def _zeros(like: Sequence[object]) -> Vector:
    return [Fraction(0)] * len(like)


def _spread(values: Vector, members: Sequence[int], n: int) -> Vector:
    spread = [Fraction(0)] * n
    for member, value in zip(members, values, strict=True):
        spread[member] = value
    return spread
