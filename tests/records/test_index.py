"""The index of a store: tables are equal with and without it, even if it is damaged."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mobench
from mobench.records import index
from mobench.records import index_format as packing
from mobench.records.index import NAME, outlines
from mobench.records.outline import Measured, Points
from mobench.records.record import Imported
from mobench.records.store import Store
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.tables.table_files import FORMATS, content, texts

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two datasets (one of them analytic), a failed record, an imported record, and a file that is not a record."""
    monkeypatch.setattr(index, "WORTH", 1)
    monkeypatch.setattr(index, "STALE", 0)
    monkeypatch.setattr(index, "YOUNG_SECONDS", -1)
    new_store = Store(tmp_path / "store")
    new_store.records_folder.mkdir(parents=True)
    for pattern in ("methods/records/multimnist-*-s0-*", "analytic/records/zdt1-phn*"):
        for path in sorted(RESULTS.glob(pattern))[:8]:
            shutil.copy(path, new_store.records_folder)
    records = new_store.contents().records
    assert len(records) > 10
    failed = {"status": "failed", "fronts": {}, "indicators": {}, "cost": None, "trace": []}
    new_store.path(records[0].job).unlink()  # a failure replaces no result
    new_store.write(records[0].model_copy(update=failed))
    budget = records[1].job.budget.model_copy(
        update={"epochs": None, "steps": None, "seconds": None, "elsewhere": True}
    )
    job = records[1].job.model_copy(update={"budget": budget})
    job.__dict__.pop("id", None)
    foreign = {
        "job": job,
        "id": job.id,
        "imported": Imported(file="f.csv", sha256="0", training_seconds=3),
        "cost": None,
    }
    new_store.write(records[1].model_copy(update=foreign))
    (new_store.records_folder / "broken.json").write_text("{")
    return new_store


def tables(records: list[Any]) -> dict[str, str | bytes]:
    """Every format except LaTeX."""
    measured: list[Measured] = records
    return texts(content(leaderboard(measured)), "t", [name for name in FORMATS if name != "tex"])


def plainly(front: Points | None) -> object:
    """A front's values as lists."""
    if front is None:
        return None
    metrics = {name: np.asarray(values).tolist() for name, values in front.metrics.items()}
    return front.preferences, np.asarray(front.losses).tolist(), list(metrics.items()), front.n_samples


def parsed(store: Store, monkeypatch: pytest.MonkeyPatch) -> int:
    """Check the outlines of a store; return how many record files were parsed for them."""
    read: list[Path] = []
    with monkeypatch.context() as patch:
        real = index.read_record
        patch.setattr(index, "read_record", lambda path: read.append(path) or real(path))
        contents = outlines(store)
    plain = store.contents()
    assert list(map(str, contents.unreadable)) == list(map(str, plain.unreadable))
    for outlined, record in zip(contents.records, plain.records, strict=True):
        assert (outlined.id, outlined.status, outlined.job, outlined.protocol) == (
            record.id,
            record.status,
            record.job,
            record.protocol,
        )
        assert outlined.job.id == record.job.id
        assert plainly(outlined.fronts.get("test")) == plainly(record.fronts.get("test"))
        validation = record.fronts.get("val")
        is_kept = validation is not None and bool(validation.metrics)
        assert plainly(outlined.fronts.get("val")) == (plainly(validation) if is_kept else None)
        assert outlined.indicators.get("test") == record.indicators.get("test")
        assert (outlined.cost, outlined.imported) == (record.cost, record.imported)
        assert (outlined.finished, outlined.digest) == (record.provenance.finished, record.digest)
    return len(read)


