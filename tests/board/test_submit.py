"""`mobench submit`: what is written, and what is refused before anything is written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from submissions import CONTACT, edit_record

import mobench
from mobench.board import layout
from mobench.board.search_budget import search_faults, unstated_search
from mobench.board.states import standing_of
from mobench.board.store_tasks import StoreTasks, store_tasks
from mobench.errors import MobenchError, StoreError
from mobench.jobs import suite as suites
from mobench.records import imports
from mobench.records.store import Store
from mobench.registered import IN_PROCESS

SEARCHED = """
seeds = [0, 1]
[budget]
steps = 20
[search]
sampler = "tpe"
trials = 3
space = { lr = { low = 1e-4, high = 1e-1, log = true } }
[[entries]]
datasets = ["vlmop2"]
models = ["point"]
solvers = ["ls"]
"""


def test_a_submission_has_the_records_and_what_follows_from_them(submission: Path, mine: Path, board: Path) -> None:
    content = layout.read_submission(submission)
    assert submission == board / "submissions" / content.id
    assert content.id.startswith("phn-ls-")
    assert sorted(content.files) == sorted(f"records/{path.name}" for path in (mine / "records").iterdir())
    for name in content.files:
        assert (submission / name).read_bytes() == (mine / name).read_bytes()
    first = Store(mine).contents().records[0]
    assert (content.store, content.season, content.contact) == ("tiny", "", CONTACT["contact"])
    assert content.hardware == [first.hardware]
    assert content.mobench == [first.provenance.mobench]
    assert content.distributions == []


def test_the_same_records_are_not_submitted_twice(submission: Path, mine: Path, board: Path) -> None:
    with pytest.raises(StoreError, match="exists: these records were submitted before"):
        mobench.submit(mine, to=str(board), **CONTACT)


def test_a_repository_gets_a_branch_with_one_commit(
    mine: Path, board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a guest")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=board, check=True, capture_output=True, text=True).stdout

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "Board")
    repository = tmp_path / "board.git"
    git("clone", "-q", "--bare", ".", str(repository))
    branch = mobench.submit(mine, to=str(repository), **CONTACT)
    git("fetch", "-q", str(repository), str(branch))
    assert git("log", "--format=%s", "main..FETCH_HEAD").splitlines() == [f"Submission {str(branch).split('/')[1]}"]
    folders = {name.rpartition("/")[0] for name in git("diff", "--name-only", "main", "FETCH_HEAD").splitlines()}
    assert folders == {f"submissions/{str(branch).split('/')[1]}{end}" for end in ("", "/records")}
    with pytest.raises(StoreError, match="git clone failed"):
        mobench.submit(mine, to=str(tmp_path / "nowhere"), **CONTACT)


def test_imported_points_are_submitted_as_such(mine: Path, board: Path, key: Path) -> None:
    job = Store(mine).contents().records[0].job
    points = b"f1,f2,seed\n0.2,0.9,0\n0.9,0.2,0\n"
    (record,) = imports.records(points, "points.csv", "theirs", imports.like(job.dataset, job))
    Store(mine).write(record)
    folder = Path(mobench.submit(mine, to=str(board), solver="theirs", **CONTACT))
    content = layout.read_submission(folder)
    assert (content.season, content.hardware, content.distributions) == ("", [], [])
    standing = standing_of(folder, content, {}, is_imported=True)
    assert standing.state is layout.State.IMPORTED
    with pytest.raises(StoreError, match=r"no record of theirs-\w+ can be run again .* it stays imported"):
        mobench.verify_submission(folder, key=key)
    assert layout.read_verification(folder) is None
    edit_record(folder, lambda content: content["indicators"]["test"].update(hypervolume=2.0))
    assert "it was edited" in mobench.verify_submission(folder, key=key).reason


def edited_hypervolume(content: dict[str, Any]) -> None:
    content["indicators"]["test"]["hypervolume"] *= 1.01


def longer(content: dict[str, Any]) -> None:
    content["job"]["budget"]["steps"] = 2000


def other_protocol(content: dict[str, Any]) -> None:
    content["protocol"]["reference"] = [9.0, 9.0]


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (edited_hypervolume, "its hypervolume of split test is .*it was edited"),
        (longer, "it is of no task of the store: another budget than there"),
        (other_protocol, r"its protocol differs from the store's: reference \[9\.0, 9\.0\] instead of"),
        (lambda content: content["job"]["seeds"].update(solver=7), "seed 0 has no record, all seeds are needed"),
        (lambda content: content.update(id="0123456789abcdef"), "has id 0123456789abcdef, .* it was edited"),
        (lambda content: content.update(schema=2), "is not a record: schema"),
    ],
)
def test_records_that_a_board_would_not_accept_are_refused(edit: Any, reason: str, mine: Path, board: Path) -> None:
    edit_record(mine, edit)
    with pytest.raises(MobenchError, match=reason):
        mobench.submit(mine, to=str(board), **CONTACT)
    assert not (board / "submissions").exists()


def test_parts_that_were_registered_in_a_process_are_refused(mine: Path, board: Path) -> None:
    version = f"{IN_PROCESS} 0123456789ab"
    edit_record(mine, lambda content: content["job"]["solver"]["balancer"].update(version=version))
    with pytest.raises(StoreError, match=r"cannot be submitted: .*registered in process: balancer"):
        mobench.submit(mine, to=str(board), **CONTACT)


def test_all_seeds_are_needed(mine: Path, board: Path) -> None:
    next(iter(sorted((mine / "records").iterdir()))).unlink()
    with pytest.raises(StoreError, match=r"phn-ls on vlmop2 · point: seed 0 has no record, all seeds are needed"):
        mobench.submit(mine, to=str(board), **CONTACT)


def test_all_seeds_have_the_same_options(mine: Path, board: Path) -> None:
    edit_record(mine, lambda content: content["job"]["solver"]["options"].update(lr=0.5))
    with pytest.raises(StoreError, match="its seeds have different options or versions"):
        mobench.submit(mine, to=str(board), **CONTACT)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ({"contact": " "}, "this cannot be submitted: contact: String should match pattern"),
        ({"licence": "\x1b[2J"}, "this cannot be submitted: licence: .* only printable characters"),
        ({"store": "large"}, "the board has no store 'large': name one of tiny"),
        ({"solver": "mgda"}, "has no records of mgda, it has records of phn-ls"),
        ({"wheel": "records"}, "is not a wheel"),
        ({"search": "nowhere"}, r"nowhere has no readable study\.csv"),
    ],
)
def test_statements_are_checked(
    statement: dict[str, str], reason: str, mine: Path, board: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mine)
    with pytest.raises(StoreError, match=reason):
        mobench.submit(mine, to=str(board), **{**CONTACT, **statement})


def test_a_store_without_records_and_suite_has_no_tasks(mine: Path, board: Path) -> None:
    shutil.rmtree(board / "tiny")
    with pytest.raises(MobenchError, match="store 'tiny' of the board has no records, and no registered suite"):
        mobench.submit(mine, to=str(board), **CONTACT)


def test_a_store_of_a_season_has_the_tasks_of_its_suite(tmp_path: Path) -> None:
    tasks = store_tasks(tmp_path, "standard")
    assert {task.title for task in tasks.tasks.values()} == {
        "multimnist · lenet", "multifashion · lenet", "multifashion-mnist · lenet",
    }  # fmt: skip
    assert {len(task.seeds) for task in tasks.tasks.values()} == {3}
    assert tasks.n_trials is None
    assert StoreTasks({}, suites.load("standard-search")).n_trials == 3


def test_the_search_is_within_the_budget_of_the_season(submission: Path, mine: Path, tmp_path: Path) -> None:
    (tmp_path / "searched.toml").write_text(SEARCHED)
    suite = suites.load(str(tmp_path / "searched.toml"))
    tasks = StoreTasks({}, suite.model_copy(update={"name": str(tmp_path / "searched.toml")}))
    records = Store(mine).contents().records
    assert unstated_search(records, tasks) == []
    edit_record(mine, lambda content: content["job"]["solver"]["options"].update(lr=0.5))
    (reason,) = unstated_search(Store(mine).contents().records, tasks)
    assert "the options of phn-ls are not its defaults, and the season bounds their search" in reason

    content = layout.read_submission(submission)
    stated = content.model_copy(update={"files": {**content.files, layout.SEARCH_FILE: "0" * 64}})
    (submission / "search").mkdir()
    rows = ["solver,rank,trial", *(f"{name},{i},{i}" for name in ("phn-ls", "ls") for i in range(3))]
    (submission / layout.SEARCH_FILE).write_text("\n".join(rows))
    assert search_faults(submission, content, tasks) == []
    assert search_faults(submission, stated, tasks) == []
    (submission / layout.SEARCH_FILE).write_text("\n".join([*rows, "ls,3,3"]))
    assert search_faults(submission, stated, tasks) == [
        "its search took 4 trials of one task, the season allows 3"
    ]  # fmt: skip
    assert search_faults(submission, stated, StoreTasks({})) == [
        "it has a search/study.csv, and the store 'tiny' states no search"
    ]
