"""The job: everything that determines the result of one training run, and nothing else."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from mobench.hookspecs import INTERFACE_VERSION
from mobench.jobs.bounds import Name, OptionTable, Rows, Seed
from mobench.kernels.precision import DEFAULT, Precision

PartRole = Literal["dataset", "model", "solver", "generator", "balancer", "sampler"]


class Strict(BaseModel):
    """A frozen pydantic model that rejects unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Part(Strict):
    """Name, version and all options of a dataset, model, generator, balancer, sampler or solver class."""

    name: Name
    version: Name
    options: OptionTable = Field(default_factory=dict)

    @cached_property
    def text(self) -> str:
        """Options and version as JSON. The text is cached, because many records of an index share a part."""
        return json.dumps([self.options, self.version])


class SolverPart(Part):
    """A solver. For a generator/balancer pair, `options` belong to the gradient solver that trains it.

    sampler: sampler of the preferences of a pair; None for the default one, as in jobs from before samplers.
    """

    generator: Part | None = None
    balancer: Part | None = None
    sampler: Part | None = None

    @model_serializer(mode="wrap")
    def _plain(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit `sampler` where it is not set, so that versions without samplers can still read the solver."""
        return {k: v for k, v in dump(self).items() if k != "sampler" or v is not None}


class Budget(Strict):
    """Length of training, exactly one of epochs, steps and seconds, and what a step takes.

    precision: of the forward passes in training and evaluation. "bf16": bfloat16 through torch's autocast.
    elsewhere: True, instead of a length, for an imported front, whose training cost was not measured by mobench.
    """

    epochs: Annotated[float, Field(gt=0)] | None = None
    steps: Annotated[int, Field(gt=0, lt=2**63)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None
    batch_size: Annotated[int, Field(gt=0, lt=2**63)] = 256
    precision: Precision = DEFAULT
    elsewhere: Literal[True] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Budget:
        lengths = [k for k in ("epochs", "steps", "seconds") if getattr(self, k) is not None]
        if len(lengths) != (0 if self.elsewhere else 1):
            raise ValueError(
                f"a budget takes exactly one of epochs, steps and seconds, {' and '.join(lengths) or 'none'} given"
            )
        return self

    @cached_property
    def text(self) -> str:
        """The budget as JSON without unset fields. The text is cached, as in `Part.text`."""
        return self.model_dump_json(exclude_none=True)

    @model_serializer(mode="wrap")
    def _plain(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit later fields at their default, so that ids stay and earlier versions can still read the budget."""
        defaults = {"elsewhere": None, "precision": DEFAULT}
        return {k: v for k, v in dump(self).items() if k not in defaults or v != defaults[k]}


class SeedSet(Strict):
    """One seed per source of variation."""

    data: Seed = 0
    initialisation: Seed = 0
    preferences: Seed = 0
    solver: Seed = 0

    @classmethod
    def all(cls, seed: int) -> SeedSet:
        return cls(data=seed, initialisation=seed, preferences=seed, solver=seed)


LATER_FIELDS = ("rays_version", "patience", "season")
"""Fields of a job that earlier versions do not know; they are omitted where they are not set."""


class Job(Strict):
    """One training run.

    n_rays:   size of `dense_rays`, the preferences on which a continuous Pareto set is evaluated.
    n_finite: size of `finite_rays`, the preferences that a finite Pareto set trains. All solvers are compared on them
              at equal K.
    rays:     preferences [R][m] that replace both, for all solvers.
    rays_version: version of the rays of more than three objectives (see `mobench.jobs.rays`); None for fewer
              objectives, for explicit rays, and in jobs that were created before there was a version.
    n_looks:  number of validation checks during training; None means ten.
    patience: training ends after this many validation checks in a row without a larger hypervolume; None: it uses the
              whole budget.
    protocol: version of the dataset's protocol when the job was created.
    season:   name of the season that the job belongs to; None for other jobs.
    """

    dataset: Part
    model: Part
    solver: SolverPart
    budget: Budget
    seeds: SeedSet = SeedSet()
    n_rays: Annotated[int, Field(ge=2, le=10_000)] = 25
    n_finite: Annotated[int, Field(ge=2, le=1_000)] = 5
    rays: Annotated[Rows, Field(min_length=2, max_length=10_000)] | None = None
    rays_version: Annotated[int, Field(ge=2, lt=1000)] | None = None
    n_looks: Annotated[int, Field(gt=0, le=1000)] | None = None
    patience: Annotated[int, Field(gt=0, le=1000)] | None = None
    protocol: Name
    season: Name | None = None
    interface: int = INTERFACE_VERSION

    @model_serializer(mode="wrap")
    def _plain(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit later fields where they are not set, so that earlier versions can still read the job."""
        return {k: v for k, v in dump(self).items() if k not in LATER_FIELDS or v is not None}

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the job as canonical JSON.

        A plugin gets another option without another id by `mobench.option(…, added=True)`.
        """
        # None values are excluded, so that a field added later does not change the ids of earlier jobs
        content = self.model_dump(mode="json", exclude_none=True)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def parts(self) -> dict[PartRole, Part]:
        """The parts of the job by role; a pair has the roles "solver", "generator" and "balancer".

        "sampler" is among them if it is not the default one.
        """
        solver = self.solver
        parts: dict[PartRole, Part | None] = {
            "dataset": self.dataset,
            "model": self.model,
            "solver": solver,
            "generator": solver.generator,
            "balancer": solver.balancer,
            "sampler": solver.sampler,
        }
        return {role: part for role, part in parts.items() if part is not None}

    @property
    def registered_parts(self) -> dict[PartRole, Part]:
        """The parts whose class a plugin registers: `parts` without the solver of a pair."""
        is_pair = self.solver.generator is not None
        return {role: part for role, part in self.parts.items() if not (is_pair and role == "solver")}

    @property
    def title(self) -> str:
        """Short title for people: dataset, solver and seed."""
        return f"{self.dataset.name} · {self.solver.name} · seed {self.seeds.solver}"
