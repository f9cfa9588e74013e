"""`mobench.register`: names for the running process, without a package, also for jobs in processes of their own."""

from __future__ import annotations

import linecache
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import pytest
import torch
from annotated_types import Gt
from torch import Tensor

import mobench
from mobench import Balancer, Dataset, Generator, Logger, Model, Sampler, Solver, option, options
from mobench.errors import OptionError, PluginError, RecordError, StoreError, UnknownNameError
from mobench.in_process import transport
from mobench.jobs.overrides import Overrides
from mobench.jobs.plan import plan
from mobench.plugins import registry
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.testing.conformance import cases

HERE = {"executor": "readmes.here"}
FACTOR = 1.0
LOCK = threading.Lock()


@pytest.fixture(autouse=True)
def _no_registration_leaks() -> Iterator[None]:
    entries = {kind: dict(by_name) for kind, by_name in registry().entries.items()}
    yield
    for kind, by_name in entries.items():
        registry().entries[kind] = by_name


def scaled(preferences: Tensor) -> Tensor:
    return preferences * FACTOR


@dataclass(eq=False)
class Weighted(Balancer):
    """The preferences as weights, as the balancer `linear`."""

    power: Annotated[float, Gt(0)] = option(1.0, "exponent of the preferences")

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None = None) -> Tensor:
        return scaled(preferences) ** self.power


@dataclass(eq=False)
class Travels(Balancer):
    """Preferences to a power, for tests that unpickle it here: cloudpickle then changes the class itself."""

    power: Annotated[float, Gt(0)] = option(1.0, "exponent of the preferences")

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None = None) -> Tensor:
        return preferences**self.power


@dataclass(eq=False)
class Locked(Balancer):
    """Uses a lock of its module."""

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None = None) -> Tensor:
        with LOCK:
            return preferences


def records(folder: Path) -> dict[str, Record]:
    return {record.job.solver.name: record for record in Store(folder).contents().records}


def test_a_registered_balancer_trains_and_its_record_says_that_it_was_registered(tiny: Path, tmp_path: Path) -> None:
    assert mobench.register(Weighted, "my-balancer") is Weighted
    mobench.register("my-solver", generator="phn", balancer="my-balancer")
    board = mobench.run(tiny, solver=["my-solver", "phn-ls"], out=tmp_path / "out", **HERE)
    assert set(board["solver"]) == {"my-solver", "phn-ls"}
    weighted, linear = records(tmp_path / "out")["my-solver"], records(tmp_path / "out")["phn-ls"]
    assert weighted.fronts == linear.fronts  # the same weights: equal to the bit
    source = weighted.provenance.sources["balancer"]
    assert (source.origin, source.distribution) == ("registered in process", "in process")
    assert weighted.job.solver.balancer is not None
    assert weighted.job.solver.balancer.version == f"in process {source.sha256[:12]}"
    assert linear.provenance.sources["balancer"].origin != "registered in process"
    # the table can be read where the name is not registered
    mobench.unregister("my-solver")
    mobench.unregister("my-balancer")
    assert len(mobench.leaderboard(tmp_path / "out")) == 2


@pytest.mark.slow
def test_a_job_in_a_process_of_its_own_gets_the_class_by_value(tiny: Path, tmp_path: Path) -> None:
    """The class, a function and a constant of this module, which the job's process cannot import.

    The annotations are texts, which the options of the job are validated with.
    """
    assert isinstance(Weighted.__annotations__["power"], str)
    mobench.register("my-solver", generator="phn", balancer=Weighted(power=2.0))
    mobench.run(tiny, solver="my-solver", out=tmp_path / "here", **HERE)
    mobench.run(tiny, solver="my-solver", out=tmp_path / "there", strategy="default")
    here, there = records(tmp_path / "here")["my-solver"], records(tmp_path / "there")["my-solver"]
    assert there.status == "completed", there.failure
    assert there.id == here.id
    assert there.digest == here.digest
    assert there.provenance.sources == here.provenance.sources


