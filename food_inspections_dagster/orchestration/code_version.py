"""The version of an asset's code, derived from what its function uses: nobody keeps a list.

From the names in the function's body to the modules that they were imported from, and on along the imports of
these modules within the project. Comments, docstrings and layout do not count; data files that a module names
do, and so does the minor version of Python. What only wires the graph together (``WIRING``) is left out: it
decides where and when, not what.
"""

import ast
import hashlib
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from textwrap import dedent
from types import CodeType
from typing import Any

PACKAGE = "food_inspections_dagster"
WIRING = ("catalog", "command_line", "definitions", "io_managers", "orchestration", "settings", "resources")
# Of the resources only the portal's client shapes what is stored.
SHAPING = (f"{PACKAGE}.resources.portal",)
_FILE_NAME = re.compile(r"""["']([\w.-]+\.(?:csv|toml|json|yaml))["']""")


def code_version(*functions: Callable[..., Any], extra: str = "") -> str:
    """Return a digest of the sources that some functions rest on.

    Args:
        functions: of an asset and its rules.
        extra: anything else that decides, such as the columns of a table.
    """
    modules = sorted({module for function in functions for module in closure(function)})
    digest = hashlib.sha256(extra.encode())
    for function in functions:
        digest.update(_instructions(_source(function)))
    for module in modules:
        digest.update(f"{module}:{module_digest(module)};".encode())
    return digest.hexdigest()[:12]


def closure(function: Callable[..., Any]) -> set[str]:
    """Return the modules of the project that a function's body uses, and those that these import."""
    modules: set[str] = set()
    pending = list(_used(inspect.unwrap(function), set()))
    while pending:
        module = pending.pop()
        if module not in modules:
            modules.add(module)
            pending.extend(_imports(module))
    return modules


@cache
def module_digest(module: str) -> str:
    """Return the digest of a module's source without comments and docstrings, and of the data files that it names."""
    file = _file(module)
    source = file.read_text(encoding="utf-8")
    digest = hashlib.sha256(_instructions(source))
    for name in sorted(set(_FILE_NAME.findall(source))):
        if (file.parent / name).is_file():
            digest.update((file.parent / name).read_bytes())
    return digest.hexdigest()


def _source(function: Callable[..., Any]) -> str:
    return dedent(inspect.getsource(inspect.unwrap(function)))


def _instructions(source: str) -> bytes:
    """Return what Python makes of a source: without comments, docstrings, layout and line numbers."""
    # Compiled, because that is done in C: to parse 60 modules and write them out again took a second at each start.
    digest = hashlib.sha256()
    pending: list[CodeType] = [compile(source, "", "exec", dont_inherit=True, optimize=2)]
    while pending:
        code = pending.pop()
        digest.update(code.co_code)
        digest.update(repr((code.co_names, code.co_varnames, code.co_freevars, code.co_argcount)).encode())
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                pending.append(constant)
            else:
                # The order of a set of texts differs from process to process.
                digest.update(
                    repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant).encode()
                )
    return digest.digest()


def _used(function: Callable[..., Any], seen: set[str]) -> Iterator[str]:
    """Yield the modules that the names in a function's body come from; its module's own helpers are followed."""
    home = function.__module__
    imported = _import_table(home)
    for name in _names(function.__code__):
        if name in imported:
            if _counts(imported[name]):
                yield imported[name]
            continue
        value = function.__globals__.get(name)
        if inspect.isfunction(value) and value.__module__ == home and name not in seen:
            seen.add(name)
            yield from _used(value, seen)
    for annotation in inspect.get_annotations(function).values():
        module = getattr(annotation, "__module__", "")
        if module in SHAPING:
            yield module


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


@cache
def _import_table(module: str) -> dict[str, str]:
    """Return, for each name that a module imports from the project, the module that it comes from."""
    table: dict[str, str] = {}
    for node in ast.walk(ast.parse(_file(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                table[alias.asname or alias.name] = inner if _exists(inner) else node.module
    return table


@cache
def _imports(module: str) -> tuple[str, ...]:
    imported = set(_import_table(module).values())
    if "iter_modules" in _file(module).read_text(encoding="utf-8"):
        # A package whose modules are found by looking is named, they are not.
        for package in (name for name in {module, *imported} if _file(name).name == "__init__.py"):
            imported |= {f"{package}.{entry.name}" for entry in iter_modules([str(_file(package).parent)])}
    return tuple(sorted(filter(_counts, imported)))


def _counts(module: str) -> bool:
    room = module.split(".")[1:2]
    return module in SHAPING or (bool(room) and room[0] not in WIRING)


@cache
def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@cache
def _file(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None, module
    return Path(spec.origin)
