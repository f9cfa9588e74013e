"""Names of a new package, its method and its class."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from mobench.errors import NewNameError
from mobench.plugins import KINDS, Registry

NewKind = Literal["solver", "balancer", "generator", "sampler", "dataset", "model"]
NEW_KINDS: tuple[NewKind, ...] = ("solver", "balancer", "generator", "sampler", "dataset", "model")
LONGEST = 30


@dataclass(frozen=True)
class PackageNames:
    """All names of a new package with one method.

    name:         name that users type and name of the plugin: "my-method".
    distribution: name of the distribution and of its folder: "mobench-my-method".
    package:      name of the Python package: "mobench_my_method".
    cls:          name of the class: "MyMethodBalancer". The kind at the end avoids conflicts with keywords and imports.
    """

    kind: NewKind
    name: str

    @property
    def distribution(self) -> str:
        return f"mobench-{self.name}"

    @property
    def package(self) -> str:
        return self.distribution.replace("-", "_")

    @property
    def cls(self) -> str:
        return "".join(word.capitalize() for word in self.name.split("-")) + self.kind.capitalize()

    @property
    def solver(self) -> str:
        """Name of the solver to run: the registered pair of a balancer, generator or sampler, else `name` itself."""
        pairs = {"balancer": f"phn-{self.name}", "sampler": f"phn-{self.name}", "generator": f"{self.name}-ls"}
        return pairs.get(self.kind, self.name)


def normalised(text: str) -> str:
    """Return the name in lower case, with hyphens instead of blanks, dots and underscores.

    Raises: NewNameError unless the result is a letter followed by letters and digits with single hyphens in between.
    """
    name = re.sub(r"[\s_.-]+", "-", text.strip()).lower() if "/" not in text and "\\" not in text else text
    advice = "give a letter, then letters and digits with hyphens between, such as my-method"
    if not name.strip("-"):
        raise NewNameError(f"the name {text!r} is empty: {advice}")
    if name[0].isdigit():
        raise NewNameError(f"the name {text!r} starts with a digit, which a class name cannot: {advice}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise NewNameError(f"the name {text!r} is not valid for a package: {advice}")
    if len(name) > LONGEST:
        raise NewNameError(f"the name {text[:LONGEST]!r}… has {len(name)} characters: give at most {LONGEST}")
    return name


def check_is_free(names: PackageNames, registry: Registry) -> None:
    """Raise NewNameError if an installed plugin or package has one of the names already."""
    for name in dict.fromkeys((names.name, names.solver)):
        for kind in KINDS:
            owners = [registry.entries[kind][name].plugin] if name in registry.entries[kind] else []
            for plugin in owners or registry.conflicts[kind].get(name, []):
                raise NewNameError(
                    f"{kind} {name!r} is registered already, by {plugin.origin}: choose another name than "
                    f"{names.name!r}"
                )
    if find_spec(names.package) is not None:
        raise NewNameError(f"a package {names.package} is installed already: choose another name than {names.name!r}")
