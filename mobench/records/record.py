"""The record: the result of one job, stored as one JSON file."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator
from pydantic_core import from_json

from mobench.errors import RecordError
from mobench.jobs.bounds import Amount, Count, Name, Number, Numbers, OptionTable, Rows, Values, few_keys, is_point
from mobench.jobs.job import Job, Strict
from mobench.text import one_line

MAX_BYTES = 16 * 2**20
POINTS = ("reference", "ideal", "nadir")
"""Points of the objective space in a protocol."""
USUAL_BYTES = 2**18
"""The number of keys of larger texts is checked before validation, because each invalid key costs memory."""

Status = Literal["completed", "diverged", "failed"]


class RecordedFront(Strict):
    """Losses and metrics of a Pareto set on one split, one row per ray.

    preferences, losses: [R][m]. metrics: "objective/metric" -> [R]; None where a metric has no finite value.
    n_samples: number of samples of the split that were used.

    `preferences` is [] if the points belong to no preference, or if an imported file has none. For an imported front,
    `n_samples` is None.
    """

    preferences: Rows
    losses: Rows
    metrics: dict[Name, Values] = Field(default_factory=dict)
    n_samples: int | None

    @model_validator(mode="after")
    def _one_row_per_ray(self) -> RecordedFront:
        widths = {len(row) for row in (*self.preferences, *self.losses)}
        lengths = {len(self.losses), *map(len, self.metrics.values())} | ({len(self.preferences)} - {0})
        if len(widths) > 1 or len(lengths) > 1:
            raise ValueError("preferences, losses and metrics differ in length")
        if not self.losses or not self.losses[0]:
            raise ValueError("it has no point")
        return self


class TracePoint(Strict):
    """A validation check during training. Its cost is not included in `seconds`.

    core_seconds: processor time; None in records of versions that did not measure it.
    """

    step: Count
    epoch: Amount
    seconds: Amount
    core_seconds: Amount | None = None
    gradient_evaluations: Count
    train_losses: Numbers
    hypervolume: Number | None


class Cost(Strict):
    """The cost of a job. Times are in seconds, memory in bytes; parameters are counts of numbers.

    training_core_seconds: processor time of training, summed over all threads. Unlike elapsed time, it does not
                    depend on other load of the machine. None where it was not measured.
    switch_seconds: None for a set of points without preferences.
    resumed:        how often training was resumed from a checkpoint.
    repeated_steps: steps repeated after an interruption. Neither `steps` nor any time includes them.
    """

    training_seconds: Amount
    training_core_seconds: Amount | None = None
    evaluation_seconds: Amount
    steps: Count
    epochs: Amount
    stored_parameters: Count
    served_parameters: Count
    n_models: Count
    peak_bytes: Count
    switch_seconds: Amount | None
    inference_seconds_per_sample: Amount
    resumed: Count = 0
    repeated_steps: Count = 0


class Source(Strict):
    """The origin of the code of one part of a job.

    distribution, version: the distribution that registered the part.
    module: the module that contains the part's class.
    origin: "installed" or "editable" where the module belongs to that installation of the distribution; "elsewhere"
            where it was imported from another folder, for example a copy on PYTHONPATH.
    sha256: hash of the files of the module's top-level package.
    """

    distribution: str
    version: str
    module: str
    origin: Literal["installed", "editable", "elsewhere"]
    sha256: str


Role = Literal["mobench", "dataset", "model", "generator", "balancer", "sampler", "solver"]


class Provenance(Strict):
    """The environment in which a record was created. It is never part of a job's identity.

    strategy: how the computation was executed; "remark" gives the reason why no faster way was used. With the same
        strategy on the same processor, a job gives bitwise identical results.
    sources: origin of the code of mobench and of each part of the job; {} in records of versions that did not store
        it, and where the job's process could not determine it.
    """

    started: str
    finished: str
    mobench: str
    python: str
    packages: dict[str, str]
    platform: str
    processor: str
    threads: int
    device: str
    git: str | None = None
    strategy: dict[str, str | int | None] | None = None
    command: list[str] = Field(default_factory=list)
    sources: dict[Role, Source] = Field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Serialize the fields; omit empty sources, so that records of earlier versions do not change."""
        fields: dict[str, Any] = serialize(self)
        return fields if self.sources else {name: value for name, value in fields.items() if name != "sources"}


class Failure(Strict):
    """Why a job has no result."""

    kind: str
    message: str
    traceback: str = ""


