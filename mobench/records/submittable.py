"""Which records can be submitted: those whose every part others can install."""

from __future__ import annotations

from pathlib import Path

from mobench.errors import StoreError
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.registered import IN_PROCESS
from mobench.text import one_line

N_NAMED = 3
"""Records that the error names."""


def why_not_submittable(record: Record) -> str:
    """Return why a record cannot be submitted; "" if it can.

    A part that `mobench.register` registered in a process exists in that process only, so other people cannot rerun
    the job.
    """
    parts = [
        f"{role} {part.name!r} (source {part.version.removeprefix(IN_PROCESS).strip()})"
        for role, part in record.job.parts.items()
        if part.version.startswith(f"{IN_PROCESS} ")
    ]
    return f"registered in process: {', '.join(parts)}" if parts else ""


def check_submittable(folder: Path | str) -> None:
    """Raise StoreError if a record of a folder cannot be submitted, with the reasons; RecordError if one is damaged.

    Records of parts that were registered with `mobench.register` cannot: put the class into a package
    (`mobench new`), install it, and run the jobs again.
    """
    store = Store(folder)
    contents = store.contents()
    for error in contents.unreadable:
        raise error
    if not contents.records:
        raise StoreError(f"there are no records in {one_line(str(folder))}: name a folder that `mobench run` wrote")
    reasons = [(record, why) for record in contents.records if (why := why_not_submittable(record))]
    if reasons:
        named = "; ".join(f"{record.job.title} ({record.id}): {why}" for record, why in reasons[:N_NAMED])
        more = f"; and {len(reasons) - N_NAMED} more" if len(reasons) > N_NAMED else ""
        raise StoreError(
            f"{len(reasons)} of {len(contents.records)} records in {one_line(str(folder))} cannot be submitted: {named}"
            f"{more}. Put the class into a package (`mobench new`), install it and run the jobs again"
        )
