"""`mobench board`: verification of submissions to a board, and the keys of verifiers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.api import submissions
from mobench.cli.app import App
from mobench.cli.exit_codes import ExitCode
from mobench.cli.python_options import Detail, option_name, options_of
from mobench.output.board_lines import KeyLine, VerificationLine
from mobench.output.printing import say
from mobench.text import one_line

app = App(help="Verify submissions to a board, and make the keys of verifiers.", no_args_is_help=True)


@app.command("verify")
@options_of(
    submissions.verify_submission,
    timeout=Detail(more={"min": 0}),
    processes=Detail(more={"min": 1}),
    tolerance=Detail(more={"min": 0}),
)
def verify(
    submission: Path,
    key: Path,
    board: Path | None,
    isolation: str,
    timeout: float,
    memory: int | None,
    disk: int | None,
    processes: int,
    tolerance: float,
    new_seeds: bool,
) -> None:
    """Run records of a submission again that its author could not foresee, and write the signed outcome.

    The code of the submission runs in a sandbox. Exit with 1 if the submission is rejected.
    """
    from mobench.board.layout import State

    outcome = submissions.verified_submission(
        submission, key=key, board=board, isolation=isolation, timeout=timeout, memory=memory, disk=disk,
        processes=processes, tolerance=tolerance, new_seeds=new_seeds, tell=say, label=option_name,
    )  # fmt: skip
    for rerun in outcome.reruns:
        agrees = "identical" if rerun.identical else "agrees" if rerun.agrees else "DIFFERS"
        say(f"{rerun.title}: {agrees}" + (f", {rerun.description}" if rerun.description else ""))
    for caveat in outcome.caveats:
        say(f"note: {caveat}")
    name = one_line(submission.name)
    say(
        f"{name}: {outcome.state}" + (f", {outcome.reason}" if outcome.reason else ""),
        VerificationLine(name, outcome.state, outcome.reason, outcome.model_dump(mode="json")),
    )
    if outcome.state is State.REJECTED:
        raise typer.Exit(ExitCode.NO_RESULT)


@app.command("key")
def key(
    file: Annotated[Path, typer.Argument(help="File to write; it never leaves the verifier's machine.")],
) -> None:
    """Write a new key of a verifier, and print the public key for [verifiers] in board.toml."""
    from mobench.board.signatures import write_new_key

    public = write_new_key(file)
    say(f"{one_line(str(file))}: a private key, which only you can read", KeyLine(str(file), public))
    say(f'in board.toml, under [verifiers]: NAME = "{public}"')
