"""`mobench run` end to end, through the installed command."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from in_process import IN_PROCESS

from mobench.records.record import parse

Cli = Any


def records(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((folder / "records").glob("*.json"))}


def digests(folder: Path) -> dict[str, str]:
    return {name: parse(data, name).digest for name, data in records(folder).items()}


@pytest.mark.slow
def test_a_run_ends_in_a_table_and_running_again_does_nothing(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    first = cli("run", tiny)
    assert first.returncode == 0, first.stderr
    assert "hypervolume" in first.stdout
    assert "2 jobs run, 0 already present" in first.stdout
    out = tmp_path / "results" / "tiny"
    assert {p.name for p in out.iterdir()} >= {"records", "leaderboard.md", "leaderboard.csv"}
    before = records(out)
    assert len(before) == 2
    second = cli("run", tiny)
    assert second.returncode == 0
    assert "nothing to do: 2 of 2 jobs have a record" in second.stdout
    assert records(out) == before


@pytest.mark.slow
def test_a_run_of_several_tasks_ends_in_one_table_across_them(cli: Cli, tmp_path: Path) -> None:
    words = ["--dataset", "zdt1,re21", "--solver", "ls,mgda", "--steps", "3"]
    done = cli("run", "tour", *words, "--out", "out", *IN_PROCESS)
    assert done.returncode == 0, done.stderr
    _, _, table = done.stdout.partition("all tasks: hypervolume as a share of the box of each task")
    heading, *rows = [line.split() for line in table.splitlines() if "──" not in line and line.strip()]
    assert [word for word in heading if word != "↑"] == ["rank", "solver", "mean", "re21", "zdt1"]
    assert {rows[0][1], rows[1][1]} == {"ls", "mgda"}
    written = (tmp_path / "out" / "tasks.md").read_text()
    assert "| rank | solver | mean | re21 | zdt1 |" in written
    assert (tmp_path / "out" / "tasks.csv").exists()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_whatever_runs_beside_and_another_seed_others(
    cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    for out, seeds, *more in (("a", "0", "--jobs", 1), ("b", "0", "--jobs", 2), ("c", "1", *IN_PROCESS)):
        assert cli("run", tiny, "--out", out, "--seeds", seeds, "--cpus", "1", *more).returncode == 0
    a, b, c = (digests(tmp_path / name) for name in "abc")
    assert a == b
    assert not set(a.values()) & set(c.values())


@pytest.mark.slow
def test_images_from_the_embedded_digits(cli: Cli, tmp_path: Path) -> None:
    done = cli(
        "run", "quick", "--seeds", "0", "--epochs", "1", "--set", "pairs=600", "--set", "test_pairs=200", *IN_PROCESS,
        env={"MOBENCH_DATA": str(tmp_path / "nowhere"), "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record_by_solver = {
        r.job.solver.name: r for n, d in records(tmp_path / "results" / "quick").items() if (r := parse(d, n))
    }
    assert set(record_by_solver) == {"ls", "phn-ls"}
    assert record_by_solver["phn-ls"].cost is not None
    assert record_by_solver["phn-ls"].cost.stored_parameters == 3_243_410
    assert set(record_by_solver["ls"].fronts["test"].metrics) == {"left/accuracy", "right/accuracy"}
    assert "| multimnist |" in (tmp_path / "results" / "quick" / "leaderboard.md").read_text()


@pytest.mark.slow
def test_seconds_and_jobs_and_kept_weights(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    done = cli(
        "run", tiny, "--seconds", "0.3", "--solver", "phn+linear", "--keep-weights", "-q", "--out", "out", *IN_PROCESS
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (weights,) = (tmp_path / "out" / "weights").iterdir()
    from safetensors.torch import load_file

    assert load_file(weights)["trunk.0.weight"].shape == (100, 2)
    (name,) = records(tmp_path / "out")
    assert "phn+linear" in name


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of an error; anything else on standard error is a failure of the test."""
    assert done.returncode not in (0, 70), done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert "Traceback" not in done.stderr + done.stdout
    return lines[0]


