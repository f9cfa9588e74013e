"""Structure of modules of torch.nn as JSON: class names and constructor arguments, and back."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mobench.errors import StoreError
from mobench.jobs.bounds import OptionTable
from mobench.jobs.job import Strict
from mobench.records.networks import MOST_TARGET_NUMBERS
from mobench.text import described, one_line

MOST_MODULES, MOST_DEPTH = 10_000, 64
CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")


class ModuleStructure(Strict):
    """A module of torch.nn.

    name: of its class in torch.nn. arguments: of its constructor. children: of a container, in order.
    """

    name: str
    arguments: OptionTable = {}  # noqa: RUF012 - pydantic copies defaults
    children: dict[str, ModuleStructure] | None = None


def structure_of(module: nn.Module) -> ModuleStructure | None:
    """Return the structure of a module that consists of classes of torch.nn alone; None for any other.

    The result is checked: a module built from it has the same layers, parameters and buffers.
    """
    try:
        structure = _structure(module)
        if structure is None:
            return None
        with torch.random.fork_rng(devices=[]):
            rebuilt = build(structure)
    except Exception:  # a class whose constructor needs more than its attributes tell
        return None
    return structure if _signature(rebuilt) == _signature(module) else None


def build(structure: ModuleStructure) -> nn.Module:
    """Return a new module, initialised from torch's global random state.

    Nothing but classes of torch.nn is called. The size is computed before memory is allocated.

    Raises: StoreError for other classes, for arguments that the classes do not accept, and for too large modules.
    """
    n_modules = sum(1 for _ in _all(structure, 0))
    if n_modules > MOST_MODULES:
        raise StoreError(f"the file states {n_modules} modules, at most {MOST_MODULES} are accepted")
    try:
        with torch.device("meta"):
            planned = _built(structure)
        n_numbers = sum(tensor.numel() for tensor in (*planned.parameters(), *planned.buffers()))
        if n_numbers > MOST_TARGET_NUMBERS:
            raise StoreError(
                f"the file states a network of {n_numbers} numbers, at most {MOST_TARGET_NUMBERS} are accepted"
            )
        return _built(structure)
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(f"the file states a network that cannot be built: {described(error)}") from error


def _structure(module: nn.Module) -> ModuleStructure | None:
    cls = type(module)
    if getattr(nn, cls.__name__, None) is not cls or _has_hooks(module):
        return None
    if cls.__name__ in CONTAINERS:
        children = {}
        for name, child in module.named_children():
            structure = _structure(child)
            if structure is None:
                return None
            children[name] = structure
        return ModuleStructure(name=cls.__name__, children=children)
    arguments = {}
    for name, parameter in _parameters(module):
        if name in ("device", "dtype") or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if not hasattr(module, name):
            if parameter.default is parameter.empty:
                return None
            continue
        value = getattr(module, name)
        if name == "bias" and (value is None or isinstance(value, Tensor)):
            value = value is not None
        if isinstance(value, Tensor | nn.Module) or callable(value):
            return None
        arguments[name] = _plain(value)
    return ModuleStructure(name=cls.__name__, arguments=arguments)


def _parameters(module: nn.Module) -> Iterator[tuple[str, inspect.Parameter]]:
    """Yield the arguments of a module's constructor. Those of recurrent layers are of their base class."""
    if not isinstance(module, nn.RNNBase):
        yield from inspect.signature(type(module)).parameters.items()
        return
    for name, parameter in inspect.signature(nn.RNNBase).parameters.items():
        if name != "mode" and (name != "proj_size" or module.proj_size):
            yield name, parameter


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value


def _has_hooks(module: nn.Module) -> bool:
    return any(
        getattr(module, name, None)
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    )


def _built(structure: ModuleStructure) -> nn.Module:
    cls = getattr(nn, structure.name, None)
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)) or not structure.name.isidentifier():
        raise StoreError(
            f"the file states the module {one_line(structure.name, 80)!r}: classes of torch.nn are accepted"
        )
    if structure.children is None:
        arguments = {name: tuple(v) if isinstance(v, list) else v for name, v in structure.arguments.items()}
        module: nn.Module = cls(**arguments)
        return module
    if structure.name not in CONTAINERS:
        raise StoreError(f"the file states children of {structure.name}: {', '.join(CONTAINERS)} have children")
    container: nn.Module = cls()
    for name, child in structure.children.items():
        container.add_module(name, _built(child))
    return container


def _all(structure: ModuleStructure, depth: int) -> Iterator[ModuleStructure]:
    if depth > MOST_DEPTH:
        raise StoreError(f"the file states modules nested more than {MOST_DEPTH} deep")
    yield structure
    for child in (structure.children or {}).values():
        yield from _all(child, depth + 1)


def _signature(module: nn.Module) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Return what two modules of equal structure share; values of parameters differ."""
    parameters = {name: (p.shape, p.requires_grad) for name, p in module.named_parameters()}
    buffers = {name: (b.shape, b.dtype) for name, b in module.named_buffers()}
    return repr(module), parameters, buffers
