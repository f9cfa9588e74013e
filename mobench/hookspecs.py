"""The hooks of mobench and what they return. Imports nothing heavy, so listing stays fast.

A plugin is an importable module named by an entry point of the group `mobench`. It implements
any of the hooks below; each returns a list of specs, and a spec only *names* the class
(`"package.module:Class"`), which is imported when somebody first uses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pluggy

INTERFACE_VERSION = 1
"""Raised when a plugin written for the former interface could no longer run."""

hookspec = pluggy.HookspecMarker("mobench")
hookimpl = pluggy.HookimplMarker("mobench")


@dataclass(frozen=True)
class Spec:
    """A dataset, model, generator, balancer or solver: its name and where its class is.

    name:      lower case, with hyphens; what people type.
    target:    "package.module:Class".
    summary:   one line for listings.
    source:    paper (arXiv id) or other origin.
    defaults:  options that this name sets on the class (several names may share a class).
    version:   of the *method*, part of every job's identity: raise it when results change.
               Empty: the version of the distribution it comes in.
    interface: the INTERFACE_VERSION it was written for.
    small:     options of a configuration small enough to be tested in seconds.
    declines:  check of `mobench check` -> why it cannot be asked of this method; the reason is printed.
    """

    name: str
    target: str
    summary: str = ""
    source: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    interface: int = INTERFACE_VERSION
    small: Mapping[str, Any] = field(default_factory=dict)
    declines: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """A solver that is a generator and a balancer, with its paper's defaults.

    defaults: options with their part in front: "generator.hidden", "balancer.epsilon",
              "solver.lr" (those of the gradient solver that trains the pair).
    declines: as of a Spec.
    """

    name: str
    generator: str
    balancer: str
    summary: str = ""
    source: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    interface: int = INTERFACE_VERSION
    declines: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SuiteFile:
    """A suite that comes with a plugin: a TOML file."""

    name: str
    path: Path
    summary: str = ""
    interface: int = INTERFACE_VERSION


@dataclass(frozen=True)
class DataFile:
    """A file that datasets read, with its checksum and where it can be had.

    name:    of the collection it belongs to; `mobench data fetch NAME` gets them all.
    path:    below the data folder, with forward slashes.
    sha256:  of the file as it lies there.
    urls:    download addresses, tried in order; `.gz` ones are unpacked.
    fetch:   "package.module:function", tried in order after the addresses: called with a folder,
             it writes `path` below that folder, and maybe others.
    n_bytes: size of the file; no address may send more. 0: it is not stated, and the bound is 4 GiB.
    """

    name: str
    path: str
    sha256: str
    urls: tuple[str, ...] = ()
    fetch: tuple[str, ...] = ()
    interface: int = INTERFACE_VERSION
    n_bytes: int = 0


class Hooks:
    """What a plugin may implement."""

    @hookspec
    def mobench_datasets(self) -> Sequence[Spec]:
        """Datasets: classes deriving from mobench.Dataset."""
        return ()

    @hookspec
    def mobench_models(self) -> Sequence[Spec]:
        """Models: classes deriving from mobench.Model."""
        return ()

    @hookspec
    def mobench_generators(self) -> Sequence[Spec]:
        """Generators: classes deriving from mobench.Generator."""
        return ()

    @hookspec
    def mobench_balancers(self) -> Sequence[Spec]:
        """Balancers: classes deriving from mobench.Balancer."""
        return ()

    @hookspec
    def mobench_solvers(self) -> Sequence[Spec | Pair]:
        """Solvers: pairs of a generator and a balancer, or classes deriving from mobench.Solver."""
        return ()

    @hookspec
    def mobench_suites(self) -> Sequence[SuiteFile]:
        """Suites: TOML files that say which jobs belong to one comparison."""
        return ()

    @hookspec
    def mobench_data_files(self) -> Sequence[DataFile]:
        """Data files with checksums, for `mobench data`."""
        return ()
