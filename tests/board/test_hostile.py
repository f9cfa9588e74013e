"""Hostile submissions: each is rejected with its reason, or cannot do harm."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hostile import HOSTILE
from submissions import CONTACT, edit_record, edit_records, hash_again

import mobench
from mobench import Balancer
from mobench.board import isolated_job, layout
from mobench.board.environments import SubmissionEnvironment
from mobench.board.isolated_job import run_job, without_results
from mobench.board.layout import State, Verification, read_board, read_submission
from mobench.board.new_seeds import compare_new_seed, with_new_seed
from mobench.board.sandboxed_process import ProbedSandbox, SandboxedResult
from mobench.board.sandboxed_runs import (
    CannotJudge,
    Findings,
    SandboxedRuns,
    VerificationSettings,
    answered,
    check_faults,
    compare_rerun,
)
from mobench.board.sandboxes import Sandbox, SandboxView, plain
from mobench.board.signatures import read_key, why_not_signed, write_new_key
from mobench.board.states import standing_of
from mobench.board.submission_verification import check_key_is_hidden, selected
from mobench.errors import OptionError, StoreError
from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.plugins import registry
from mobench.records.record import Failure, Record, parse
from mobench.records.store import Store
from mobench.runs.execution import execute


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where the code of a submission would be run: every submission here is rejected before."""

    def run(*arguments: object) -> None:
        raise AssertionError("the code of a submission was run")

    monkeypatch.setattr("mobench.board.submission_verification.create_environment", run)


def verified(submission: Path, key: Path) -> Verification:
    return mobench.verify_submission(submission, key=key)


def statements(submission: Path, **changes: Any) -> None:
    path = submission / "submission.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def link_record(submission: Path) -> None:
    path = next((submission / "records").iterdir())
    (submission.parent / "elsewhere.json").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(submission.parent / "elsewhere.json")


def link_folder(submission: Path) -> None:
    (submission / "wheels").symlink_to("/etc")


def add_pipe(submission: Path) -> None:
    os.mkfifo(submission / "records" / "a.json")


def add_folder(submission: Path) -> None:
    (submission / ".github").mkdir()


def add_file(submission: Path) -> None:
    (submission / "README.md").write_text("<script>")


def change_bytes(submission: Path) -> None:
    path = next((submission / "records").iterdir())
    path.write_text(path.read_text() + " ")


def remove_record(submission: Path) -> None:
    next((submission / "records").iterdir()).unlink()


def edit_hypervolume(submission: Path) -> None:
    edit_record(submission, lambda content: content["indicators"]["test"].update(hypervolume=3.0))


def lower_schema(submission: Path) -> None:
    edit_record(submission, lambda content: content.update(schema=0))


def another_interface(submission: Path) -> None:
    edit_record(submission, lambda content: content["job"].update(interface=99))


def rename_record(submission: Path) -> None:
    path = next((submission / "records").iterdir())
    path.rename(path.with_name("best-method-s0-0123456789abcdef.json"))
    hash_again(submission)


def state_other_hardware(submission: Path) -> None:
    statements(submission, hardware=["a cluster"])


def state_other_version(submission: Path) -> None:
    statements(submission, mobench=["9.9"])


def claim_a_season(submission: Path) -> None:
    statements(submission, season="season-2")


def trim_seeds(submission: Path) -> None:
    remove_record(submission)
    hash_again(submission)


def add_huge_record(submission: Path) -> None:
    with (submission / "records" / "huge.json").open("wb") as file:
        file.truncate(2**25)
    hash_again(submission)


def take_the_name_of_another_method(submission: Path) -> None:
    edit_records(submission, lambda content: content["job"]["solver"].update(name="mgda"))


def take_the_name_of_another_pair(submission: Path) -> None:
    edit_records(submission, lambda content: content["job"]["solver"].update(name="phn+epo"))


def take_the_name_of_a_part(submission: Path) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["provenance"]["sources"]["balancer"]["distribution"] = "guest"

    edit_records(submission, edit)


def claim_to_be_of_mobench(submission: Path) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["job"]["solver"]["name"] = "phn+best"
        content["job"]["solver"]["balancer"]["name"] = "best"

    edit_records(submission, edit)


def state_no_source(submission: Path) -> None:
    edit_records(submission, lambda content: content["provenance"].update(sources={}))


