"""A job: everything that determines the outcome of one training run, and nothing else."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from mobench.hookspecs import INTERFACE_VERSION
from mobench.jobs.bounds import Name, Rows, Seed, Table


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Part(Strict):
    """A dataset, model, generator, balancer or solver class: its name, version and all its options."""

    name: Name
    version: Name
    options: Table = Field(default_factory=dict)

    @cached_property
    def text(self) -> str:
        """Options and version as JSON, made once: many records of an index share a part."""
        return json.dumps([self.options, self.version])


class SolverPart(Part):
    """A solver. Where it is a pair, `options` are those of the gradient solver that trains it."""

    generator: Part | None = None
    balancer: Part | None = None


class Budget(Strict):
    """How long a job trains: exactly one of epochs, steps and seconds.

    elsewhere: instead of them, of a front that another program made at a cost that nobody counted here.
    """

    epochs: Annotated[float, Field(gt=0)] | None = None
    steps: Annotated[int, Field(gt=0, lt=2**63)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None
    batch_size: Annotated[int, Field(gt=0, lt=2**63)] = 256
    elsewhere: Literal[True] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Budget:
        given = [k for k in ("epochs", "steps", "seconds") if getattr(self, k) is not None]
        if len(given) != (0 if self.elsewhere else 1):
            raise ValueError(
                f"a budget takes exactly one of epochs, steps and seconds, {' and '.join(given) or 'none'} given"
            )
        return self

    @cached_property
    def text(self) -> str:
        """The budget as JSON, without what is not set; made once, as above."""
        return self.model_dump_json(exclude_none=True)

    @model_serializer(mode="wrap")
    def _plain(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `elsewhere` where it is not set: versions that know of no imports read on."""
        return {k: v for k, v in dump(self).items() if k != "elsewhere" or v is not None}


class SeedSet(Strict):
    """One seed per source of variation."""

    data: Seed = 0
    initialisation: Seed = 0
    preferences: Seed = 0
    solver: Seed = 0

    @classmethod
    def all(cls, seed: int) -> SeedSet:
        return cls(data=seed, initialisation=seed, preferences=seed, solver=seed)


class Job(Strict):
    """One training run.

    n_rays:   preferences that a continuous Pareto set is judged on.
    n_finite: preferences that a finite one trains, and everybody is judged on at equal K.
    rays:     preferences instead of both, for everybody.
    n_looks:  looks at validation in training; None: ten.
    protocol: the version that the dataset stated when the job was made.
    """

    dataset: Part
    model: Part
    solver: SolverPart
    budget: Budget
    seeds: SeedSet = SeedSet()
    n_rays: Annotated[int, Field(ge=2, le=10_000)] = 25
    n_finite: Annotated[int, Field(ge=2, le=1_000)] = 5
    rays: Annotated[Rows, Field(min_length=2, max_length=10_000)] | None = None
    n_looks: Annotated[int, Field(gt=0, le=1000)] | None = None
    protocol: Name
    interface: int = INTERFACE_VERSION

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the job as canonical JSON."""
        # what is None is left out, so that a setting added later leaves the ids of earlier jobs alone
        content = self.model_dump(mode="json", exclude_none=True)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """What people call it: dataset, solver and seed."""
        return f"{self.dataset.name} · {self.solver.name} · seed {self.seeds.solver}"
