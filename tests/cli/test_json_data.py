"""`--json` gives data: every line has the fields of its class, and no line is free text."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mobench.datafiles import collections
from mobench.options import describe
from mobench.output.output_lines import OutputLine
from mobench.output.result_lines import LINES
from mobench.plugins import KINDS, Pair, registry
from mobench.reports.plots.kinds import KINDS as PLOTS

pytestmark = pytest.mark.slow

Cli = Any


def check(line: str) -> None:
    """Fail unless a line has exactly the fields of its class, in their order and with values of their types."""
    content = json.loads(line)
    cls = LINES[content.pop("event")]
    assert list(content) == [field.name for field in fields(cls)]
    TypeAdapter(cls).validate_json(json.dumps(content), strict=True)


def test_every_class_of_lines_has_a_kind_of_its_own() -> None:
    assert sorted(cls.__name__ for cls in LINES.values()) == sorted(c.__name__ for c in OutputLine.__subclasses__())


def data(cli: Cli, *words: Any, code: int = 0) -> list[dict[str, Any]]:
    """The events of a command, each checked against its description, without the end."""
    done = cli(*words, "--json")
    assert done.returncode == code, done.stderr
    lines = done.stdout.splitlines()
    for line in lines:
        check(line)
    events = [json.loads(line) for line in lines]
    assert events[-1] == {"event": "end", "code": code}
    return events[:-1]


def kinds(events: Sequence[dict[str, Any]]) -> set[str]:
    return {event["event"] for event in events}


def test_list_gives_every_name_with_its_fields(cli: Cli) -> None:
    events = data(cli, "list")
    assert kinds(events) == {"entry"}
    entries = [entry for kind in KINDS for entry in registry().entries[kind].values()]
    listed = {(e["kind"], e["name"]): e for e in events}
    assert len(listed) == len(events) == len(entries)
    for entry in entries:
        event = listed[entry.kind, entry.name]
        assert event["summary"] == entry.spec.summary
        assert (event["plugin"], event["version"]) == (entry.plugin.name, entry.version)
        pair = (entry.spec.generator, entry.spec.balancer) if isinstance(entry.spec, Pair) else (None, None)
        assert (event["generator"], event["balancer"]) == pair
    assert {e["kind"] for e in data(cli, "list", "models")} == {"model"}


def test_show_gives_options_of_each_part_and_the_text_of_a_suite(cli: Cli) -> None:
    entry, *tables = data(cli, "show", "phn-ls")
    assert (entry["event"], entry["generator"], entry["balancer"]) == ("entry", "phn", "linear")
    assert kinds(tables) == {"table"}
    (options,) = (table["rows"] for table in tables if table["title"] == "generator")
    phn = describe(registry().get("generator", "phn").load())
    assert [row[0] for row in options] == [f"generator.{option.name}" for option in phn]
    (quick,) = data(cli, "show", "quick")
    assert quick["text"] == registry().get("suite", "quick").spec.path.read_text()  # type: ignore[union-attr]
    dataset, _ = data(cli, "show", "vlmop2")
    assert dataset["text"] == (registry().get("dataset", "vlmop2").load().__doc__ or "").strip()


def test_plugins_data_files_and_plots_are_listed_as_data(cli: Cli) -> None:
    plugins = data(cli, "plugins")
    assert {e["name"]: e["state"] for e in plugins} == {p.name: p.state for p in registry().plugins}
    listed = data(cli, "data", "list")
    files = [e for e in listed if e["event"] == "file"]
    assert {(e["name"], e["path"], e["n_bytes"]) for e in listed if e["event"] == "user_folder"} == {
        (folder.name, folder.path, folder.n_bytes) for folder in registry().user_folders
    }
    assert {(e["collection"], e["path"]) for e in files} == {
        (name, file.path) for name, files in collections().items() for file in files
    }
    assert {(e["path"], e["n_bytes"], e["licence"]) for e in files} == {
        (file.path, file.n_bytes, file.licence) for files in collections().values() for file in files
    }
    name = files[0]["collection"]
    verified = data(cli, "data", "verify", name, "--quiet", code=1)
    assert {e["state"] for e in verified if e["event"] == "file"} == {"bad"}
    assert [e["name"] for e in data(cli, "plot")] == list(PLOTS)


def test_what_commands_find_and_write_is_data(cli: Cli, finished: Path, tmp_path: Path) -> None:
    record = sorted((finished / "records").glob("*.json"))[0]
    verdict = [e for e in data(cli, "verify", record) if e["event"] == "verdict"]
    assert [(v["agrees"], v["differing"]) for v in verdict] == [(True, [])]
    folder = tmp_path / "store"
    shutil.copytree(finished, folder)
    points = tmp_path / "points.csv"
    points.write_text("f1,f2\n0.4,0.7\n0.7,0.4\n")
    (imported,) = (
        e for e in data(cli, "import", points, "--solver", "theirs", "--out", folder) if e["event"] == "imported"
    )
    assert (imported["dataset"], imported["points"], imported["seeds"]) == ("vlmop2", [2], [0])
    (wrote_event,) = (e for e in data(cli, "new", "balancer", "my-way", "--out", tmp_path) if e["event"] == "wrote")
    assert Path(wrote_event["path"]).is_dir()
    (page,) = (e for e in data(cli, "report", folder, "--no-live") if e["event"] == "wrote")
    assert Path(page["path"]).is_file()
    (counts,) = (e for e in data(cli, "check", "linear", "--kind", "balancer") if e["event"] == "checks")
    assert counts["passed"] > 0 == counts["failed"]


@pytest.mark.parametrize("kind", ["fronts", "cost-quality"])
def test_plots_are_drawn_whatever_backend_a_notebook_chose(cli: Cli, finished: Path, tmp_path: Path, kind: str) -> None:
    backend = "module://matplotlib_inline.backend_inline"
    done = cli("plot", finished, kind, "--format", "svg,png,pdf", "--out", tmp_path, env={"MPLBACKEND": backend})
    assert done.returncode == 0, done.stderr
    assert {path.suffix for path in tmp_path.glob(f"{kind}-*")} == {".svg", ".png", ".pdf"}


def test_a_page_is_made_whatever_backend_a_notebook_chose(cli: Cli, finished: Path, tmp_path: Path) -> None:
    words = ("report", finished, "--out", tmp_path / "page.html", "--no-live")
    assert cli(*words, env={"MPLBACKEND": "module://matplotlib_inline.backend_inline"}).returncode == 0
