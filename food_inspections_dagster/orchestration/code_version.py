"""The version of an asset's code, derived from what its function uses: nobody keeps a list.

From the names in the function's body to the modules that they were imported from, and on along the imports of
these modules within the project. Helpers and constants of the function's own module count one by one. Comments,
docstrings, layout and what stands in decorators do not count; data files that a module names do. What only wires
the graph together (``WIRING``) is left out: it decides where and when, not what.
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

from food_inspections_dagster.digests import digest as digest_of

PACKAGE = "food_inspections_dagster"
WIRING = ("catalog", "command_line", "definitions", "io_managers", "orchestration", "settings", "resources")
# Of the resources only the portal's client shapes what is stored.
SHAPING = tuple(f"{PACKAGE}.resources.{name}" for name in ("portal", "soda_rows", "socrata"))
_FILE_NAME = re.compile(r"""["']([\w.-]+\.(?:csv|toml|json|yaml|html))["']""")


def code_version(*functions: Callable[..., Any], extra: str = "") -> str:
    """Return a digest of the sources that some functions rest on.

    Args:
        functions: of an asset and its rules.
        extra: anything else that decides, such as the columns of a table.
    """
    modules = sorted({module for function in functions for module in closure(function)})
    digest = hashlib.sha256(extra.encode())
    for function in functions:
        digest.update(_source(function).encode())
        for name, text in sorted(_reach(inspect.unwrap(function))[1].items()):
            digest.update(f"{name}={text};".encode())
    for module in modules:
        digest.update(f"{module}:{module_digest(module)};".encode())
    return digest.hexdigest()[:12]


def closure(function: Callable[..., Any]) -> set[str]:
    """Return the modules of the project that a function's body uses, and those that these import."""
    modules: set[str] = set()
    pending = list(_reach(inspect.unwrap(function))[0])
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
                value = sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant
                digest.update(repr(value).encode())
    return digest.digest()


def _source(function: Callable[..., Any]) -> str:
    tree = ast.parse(dedent(inspect.getsource(inspect.unwrap(function))))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # They describe and wire; what they decide is in the ledger by itself: settings, inputs, columns.
            node.decorator_list = []
    return _without_docstrings(tree)


def _without_docstrings(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _reach(function: Callable[..., Any]) -> tuple[set[str], dict[str, str]]:
    """Return the modules that the names in a function's body come from, and what its own module adds.

    That is by name, followed further: of a constant its value where this has a canonical form, else the source.
    """
    home = function.__module__
    imported, defined = _import_table(home), _definitions(home)
    modules: set[str] = set()
    added: dict[str, str] = {}
    pending = list(_names(function.__code__))
    while pending:
        name = pending.pop()
        if name in imported:
            modules.add(imported[name])
        elif name in defined and name not in added:
            node, value = defined[name], function.__globals__.get(name)
            try:
                added[name] = digest_of(value)
            except TypeError:
                added[name] = _without_docstrings(node)
                pending += [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    annotations = {getattr(kind, "__module__", "") for kind in inspect.get_annotations(function).values()}
    return {*filter(_counts, modules), *annotations.intersection(SHAPING)}, added


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
def _definitions(module: str) -> dict[str, ast.stmt]:
    """Return, for each name that a module defines at its top level, the statement."""
    table: dict[str, ast.stmt] = {}
    for node in ast.parse(_file(module).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            table[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [inner for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)]
            table.update((name.id, node) for name in names)
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
    below = module.split(".")[1:]
    return module in SHAPING or (bool(below) and below[0] not in WIRING)


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