def test_a_class_travels_as_text_and_one_that_cannot_be_created_is_an_error(tiny: Path) -> None:
    mobench.register("my-solver", generator="phn", balancer=Travels)
    (job,) = plan(Overrides(solvers=["my-solver"]).load(str(tiny))).jobs
    text = transport.packed(job.registered_parts)
    mobench.unregister("my-solver")
    with pytest.raises(UnknownNameError):
        registry().get("balancer", "my-solver")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "mobench.hookspecs", None)
        with pytest.raises(PluginError, match=r"cannot be created in the process of a job: .*hookspecs"):
            transport.unpack(text)
    transport.unpack(text)
    entry = registry().get("balancer", "my-solver")
    assert entry.version == job.registered_parts["balancer"].version
    weights = options.build(entry.load(), {"power": 2})(torch.ones(1, 2), torch.tensor([[0.5, 0.5]]))
    assert torch.equal(weights, torch.tensor([[0.25, 0.25]]))
    assert transport.packed({}) == ""
    transport.unpack("")


def test_a_class_that_cannot_be_sent_is_an_error_that_says_what_to_do(tiny: Path, tmp_path: Path) -> None:
    mobench.register("my-solver", generator="phn", balancer=Locked)
    with pytest.raises(PluginError, match=r"balancer 'my-solver' cannot be sent to the process of a job: .*lock.*fit"):
        mobench.run(tiny, solver="my-solver", out=tmp_path / "out", **HERE)
    assert not (tmp_path / "out" / "records").exists() or not list((tmp_path / "out" / "records").glob("*.json"))


@pytest.mark.parametrize(
    ("kind", "name", "base"),
    [
        ("dataset", "vlmop2", Dataset),
        ("model", "point", Model),
        ("generator", "phn", Generator),
        ("balancer", "linear", Balancer),
        ("sampler", "arc", Sampler),
        ("solver", "nsga2", Solver),
        ("logger", "tensorboard", Logger),
    ],
)
def test_the_kind_is_that_of_the_base_class(kind: Any, name: str, base: type) -> None:
    entry = registry().get(kind, name)
    frozen = vars(entry.load())["__dataclass_params__"].frozen
    members = {"__module__": __name__, "kind_of_own": Own.kind_of_own}
    cls = dataclass(eq=False, frozen=frozen)(type("Own", (entry.load(),), members))
    assert issubclass(cls, base)
    mobench.register(cls, "own-name", defaults=entry.spec.defaults, source="here")  # type: ignore[union-attr]
    entered = registry().get(kind, "own-name")
    assert entered.load() is cls
    assert entered.version.startswith("in process ")
    assert entered.spec.source == "here"  # type: ignore[union-attr]


class Own:
    def kind_of_own(self) -> str:
        return "own"


def test_an_object_sets_the_defaults_of_its_name() -> None:
    mobench.register(Weighted(power=3.0), "cubed", summary="third powers")
    entry = registry().get("balancer", "cubed")
    assert entry.spec.defaults == {"power": 3.0}  # type: ignore[union-attr]
    assert entry.spec.summary == "third powers"
    mobench.register(Weighted(power=3.0), "fourth", defaults={"power": 4.0})
    assert registry().get("balancer", "fourth").spec.defaults == {"power": 4.0}  # type: ignore[union-attr]


def test_the_decorator_returns_the_class_and_conformance_checks_find_it() -> None:
    decorated = mobench.register("checked", source="here", summary="checked")(Weighted)
    assert decorated is Weighted
    names = ("described", "options_round_trip", "weighs_preferences_apart")
    results = [case.run() for case in cases("checked") if case.check.__name__ in names]
    assert [(result.state, result.message) for result in results] == 3 * [("passed", "")]


Cell = Callable[[str], dict[str, Any]]


