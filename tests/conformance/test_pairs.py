"""Every generator with every balancer: the pair trains, or is refused with the reason."""

from __future__ import annotations

import pytest
import torch

from mobench.errors import IncompatibleError
from mobench.interfaces import Problem, Seeds, Setting
from mobench.jobs.job import Budget
from mobench.jobs.resolve import make_dataset, make_model, make_solver, resolve
from mobench.learning.preferences import finite_rays
from mobench.plugins import registry
from mobench.testing.small import batch_of

PAIRS = [(g, b) for g in registry().names("generator") for b in registry().names("balancer")]
SERVES = {**dict.fromkeys(("input", "noise", "dropout"), ("multimnist", "lenet")), "static": ("mnist", "mnist-cnn")}
"""What serves a generator that does not serve the analytic problems, which are quicker."""
SMALL = {
    "multimnist": {"source": "embedded", "pairs": 40, "test_pairs": 5},
    "mnist": {"source": "embedded", "limit": 40},
    "dtlz2": {},
}


def finite(generator: str) -> bool:
    served: bool = registry().get("generator", generator).load().finite
    return served


def settings(generator: str, balancer: str) -> dict[str, object]:
    """Options that a user must set in addition to the two names: several preferences if they are coupled."""
    couples = registry().get("balancer", balancer).load().couples_preferences
    small = dict(getattr(registry().get("generator", generator).spec, "small", {}))
    options: dict[str, object] = {f"generator.{name}": value for name, value in small.items()}
    return options | ({"n_preferences": 2} if couples and not finite(generator) else {})


@pytest.mark.parametrize(("generator", "balancer"), PAIRS)
def test_a_pair_trains_or_is_refused_with_the_reason(generator: str, balancer: str) -> None:
    name = f"{generator}+{balancer}"
    dataset, model = SERVES.get(generator, ("dtlz2", "point"))
    more = SMALL[dataset]
    ignores = not registry().get("balancer", balancer).load().needs_preference
    if ignores and not finite(generator):
        with pytest.raises(IncompatibleError, match=r"ignores the preference.*pair it with a finite generator"):
            resolve(dataset, model, name, {**more, **settings(generator, balancer)}, Budget(steps=1))
        return
    job = resolve(dataset, model, name, {**more, **settings(generator, balancer)}, Budget(steps=1))
    torch.manual_seed(0)
    problem = Problem(make_dataset(job.dataset), make_model(job.model))
    solver = make_solver(job.solver)
    solver.start(problem, Setting(finite_rays(problem.n_objectives), Seeds(), 1, 3))
    losses = [solver.step(batch_of(problem, 0)) for _ in range(3)]
    assert bool(torch.isfinite(torch.stack(losses)).all())
    assert not torch.equal(losses[0], losses[2]) or losses[0].shape[0] == 1


@pytest.mark.parametrize("generator", [g for g in registry().names("generator") if not finite(g)])
def test_coupled_preferences_need_more_than_one_and_the_message_says_so(generator: str) -> None:
    with pytest.raises(IncompatibleError, match=r"n_preferences is 1: set it to 2 or more"):
        resolve("multimnist", "lenet", f"{generator}+hypervolume", {"source": "embedded"}, Budget(steps=1))


def test_a_part_that_cannot_serve_a_dataset_declines_before_any_job() -> None:
    with pytest.raises(IncompatibleError, match="no preference can be joined"):
        resolve("vlmop2", "point", "input+linear", {}, Budget(steps=1))
    with pytest.raises(IncompatibleError, match="takes images"):
        resolve("vlmop2", "lenet", "phn-ls", {}, Budget(steps=1))
    with pytest.raises(IncompatibleError, match="choose a network"):
        resolve("multimnist", "point", "ls", {"source": "embedded"}, Budget(steps=1))
