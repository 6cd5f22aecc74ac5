"""Who may import whom (docs/decisions.md): the domain and the method know no orchestration and no storage."""

import ast
import re
from pathlib import Path

import pytest

import food_inspections_dagster

PACKAGE = Path(food_inspections_dagster.__file__).parent
IO_LIBRARIES = {
    "dagster",
    "requests",
    "sodapy",
    "obstore",
    "psycopg",
    "adbc_driver_postgresql",
    "duckdb",
    "starlette",
}
FORBIDDEN = {
    "inspections": {"modeling", "defs", "resources", "io_managers", "settings", "orchestration", "command_line"},
    "modeling": {"inspections", "defs", "resources", "io_managers", "settings", "orchestration", "command_line"},
    "resources": {"defs", "inspections", "modeling", "command_line"},
    "io_managers": {"defs", "inspections", "modeling", "command_line"},
    "orchestration": {"defs", "command_line"},
    "defs": {"command_line"},
}


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize("room", sorted(FORBIDDEN))
def test_rooms_import_only_what_they_may(room):
    files = sorted((PACKAGE / room).rglob("*.py"))
    assert files
    for file in files:
        for name in imports(file):
            parts = name.split(".")
            if parts[0] == "food_inspections_dagster" and len(parts) > 1:
                assert parts[1] not in FORBIDDEN[room], f"{file.relative_to(PACKAGE)} imports {name}"
            elif room in ("inspections", "modeling"):
                assert parts[0] not in IO_LIBRARIES, f"{file.relative_to(PACKAGE)} imports {name}"


def test_nothing_unpickles():
    for file in PACKAGE.rglob("*.py"):
        loaded = {name.split(".")[0] for name in imports(file)}
        assert not loaded & {"pickle", "joblib", "dill", "cloudpickle", "marshal", "shelve"}, file


def is_asset(node: ast.AST) -> bool:
    """Tell whether a function is decorated as an asset."""
    if not isinstance(node, ast.FunctionDef):
        return False
    called = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(isinstance(d, ast.Attribute) and d.attr in ("asset", "multi_asset") for d in called)


def test_assets_are_thin():
    """What an asset computes stands in `inspections` or `modeling`, where it is tested without Dagster."""
    found = 0
    for file in sorted((PACKAGE / "defs").rglob("assets.py")):
        for node in filter(is_asset, ast.walk(ast.parse(file.read_text()))):
            found += 1
            lines = node.end_lineno - node.lineno
            assert lines <= 40, f"{file.relative_to(PACKAGE)}: {node.name} has {lines} lines"
            nested = [n for n in ast.walk(node) if isinstance(n, ast.While | ast.Try)]
            assert not nested, f"{file.relative_to(PACKAGE)}: {node.name} holds logic"
    assert found >= 6


def test_sql_stands_in_defs_resources_and_reports_only():
    """The domain and the method never speak to a database, not even in text."""
    for room in ("inspections", "modeling"):
        for file in (PACKAGE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    assert not re.match(r"\s*(select|insert|update|delete)\s.+\s(from|into|set)\s", node.value), file