@pytest.fixture
def cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cell]:
    """Return a function that runs a text as a notebook does: each as a file of its own, all in one module."""
    module = ModuleType("notebook_of_a_test")
    module.__file__ = str(tmp_path / "notebook.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec("from dataclasses import dataclass\nimport mobench\nfrom mobench import Balancer", vars(module))
    cells: list[str] = []

    def run(text: str) -> dict[str, Any]:
        name = str(tmp_path / f"cell-{len(cells)}.py")
        cells.append(name)
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), vars(module))
        return vars(module)

    yield run
    for name in cells:
        linecache.cache.pop(name, None)


CLASS = """
@mobench.register("from-a-cell")
@dataclass(eq=False)
class Mine(Balancer):
    '''Preferences as weights.'''

    def __call__(self, losses, preferences, gram=None):
        return helper(preferences) * SCALE
"""


def version() -> str:
    return registry().get("balancer", "from-a-cell").version


def test_a_cell_that_runs_again_replaces_the_class_and_a_change_of_what_it_uses_changes_the_version(
    cell: Cell,
) -> None:
    cell("SCALE = 2.0\nOTHER = 1\ndef helper(x):\n    return x\n")
    first = cell(CLASS)["Mine"]
    original = version()
    assert cell(CLASS)["Mine"] is not first
    assert version() == original
    assert registry().get("balancer", "from-a-cell").load() is not first
    cell("OTHER = 2\ndef another(x):\n    return x + 1\n")
    cell(CLASS)
    assert version() == original  # nothing that the class uses has changed
    versions = {original}
    for change in ("SCALE = 3.0", "def helper(x):\n    return x + 0.0\n", "def helper(x):\n    return deeper(x)\n"):
        cell(change + "\ndef deeper(x):\n    return x\n")
        cell(CLASS)
        versions.add(version())
    cell("def deeper(x):\n    return 1 * x\n")
    cell(CLASS)
    versions.add(version())
    cell(CLASS.replace("* SCALE", "* SCALE + 0"))
    versions.add(version())
    assert len(versions) == 6


def test_a_name_that_is_taken_is_refused(cell: Cell) -> None:
    with pytest.raises(PluginError, match=r"balancer 'linear' is registered already, by mobench .*: choose another"):
        mobench.register(Weighted, "linear")
    assert registry().get("balancer", "linear").load().__name__ == "Linear"
    cell("SCALE = 1\ndef helper(x):\n    return x\n" + CLASS)
    with pytest.raises(PluginError, match=r"'from-a-cell' is registered in this process already, as the class Mine"):
        mobench.register(Weighted, "from-a-cell")
    mobench.unregister("from-a-cell")
    mobench.register(Weighted, "from-a-cell")
    with pytest.raises(PluginError, match=r"solver 'phn-ls' is registered already"):
        mobench.register("phn-ls", generator="phn", balancer="linear")
    with pytest.raises(PluginError, match=r"balancer 'linear' belongs to mobench"):
        mobench.unregister("linear")
    with pytest.raises(UnknownNameError, match="no plugin is called 'from-a-cel'; did you mean 'from-a-cell'"):
        mobench.unregister("from-a-cel")


