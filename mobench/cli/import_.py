"""`mobench import`: add a front of another program to a folder of records, marked as imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobench.errors import DataError, StoreError
from mobench.output.printing import say
from mobench.output.result_lines import ImportedLine

if TYPE_CHECKING:
    from mobench.jobs.job import Job
    from mobench.records.record import Record
    from mobench.records.store import Store


def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file, one row per point; its columns are described below.")],
    solver: Annotated[str, typer.Option(help="Name of the solver that produced the points.")],
    out: Annotated[Path, typer.Option(help="Folder of the records to add to; created if it does not exist.")],
    dataset: Annotated[str, typer.Option(help="The dataset; default: the only one of the folder.")] = "",
    model: Annotated[str, typer.Option(help="The target network.")] = "elsewhere",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the dataset, key=value; may be repeated.")
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="Protocol version of the points; refused if the dataset has another one.")
    ] = "",
    source: Annotated[str, typer.Option(help="Source of the points: a paper's table, a program.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Replace points imported under the same name.")] = False,
) -> None:
    """Add points that another program computed to a folder of records, marked as imported.

    Columns: each objective by its name, with its loss; and, where known, "preference <objective>" for each,
    metrics as <objective>/<metric>, "seed", "split" (test, val, train), "training seconds", "parameters".
    Indicators are computed here from the losses. An unknown column is refused.
    """
    from mobench.errors import RecordError
    from mobench.records import imports
    from mobench.records.store import Store

    store = Store(out)
    template = _template(store, dataset, set_ or [], out)
    if protocol and protocol != template.protocol:
        raise DataError(
            f"the points are for protocol {protocol!r}, {template.dataset.name} states {template.protocol!r}: under "
            "another protocol they are not comparable"
        )
    records = imports.records(content_of(file), file.name, solver, template, model, source)
    for record in records:
        if not replace and store.has(record.job):
            raise RecordError(
                f"{solver!r} on {template.dataset.name}, seed {record.job.seeds.solver}, was imported before "
                f"({record.id}): pass --replace to replace it, or another --solver name"
            )
    for record in records:
        store.write(record)
    _tell(records, out)
    for remark in imports.remarks(records):
        say(f"note: {remark}")


def content_of(file: Path) -> bytes:
    """Return the bytes of a CSV file. Raises: DataError if it is not a file, or too large."""
    from mobench import files
    from mobench.records.record import MAX_BYTES

    try:
        return files.read(file, MAX_BYTES)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _template(store: Store, name: str, settings: list[str], out: Path) -> Job:
    """Return the template job of imported records, with the dataset options of the records in the folder.

    Options in `settings` replace them.

    Raises: StoreError if no dataset is named and the folder does not have records of exactly one.
    """
    from mobench.jobs import arguments
    from mobench.jobs.resolve import dataset_part
    from mobench.records import imports
    from mobench.reports.analysis.comparable import select

    jobs: dict[str, Job] = {}
    for record in select(store.contents().records).records:
        if jobs.get(record.job.dataset.name) is None or record.imported is None:
            jobs[record.job.dataset.name] = record.job
    if not name and len(jobs) != 1:
        contents = f"has records of {', '.join(sorted(jobs))}" if jobs else "has no records"
        raise StoreError(f"{out} {contents}: name the dataset of the points with --dataset")
    former_job = jobs.get(name or next(iter(jobs)))
    if former_job is not None and not settings:
        return imports.like(former_job.dataset, former_job)
    return imports.like(dataset_part(name or next(iter(jobs)), arguments.parse_settings(settings)), former_job)


def _tell(records: list[Record], out: Path) -> None:
    first = records[0]
    seeds = ", ".join(str(r.job.seeds.solver) for r in records)
    points = ", ".join(str(n) for n in dict.fromkeys(len(r.fronts["test"].losses) for r in records))
    reference = ", ".join(f"{v:g}" for v in first.protocol["reference"])
    say(
        f"imported {first.job.solver.name}: seed {seeds}, {points} points each on the test split; stated against "
        f"{first.job.dataset.name}, protocol {first.job.protocol}, reference point ({reference})",
        ImportedLine(
            solver=first.job.solver.name, dataset=first.job.dataset.name, protocol=first.job.protocol,
            ids=[r.id for r in records], seeds=[r.job.seeds.solver for r in records],
            points=[len(r.fronts["test"].losses) for r in records], reference=first.protocol["reference"],
        ),
    )  # fmt: skip
    options = ", ".join(f"{k}={v}" for k, v in first.job.dataset.options.items())
    if options:
        say(f"dataset options: {options}")
    say(f"`mobench leaderboard {out}` shows it, marked as imported")
