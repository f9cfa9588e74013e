"""`mobench export` through the installed command: from records alone to files that other programs read."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from in_process import IN_PROCESS

from mobench.cli.main import app
from mobench.errors import OptionError
from mobench.reports.tables.table_files import FORMATS

Cli = Any


@pytest.fixture(scope="session")
def of_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of two solvers on a few pairs of embedded digits; tests only read them."""
    from mobench.jobs.job import Budget, SeedSet
    from mobench.jobs.resolve import resolve
    from mobench.records.store import Store
    from mobench.runs.execution import execute

    store = Store(tmp_path_factory.mktemp("pictures") / "out")
    pictures = {"source": "embedded", "pairs": 120, "test_pairs": 60}
    for solver in ("ls", "phn-ls"):
        job = resolve("multimnist", "lenet", solver, pictures, Budget(steps=3, batch_size=32), SeedSet.all(0), n_rays=5)
        store.write(execute(job, threads=1))
    return store.folder


@pytest.mark.slow
def test_two_commands_lead_from_nothing_to_a_table_that_compiles(
    cli: Cli, tiny: Path, tmp_path: Path, compiled: Callable[[str], str]
) -> None:
    """The second command is the one that the output of the first suggests."""
    first = cli("run", tiny, *IN_PROCESS)
    assert first.returncode == 0, first.stderr
    (second,) = re.findall(r"`mobench (export [^`]+ --format tex --standalone)`", first.stdout)
    done = cli(*shlex.split(second))
    assert done.returncode == 0, done.stderr
    text = compiled((tmp_path / "results" / "tiny" / "leaderboard.tex").read_text())
    board = pd.read_csv(tmp_path / "results" / "tiny" / "leaderboard.csv")
    assert len(board) == 2
    for row in board.itertuples():
        (line,) = [line for line in text.splitlines() if row.solver in line.split()[:2]]
        assert f"{row.hypervolume:.3f}" in line.split()


@pytest.mark.slow
def test_every_format_comes_from_records_alone_and_twice_the_same(cli: Cli, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "records", tmp_path / "copy" / "records")
    for folder, out in ((finished, "a"), (tmp_path / "copy", "b")):
        done = cli("export", folder, "--format", ",".join(FORMATS), "--out", out)
        assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(f"leaderboard.{name}" for name in FORMATS)
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


@pytest.mark.slow
def test_tables_by_name(cli: Cli, of_pictures: Path, tmp_path: Path, compiled: Callable[[str], str]) -> None:
    names = ["accuracy", "fronts", "datasets", "rays"]
    done = cli("export", of_pictures, "--preset", ",".join(names), "--format", "tex,csv", "--standalone", "--out", "a")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "a").iterdir()} == {f"{n}.{end}" for n in names for end in ("tex", "csv")}
    table = pd.read_csv(tmp_path / "a" / "accuracy.csv")
    assert set(table["split"]) == {"train", "validation", "test"}
    assert "Table 1: Accuracy in % at each preference" in compiled((tmp_path / "a" / "accuracy.tex").read_text())


def test_a_suite_below_results_is_found_by_its_name(cli: Cli, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "results" / "mine")
    done = cli("export", "mine", "--format", "html")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "mine" / "leaderboard.html").is_file()


def test_rows_columns_digits_caption_and_label(cli: Cli, finished: Path, tmp_path: Path) -> None:
    words = ["--columns", "solver,hypervolume", "--solver", "ls", "--digits", "2", "--caption", "50 % & <more>"]
    done = cli("export", finished, "--format", "tex,html,md", *words, "--label", "tab:one", "--out", "a")
    assert done.returncode == 0, done.stderr
    latex = (tmp_path / "a" / "leaderboard.tex").read_text()
    assert r"\caption{50 \% \& \textless{}more\textgreater{}}" in latex
    assert r"\label{tab:one}" in latex
    (row,) = [line for line in latex.splitlines() if line.startswith("ls & ")]
    assert re.fullmatch(r"ls & 0\.\d\d \\\\", row)
    assert "<caption>50 % &amp; &lt;more&gt;</caption>" in (tmp_path / "a" / "leaderboard.html").read_text()
    assert (tmp_path / "a" / "leaderboard.md").read_text().startswith("50 % \\& &lt;more>\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "acuracy"], "no table is called 'acuracy'"),
        (["--format", "md,docx"], "no format is called 'docx'; accepted: md, csv, tidy.csv"),
        (["--decimals", "2", "--digits", "3"], "--decimals and --digits were both given"),
        (["--width", "wide"], "no width is called 'wide'; accepted: column, page"),
        (["--preset", "fronts,datasets", "--columns", "solver"], "export each one separately"),
        (["--dataset", "vlmop"], "has no dataset 'vlmop'"),
        (["--preset", "leaderboard,accuracy"], "no completed record has accuracy"),
        (["--preset", "rays", "--format", "csv,seeds.csv"], "this table has no seeds.csv"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(
    finished: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        app(["export", str(finished), "--out", str(tmp_path / "a"), *words], standalone_mode=False)
    assert not (tmp_path / "a").exists()
