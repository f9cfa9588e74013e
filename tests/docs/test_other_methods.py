"""The page on the methods of other libraries agrees with the registry, and with the lists of the libraries."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import torchjd.aggregation
import torchjd.scalarization
from readmes.pages import ROOT

from mobench.plugins import Kind, registry

PAGE = (ROOT / "mobench" / "docs" / "concepts" / "other-methods.md").read_text()
SOURCES = ("LibMOON", "LibMTL", "TorchJD", "COSMOS", "GMOOAR", "PaMaL", "PaLoRA")
KINDS: tuple[Kind, ...] = ("solver", "balancer", "generator", "sampler")
LISTS = {
    "LibMTL": "EW GradNorm MGDA UW DWA GLS GradDrop PCGrad GradVac IMTL CAGrad Nash_MTL RLW MoCo Aligned_MTL DB_MTL "
    "STCH ExcessMTL FairGrad FAMO MoDo SDMGrad UPGrad MOML FORUM AutoLambda",
    "LibMOON": "EPO MGDA-UB PMGDA Random MOO-SVGD PMTL HVGrad Agg-LS Agg-Tche Agg-mTche Agg-PBI Agg-COSMOS "
    "Agg-SoftTche PHN-EPO PHN-LS Evolutionary-PSL LoRA-PSL PSL-MOBO PSL-DirHV-EI DirHV-EGO MOEA/D UMOD WC-MGDA AASF "
    "p-norm InvAgg",
    "COSMOS": "COSMOS PHN-LS PHN-EPO PMTL STL MGDA uniform-scaling",
    "GMOOAR": "GMOOAR-HV GMOOAR-U EPO PHN-EPO PHN-LS COSMOS",
    "PaMaL": "STL LS UW MGDA SI DWA PCGrad IMTL CAGrad Nash-MTL RLW GradDrop Auto-Lambda RotoGrad PHN-LS COSMOS PaMaL",
    "PaLoRA": "STL LS UW MGDA DWA PCGrad IMTL CAGrad Nash-MTL RLW GradDrop Auto-Lambda PHN-LS COSMOS PaMaL PaLoRA "
    "PaDoRA",
}
"""The methods that the sources list, under their names there."""


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Yield methods, sources, state and remark of every row."""
    for line in [line for line in PAGE.splitlines() if line.startswith("| ")][2:]:
        methods, sources, state, remark = (cell.strip() for cell in line.strip("|").split("|"))
        yield methods, sources, state, remark


def plain(name: str) -> str:
    """Return the name in lower case without hyphens and other signs."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def names(remark: str) -> list[str]:
    return [name for name in re.findall(r"`([a-z0-9-]+)`", remark) if "=" not in name]


def is_registered(name: str) -> bool:
    return any(name in registry().names(kind) for kind in KINDS)


def listed(source: str) -> set[str]:
    """Return the plain names of the methods in the rows of a source; both names of `A (B)` count."""
    methods = [method for cell, sources, _, _ in rows() if source in sources.split(", ") for method in cell.split(", ")]
    return {plain(part) for method in methods for part in re.split(r" \(|\)", method)}


@pytest.mark.parametrize("source", LISTS)
def test_every_method_of_a_source_has_a_row(source: str) -> None:
    missing = [name for name in LISTS[source].split() if plain(name) not in listed(source)]
    assert missing == (["IMTL"] if source in ("PaMaL", "PaLoRA") else [])  # theirs is IMTL-G


def test_every_aggregator_and_scalarisation_of_torchjd_has_a_row() -> None:
    bases = {"Aggregator", "GramianWeightedAggregator", "WeightedAggregator", "Weighting", "Scalarizer"}
    public = {*torchjd.aggregation.__all__, *torchjd.scalarization.__all__} - bases
    stems = {name.removesuffix("Weighting") for name in public}
    others = {"aggcosmos": "cosmos", "aggpbi": "pbi", "stchwithpreferences": "stch"}
    available = {others.get(name, name) for name in listed("TorchJD")}
    assert sorted(stem for stem in stems if plain(stem) not in available) == []


def test_rows_have_known_sources_and_states() -> None:
    for methods, sources, state, remark in rows():
        assert set(sources.split(", ")) <= set(SOURCES), methods
        assert state in ("here", "missing"), methods
        assert remark, methods


def test_what_is_said_to_be_here_is_registered() -> None:
    for methods, _, state, remark in rows():
        if state == "here":
            assert names(remark), methods
            assert all(is_registered(name) for name in names(remark)), methods


def test_what_is_said_to_be_missing_is_not_registered() -> None:
    """A method that is registered under its name, or under one that begins with it, is not missing."""
    solvers = {plain(name): name for name in registry().names("solver")}
    for methods, _, state, _ in rows():
        if state == "missing":
            for part in re.split(r", | \(|\)", methods):
                begun = [name for solver, name in solvers.items() if plain(part) and solver.startswith(plain(part))]
                assert not begun, f"{methods} is registered as {begun}: change its row to here"


def test_every_solver_beyond_the_lists_is_registered() -> None:
    beyond = PAGE.split("Beyond these lists")[1]
    assert names(beyond)
    assert all(is_registered(name) for name in names(beyond))