def add_many_methods(submission: Path) -> None:
    source = next((submission / "records").iterdir()).read_bytes()
    for letter in "abcdefghijklmnopqrstu":
        copy = submission / "records" / "copy.json"
        copy.write_bytes(source)
        edit_record(submission, partial(rename_method, name=letter), copy)


def rename_method(content: dict[str, Any], name: str) -> None:
    content["job"]["solver"]["name"] = name


def add_a_split(submission: Path) -> None:
    edit_record(submission, lambda content: content["fronts"].update(other=content["fronts"]["test"]))


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (take_the_name_of_another_method, "its solver is phn+linear, and its name is that of another one"),
        (take_the_name_of_another_pair, "its solver is phn+linear, and its name is that of another one"),
        (take_the_name_of_a_part, "balancer 'linear' has the name of one of mobench"),
        (claim_to_be_of_mobench, "balancer 'best' is said to be of mobench, which has none of that name"),
        (state_no_source, "generator 'phn' states no source of its code"),
        (add_many_methods, "it has 22 solvers, at most 20 are accepted"),
        (add_a_split, "it has a front of split other, which no job has"),
        (link_record, "is a symbolic link"),
        (link_folder, "wheels is a symbolic link"),
        (add_pipe, "records/a.json is no regular file"),
        (add_folder, ".github is a folder that no submission has"),
        (add_file, "README.md is not listed in submission.json"),
        (change_bytes, "has another hash than submission.json states"),
        (remove_record, ".json is missing"),
        (edit_hypervolume, "its hypervolume of split test is 3.0, its losses have"),
        (lower_schema, "is not a record: schema"),
        (another_interface, "it is of no task of the store: another interface than there"),
        (rename_record, "is the file of another job"),
        (state_other_hardware, "it states other hardware than its records"),
        (state_other_version, "it states other versions of mobench than its records"),
        (claim_a_season, "it states other season than its records"),
        (trim_seeds, "has no record, all seeds are needed"),
        (add_huge_record, "huge.json has 33554432 bytes, at most"),
    ],
)
def test_a_changed_submission_is_rejected_with_the_reason(
    attack: Callable[[Path], None], reason: str, submission: Path, board: Path, key: Path
) -> None:
    attack(submission)
    outcome = verified(submission, key)
    assert outcome.state is State.REJECTED
    assert reason in outcome.reason
    assert outcome.isolation == "nothing was run"
    assert layout.read_verification(submission) == outcome
    assert why_not_signed(read_submission(submission), outcome, read_key(key).public) == ""
    standing = standing_of(submission, read_submission(submission), read_board(board).verifiers, False)
    assert standing.state is State.REJECTED, "the row stays, with its reason"
    assert standing.reason


def test_an_outcome_does_not_leave_through_a_link(submission: Path, key: Path, tmp_path: Path) -> None:
    (submission / "verification.json").symlink_to(tmp_path / "target")
    outcome = verified(submission, key)
    assert "verification.json is a symbolic link" in outcome.reason
    assert not (tmp_path / "target").exists()
    linked = tmp_path / "board" / "submissions" / "linked"
    linked.symlink_to(submission)
    with pytest.raises(StoreError, match="is a symbolic link: name the folder of a submission"):
        verified(linked, key)


@pytest.mark.parametrize("text", [text for text in HOSTILE if text], ids=repr)
def test_texts_of_submitters_are_short_and_printable(text: str, mine: Path, board: Path) -> None:
    """Pages and tables escape HTML, LaTeX and formulas, which change neither files nor a terminal."""
    if text.isprintable() and len(text) <= 500:
        folder = Path(mobench.submit(mine, to=str(board), contact=text, licence=text))
        assert folder.parent == board / "submissions"
        assert read_submission(folder).contact == text
    else:
        with pytest.raises(StoreError, match=r"contact: .*(printable|at most 500)"):
            mobench.submit(mine, to=str(board), contact=text, licence="MIT")
        assert not (board / "submissions").exists()


@pytest.mark.parametrize("name", ["../../up", "<b>", "=cmd()", "\\input{x}", "a" * 150])
def test_names_of_methods_do_not_become_paths(name: str, mine: Path, board: Path) -> None:
    edit_records(mine, lambda content: content["job"]["solver"].update(name=name))
    folder = Path(mobench.submit(mine, to=str(board), **CONTACT))
    assert folder.parent == board / "submissions"
    assert {path.parent.name for path in folder.glob("*/*")} == {"records"}


