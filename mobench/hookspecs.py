"""Plugin hooks of mobench and the specs that they return.

A plugin is an importable module named by an entry point of the group `mobench`. It implements
any of the hooks below. Each hook returns a list of specs. A spec only *names* the class
(`"package.module:Class"`), which is imported on first use. The module has no heavy imports, so
listing plugins is fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pluggy

INTERFACE_VERSION = 1
"""Increased when plugins written for the previous interface can no longer run."""

hookspec = pluggy.HookspecMarker("mobench")
hookimpl = pluggy.HookimplMarker("mobench")


@dataclass(frozen=True)
class SolverPreset:
    """Settings of a solver under one name, such as the training of its paper.

    name:     name, lower case with hyphens, such as `paper` for the main experiment of the method's paper.
    settings: options with the prefix of their part, as in `Pair.defaults`, and of the budget, such as "budget.epochs".
    source:   where the settings are stated.
    """

    name: str
    settings: Mapping[str, Any]
    source: str


@dataclass(frozen=True)
class Spec:
    """A registered dataset, model, generator, balancer, sampler or solver.

    name:      registered name, lower case with hyphens.
    target:    import path of the class, "package.module:Class".
    summary:   one line for listings.
    source:    paper (arXiv id) or other origin.
    defaults:  options that this name sets on the class (several names may share a class).
    version:   version of the *method*, part of every job's identity; increase it when results change.
               Empty: the version of the distribution.
    interface: the INTERFACE_VERSION that the plugin was written for.
    small:     options of a small configuration that can be tested in seconds.
    declines:  name of a check of `mobench check` -> why it does not apply to this method; the reason is printed.
    presets:   named settings of a solver, for `mobench run --preset NAME` and for entries of a suite.
    default_for: kinds of inputs for which `mobench.fit` takes this model if none is named: "table" for vectors,
               "image" for [channels, height, width]. Of several models, the first by name that accepts the data.
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
    presets: tuple[SolverPreset, ...] = ()
    default_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """A solver that combines a generator and a balancer, with the defaults of its paper.

    defaults: options with the prefix of their part: "generator.hidden", "balancer.epsilon",
              "solver.lr" (options of the gradient solver that trains the pair). "solver.sampler" names a sampler,
              and "sampler.power" is an option of it.
    declines, presets: as in Spec.
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
    presets: tuple[SolverPreset, ...] = ()


@dataclass(frozen=True)
class SuiteFile:
    """A suite provided by a plugin: a TOML file."""

    name: str
    path: Path
    summary: str = ""
    interface: int = INTERFACE_VERSION


@dataclass(frozen=True)
class DataFile:
    """A file that datasets read, with its checksum and its sources.

    name:    name of the file's collection; `mobench data fetch NAME` fetches the whole collection.
    path:    path relative to the data folder, with forward slashes.
    sha256:  checksum of the stored (uncompressed) file.
    urls:    download addresses, tried in order; `.gz` downloads are uncompressed unless `path` ends in `.gz`.
    fetch:   functions "package.module:function", tried in order after the addresses. A function is
             called with a folder and writes `path`, and possibly other files, relative to that folder.
    n_bytes: size of the file; downloads must not exceed it. 0: not specified, the limit is 4 GiB.
    licence: licence of the data, or what its source states about it, for `mobench data list`.
    """

    name: str
    path: str
    sha256: str
    urls: tuple[str, ...] = ()
    fetch: tuple[str, ...] = ()
    interface: int = INTERFACE_VERSION
    n_bytes: int = 0
    licence: str = ""


@dataclass(frozen=True)
class UserFolder:
    """A folder of data that users provide themselves, because it may not be passed on or has no fixed address.

    name:     name of the data for `mobench data list`, usually that of the dataset.
    path:     path relative to the data folder, with forward slashes.
    contents: files and folders that it must have, relative to it. A folder without one of them does not count as found.
    layout:   one line that says what the files contain, for error messages.
    origin:   where the user gets the data, as an instruction for error messages: "Download a.zip from …".
    n_bytes:  size of the data; 0: not specified.
    licence:  licence of the data, or what its source states about it, for `mobench data list`.
    """

    name: str
    path: str
    contents: tuple[str, ...]
    layout: str
    origin: str
    interface: int = INTERFACE_VERSION
    n_bytes: int = 0
    licence: str = ""


class Hooks:
    """Hooks that a plugin can implement; all are optional."""

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
    def mobench_samplers(self) -> Sequence[Spec]:
        """Samplers of preferences: classes deriving from mobench.Sampler."""
        return ()

    @hookspec
    def mobench_solvers(self) -> Sequence[Spec | Pair]:
        """Solvers: pairs of a generator and a balancer, or classes deriving from mobench.Solver."""
        return ()

    @hookspec
    def mobench_suites(self) -> Sequence[SuiteFile]:
        """Suites: TOML files that define the jobs of one comparison."""
        return ()

    @hookspec
    def mobench_data_files(self) -> Sequence[DataFile]:
        """Data files with checksums, for `mobench data`."""
        return ()

    @hookspec
    def mobench_user_folders(self) -> Sequence[UserFolder]:
        """Folders of data that users provide, for `mobench data list`."""
        return ()