BAD = {
    "unknown suite": (["run", "quik"], "did you mean 'quick'"),
    "missing file": (["run", "nowhere.toml"], "cannot be read"),
    "unknown dataset": (["run", "SUITE", "--dataset", "zdt9"], "no dataset is called 'zdt9'; did you mean 'zdt"),
    "unknown solver": (["run", "SUITE", "--solver", "phn-l"], "did you mean 'phn-ls'"),
    "unknown balancer": (["run", "SUITE", "--solver", "phn+lin"], "did you mean 'linear'"),
    "misspelt option": (["run", "SUITE", "--set", "lrr=1"], "has an option 'lrr'; did you mean 'lr'"),
    "wrong type": (["run", "SUITE", "--set", "lr=fast"], "accepted: float > 0"),
    "out of range": (["run", "SUITE", "--set", "lr=-1"], "greater than 0"),
    "no value": (["run", "SUITE", "--set", "lr"], "pass key=value"),
    "wrong seed": (["run", "SUITE", "--seeds", "one"], "whole numbers"),
    "two lengths": (["run", "SUITE", "--epochs", "1", "--steps", "2"], "exactly one"),
    "no such device": (["run", "SUITE", "--device", "warp:9"], "cannot be used"),
    "network for x": (["run", "SUITE", "--model", "point", "--set", "generator.hidden=[]"], "no option 'hidden'"),
    "preference off the simplex": (["run", "SUITE", "--rays", "[[0.5,0.6],[0.2,0.8]]"], "[0.5, 0.6] is not on the"),
    "the same in a suite": (["run", "RAYS"], "is not on the simplex"),
    "rays of another problem": (["run", "SUITE", "--rays", "[[0.5,0.3,0.2],[1,0,0]]"], "for each of 2 objectives"),
    "rays that are none": (["run", "SUITE", "--rays", "0.5,0.5"], "pass a list of lists"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line_and_touches_no_record(
    cli: Cli, tiny: Path, finished: Path, tmp_path: Path, case: str
) -> None:
    words, message = BAD[case]
    shutil.copytree(finished, tmp_path / "out")
    before = records(tmp_path / "out")
    rays = tmp_path / "rays.toml"
    rays.write_text("rays = [[0.5, 0.6], [0.2, 0.8]]\n" + tiny.read_text())
    places = {"SUITE": str(tiny), "RAYS": str(rays)}
    done = cli(*[places.get(w, w) for w in words], "--out", "out")
    assert message in one_line(done)
    assert records(tmp_path / "out") == before


def test_an_unreadable_record_is_named_and_left_alone(cli: Cli, tiny: Path, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "out")
    path = next((tmp_path / "out" / "records").glob("*-ls-*.json"))
    path.write_bytes(path.read_bytes()[:100])
    before = records(tmp_path / "out")
    line = one_line(cli("run", tiny, "--out", "out"))
    assert path.name in line
    assert "move it away" in line
    assert records(tmp_path / "out") == before
    board = cli("leaderboard", "out")
    assert board.returncode == 0
    assert "warning" in board.stderr


@pytest.mark.slow
def test_no_space_for_records_is_one_line_and_earlier_records_stay(
    cli: Cli, tiny: Path, finished: Path, tmp_path: Path
) -> None:
    """A file size limit of a thousand bytes simulates a full disk: the system refuses the same call."""
    shutil.copytree(finished, tmp_path / "out")
    before = records(tmp_path / "out")

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    line = one_line(cli("run", tiny, "--out", "out", "--seeds", "5", preexec_fn=small))
    assert "nothing can be written to out" in line
    assert "make room" in line
    assert records(tmp_path / "out") == before


def test_a_corrupt_data_file_fails_the_job_with_its_name(cli: Cli, tiny: Path, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "out")
    before = records(tmp_path / "out")
    place = tmp_path / "data" / "MNIST" / "raw"
    place.mkdir(parents=True)
    (place / "train-images-idx3-ubyte").write_bytes(b"not these")
    words = ["run", tiny, "--dataset", "multimnist", "--model", "lenet", "--solver", "ls", "--out", "out", *IN_PROCESS]
    done = cli(*words, env={"MOBENCH_DATA": str(tmp_path / "data")})
    assert done.returncode == 1
    assert "train-images-idx3-ubyte is not the expected one" in done.stderr
    assert "Traceback" not in done.stderr
    after = records(tmp_path / "out")
    assert {n: after[n] for n in before} == before
    (failed,) = set(after) - set(before)
    assert parse(after[failed], failed).status == "failed"
    assert "failed at seed 0" in (tmp_path / "out" / "leaderboard.md").read_text()


def test_debug_shows_where(cli: Cli) -> None:
    done = cli("--debug", "run", "nowhere.toml")
    assert "Traceback" in done.stderr
    assert "suite.py" in done.stderr


@pytest.mark.slow
def test_ctrl_c_leaves_whole_records_and_running_again_completes(
    command: list[str], cli: Cli, environment: dict[str, str], tiny: Path, tmp_path: Path
) -> None:
    words = ["run", str(tiny), "--out", "out", "--seeds", "0,1,2", "--solver", "ls"]
    process = subprocess.Popen(
        [*command, *words], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    for _ in range(1200):
        if (tmp_path / "out" / "records").exists() and records(tmp_path / "out"):
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; all written records are complete" in errors
    assert "Traceback" not in errors
    remaining = records(tmp_path / "out")
    assert 1 <= len(remaining) < 3
    for name, data in remaining.items():
        assert parse(data, name).status == "completed"
    assert not list((tmp_path / "out" / "records").glob(".*"))
    second_run = cli(*words, *IN_PROCESS)
    assert second_run.returncode == 0
    after = records(tmp_path / "out")
    assert len(after) == 3
    assert {n: after[n] for n in remaining} == remaining


def test_settings_reach_the_record(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    words = ("--solver", "phn-ls", "--set", "lr=0.02", "--set", "generator.hidden=[7,8]", *IN_PROCESS)
    assert cli("run", tiny, *words).returncode == 0
    (data,) = records(tmp_path / "results" / "tiny").values()
    solver = json.loads(data)["job"]["solver"]
    assert solver["options"]["lr"] == 0.02
    assert solver["generator"]["options"]["hidden"] == [7, 8]


def test_rays_of_ones_own(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    """Finite sets are trained at these rays, and all solvers are evaluated at them."""
    assert cli("run", tiny, "--rays", "[[0.8,0.2],[0.5,0.5],[0.25,0.75]]", *IN_PROCESS).returncode == 0
    for name, data in records(tmp_path / "results" / "tiny").items():
        record = parse(data, name)
        assert [[round(v, 6) for v in r] for r in record.fronts["test"].preferences] == [
            [0.8, 0.2],
            [0.5, 0.5],
            [0.25, 0.75],
        ]
        assert record.indicators["test@3"] == record.indicators["test"]


@pytest.mark.slow
def test_any_number_of_finite_rays_can_be_compared(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    """Six angles are not among twenty-five: a continuous set is then judged at six more."""
    tiny.write_text("n_finite = 6\n" + tiny.read_text())
    assert cli("run", tiny, *IN_PROCESS).returncode == 0
    for name, data in records(tmp_path / "results" / "tiny").items():
        record = parse(data, name)
        assert "test@6" in record.indicators
        assert len(record.fronts["test"].losses) == (6 if record.job.solver.name == "ls" else 25)
