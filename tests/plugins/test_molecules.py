"""Molecules: QM9 in its raw formats, clusters in closed form, and the invariances of SchNet."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error
from torch import Tensor

from mobench import options
from mobench.errors import DataError, IncompatibleError, OptionError
from mobench.interfaces import Problem, Samples
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.jobs.suite import load
from mobench.plugins import registry
from mobench.runs.execution import execute
from mobench.testing.conformance import cases_of
from mobench_glyphs.dataset import Glyphs
from mobench_molecules.clusters import Clusters, properties
from mobench_molecules.files import parse_sdf, uncharacterized
from mobench_molecules.graphs import ELEMENTS, graph_inputs
from mobench_molecules.qm9 import TARGETS, Qm9, drawn_parts
from mobench_molecules.schnet import SchNet

SPLITS = ("train", "val", "test")
COLUMNS = (
    "A", "B", "C", "mu", "alpha", "homo", "lumo", "gap", "r2", "zpve", "u0", "u298", "h298", "g298", "cv",
    "u0_atom", "u298_atom", "h298_atom", "g298_atom",
)  # fmt: skip
N_MOLECULES = 50
UNCERTAIN = (21, 58)
"""Numbers in uncharacterized.txt; the first is the 20th generated molecule, because the names leave out number 5."""
METHANE = """gdb_1
 -OEChem-03231823243D

  5  4  0     0  0  0  0  0  0999 V2000
   -0.0127    1.0858    0.0080 C   0  0  0  0  0  0  0  0  0  0  0  0
    0.0022   -0.0060    0.0020 H   0  0  0  0  0  0  0  0  0  0  0  0
    1.0117    1.4638    0.0003 H   0  0  0  0  0  0  0  0  0  0  0  0
   -0.5408    1.4475   -0.8766 H   0  0  0  0  0  0  0  0  0  0  0  0
   -0.5238    1.4379    0.9064 H   0  0  0  0  0  0  0  0  0  0  0  0
  1  2  1  0  0  0  0
  1  3  1  0  0  0  0
  1  4  1  0  0  0  0
  1  5  1  0  0  0  0
