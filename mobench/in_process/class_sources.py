"""Source of a class that belongs to no package: its text, and that of what it uses from the user's own modules."""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from mobench.errors import PluginError

PLAIN = (str, bytes, int, float, complex, type(None))
"""Types of constants that are part of a source."""


def source_of(cls: type[Any]) -> str:
    """Return the source of a class and of everything from the user's own modules that it uses.

    These are its base classes, and the functions, classes, modules and plain constants that its code names. Modules of
    installed packages and of the standard library are not included.

    Raises: PluginError if a source cannot be read.
    """
    texts: dict[str, str] = {}
    pending: list[type[Any] | FunctionType] = [cls]
    while pending:
        item = pending.pop()
        key = f"{item.__module__}.{item.__qualname__}"
        if key in texts:
            continue
        texts[key] = _text(item)
        for name, value in _names_used(item):
            if _has_source(value) and is_own(sys.modules.get(value.__module__)):
                pending.append(value)
            elif isinstance(value, ModuleType) and is_own(value) and value.__file__:
                texts[value.__name__] = Path(value.__file__).read_text(encoding="utf-8")
            elif _is_plain(value):
                texts[f"{key} {name}"] = repr(value)
    return "\n".join(f"# {key}\n{text}" for key, text in sorted(texts.items()))


def hash_of(source: str) -> str:
    """Return the SHA-256 of a source."""
    return hashlib.sha256(source.encode()).hexdigest()


def own_modules(cls: type[Any]) -> list[ModuleType]:
    """Return the user's own modules that the classes and functions used by a class belong to."""
    modules: dict[str, ModuleType] = {}
    seen, pending = set[int](), [cls]
    while pending:
        item: Any = pending.pop()
        module = sys.modules.get(item.__module__)
        if id(item) in seen or not is_own(module):
            continue
        seen.add(id(item))
        assert module is not None
        modules[module.__name__] = module
        pending += [value for _, value in _names_used(item) if _has_source(value)]
    return list(modules.values())


def is_own(module: ModuleType | None) -> bool:
    """Return whether a module is the user's: no installed package, no standard library, no part of mobench."""
    if module is None or module.__name__.partition(".")[0] in ("mobench", *sys.builtin_module_names):
        return False
    path = getattr(module, "__file__", None)
    if path is None:
        return module.__name__ == "__main__"  # a notebook
    return _is_own_file(path)


@cache
def _is_own_file(path: str) -> bool:
    folders = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return not folders.intersection(Path(path).resolve().parents)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | frozenset | list):
        return all(map(_is_plain, value))
    return isinstance(value, PLAIN)


def _names_used(item: type[Any] | FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the names that the code of a class or function uses from its module, with their values, and the bases."""
    functions = list(_functions(item))
    names = sorted({name for function in functions for name in _names_of(function.__code__)})
    for name in names:
        for function in functions:
            if name in function.__globals__:
                yield name, function.__globals__[name]
                break
    for function in functions:
        for cell in function.__closure__ or ():
            value = cell.cell_contents
            if _has_source(value) and value is not item:
                yield value.__name__, value
    if isinstance(item, type):
        yield from ((base.__name__, base) for base in item.__mro__[1:])


def _functions(item: type[Any] | FunctionType) -> Iterator[FunctionType]:
    """Yield a function itself, or the functions in the body of a class."""
    values = list(vars(item).values()) if isinstance(item, type) else [item]
    for value in values:
        if isinstance(value, property):
            values += [value.fget, value.fset]
        elif isinstance(value, staticmethod | classmethod):
            values.append(value.__func__)
        elif isinstance(value, cached_property):
            values.append(value.func)
        elif isinstance(value, FunctionType) and _has_source(value):
            yield value


def _has_source(value: Any) -> bool:
    """Whether a value is a class or a function of the user: dataclass makes methods from strings, and wraps them."""
    if not isinstance(value, FunctionType):
        return isinstance(value, type)
    path = value.__code__.co_filename
    return path != "<string>" and _is_own_file(path)


def _names_of(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_of(constant)


def _text(item: type[Any] | FunctionType) -> str:
    """Return the text of a class or function. Raises: PluginError if there is none."""
    try:
        return (_class_text(item) if isinstance(item, type) else None) or inspect.getsource(item)
    except (OSError, TypeError, SyntaxError) as error:
        raise PluginError(
            f"the source of {item.__qualname__} cannot be read ({error}): define it in a file or in a notebook cell, "
            "because records state a hash of the source"
        ) from error


def _class_text(cls: type[Any]) -> str | None:
    """Return the text of a class from the file or cell of one of its functions; None if no function tells it.

    `inspect.getsource` finds classes by the file of their module, which notebooks do not have.
    """
    for function in _functions(cls):
        lines = linecache.getlines(function.__code__.co_filename)
        line = function.__code__.co_firstlineno
        nodes = [
            node
            for node in ast.walk(ast.parse("".join(lines)))
            if isinstance(node, ast.ClassDef) and node.name == cls.__name__ and node.lineno <= line <= _end(node)
        ]
        if nodes:
            node = max(nodes, key=lambda node: node.lineno)
            start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return "".join(lines[start - 1 : _end(node)])
    return None


def _end(node: ast.ClassDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno
