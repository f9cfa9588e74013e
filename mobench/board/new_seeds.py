"""A run with a seed that a submission has no record of, against the records that it has.

A plugin that only replays stored results of the submitted seeds has none for another seed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from mobench.board.layout import Rerun
from mobench.jobs.job import Job, SeedSet
from mobench.records.record import Record
from mobench.text import one_line

LEVEL = 0.999
"""Level of the prediction interval in which the hypervolume of a new seed has to be."""
LEEWAY = 0.02
"""Half width that the interval has at least, relative to the mean: the submitted seeds may be close by chance."""
FIRST_SEED = 1000
"""New seeds are 1000 to 66535: small, because libraries that plugins use accept 32 bits, after multiplications too."""


def with_new_seed(record: Record, selection: str) -> Record:
    """Return a request for the job of a record with a seed that follows from the verifier's secret choice."""
    digest = hashlib.sha256(f"{selection}\0{record.id}".encode()).digest()
    seed = FIRST_SEED + int.from_bytes(digest[:2], "big")
    job = Job.model_validate({**record.job.model_dump(), "seeds": SeedSet.all(seed)})
    return record.model_copy(update={"job": job, "id": job.id})


def compare_new_seed(again: Record, peers: Sequence[Record]) -> Rerun:
    """Return whether the hypervolume of a new seed is plausible beside those of the submitted seeds.

    It has to be in the interval that contains the next value of a normal distribution with probability LEVEL, from
    Student's t with n - 1 degrees of freedom and the factor √(1 + 1/n). One submitted seed has no such interval; any
    value agrees then.
    """
    value = _hypervolume(again)
    submitted = np.array([_hypervolume(record) for record in peers])
    n, mean = len(submitted), float(submitted.mean())
    if n < 2:
        half_width = math.inf
    else:
        spread = float(submitted.std(ddof=1)) * math.sqrt(1 + 1 / n)
        half_width = max(float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * spread, LEEWAY * abs(mean))
    difference = abs(value - mean)
    shown = "not compared" if math.isinf(half_width) else f"{mean:.6g} ± {half_width:.2g}"
    return Rerun(
        record=again.id,
        title=one_line(f"{again.job.title} (new)"),
        agrees=difference <= half_width,
        identical=False,
        largest=0.0 if math.isinf(half_width) or not difference else min(1e9, difference / max(half_width, 1e-300)),
        description=f"hypervolume {value:.6g} of a seed that was not submitted, expected from {n} seeds: {shown}",
    )


def _hypervolume(record: Record) -> float:
    return record.indicators["test"]["hypervolume"] or 0.0