class Imported(Strict):
    """The origin of an imported front.

    file, sha256: name of the CSV file and hash of its content.
    source:       description by the importing user, for example a paper or a program.
    training_seconds, stored_parameters: values in the file; None where the file has none.
    """

    file: str
    sha256: str
    source: str = ""
    training_seconds: Amount | None = None
    stored_parameters: Count | None = None


class Record(Strict):
    """The result of one job, or an imported front of another program.

    fronts:     split -> front. The test split is evaluated once, with the final weights.
    indicators: split -> name -> value; None where a value is undefined (see the documentation of each indicator).
                "test@5" has the same indicators, restricted to the n_finite rays.
    imported:   origin of an imported front; otherwise None. The losses and metrics of an imported front are those of
                the file, and its indicators are computed by mobench. Unknown fields are empty: cost, trace,
                preferences.
    """

    record_schema: Literal[1] = Field(default=1, alias="schema")
    id: str
    status: Status
    job: Job
    protocol: OptionTable
    objectives: Annotated[list[Name], Field(fail_fast=True)]
    fronts: dict[Name, RecordedFront] = Field(default_factory=dict)
    indicators: dict[Name, dict[Name, Number | None]] = Field(default_factory=dict)
    cost: Cost | None = None
    trace: Annotated[list[TracePoint], Field(fail_fast=True)] = Field(default_factory=list)
    notes: dict[Name, float | int | str] = Field(default_factory=dict)
    failure: Failure | None = None
    imported: Imported | None = None
    provenance: Provenance

    @model_validator(mode="after")
    def _complete(self) -> Record:
        if self.status == "completed" and not (
            "test" in self.fronts and "hypervolume" in self.indicators.get("test", {})
        ):
            raise ValueError("its status is completed, but it has no front or no hypervolume of the test split")
        foreign = self.imported is not None
        if foreign != bool(self.job.budget.elsewhere):
            raise ValueError("imported points and a budget of elsewhere belong together, and it has one of them")
        if not foreign and any(front.n_samples is None for front in self.fronts.values()):
            raise ValueError("a front has no number of samples, and is not imported")
        if not foreign and len({bool(front.preferences) for front in self.fronts.values()}) > 1:
            raise ValueError("some of its fronts have preferences and some have none")
        if any(len(front.losses[0]) != len(self.objectives) for front in self.fronts.values()):
            raise ValueError(f"a front has another number of objectives than the {len(self.objectives)} named")
        for name in POINTS:
            if name in self.protocol and not is_point(self.protocol[name], len(self.objectives)):
                raise ValueError(f"the protocol's {name} point is not one number for each objective")
        return self

    @property
    def finished(self) -> str:
        """Time at which the record was finished (ISO 8601), from its provenance."""
        return self.provenance.finished

    @property
    def digest(self) -> str:
        """A hash of all computed numbers. It is equal for two runs with bitwise identical results."""
        computed = {
            "fronts": {k: v.model_dump() for k, v in self.fronts.items()},
            "indicators": self.indicators,
            "trace": [(t.step, t.train_losses, t.hypervolume) for t in self.trace],
        }
        return hashlib.sha256(json.dumps(computed, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Return the content of the record's file: indented JSON with keys in a fixed order."""
        # records that are not imported stay readable by versions without imports
        left_out = {"imported"} if self.imported is None else None
        return self.model_dump_json(indent=1, by_alias=True, exclude=left_out) + "\n"


def parse(text: str | bytes, origin: str) -> Record:
    """Parse a record from JSON.

    origin: name of the record in error messages, usually its file name.

    Raises: RecordError, in one line, for anything that is not a complete record of this schema.
    """
    origin = one_line(origin)
    if len(text) > MAX_BYTES:
        raise RecordError(f"{origin}: {len(text)} bytes is too large for a record (at most {MAX_BYTES})")
    try:
        if len(text) > USUAL_BYTES:
            few_keys(from_json(text))
        record = Record.model_validate_json(text)
        job_id = record.job.id
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        location = ".".join(map(str, first["loc"])) or "the file"
        raise RecordError(
            f"{origin} is not a record: {one_line(location, 200)}: {one_line(first['msg'])} (move it away to go on)"
        ) from error
    except ValueError as error:
        raise RecordError(f"{origin} is not a record: {one_line(str(error))} (move it away to go on)") from error
    if record.id != job_id:
        raise RecordError(
            f"{origin} has id {one_line(record.id, 40)}, its job has id {job_id}: it was edited, or is not of mobench "
            "(move it away to go on)"
        )
    return record