def test_a_stranger_cannot_sign(submission: Path, tmp_path: Path) -> None:
    write_new_key(tmp_path / "other.pem")
    with pytest.raises(OptionError, match="the board has no verifier with the public key"):
        verified(submission, tmp_path / "other.pem")


def test_the_key_is_not_where_the_code_of_a_submission_can_read(key: Path, tmp_path: Path) -> None:
    check_key_is_hidden(key, SandboxView((Path("/usr"),), tmp_path, {}))
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OptionError, match=r"key\.pem is in a folder that the submission's code can read"):
        check_key_is_hidden(tmp_path / "link" / key.name, SandboxView((tmp_path,), tmp_path, {}))


def test_a_board_does_not_have_submissions_written_elsewhere(mine: Path, board: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (board / "submissions").symlink_to(tmp_path / "home")
    with pytest.raises(StoreError, match="submissions of the board is a symbolic link"):
        mobench.submit(mine, to=str(board), **CONTACT)
    assert list((tmp_path / "home").iterdir()) == []


# What the code of a submission does in its process


Act = Callable[[], float]
Ran = Callable[[Act], tuple[Record, bytes]]


@dataclass(eq=False)
class Guest(Balancer):
    """A balancer that does something else in each step, which gives the factor of its weights."""

    act: ClassVar[Act]

    def __call__(self, losses: Any, preferences: Any, gram: Any) -> Any:
        return preferences * type(self).act()


@pytest.fixture
def ran(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ran]:
    """Return a function that runs a job with `Guest` twice in this process: as submitted, and as in a sandbox.

    It returns the record, and the output of the sandboxed program.
    """
    # a sandboxed process loads the plugins of its job alone, and this process needs others later
    monkeypatch.setattr("mobench.plugins.load_only", lambda keys: None)
    mobench.register(Guest, name="guest")
    (job,) = plans.plan(suites.overridden(suites.load(str(tiny)), solvers=["phn+guest"])).jobs

    def run(act: Act) -> tuple[Record, bytes]:
        Guest.act = staticmethod(act)
        record = execute(job, threads=1)
        return record, json.dumps(run_job(without_results(record))).encode()

    yield run
    mobench.unregister("guest")


def result(output: bytes = b"", errors: str = "", code: int = 0, excess: str = "") -> SandboxedResult:
    return SandboxedResult(output, errors, code, excess, 0.0)


def test_an_honest_plugin_is_reproduced(ran: Ran) -> None:
    record, answer = ran(lambda: 1.0)
    again, reason = answered(record, result(answer))
    assert reason == ""
    assert again is not None
    rerun, _ = compare_rerun(record, again, 1e-3)
    assert (rerun.agrees, rerun.identical, rerun.largest) == (True, True, 0.0)


def test_a_plugin_that_loads_the_test_split_is_caught(ran: Ran) -> None:
    dataset = registry().get("dataset", "vlmop2").load()

    def act() -> float:
        dataset().load("test")
        return 1.0

    record, answer = ran(act)
    again, reason = answered(record, result(answer))
    assert again is None
    assert reason == "the test split was loaded 20 times during training"


def test_a_plugin_that_detects_verification_does_not_reproduce_its_records(
    ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it does in the sandbox only, better or worse: it differs from what was submitted."""
    detected = []
    count = isolated_job.counted_test_loads

    def detectable(dataset: Any) -> Any:
        detected.append(dataset)
        return count(dataset)

    monkeypatch.setattr(isolated_job, "counted_test_loads", detectable)
    record, answer = ran(lambda: -1.0 if detected else 1.0)
    again, _ = answered(record, result(answer))
    assert again is not None
    rerun, _ = compare_rerun(record, again, 1e-3)
    assert not rerun.agrees
    assert rerun.largest > 1
    assert "in the record" in rerun.description


def test_the_results_to_reproduce_are_not_in_the_request(mine: Path) -> None:
    record = Store(mine).contents().records[0]
    text = without_results(record).to_json()
    assert parse(text, "request").job == record.job
    for row in record.fronts["test"].losses:
        assert str(row[0]) not in text
    assert str(record.indicators["test"]["hypervolume"]) not in text


def test_answers_of_hostile_programs_are_bounded_and_named(mine: Path) -> None:
    record, other = Store(mine).contents().records
    answer = {"record": json.loads(record.to_json()), "test_loads": 1}
    cases = [
        (result(excess="did not end within 9 seconds"), "its process did not end within 9 seconds"),
        (result(b"", "x\n\x1b[2Jlast words", 3), "its process ended with exit code 3 and left no record: "),
        (result(b"{}"), "left no record"),
        (result(b"[" * 100_000), "left no record"),
        (result(b"[" * (2**24 + 2000)), "printed 16779216 bytes, more than a record has"),
        (result(json.dumps({**answer, "record": json.loads(other.to_json())}).encode()), "the record of another job"),
        (result(json.dumps({**answer, "test_loads": 2}).encode()), "loaded 1 times during training"),
    ]
    for program_result, expected in cases:
        again, reason = answered(record, program_result)
        assert again is None
        assert expected in reason
        assert reason.isprintable()
    assert answered(record, result(json.dumps(answer).encode())) == (record, "")


def runs(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> SandboxedRuns:
    """Return runs whose programs answer with a record that has these changes."""

    def run(self: SandboxedRuns, kind: str, *names: str, request: bytes = b"") -> SandboxedResult:
        record = parse(request, "request").model_copy(update=changes)
        return result(json.dumps({"record": json.loads(record.to_json()), "test_loads": 1}).encode())

    monkeypatch.setattr(SandboxedRuns, "_run", run)
    findings = Findings([], "", 0.0, [], [])
    view = SandboxView((), Path(), {})
    environment = SubmissionEnvironment(Path(), Path(), view)
    sandbox = ProbedSandbox(Sandbox("none", plain), "")
    return SandboxedRuns(environment, sandbox, VerificationSettings(), findings, lambda line: None)


def test_a_machine_without_the_data_gives_no_outcome(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Store(mine).contents().records[0]
    failure = Failure(kind="DataError", message="no file\x1b")
    with pytest.raises(CannotJudge, match="vlmop2 has no data here: no file"):
        runs(monkeypatch, failure=failure).all([], [record], [record], "selection")


def test_a_rerun_that_fails_is_a_reason_to_reject(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Store(mine).contents().records[0]
    failing = runs(monkeypatch, failure=Failure(kind="ValueError", message="only\x1b[2J here"))
    failing.all([], [record], [record], "selection")
    (reason,) = failing.findings.reasons
    assert reason.startswith(f"{record.job.title}: only")
    assert reason.isprintable()


def test_a_new_seed_that_diverges_is_a_caveat(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Store(mine).contents().records[0]
    results = {name: getattr(record, name) for name in ("status", "failure", "fronts", "indicators", "cost", "trace")}
    honest = runs(monkeypatch, **results)
    run = SandboxedRuns._run

    def diverging(self: SandboxedRuns, kind: str, *names: str, request: bytes = b"") -> SandboxedResult:
        if parse(request, "request").id == record.id:
            return run(self, kind, *names, request=request)
        failed = parse(request, "request").model_copy(update={"status": "diverged"})
        return result(json.dumps({"record": json.loads(failed.to_json()), "test_loads": 1}).encode())

    monkeypatch.setattr(SandboxedRuns, "_run", diverging)
    honest.all([], [record], [record], "selection")
    assert honest.findings.reasons == []
    assert [rerun.agrees for rerun in honest.findings.reruns] == [True]
    assert "which was not submitted, diverged" in honest.findings.caveats[-1]


def test_failed_checks_of_the_plugin_are_named() -> None:
    lines = [
        {"event": "check", "name": "a", "check": "described", "state": "passed", "message": ""},
        {"event": "check", "name": "a", "check": "heeds_the_seed", "state": "failed", "message": "\x1b[2J<b>"},
    ]
    output = "\n".join(["noise", "[]", *map(json.dumps, lines)]).encode()
    (reason,) = check_faults("guest", result(output, code=1))
    assert reason.startswith("mobench check guest: 1 checks failed, a, heeds_the_seed: ")
    assert reason.isprintable()
    passed = {"event": "checks", "passed": 1, "failed": 0}
    assert check_faults("guest", result("\n".join(map(json.dumps, [lines[0], passed])).encode())) == []
    assert check_faults("guest", result(json.dumps(lines[0]).encode())) == ["mobench check guest made no check"]
    assert "ended with exit code 2: last" in check_faults("guest", result(b"", "first\nlast\n", 2))[0]
    assert check_faults("guest", result(excess="did not end")) == ["mobench check guest: its process did not end"]


def test_results_that_are_replayed_do_not_fit_a_new_seed(mine: Path) -> None:
    """The plugin has stored results of the submitted seeds; for another seed it has to train."""
    claimed, honest = Store(mine).contents().records
    values = [2.00, 2.01, 1.99]

    def with_value(record: Record, value: float) -> Record:
        indicators = {**record.indicators, "test": {**record.indicators["test"], "hypervolume": value}}
        return record.model_copy(update={"indicators": indicators})

    submitted = [with_value(claimed, value) for value in values]
    request = with_new_seed(claimed, "a secret choice")
    assert 1000 <= request.job.seeds.solver < 2**17
    assert request.job.id == request.id != claimed.id
    assert with_new_seed(claimed, "another choice").id != request.id
    replayed = compare_new_seed(with_value(honest, 1.2), submitted)
    assert not replayed.agrees
    assert replayed.largest > 1
    trained = compare_new_seed(with_value(honest, 2.02), submitted)
    assert trained.agrees
    # three values with standard deviation 0.01: t of 0.9995 with 2 degrees of freedom is 31.599
    assert trained.largest == pytest.approx(0.02 / (31.599 * 0.01 * (4 / 3) ** 0.5), rel=1e-3)
    assert compare_new_seed(with_value(honest, 9.0), submitted[:1]).agrees, "one seed says nothing about others"


def test_one_record_of_each_task_is_chosen_and_the_choice_depends_on_the_key(trained: Path) -> None:
    records = Store(trained).contents().records
    chosen = [selected(records, f"selection {i}")[0] for i in range(40)]
    assert all([r.job.solver.name for r in group] == ["ls", "phn-ls"] for group in chosen)
    assert {tuple(r.job.seeds.solver for r in group) for group in chosen} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    failed = [record.model_copy(update={"status": "diverged"}) for record in records]
    assert selected(failed, "selection")[0] == []
    assert len(selected(failed, "selection")[1]) == 2


@pytest.mark.parametrize("change", [{"format": 2}, {"id": "../up"}, {"files": {"../../x": "0" * 64}}, {"more": 1}])
def test_a_description_of_another_format_is_an_error(change: dict[str, Any], submission: Path, key: Path) -> None:
    statements(submission, **change)
    with pytest.raises(StoreError, match=r"submission\.json is not valid"):
        verified(submission, key)


def test_records_of_another_version_are_compared_with_a_caveat(mine: Path, board: Path) -> None:
    edit_record(mine, lambda content: content["provenance"].update(mobench="9.9"))
    folder = Path(mobench.submit(mine, to=str(board), **CONTACT))
    assert read_submission(folder).mobench == ["0.1.0", "9.9"]
    old = next(record for record in Store(mine).contents().records if record.provenance.mobench == "9.9")
    again = old.model_copy(update={"provenance": old.provenance.model_copy(update={"mobench": "0.1.0"})})
    rerun, caveats = compare_rerun(old, again, 1e-3)
    assert rerun.agrees
    assert "mobench: 9.9 then, 0.1.0 now" in caveats


def test_the_command_ends_with_one_and_prints_the_reason_in_one_line(submission: Path, cli: Any) -> None:
    add_file(submission)
    done = cli("board", "verify", submission, "--key", "key.pem", "--json")
    assert done.returncode == 1, done.stderr
    outcome = next(line for line in map(json.loads, done.stdout.splitlines()) if line["event"] == "verification")
    assert (outcome["id"], outcome["state"]) == (submission.name, "rejected")
    assert outcome["reason"] == "README.md is not listed in submission.json"
    assert outcome["outcome"] == layout.read_verification(submission).model_dump(mode="json")  # type: ignore[union-attr]
    wrong = cli("board", "verify", submission, "--key", "key.pem", "--isolation", "docker")
    assert wrong.returncode == 2
    assert "no isolation is called 'docker'; accepted: auto, bubblewrap, none" in wrong.stderr