M  END
$$$$
"""


def record(name: str, symbols: list[str], positions: np.ndarray) -> str:
    lines = [name, " -OEChem-03231823243D", "", f"{len(symbols):3d}  0  0     0  0  0  0  0  0999 V2000"]
    for symbol, (x, y, z) in zip(symbols, positions, strict=True):
        lines.append(f"{x:10.4f}{y:10.4f}{z:10.4f} {symbol:<3} 0  0  0  0  0  0  0  0  0  0  0  0")
    return "\n".join([*lines, "M  END", "$$$$", ""])


def qm9_files(folder: Path) -> tuple[list[str], np.ndarray]:
    """Write the three raw files; return the names and the values [N, 19] of all molecules."""
    draw = np.random.default_rng(0)
    names = [f"gdb_{i}" for i in range(1, N_MOLECULES + 2) if i != 5]
    values = draw.normal(size=(N_MOLECULES, len(COLUMNS))).round(4) * 3 + 7
    records = []
    for _ in names:
        n_atoms = int(draw.integers(3, 30))
        symbols = draw.choice(list(ELEMENTS), n_atoms).tolist()
        records.append(record(_, symbols, draw.normal(scale=2, size=(n_atoms, 3))))
    folder.mkdir(parents=True)
    (folder / "gdb9.sdf").write_text("".join(records))
    rows = [",".join([name, *map(repr, row)]) for name, row in zip(names, values.tolist(), strict=True)]
    (folder / "gdb9.sdf.csv").write_text("\n".join([",".join(["mol_id", *COLUMNS]), *rows, ""]))
    header = [f"header {i}" if i != 4 else "3054 molecules" for i in range(9)]
    listed = [f"{number:8d}  C#N  C#N  1.0" for number in UNCERTAIN]
    (folder / "uncharacterized.txt").write_text("\n".join([*header, *listed, "-------", ""]))
    return names, values


@pytest.fixture(scope="module")
def qm9_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    folder = tmp_path_factory.mktemp("molecules")
    names, values = qm9_files(folder / "qm9" / "raw")
    return folder, values[[i for i, name in enumerate(names) if name != "gdb_21"]]


@pytest.fixture
def kept_values(qm9_folder: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """The values of the molecules that are kept; their files are in the data folder."""
    monkeypatch.setenv("MOBENCH_DATA", str(qm9_folder[0]))
    return qm9_folder[1]


def test_a_record_of_the_published_file_is_read() -> None:
    names, numbers, positions = parse_sdf(METHANE + record("gdb_22", ["F", "O", "N"], np.eye(3)))
    assert names == ["gdb_1", "gdb_22"]
    assert numbers[0].tolist() == [6, 1, 1, 1, 1] + [0] * 24
    assert numbers[1, :4].tolist() == [9, 8, 7, 0]
    np.testing.assert_array_equal(positions[0, 3], np.array([-0.5408, 1.4475, -0.8766], np.float32))
    assert not positions[0, 5:].any()
    # bonds of carbon and hydrogen in methane are 1.09 Å long
    np.testing.assert_allclose(np.linalg.norm(positions[0, 1:5] - positions[0, 0], axis=1), 1.09, atol=0.01)
    assert parse_sdf(METHANE.replace("\n", "\r\n"))[0] == ["gdb_1"]


def test_listed_molecules_are_left_out_by_the_number_in_their_name(kept_values: np.ndarray) -> None:
    assert uncharacterized("\n".join(["7 of the header"] * 9 + ["   21 C", "133885 N", "----", ""])) == {21, 133885}
    parts = {split: Qm9().load(split) for split in SPLITS}  # type: ignore[arg-type]
    assert {split: len(part) for split, part in parts.items()} == {"train": 41, "val": 4, "test": 4}
    rows = drawn_parts(len(kept_values), 0)
    for split, part in parts.items():
        for name, (factor, _) in TARGETS.items():
            column = kept_values[:, COLUMNS.index(name)] * factor
            train = column[rows["train"]]
            expected = (column[rows[split]] - train.mean()) / train.std()  # type: ignore[index]
            np.testing.assert_allclose(part.targets[name], expected, rtol=1e-4, atol=1e-5)


def test_splits_have_the_published_sizes_and_every_molecule_once() -> None:
    """LibMTL holds out 10,000 molecules for validation and 10,000 for testing."""
    parts = drawn_parts(130_831, 0)
    assert {split: len(rows) for split, rows in parts.items()} == {"train": 110_831, "val": 10_000, "test": 10_000}
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(130_831))
    assert not np.array_equal(parts["test"], drawn_parts(130_831, 1)["test"])


def test_graphs_are_those_of_the_file(kept_values: np.ndarray, qm9_folder: tuple[Path, np.ndarray]) -> None:
    names, numbers, positions = parse_sdf((qm9_folder[0] / "qm9" / "raw" / "gdb9.sdf").read_text())
    keep = np.array([name != "gdb_21" for name in names])
    rows = drawn_parts(int(keep.sum()), 0)["val"]
    inputs = Qm9().load("val").inputs
    codes = (inputs["nodes"].long() * torch.tensor(list(ELEMENTS.values()))).sum(2)
    np.testing.assert_array_equal(codes, numbers[keep][rows])
    np.testing.assert_array_equal(inputs["positions"], positions[keep][rows])
    np.testing.assert_array_equal(inputs["mask"], numbers[keep][rows] != 0)


def test_errors_are_in_the_units_of_libmtl(kept_values: np.ndarray) -> None:
    """D, a0³, meV (1 Hartree is 27.2114 eV, 1 kcal/mol 0.0433641 eV), a0², cal/(mol K)."""
    dataset = Qm9()
    samples, rows = dataset.load("train"), drawn_parts(len(kept_values), 0)["train"]
    units = dict.fromkeys(("homo", "lumo", "zpve"), 27211.3825435)
    units |= dict.fromkeys(("u0_atom", "u298_atom", "h298_atom", "g298_atom"), 43.36414)
    for objective in dataset.objectives:
        values = kept_values[rows][:, COLUMNS.index(objective.name)] * units.get(objective.name, 1.0)
        output = {objective.name: torch.full((len(rows), 1), 0.5, dtype=torch.float64)}
        expected = mean_absolute_error(values, np.full(len(rows), values.mean() + 0.5 * values.std()))
        (metric,) = objective.metrics
        assert float(metric.measure(output, samples)) == pytest.approx(expected, rel=1e-5)
        assert metric.unit == ("meV" if objective.name in units else TARGETS[objective.name][1])
        # the training mean has loss 1
        assert float(objective.loss({objective.name: torch.zeros(len(rows), 1)}, samples)) == pytest.approx(1, abs=1e-5)


def test_targets_are_options(kept_values: np.ndarray) -> None:
    few = options.build(Qm9, {"targets": ["cv", "mu"], "limit": 3})
    part, all_molecules = few.load("test"), Qm9().load("test")
    assert set(few.heads) == {"cv", "mu"}
    assert len(part) == 3
    assert torch.equal(part.targets["cv"], all_molecules.targets["cv"][:3])
    for bad, message in ((["uo_atom"], "u0_atom"), (["mu", "mu"], "name each once")):
        with pytest.raises(OptionError, match=message):
            options.build(Qm9, {"targets": bad})


BAD_FILES: dict[str, tuple[str, Callable[[str], str], str]] = {
    "cut": ("gdb9.sdf", lambda text: text[:-30], "its last record does not end"),
    "another element": ("gdb9.sdf", lambda text: text.replace(" F ", " Cl", 1), "KeyError 'Cl'"),
    "another format": ("gdb9.sdf", lambda text: "5\n\nC 0 0 0\n$$$$\n", "record 1 cannot be read"),
    "a molecule less": ("gdb9.sdf", lambda text: text.split("$$$$\n", 1)[1], "not the same in the same order"),
    "an unknown name": ("gdb9.sdf", lambda text: text.replace("gdb_1\n", "mol_1\n"), "its name is 'mol_1'"),
    "too many atoms": ("gdb9.sdf", lambda text: METHANE.replace("  5  4", " 30  4"), "record 1 cannot be read"),
    "not finite": ("gdb9.sdf", lambda text: METHANE.replace("1.0858", "   nan"), "not finite"),
    "another column": ("gdb9.sdf.csv", lambda text: text.replace("alpha", "beta"), "alpha"),
    "a text": ("gdb9.sdf.csv", lambda text: text.replace("gdb_3,", "gdb_3,a,", 1), "gdb9.sdf.csv"),
    "no list": ("uncharacterized.txt", lambda text: "\n" * 12, "no line after the first 9"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_damaged_files_are_refused(case: str, tmp_path: Path) -> None:
    file, damage, message = BAD_FILES[case]
    qm9_files(tmp_path / "raw")
    path = tmp_path / "raw" / file
    path.write_text(damage(path.read_text()))
    with pytest.raises(DataError, match=f"{message}.*again"):
        Qm9(folder=str(tmp_path / "raw")).load("train")


def test_without_files_the_expected_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no gdb9\.sdf and no .*torch_geometric.*QM9.* in the option `folder`"):
        Qm9(folder=str(tmp_path)).load("train")


def test_properties_of_clusters_are_sums_over_atoms_and_pairs() -> None:
    numbers = np.zeros((1, 12), np.uint8)
    numbers[0, :3] = 6, 1, 8
    positions = np.zeros((1, 12, 3), np.float32)
    positions[0, :3] = (0, 0, 0), (2, 0, 0), (0, 1, 0)
    places, weights = positions[0, :3].astype(float), np.array([6.0, 1, 8])
    centre = (weights @ places) / 15
    gyration = math.sqrt(sum(w * ((p - centre) ** 2).sum() for w, p in zip(weights, places, strict=True)) / 15)
    repulsion = (6 * 1 * math.exp(-2) + 6 * 8 * math.exp(-1) + 1 * 8 * math.exp(-math.sqrt(5))) / 3
    np.testing.assert_allclose(properties(numbers, positions), [[gyration, repulsion]])


def test_clusters_are_standardised_and_differ_between_splits() -> None:
    train, val = Clusters().load("train"), Clusters().load("val")
    assert (len(train), len(val), len(Clusters(limit=7).load("test"))) == (2000, 500, 7)
    for objective in Clusters().objectives:
        values = train.targets[objective.name].double()
        assert float(values.mean()) == pytest.approx(0, abs=1e-6)
        assert float(values.square().mean()) == pytest.approx(1, abs=1e-6)
    assert not torch.equal(train.inputs["positions"][:500], val.inputs["positions"])
    n_atoms = train.inputs["mask"].sum(1)
    assert (int(n_atoms.min()), int(n_atoms.max())) == (3, 12)


@cache
def network(**more: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return SchNet(**{"features": 6, "interactions": 2, "centres": 5, **more}).build(Clusters()).double()


def graph(seed: int, n_atoms: int, padded_to: int) -> dict[str, Tensor]:
    """One random molecule, whose padding has arbitrary values."""
    draw = torch.Generator().manual_seed(seed)
    nodes = torch.randn(1, padded_to, len(ELEMENTS), generator=draw, dtype=torch.float64)
    positions = 2 * torch.randn(1, padded_to, 3, generator=draw, dtype=torch.float64)
    return {"nodes": nodes, "positions": positions, "mask": torch.arange(padded_to)[None] < n_atoms}


def close(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys() == Clusters().heads.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-9, atol=1e-9)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**31), n_atoms=st.integers(1, 9), n_padding=st.integers(0, 4))
def test_schnet_is_invariant(seed: int, n_atoms: int, n_padding: int) -> None:
    """To the order of the atoms and of padding, the amount and values of padding, rotation and translation."""
    net = network()
    inputs = graph(seed, n_atoms, n_atoms + n_padding)
    expected = net(inputs)
    close(net({name: tensor[:, :n_atoms] for name, tensor in inputs.items()}), expected)
    draw = torch.Generator().manual_seed(seed + 1)
    order = torch.randperm(n_atoms + n_padding, generator=draw)
    close(net({name: tensor[:, order] for name, tensor in inputs.items()}), expected)
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=draw, dtype=torch.float64))
    close(net({**inputs, "positions": inputs["positions"] @ rotation + 5}), expected)


def test_schnet_tells_molecules_apart() -> None:
    net, inputs = network(), graph(0, 5, 7)
    before = net(inputs)["gyration"]
    nearer = {**inputs, "positions": inputs["positions"] * 0.8}
    other = {**inputs, "nodes": inputs["nodes"].roll(1, 2)}
    for changed in (nearer, other, {**inputs, "mask": torch.arange(7)[None] < 4}):
        assert not torch.allclose(net(changed)["gyration"], before, rtol=1e-5)


def test_schnet_equals_a_loop_over_pairs_of_atoms() -> None:
    """One interaction block, computed atom by atom from the equations of the paper."""
    net: Any = network(interactions=1)
    inputs = graph(3, 4, 6)

    def activation(x: Tensor) -> Tensor:
        return torch.log(0.5 * x.exp() + 0.5)

    (block,) = net.blocks
    features = [net.embedding(inputs["nodes"][0, i]) for i in range(4)]
    pooled = []
    for i in range(4):
        message = torch.zeros(6, dtype=torch.float64)
        for j in range(4):
            if i == j:
                continue
            distance = (inputs["positions"][0, i] - inputs["positions"][0, j]).norm()
            gaussians = torch.exp(-0.5 * ((distance - torch.linspace(0, 10, 5).double()) / 2.5) ** 2)
            filters = activation(block.filter_output(activation(block.filter(gaussians))))
            message = message + filters * block.value(features[j])
        changed = features[i] + block.update(activation(block.message(message)))
        pooled.append(activation(net.output(changed)))
    atoms = torch.stack(pooled)
    both = torch.cat([atoms.sum(0) / 16, atoms.mean(0)])[None]
    close(net(inputs), {name: head(both) for name, head in net.heads.items()})


def test_schnet_declines_what_is_no_graph() -> None:
    with pytest.raises(IncompatibleError, match="takes the named inputs nodes"):
        SchNet().check(Glyphs())


def test_schnet_learns_the_clusters() -> None:
    """Below half of the loss of a constant, on samples that it was not trained on."""
    dataset = Clusters()
    torch.manual_seed(0)
    problem = Problem(dataset, SchNet(features=8, interactions=1, centres=8, radius=6.0))
    train, val = (problem.prepare(dataset.load(split)) for split in ("train", "val"))
    optimizer = torch.optim.Adam(problem.target.parameters(), lr=0.03)
    for step in range(60):
        batch: Samples = train.take(torch.arange(32) + 32 * step % 1900)
        optimizer.zero_grad()
        problem.losses([problem.target(batch.inputs)], batch).sum().backward()
        optimizer.step()
    with torch.no_grad():
        losses = problem.losses([problem.target(val.inputs)], val)
    assert (losses < 0.5).all(), losses


def test_conformance_on_generated_files(kept_values: np.ndarray) -> None:
    for case in cases_of(registry().get("dataset", "qm9")):
        result = case.run()
        assert result.state != "failed", f"{case}: {result.message}"
        accepted = ("no CUDA device is here", "its samples are in memory")
        assert result.state == "passed" or result.message.startswith(accepted), f"{case}: {result.message}"


@pytest.mark.parametrize(("name", "solver"), [("qm9", "ls"), ("clusters", "phn-ls"), ("clusters", "mgda")])
def test_jobs_of_the_suite_run(name: str, solver: str, kept_values: np.ndarray) -> None:
    (entry,) = (entry for entry in load("molecules").entries if name in entry.datasets)
    assert len(entry.solvers) >= 10
    assert solver in entry.solvers
    small = {**entry.set, "model.features": 4, "interactions": 1, "centres": 3, "limit": 8}
    record = execute(resolve(name, *entry.models, solver, small, Budget(steps=1, batch_size=4)), threads=1)
    assert record.failure is None, record.failure
    assert len(record.objectives) == {"qm9": 11, "clusters": 2}[name]
    assert {metric.partition("/")[2] for metric in record.fronts["test"].metrics} == {"MAE"}


def test_graph_inputs_are_one_hot() -> None:
    numbers = np.array([[9, 1, 0]], np.uint8)
    inputs = graph_inputs(numbers, np.zeros((1, 3, 3), np.float32))
    assert inputs["nodes"].tolist() == [[[0, 0, 0, 0, 1], [1, 0, 0, 0, 0], [0] * 5]]
    assert inputs["mask"].tolist() == [[True, True, False]]
