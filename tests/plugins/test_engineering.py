"""The RE problems: values of the published code, gradients by differences, fronts against the published ones.

`engineering.npz` is made by `tests/support/engineering_oracle.py`.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mobench.interfaces import Problem
from mobench.metrics.indicators import hypervolume, igd_plus, non_dominated
from mobench_analytic.point import Point
from mobench_engineering import compute_fronts, mobench_datasets
from mobench_engineering.problem import EngineeringProblem, violation

PROBLEMS: dict[str, EngineeringProblem] = {
    type(problem).__name__: problem for problem in map(compute_fronts.problem_of, mobench_datasets())
}
NAMES = list(PROBLEMS)
PUBLISHED_FRONTS = [name for name in NAMES if name != "RE91"]
ORACLE: dict[str, Any] = dict(np.load(Path(__file__).parent / "engineering.npz"))


def positions(problem: EngineeringProblem, designs: np.ndarray) -> torch.Tensor:
    """Positions in the box [0, 1]^n of designs."""
    lower, upper = np.array(problem.lower), np.array(problem.upper)
    return torch.from_numpy((designs - lower) / (upper - lower))


def test_the_sixteen_problems_have_their_published_sizes() -> None:
    sizes = {name: (p.n_objectives, p.n_variables) for name, p in PROBLEMS.items()}
    assert sizes == {
        "RE21": (2, 4), "RE22": (2, 3), "RE23": (2, 4), "RE24": (2, 2), "RE25": (2, 3),
        "RE31": (3, 3), "RE32": (3, 4), "RE33": (3, 4), "RE34": (3, 5), "RE35": (3, 7), "RE36": (3, 4), "RE37": (3, 4),
        "RE41": (4, 7), "RE42": (4, 6), "RE61": (6, 3), "RE91": (9, 7),
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_published_code(name: str) -> None:
    problem = PROBLEMS[name]
    np.testing.assert_allclose(problem.lower, ORACLE[f"{name}/lower"])
    np.testing.assert_allclose(problem.upper, ORACLE[f"{name}/upper"])
    x = positions(problem, ORACLE[f"{name}/x"])
    values = torch.stack(problem.functions(problem.design(x)), -1).numpy()
    expected = ORACLE[f"{name}/f"]
    # sums of cancelling terms: relative to the largest value of the objective
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-13 * np.abs(expected).max())
    scaled = torch.stack(problem.values(x), -1).numpy()
    ideal, nadir = np.array(problem.ideal), np.array(problem.nadir)
    np.testing.assert_allclose(ideal + scaled * (nadir - ideal), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_differences(name: str) -> None:
    """Compare with central differences at designs whose discrete variables have accepted values."""
    problem = PROBLEMS[name]
    designs = problem.design(positions(problem, ORACLE[f"{name}/x"][:20])).numpy()
    lower, upper = np.array(problem.lower), np.array(problem.upper)
    step = 1e-6 * (upper - lower)
    x = positions(problem, designs).requires_grad_()
    values = problem.values(x)
    scale = np.array(problem.nadir) - np.array(problem.ideal)
    for i, value in enumerate(values):
        (gradient,) = torch.autograd.grad(value.sum(), x, retain_graph=True)
        for j in range(problem.n_variables):
            moved = [designs + sign * step[j] * np.eye(problem.n_variables)[j] for sign in (1, -1)]
            above, below = (problem.functions(torch.from_numpy(d))[i].numpy() / scale[i] for d in moved)
            differences = (above - below) / 2e-6
            # a row whose two one-sided differences disagree is at a kink, where no gradient is right
            centre = problem.functions(torch.from_numpy(designs))[i].numpy() / scale[i]
            smooth = np.isclose(above - centre, centre - below, rtol=1e-2, atol=1e-9)
            assert smooth.mean() > 0.8
            np.testing.assert_allclose(
                gradient[:, j].numpy()[smooth], differences[smooth], rtol=1e-3, atol=1e-6 * (1 + np.abs(centre).max())
            )


@pytest.mark.parametrize("name", [name for name, problem in PROBLEMS.items() if problem.discrete])
def test_discrete_variables_have_accepted_values_alone_and_slope_one(name: str) -> None:
    problem = PROBLEMS[name]
    x = torch.rand(500, problem.n_variables, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x.requires_grad_()
    design = problem.design(x)
    for j, accepted in problem.discrete.items():
        free = problem.lower[j] + (problem.upper[j] - problem.lower[j]) * x[:, j].detach()
        grid = torch.tensor(range(101) if accepted is None else accepted, dtype=torch.float64)
        distance = (free[:, None] - grid).abs().min(1).values
        torch.testing.assert_close((design[:, j].detach() - free).abs(), distance)
        assert (design[:, j].detach()[:, None] - grid).abs().min(1).values.max() < 1e-6
        (gradient,) = torch.autograd.grad(design[:, j].sum(), x, retain_graph=True)
        slopes = torch.zeros_like(x)
        slopes[:, j] = problem.upper[j] - problem.lower[j]
        torch.testing.assert_close(gradient, slopes)


def test_violation_is_the_sum_of_what_margins_lack() -> None:
    margins = [torch.tensor(values) for values in ([1.0, -2.0, 0.0], [-0.5, -1.0, 3.0])]
    assert violation(*margins).tolist() == [0.5, 3.0, 0.0]


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_finite_everywhere_also_at_the_corners_of_the_box(name: str) -> None:
    problem = PROBLEMS[name]
    corners = torch.tensor(list(itertools.product((0.0, 1.0), repeat=problem.n_variables)))
    x = torch.cat([corners, torch.rand(200, problem.n_variables)]).requires_grad_()
    losses = torch.stack(problem.values(x), -1)
    assert bool(torch.isfinite(losses).all())
    (gradient,) = torch.autograd.grad(losses.sum(), x)
    assert bool(torch.isfinite(gradient).all())


@pytest.mark.parametrize("name", NAMES)
def test_the_file_of_fronts_belongs_to_the_ideal_points(name: str) -> None:
    problem, arrays = PROBLEMS[name], np.load(Path(compute_fronts.__file__).parent / "fronts.npz")
    np.testing.assert_array_equal(arrays[f"{name}/ideal"], problem.ideal)
    front = problem.known_front(1000).numpy()
    assert front.min() > -1e-12
    assert front.max() < 1.1
    assert non_dominated(front).all()
    assert len(front) > 25
    assert len(problem.known_front(7)) == 7


@pytest.mark.parametrize("name", NAMES)
def test_no_design_is_much_better_than_the_computed_front(name: str) -> None:
    """The margin is 0.01 in every objective, and 0.05 where 600 points represent an eight-dimensional surface."""
    problem = PROBLEMS[name]
    margin = 0.01 if problem.n_objectives < 9 else 0.05
    front = problem.known_front(1000)
    x = torch.rand(20_000, problem.n_variables, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    values = torch.stack(problem.values(x), -1)
    assert float(values.min()) >= 0, "the ideal point is a lower bound"
    values = values[(values < 1).all(1)]
    assert not any(bool((values <= point - margin).all(1).any()) for point in front)


@pytest.mark.parametrize("name", PUBLISHED_FRONTS)
def test_ideal_and_nadir_points_agree_with_the_published_fronts(name: str) -> None:
    """Ideal: a lower bound, and no more than a thousandth below. Nadir: as published, but for RE21."""
    problem = PROBLEMS[name]
    ideal, nadir = np.array(problem.ideal), np.array(problem.nadir)
    low, high = ORACLE[f"{name}/front_minimum"], ORACLE[f"{name}/front_maximum"]
    assert (ideal <= low + 1e-7 * np.abs(low)).all()
    assert ((low - ideal) / (nadir - ideal)).max() < 1e-3
    np.testing.assert_allclose(nadir, high if name == "RE21" else ORACLE[f"{name}/nadir"], rtol=1e-6)


@pytest.mark.parametrize("name", PUBLISHED_FRONTS)
def test_the_computed_front_is_as_good_as_the_published_one(name: str) -> None:
    """Published points below the reference are hardly better than ours, and their hypervolume is hardly larger."""
    problem = PROBLEMS[name]
    ideal, nadir = np.array(problem.ideal), np.array(problem.nadir)
    published = (ORACLE[f"{name}/front"] - ideal) / (nadir - ideal)
    published = published[(published < 1.1).all(1)]
    assert len(published) > 0
    front = problem.known_front(1000).numpy()
    # neighbours among 300 to 600 points are farther apart on a surface than on a curve
    assert igd_plus(front, published) < {2: 0.005, 3: 0.01, 4: 0.04, 6: 0.04}[problem.n_objectives]
    hypervolume_of_front = hypervolume(front, [1.1] * len(ideal))
    assert hypervolume_of_front > (0.99 if problem.n_objectives <= 3 else 0.95) * float(ORACLE[f"{name}/hypervolume"])


def test_the_gear_train_is_enumerated() -> None:
    """Compare with all designs of a box of six teeth."""

    class Small(type(PROBLEMS["RE36"])):  # type: ignore[misc]
        lower, upper = (12.0, 12.0, 20.0, 20.0), (14.0, 14.0, 24.0, 24.0)

    problem = Small()
    designs = itertools.product(range(12, 15), range(12, 15), range(20, 25), range(20, 25))
    values = [torch.stack(problem.functions(torch.tensor(d, dtype=torch.float64))).tolist() for d in designs]
    front = {
        tuple(v) for v in values if not any(all(a <= b for a, b in zip(w, v, strict=True)) and w != v for w in values)
    }
    below = {v for v in front if (compute_fronts.scaled(problem, np.array([v])) < 1.1).all()}
    assert {tuple(row) for row in compute_fronts.enumerated(problem).tolist()} == below
    assert below


@pytest.mark.slow
def test_the_command_writes_fronts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few generations of two small problems: the ideal points, and non-dominated points that designs have."""
    specs = [spec for spec in mobench_datasets() if spec.name in ("re24", "re31")]
    monkeypatch.setattr(compute_fronts, "mobench_datasets", lambda: specs)
    monkeypatch.setattr(compute_fronts, "N_GENERATIONS", 5)
    monkeypatch.setattr("sys.argv", ["compute_fronts", str(tmp_path / "fronts.npz")])
    compute_fronts.main()
    arrays = np.load(tmp_path / "fronts.npz")
    assert set(arrays.files) == {"RE24", "RE24/ideal", "RE31", "RE31/ideal"}
    for name in ("RE24", "RE31"):
        np.testing.assert_allclose(arrays[f"{name}/ideal"], PROBLEMS[name].ideal, rtol=1e-6)
        assert non_dominated(arrays[name]).all()
        assert (compute_fronts.scaled(PROBLEMS[name], arrays[name]) < 1.1).all()


def test_well_spread_points_begin_with_the_extremes() -> None:
    """The order on a line of 101 points is: both ends, the middle, the quarters."""
    line = np.stack([np.linspace(0, 1, 101), np.linspace(1, 0, 101)], axis=1)
    chosen = compute_fronts.well_spread(line, 5).tolist()
    assert set(chosen[:2]) == {0, 100}
    assert chosen[2] == 50
    assert set(chosen[3:]) == {25, 75}


def test_points_are_those_of_the_decision_vector() -> None:
    problem = Problem(PROBLEMS["RE24"], Point(), dtype=torch.float64)
    outputs = problem.outputs({"u": torch.tensor([0.25, 0.5], dtype=torch.float64)}, torch.zeros(1, 0))
    design = PROBLEMS["RE24"].design(outputs["x"])
    torch.testing.assert_close(design, torch.tensor([0.5 + 3.5 / 4, 25.25], dtype=torch.float64))
