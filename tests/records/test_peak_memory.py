"""Peak memory for malicious files, measured by the system in a separate process.

The docstrings have peaks on Linux with Python 3.11, of which 50 MB are the imports alone.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mobench.records import index
from mobench.records.index_format import Bounds, _Content, _reader
from mobench.records.store import Store

RESULTS = Path(__file__).parents[2] / "results"
MOST_BYTES = 300_000_000
N_RECORDS = 500
PEAK = """
import resource, sys
try:
    # the other counter starts from the memory of the parent process
    lines = open("/proc/self/status").read().splitlines()
    peak = next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(peak)
"""


def peak(script: str, *words: object) -> int:
    """The most bytes that a process had in memory which ran a script."""
    done = subprocess.run(
        [sys.executable, "-c", script + PEAK, *map(str, words)], capture_output=True, text=True, timeout=280, check=True
    )
    return int(done.stdout.splitlines()[-1])


LOAD = """
import sys
from mobench.errors import SuiteError
from mobench.jobs.suite import load
try:
    load(sys.argv[1])
except SuiteError as error:
    assert "a key has more than 16 parts" in str(error), error
else:
    raise AssertionError("it was read")
"""


@pytest.mark.parametrize("form", ["{} = 1", "[{}]", "x = {{{} = 1}}"])
def test_a_dotted_key_of_40000_parts_takes_little_memory(tmp_path: Path, form: str) -> None:
    """34 MB and 0.3 s; in `tomllib` 6 GB and 34 s."""
    path = tmp_path / "deep.toml"
    path.write_text(form.format(".".join(["a"] * 40_000)))
    assert peak(LOAD, path) < MOST_BYTES


READ = f"""
import sys
from mobench.records.index import outlines
from mobench.records.store import Store
assert len(outlines(Store(sys.argv[1])).records) == {N_RECORDS}
"""


WASTEFUL = {
    "empty lists": ("values", "[]"),
    "empty lists of rays": ("rays", "[]"),
    "lists of one": ("rays", "[[0]]"),
    "empty tables": ("protocols", "{}"),
    "tables of tables": ("protocols", '{"a":{}}'),
    "tables of lists": ("indicators", '{"a":[]}'),
    "texts": ("file", '"a"'),
    "numbers": ("job", "0"),
    "states": ("state", "[0,0,0,0]"),
    "seeds": ("seeds", "{}"),
    "fronts": ("front", "[0,0,0,0,0]"),
}
"""Lists of an index, and what each of their parts is: little text that takes much memory once it is parsed."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Enough records for an index: links to one file."""
    large_store = Store(tmp_path_factory.mktemp("many"))
    large_store.records_folder.mkdir()
    original = shutil.copy(next((RESULTS / "analytic" / "records").glob("vlmop2-ls-*")), large_store.folder / "one")
    for number in range(N_RECORDS):
        (large_store.records_folder / f"{number}.json").hardlink_to(original)
    return large_store


def put(store: Store, text: bytes) -> None:
    """Write an index with a correct hash next to the records."""
    body = text + b"\n"
    data = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
    (store.folder / index.NAME).write_bytes(data)


def wasteful(name: str, part: str, most: Bounds) -> bytes:
    """The text of an index of which nearly all is the list of that name, as long as it may be."""
    lists = {field: "[]" for field in _Content.model_fields if field not in ("format", "mobench", name)}
    other_fields = ", ".join(f'"{field}": {value}' for field, value in lists.items())
    head = f'{{"format": 3, "mobench": {json.dumps(_reader())}, {other_fields}, "{name}": ['
    by_bytes = (most.n_bytes - len(head) - 2) // (len(part) + 1)
    by_values = (most.n_values - head.count(",")) // (part.count(",") + 1)
    by_tables = (most.n_tables - len(lists) - 2) // max(1, part.count("{") + part.count("["))
    parts = ",".join([part] * min(by_bytes, by_values, by_tables))
    return f"{head}{parts}]}}".encode()


@pytest.mark.slow
@pytest.mark.parametrize("case", WASTEFUL)
def test_a_hostile_index_takes_little_memory(store: Store, case: str) -> None:
    """Within the bounds at most 138 MB, beyond them, where it is not parsed, 78 MB; without any 8 GB."""
    most = index.bounds_for(N_RECORDS)
    within = wasteful(*WASTEFUL[case], most)
    assert most.hold(within)
    put(store, within)
    assert peak(READ, store.folder) < MOST_BYTES
    beyond = wasteful(*WASTEFUL[case], replace(most, n_values=2**40, n_tables=2**40))
    assert not most.hold(beyond)
    put(store, beyond)
    assert peak(READ, store.folder) < MOST_BYTES


@pytest.mark.slow
def test_an_index_of_very_many_numbers_is_not_read(store: Store) -> None:
    """A gigabyte next to 5 MB of records: 56 MB."""
    with open(store.folder / index.NAME, "wb") as file:
        file.truncate(2**30)
    assert peak(READ, store.folder) < MOST_BYTES