def test_a_pair_of_names_classes_and_objects() -> None:
    mobench.register("by-name", generator="phn", balancer="linear", defaults={"solver.lr": 0.01})
    pair = registry().get("solver", "by-name")
    first = pair.version
    assert (pair.spec.generator, pair.spec.balancer) == ("phn", "linear")  # type: ignore[union-attr]
    mobench.register("by-name", generator="phn", balancer="linear", defaults={"solver.lr": 0.02})
    assert registry().get("solver", "by-name").version != first
    mobench.register("by-class", generator="phn", balancer=Weighted)
    assert registry().get("balancer", "by-class").load() is Weighted
    mobench.register("again", generator="phn", balancer=Weighted)  # the class has a name already
    assert registry().get("solver", "again").spec.balancer == "by-class"  # type: ignore[union-attr]
    mobench.register("by-object", generator="phn", balancer=Weighted(power=2.0))
    assert registry().get("balancer", "by-object").spec.defaults == {"power": 2.0}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mobench.register(int, "a"), PluginError, "given the class int: pass a class that derives from one of"),
        (lambda: mobench.register(3, "a"), PluginError, "given 3: pass a class that derives .* mobench.Balancer"),
        (lambda: mobench.register(Weighted), PluginError, r"without a name: pass register\(…, 'my-name'\)"),
        (lambda: mobench.register("a", "b"), PluginError, "two names, 'a' and 'b': pass the class first"),
        (lambda: mobench.register(Weighted, "a", balancer="linear"), PluginError, "belong to a pair"),
        (lambda: mobench.register("a", generator="phn"), PluginError, "pair 'a' has no balancer"),
        (lambda: mobench.register("a", generator="phm", balancer="linear"), UnknownNameError, "did you mean 'phn'"),
        (lambda: mobench.register("a", generator=Weighted, balancer="ls"), PluginError, "pass a Generator"),
        (lambda: mobench.register(Weighted, "a b"), PluginError, "a name has 1 to 80 letters"),
        (lambda: mobench.register(Weighted, "a", defaults={"powr": 1}), OptionError, "no option 'powr'"),
        (lambda: mobench.register(Weighted, "a", defaults={"power": -1}), OptionError, "'power' was given -1"),
        (lambda: mobench.register(NoDataclass, "a"), PluginError, "NoDataclass is not a dataclass: decorate it"),
        (lambda: mobench.register(_from_text(), "a"), PluginError, "source of FromText cannot be read .* notebook"),
    ],
)  # fmt: skip
def test_what_is_not_accepted_is_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    before = {kind: set(by_name) for kind, by_name in registry().entries.items()}
    with pytest.raises(error, match=message):
        call()
    assert {kind: set(by_name) for kind, by_name in registry().entries.items()} == before


class NoDataclass(Balancer):
    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None = None) -> Tensor:
        return preferences


def _from_text() -> Any:
    """Return a class whose source exists nowhere."""
    namespace: dict[str, Any] = {"__name__": __name__, "Weighted": Weighted, "dataclass": dataclass}
    exec("@dataclass(eq=False)\nclass FromText(Weighted):\n    def text(self):\n        return 1\n", namespace)
    return namespace["FromText"]


def test_a_store_with_parts_registered_in_process_cannot_be_submitted(
    finished: Path, tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    mobench.check_submittable(out)
    mobench.register("my-solver", generator="phn", balancer=Weighted)
    mobench.run(tiny, solver="my-solver", out=out, **HERE)
    with pytest.raises(StoreError) as refused:
        mobench.check_submittable(out)
    message = str(refused.value)
    assert "1 of 3 records" in message
    sha256 = records(out)["my-solver"].provenance.sources["balancer"].sha256
    assert f"balancer 'my-solver' (source {sha256[:12]})" in message
    assert "solver 'my-solver' (source " in message
    assert message.endswith("Put the class into a package (`mobench new`), install it and run the jobs again")


def test_a_pair_of_installed_parts_that_is_registered_in_process_cannot_be_submitted(
    tiny: Path, tmp_path: Path
) -> None:
    """Another process does not know the name of the pair."""
    mobench.register("own-pair", generator="phn", balancer="linear")
    mobench.run(tiny, solver="own-pair", out=tmp_path / "out", **HERE)
    with pytest.raises(StoreError, match=r"registered in process: solver 'own-pair'"):
        mobench.check_submittable(tmp_path / "out")


def test_what_is_no_store_cannot_be_submitted(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there are no records"):
        mobench.check_submittable(tmp_path)
    shutil.copytree(finished, tmp_path / "out")
    (tmp_path / "out" / "records" / "damaged.json").write_text("{")
    with pytest.raises(RecordError, match=r"damaged\.json is not a record"):
        mobench.check_submittable(tmp_path / "out")
