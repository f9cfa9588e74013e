"""A record: what one job gave, as one JSON file."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator
from pydantic_core import from_json

from mobench.errors import RecordError
from mobench.jobs.bounds import Amount, Count, Name, Number, Numbers, Rows, Table, Values, few_keys, is_point
from mobench.jobs.job import Job, Strict
from mobench.text import one_line

SCHEMA = 1
MAX_BYTES = 16 * 2**20
POINTS = ("reference", "ideal", "nadir")
"""What a protocol says of objective space."""
USUAL_BYTES = 2**18
"""Of larger texts the shape is looked at first: each key that is a mistake costs memory to note."""

Status = Literal["completed", "diverged", "failed"]


class Front(Strict):
    """Losses and metrics of a Pareto set on one split, one row per ray.

    preferences, losses: [R][m]. metrics: "objective/metric" -> [R]; None where a metric has no finite value.
    n_samples: how many samples of the split were used.

    Of an imported front preferences are [] where it states none, and n_samples is None.
    """

    preferences: Rows
    losses: Rows
    metrics: dict[Name, Values] = Field(default_factory=dict)
    n_samples: int | None

    @model_validator(mode="after")
    def _one_row_per_ray(self) -> Front:
        widths = {len(row) for row in (*self.preferences, *self.losses)}
        lengths = {len(self.losses), *map(len, self.metrics.values())} | ({len(self.preferences)} - {0})
        if len(widths) > 1 or len(lengths) > 1:
            raise ValueError("preferences, losses and metrics differ in length")
        if not self.losses or not self.losses[0]:
            raise ValueError("it has no point")
        return self


class TracePoint(Strict):
    """A look at the validation split in mid-training; its cost is not in `seconds`.

    core_seconds: processor time; None in records from before it was measured.
    """

    step: Count
    epoch: Amount
    seconds: Amount
    core_seconds: Amount | None = None
    gradient_evaluations: Count
    train_losses: Numbers
    hypervolume: Number | None


class Cost(Strict):
    """What it took. Bytes and seconds; parameters are numbers stored.

    training_core_seconds: processor time of training, all threads together: unlike the time that passed it
                    says the same on a machine that does other work besides. None where it was not measured.
    resumed:        how often training was taken up from a checkpoint.
    repeated_steps: steps made again after an interruption; not in `steps`, and their time in no number.
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
    switch_seconds: Amount
    inference_seconds_per_sample: Amount
    resumed: Count = 0
    repeated_steps: Count = 0


class Source(Strict):
    """Where the code of one part of a job came from.

    module: that holds the part's class. distribution, version: that registered it.
    origin: "installed" or "editable", where the module belongs to that installation of the distribution; "elsewhere",
            where another folder came first, such as a copy that PYTHONPATH names.
    sha256: of the files of the module's top-level package.
    """

    distribution: str
    version: str
    module: str
    origin: Literal["installed", "editable", "elsewhere"]
    sha256: str


Role = Literal["mobench", "dataset", "model", "generator", "balancer", "solver"]


class Provenance(Strict):
    """Where and with what a record was made; never part of a job's identity.

    strategy: how the arithmetic was laid out, and in "remark" why not faster. With the same one, on the
        same processor, a job gives the same bits again.
    sources: of mobench and of each part of the job; {} in records from before they were noted, and where the job's
        process could not say.
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
        """Its fields; without sources as it was before they were noted, so that old records stay as they are."""
        fields: dict[str, Any] = serialize(self)
        return fields if self.sources else {name: value for name, value in fields.items() if name != "sources"}


class Failure(Strict):
    """Why a job has no result."""

    kind: str
    message: str
    traceback: str = ""


class Imported(Strict):
    """Where a front comes from that another program made.

    file, sha256: the CSV file's name and content.
    source:       what whoever imported it says: a paper, a program.
    training_seconds, stored_parameters: as stated there; None where they are not.
    """

    file: str
    sha256: str
    source: str = ""
    training_seconds: Amount | None = None
    stored_parameters: Count | None = None


class Record(Strict):
    """What one job gave, or what another program is said to have given.

    fronts:     split -> front. The test split is evaluated once, by the final weights.
    indicators: split -> name -> value; None where a value is undefined (said in the docs of each).
                "test@5" holds the same indicators at the n_finite rays only.
    imported:   None, but for a front that was imported: its losses and metrics are as stated, its
                indicators computed here. What is then unknown is empty: cost, trace, preferences.
    """

    record_schema: Literal[1] = Field(default=1, alias="schema")
    id: str
    status: Status
    job: Job
    protocol: Table
    objectives: Annotated[list[Name], Field(fail_fast=True)]
    fronts: dict[Name, Front] = Field(default_factory=dict)
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
            raise ValueError("it says completed, but has no front or no hypervolume of the test split")
        foreign = self.imported is not None
        if foreign != bool(self.job.budget.elsewhere):
            raise ValueError("it says imported, or trained elsewhere, but not both")
        if not foreign and any(not f.preferences or f.n_samples is None for f in self.fronts.values()):
            raise ValueError("a front has no preferences or no number of samples, and is not imported")
        if any(len(front.losses[0]) != len(self.objectives) for front in self.fronts.values()):
            raise ValueError(f"a front has another number of objectives than the {len(self.objectives)} named")
        for name in POINTS:
            if name in self.protocol and not is_point(self.protocol[name], len(self.objectives)):
                raise ValueError(f"the protocol's {name} point is not one number for each objective")
        return self

    @property
    def finished(self) -> str:
        """When, as its provenance says."""
        return self.provenance.finished

    @property
    def digest(self) -> str:
        """A hash of every computed number: equal for two runs that agree to the bit."""
        computed = {
            "fronts": {k: v.model_dump() for k, v in self.fronts.items()},
            "indicators": self.indicators,
            "trace": [(t.step, t.train_losses, t.hypervolume) for t in self.trace],
        }
        return hashlib.sha256(json.dumps(computed, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """The record as it lies in a store: indented, keys in a fixed order."""
        # what was trained here stays readable by versions that know of no imports
        left_out = {"imported"} if self.imported is None else None
        return self.model_dump_json(indent=1, by_alias=True, exclude=left_out) + "\n"


def parse(text: str | bytes, origin: str) -> Record:
    """A record from its JSON.

    origin: how messages name it, usually the file.

    Raises: RecordError, in one line, for anything that is not a whole record of this schema.
    """
    origin = one_line(origin)
    if len(text) > MAX_BYTES:
        raise RecordError(f"{origin}: {len(text)} bytes is too large for a record (at most {MAX_BYTES})")
    try:
        if len(text) > USUAL_BYTES:
            few_keys(from_json(text))
        record = Record.model_validate_json(text)
        given = record.job.id
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise RecordError(
            f"{origin} is not a record: {one_line(where, 200)}: {one_line(first['msg'])} (move it away to go on)"
        ) from error
    except ValueError as error:
        raise RecordError(f"{origin} is not a record: {one_line(str(error))} (move it away to go on)") from error
    if record.id != given:
        raise RecordError(
            f"{origin} says id {one_line(record.id, 40)}, its job has id {given}: it was edited or is not ours"
        )
    return record
