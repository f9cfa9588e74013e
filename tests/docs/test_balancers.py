"""The table of balancers states what the classes declare and what the property tests find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from readmes.pages import ROOT

from mobench.interfaces import Balancer, DirectionBalancer
from mobench.plugins import registry
from mobench.testing.properties import assert_descends, assert_indifferent_to_units
from mobench.testing.small import small
from mobench_fairgrad.fairgrad import FairGrad
from mobench_mgda.min_norm import MinNorm

PAGE = (ROOT / "mobench" / "docs" / "concepts" / "balancers.md").read_text()
INDEPENDENT = ["random gradients", "conflicting gradients", "zero gradients", "one_huge gradients"]
"""Parts of the names of the cases whose gradients, where they do not vanish, are linearly independent."""
N_STEPS = 3


def rows() -> Iterator[tuple[str, list[str]]]:
    """Yield the name of a balancer and the other cells of its row."""
    for line in [line for line in PAGE.splitlines() if line.startswith("| `")]:
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        yield name.strip("`"), cells


def holds(assertion: Callable[..., None], balancer: Balancer, n_objectives: int) -> bool:
    try:
        assertion(balancer, n_objectives, n_steps=N_STEPS)
    except AssertionError:
        return False
    return True


def conflict(balancer: Balancer) -> str:
    """Return for which gradients no loss rises, to first order."""
    independent = partial(assert_descends, families=INDEPENDENT)
    for words, assertion, sizes in (
        ("never", assert_descends, (2, 3, 5)),
        ("not if independent", independent, (2, 3, 5)),
        ("not if m = 2", assert_descends, (2,)),
        ("not if m = 2 and independent", independent, (2,)),
    ):
        if all(holds(assertion, balancer, m) for m in sizes):
            return words
    return "possible"


def units(balancer: Balancer) -> str:
    """Return whether multiplying losses by constants turns the direction."""
    if all(holds(assert_indifferent_to_units, balancer, m) for m in (2, 3)):
        return "no"
    line = partial(assert_indifferent_to_units, up_to_sign=True)
    return "its sign" if all(holds(line, balancer, m) for m in (2, 3)) else "yes"


def needs(balancer: Balancer) -> str:
    """Return what the balancer declares to need beside losses, which every balancer gets."""
    declared = {
        "preferences": balancer.needs_preference,
        "several preferences": balancer.couples_preferences and balancer.needs_preference,
        "several points": balancer.learns_set,
        "Gram matrix": balancer.needs_gram,
        "gradients": balancer.needs_gradients,
        "second batch": balancer.needs_second_batch,
        "losses after": balancer.needs_losses_after,
    }
    return ", ".join(name for name, is_declared in declared.items() if is_declared) or "losses"


def task_specific(balancer: Balancer) -> str:
    """Return what multiplies the gradients of task-specific parameters."""
    uses_gradients = balancer.needs_gram or balancer.needs_gradients or balancer.needs_second_batch
    if not uses_gradients:
        return "weights"
    if balancer.scope == "all":
        return "as shared"
    if type(balancer).task_weights is not Balancer.task_weights:
        return "own factors"
    is_weighted = balancer.task_gradients == "weighted" and not isinstance(balancer, DirectionBalancer)
    return "weights" if is_weighted else "1"


def expected_cells(name: str) -> list[str]:
    entry = registry().get("balancer", name)
    balancer: Balancer = small(entry)
    return [conflict(balancer), units(balancer), needs(balancer), task_specific(balancer), entry.spec.source]


def row(name: str) -> str:
    return f"| `{name}` | {' | '.join(expected_cells(name))} |"


def built_in() -> list[str]:
    """Return the names of the built-in balancers, in alphabetical order."""
    entries = [registry().get("balancer", name) for name in registry().names("balancer")]
    return sorted(entry.spec.name for entry in entries if entry.spec.target.startswith("mobench_"))


def test_every_balancer_has_one_row_in_alphabetical_order() -> None:
    assert [name for name, _ in rows()] == built_in()


@pytest.mark.parametrize("name", built_in())
def test_a_row_states_what_is_declared_and_found(name: str) -> None:
    assert dict(rows())[name] == expected_cells(name), f"the row should be {row(name)}"


def test_options_that_make_a_direction_independent_of_units() -> None:
    assert "`fairgrad` with `fairness = 1`" in PAGE
    assert "`min-norm` with `normalise`" in PAGE
    for balancer in (FairGrad(fairness=1.0), MinNorm(normalise="l2"), MinNorm(normalise="loss")):
        assert units(balancer) == "no"


if __name__ == "__main__":
    print("\n".join(map(row, built_in())))