@pytest.mark.slow
def test_tables_are_the_same_to_the_byte_without_an_index_with_one_and_from_records(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tables(store.contents().records)
    assert parsed(store, monkeypatch) == len(store.listed())
    (store.folder / NAME).unlink()
    assert tables(outlines(store).records) == plain
    assert (store.folder / NAME).is_file()
    assert tables(outlines(store).records) == plain
    # files that are not records are read every time
    assert parsed(store, monkeypatch) == 1


def _changed(store: Store) -> int:
    record = store.contents().records[-1]
    store.write(record.model_copy(update={"indicators": {**record.indicators, "test": {"hypervolume": 0.5}}}))
    return 1


def _changed_in_place(store: Store) -> int:
    """Same length as before, with the old time restored."""
    path = Path(store.listed()[5].path)
    before, content = path.stat(), json.loads(path.read_text())
    content["cost"]["n_models"] = 9 - content["cost"]["n_models"]
    text = json.dumps(content, indent=1, ensure_ascii=False).ljust(before.st_size)
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return 1


def _spoiled(store: Store) -> int:
    Path(store.listed()[5].path).write_text("[]")
    return 1


def _removed(store: Store) -> int:
    Path(store.listed()[5].path).unlink()
    return 0


def _added(store: Store) -> int:
    shutil.copy(next((RESULTS / "analytic" / "records").glob("zdt2-*")), store.records_folder)
    return 1


def _renamed(store: Store) -> int:
    """Two records that are exchanged."""
    first_path, second_path = (Path(entry.path) for entry in store.listed()[5:7])
    first_path.rename(store.folder / "x")
    second_path.rename(first_path)
    (store.folder / "x").rename(second_path)
    return 2


@pytest.mark.parametrize("change", [_changed, _changed_in_place, _spoiled, _removed, _added, _renamed])
def test_a_record_that_changes_is_noticed(
    store: Store, monkeypatch: pytest.MonkeyPatch, change: Callable[[Store], int]
) -> None:
    parsed(store, monkeypatch)
    n_read = change(store)
    n_unreadable = len(store.contents().unreadable)
    assert parsed(store, monkeypatch) in (n_read + 1, n_unreadable)
    assert parsed(store, monkeypatch) == n_unreadable


def sealed(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def parts(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return the content of an index: the lists, and the numbers of fronts."""
    _, text, numbers = path.read_bytes().split(b"\n", 2)
    return json.loads(text), numbers


def spoiled(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """A way to damage an index and keep its hash correct."""

    def spoil(path: Path) -> None:
        content, numbers = parts(path)
        change(content)
        path.write_bytes(sealed(json.dumps(content).encode() + b"\n" + numbers))

    return spoil


def renumbered(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """A way to damage the numbers of fronts and keep the hash correct."""

    def spoil(path: Path) -> None:
        content, numbers = parts(path)
        path.write_bytes(sealed(json.dumps(content).encode() + b"\n" + change(numbers)))

    return spoil


def reshaped(n_rays: int, n_objectives: int) -> Callable[[Path], None]:
    """A way to give the first front another shape."""

    def change(content: dict[str, Any]) -> None:
        first = next(front for front in content["front"] if front is not None)
        first[1:3] = [n_rays, n_objectives]

    return spoiled(change)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


BROKEN: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "one bit": _one_bit,
    "a folder": _folder,
    "a pipe": _pipe,
    "a loop": lambda path: (path.unlink(), path.symlink_to(path.name)),
    "no JSON": lambda path: path.write_bytes(sealed(b"\x80")),
    "nested deep": lambda path: path.write_bytes(sealed(b"[" * 10_000)),
    "another format": spoiled(lambda content: content.update(format=1)),
    "another version": spoiled(lambda content: content.update(mobench="0.0.1")),
    "other fields": spoiled(lambda content: content.update(mobench=f"{mobench.__version__} 0")),
    "no list": spoiled(lambda content: content.update(job=3)),
    "lists of unlike length": spoiled(lambda content: content["digest"].pop()),
    "a place that is none": spoiled(lambda content: content["job"].__setitem__(3, 10**6)),
    "a place before the first": spoiled(lambda content: content["protocol"].__setitem__(3, -1)),
    "no number": spoiled(lambda content: content["values"][3][0].__setitem__(0, "x")),
    "more values than names": spoiled(lambda content: content["values"][3][0].append(1.0)),
    "no numbers": renumbered(lambda numbers: b""),
    "numbers cut off": renumbered(lambda numbers: numbers[:-8]),
    "half a number": renumbered(lambda numbers: numbers[:-4]),
    "numbers too many": renumbered(lambda numbers: numbers + bytes(8)),
    "infinite": renumbered(lambda numbers: numbers[:-8] + struct.pack("<d", math.inf)),
    "not a number": renumbered(lambda numbers: struct.pack("<d", math.nan) + numbers[8:]),
    "a front too large": reshaped(10**12, 10**12),
    "a front of less than nothing": reshaped(-5, -2),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_index_that_is_broken_is_left_alone_and_written_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    n = parsed(store, monkeypatch)
    path = store.folder / NAME
    BROKEN[case](path)
    assert parsed(store, monkeypatch) == n
    if case in ("a folder", "a pipe"):
        assert not path.is_file(), "what somebody put there stays"
    else:
        assert parsed(store, monkeypatch) == 1
    assert sorted(p.name for p in store.folder.iterdir()) == ["records", NAME]


def test_an_index_that_came_with_its_records_from_elsewhere_is_not_believed(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    n = parsed(store, monkeypatch)
    renumbered(lambda numbers: bytes(len(numbers)))(store.folder / NAME)
    all_losses = [front.losses for record in outlines(store).records for front in record.fronts.values()]
    assert not any(losses.any() for losses in all_losses), "where it was made it is believed"
    shutil.copytree(store.folder, tmp_path / "copy")  # with its times, as an archive has them
    assert parsed(Store(tmp_path / "copy"), monkeypatch) == n


def test_records_that_were_just_written_are_not_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "YOUNG_SECONDS", 3600)
    n = parsed(store, monkeypatch)
    assert parsed(store, monkeypatch) == n
    assert not (store.folder / NAME).exists()


def test_a_small_store_gets_no_index(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "WORTH", len(store.listed()) + 1)
    parsed(store, monkeypatch)
    assert not (store.folder / NAME).exists()


def test_few_changes_are_read_again_rather_than_all_written_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed(store, monkeypatch)
    before = (store.folder / NAME).read_bytes()
    monkeypatch.setattr(index, "STALE", 1 / len(store.listed()))
    _changed(store)
    assert [parsed(store, monkeypatch) for _ in range(2)] == [2, 2]
    assert (store.folder / NAME).read_bytes() == before
    _removed(store)
    assert [parsed(store, monkeypatch) for _ in range(2)] == [2, 1]


@pytest.mark.parametrize("error", [28, 30, 13])
def test_where_nothing_can_be_written_there_is_no_index(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(index, "write_whole", refuse)
    n = parsed(store, monkeypatch)
    assert parsed(store, monkeypatch) == n
    assert [p.name for p in store.folder.iterdir()] == ["records"]


SCRIPT = """
import sys
from mobench.records import index
from mobench.records.store import Store
index.WORTH, index.STALE, index.YOUNG_SECONDS = 1, 0, -1
for i in range(20):
    found = index.outlines(Store(sys.argv[1]))
    assert len(found.records) == int(sys.argv[2]), len(found.records)
    if i % 3 == int(sys.argv[3]):
        (Store(sys.argv[1]).folder / index.NAME).unlink(missing_ok=True)
"""


@pytest.mark.slow
def test_two_processes_at_once_both_find_everything(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    n = len(outlines(store).records)
    words = [sys.executable, "-c", SCRIPT, str(store.folder), str(n)]
    processes = [subprocess.Popen([*words, str(i)], stderr=subprocess.PIPE, text=True) for i in range(2)]
    assert [p.communicate(timeout=120)[1] for p in processes] == ["", ""]
    assert [p.returncode for p in processes] == [0, 0]
    parsed(store, monkeypatch)
    assert parsed(store, monkeypatch) == 1
    assert sorted(p.name for p in store.folder.iterdir()) == ["records", NAME]


def test_the_index_says_what_it_is_of(store: Store) -> None:
    outlines(store)
    content, _ = parts(store.folder / NAME)
    assert content["mobench"].startswith(f"{mobench.__version__} ")
    assert len(content["file"]) == len(store.contents().records)
    # values that seeds share are stored once
    assert len(content["jobs"]) < len(content["file"])
    assert len(content["protocols"]) <= 4


def test_an_index_with_more_text_than_its_records_need_is_not_parsed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = parsed(store, monkeypatch)
    path = store.folder / NAME
    text = b'{"jobs": [' + b"0" * index.bounds_for(len(store.listed())).n_bytes + b"]}"
    path.write_bytes(sealed(text))
    monkeypatch.setattr(packing._Content, "model_validate_json", lambda text: pytest.fail("it was parsed"))
    assert parsed(store, monkeypatch) == n
