"""Identities of data, modules and functions: hashes of their contents, which become versions of a job's parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

N_DIGITS = 16
RESETS = ("reset_parameters", "_reset_parameters")
"""Methods that initialise a layer."""


def hash_of(texts: Iterable[str], tensors: Iterable[Tensor] = ()) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of texts and of tensors with their types and shapes."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode(errors="backslashreplace"))
    for tensor in tensors:
        array = np.ascontiguousarray(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        digest.update(f"{tensor.dtype}{list(tensor.shape)}".encode())
        digest.update(array.data)
    return digest.hexdigest()[:N_DIGITS]


def code_of(value: Any) -> str:
    """Return a text that identifies a function, method or class by its name and its code, without addresses.

    Values in closures and attributes of objects are not part of it.
    """
    name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    function = value if hasattr(value, "__code__") else vars(type(value)).get("__call__")
    if isinstance(value, type):
        codes = [getattr(member, "__code__", None) for _, member in sorted(vars(value).items())]
    else:
        codes = [getattr(function, "__code__", None)]
    return json.dumps([name, [_code(code) for code in codes if isinstance(code, CodeType)]])


def _code(code: CodeType) -> list[Any]:
    constants = [_constant(c) for c in code.co_consts]
    return [code.co_code.hex(), constants, list(code.co_names)]


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return _code(value)
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)


def module_hash(module: nn.Module, is_pretrained: bool) -> str:
    """Return a hash of a module's layers, the code of their classes, and the tensors with which every network starts.

    is_pretrained: whether these are all parameters; otherwise those of layers that cannot be reset. All buffers are.
    """
    classes = sorted({code_of(type(layer)) for layer in module.modules()})
    shapes = [f"{name} {list(p.shape)} {p.requires_grad}" for name, p in module.named_parameters()]
    values = [
        p
        for layer in module.modules()
        if is_pretrained or not any(hasattr(layer, name) for name in RESETS)
        for p in layer.parameters(recurse=False)
    ]
    return hash_of([repr(module), *classes, *shapes], [*module.buffers(), *values])
