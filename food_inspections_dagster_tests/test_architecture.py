"""Who may import whom (docs/decisions.md), where addresses stand, and what is kept thin."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import food_inspections_dagster
import food_inspections_portal
from food_inspections_dagster import catalog
from food_inspections_dagster.definitions import graph_for
from food_inspections_dagster.settings import load_settings

pytestmark = pytest.mark.usefixtures("project_settings")

PACKAGE = Path(food_inspections_dagster.__file__).parent
PORTAL = Path(food_inspections_portal.__file__).parent
ROOT = PACKAGE.parent
FILES = sorted([*PACKAGE.rglob("*.py"), *PORTAL.rglob("*.py")])
TREES = {file: ast.parse(file.read_text()) for file in FILES}
IO_LIBRARIES = {
    *("dagster", "requests", "sodapy", "obstore", "psycopg", "adbc_driver_postgresql", "duckdb", "starlette"),
}
ROOMS = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists() or list(folder.glob("*.py"))}
# Which rooms each room may import; the ground modules (`GROUND`) are everybody's.
MAY_IMPORT = {
    "inspections": set(),
    "modeling": set(),
    "profiles": {"inspections"},
    "settings": {"modeling"},  # the rules of the method are its sections
    "resources": {"settings"},
    "orchestration": {"resources", "settings"},
    "io_managers": {"orchestration", "resources"},
    "defs": {
        *("inspections", "io_managers", "modeling", "orchestration", "profiles", "resources", "settings", "tracking"),
    },
    "tracking": {"modeling", "resources", "settings"},
    # It reads what is published; of the method the words of verdicts. Predictions are made by method and domain.
    "serving": {"inspections", "modeling", "resources", "settings"},
    "command_line": {"inspections", "modeling", "orchestration", "resources", "serving", "settings", "tracking"},
}
GROUND = {"weeks", "errors", "frames", "digests", "schemas", "parallel"}
# The catalog takes its schemas from the domain and the method, which know nothing of where they are stored.
PURE = ("inspections", "modeling", "profiles")
KNOW_NO_ADDRESSES = {*PURE, "settings"}


def imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def of_ours(names: set[str]) -> set[str]:
    """Return the rooms and modules of the package that are imported."""
    return {name.split(".")[1] for name in names if name.startswith("food_inspections_dagster.")}


def test_every_room_has_its_rule():
    assert ROOMS - {"__pycache__"} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_rooms_import_only_what_they_may(room):
    files = [file for file in FILES if file.is_relative_to(PACKAGE / room)]
    assert files
    for file in files:
        astray = of_ours(imports(file)) & (ROOMS - {room} - MAY_IMPORT[room])
        assert not astray, f"{file.relative_to(PACKAGE)} imports {astray}"
        if room in KNOW_NO_ADDRESSES:
            assert not of_ours(imports(file)) & {"catalog", "definitions", "recipes"}, file
        if room in PURE:
            assert not {name.split(".")[0] for name in imports(file)} & IO_LIBRARIES, file


def test_the_ground_rests_on_nothing():
    for name in GROUND:
        assert of_ours(imports(PACKAGE / f"{name}.py")) <= GROUND, name


def test_only_the_command_line_asks_for_the_whole_graph():
    asking = {
        file.relative_to(PACKAGE).parts[0]
        for file in FILES
        if file.is_relative_to(PACKAGE) and "definitions" in of_ours(imports(file))
    }
    assert asking <= {"command_line"}


def test_what_is_fitted_is_asked_for_by_stages_and_by_the_command_that_evaluates():
    """`recipes` joins settings, domain and method, so nobody below the stages may rest on it."""
    asking = {file.relative_to(PACKAGE) for file in FILES if "recipes" in of_ours(imports(file))}
    assert {file.parts[0] for file in asking if file.parts[0] != "defs"} == {"command_line"}
    assert {file.parts[1] for file in asking if file.parts[0] == "defs"} == {"monitoring", "training", "validation"}


def test_automation_makes_the_stages_and_no_stage_knows_it():
    for file in FILES:
        names = imports(file)
        if file.is_relative_to(PACKAGE / "defs/automation"):
            assert not {
                n
                for n in names
                if n.startswith(("food_inspections_dagster.inspections", "food_inspections_dagster.modeling"))
            }, file
        elif file.is_relative_to(PACKAGE / "defs"):
            assert not {n for n in names if n.startswith("food_inspections_dagster.defs.automation")}, file


def test_a_stage_reads_another_only_through_the_graph():
    for file in FILES:
        if file.is_relative_to(PACKAGE / "defs") and file.parent.name not in ("defs", "automation"):
            others = {n.split(".")[2] for n in imports(file) if n.startswith("food_inspections_dagster.defs.")}
            assert others <= {file.parent.name}, file


def test_the_portal_imports_weeks_and_errors_of_ours_and_nothing_else():
    """It stands for somebody else's server: what it knew of the pipeline would prove nothing."""
    for file in FILES:
        if file.is_relative_to(PORTAL):
            assert of_ours(imports(file)) <= {"weeks", "errors"}, file


def test_nothing_unpickles():
    for file in FILES:
        loaded = {name.split(".")[0] for name in imports(file)}
        assert not loaded & {"pickle", "joblib", "dill", "cloudpickle", "marshal", "shelve"}, file


# ---------------------------------------------------------------------- thin


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def is_stage(node: ast.FunctionDef) -> bool:
    called = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(isinstance(d, ast.Name) and d.id == "stage" for d in called)


def test_stages_are_thin():
    """What a stage computes stands in `inspections`, `modeling` or `profiles`, where it is tested without Dagster."""
    stages = set()
    for file in sorted((PACKAGE / "defs").rglob("assets.py")):
        for node in filter(is_stage, functions(TREES[file])):
            stages.add(node.name)
            lines = node.end_lineno - node.lineno + 1
            assert lines <= 40, f"{file.relative_to(PACKAGE)}: {node.name} has {lines} lines"
            nested = [n for n in ast.walk(node) if isinstance(n, ast.While | ast.Try)]
            assert not nested, f"{file.relative_to(PACKAGE)}: {node.name} holds logic"
    assert stages == {
        stage.function.__name__ for stage in graph_for(load_settings({"validation": {"folds": 2}})).stages
    }


def test_rules_are_thin():
    rules = [rule for stage in graph_for(load_settings()).stages for rule in stage.rules]
    assert len(rules) > 30
    for rule in rules:
        lines = len(inspect.getsource(rule.judge).splitlines())
        assert lines <= 40, f"{rule.asset}: {rule.name} has {lines} lines"


# ---------------------------------------------------------------------- addresses


def docstrings(tree: ast.AST) -> set[int]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, documented) and node.body]
    return {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module, its docstrings left out, with their lines."""
    tree = TREES[file]
    left_out = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.lineno, node.value


def with_text(pattern: str) -> dict[str, list[int]]:
    """Return the lines of each file, from the packages' folder, that hold such a text."""
    compiled, lines = re.compile(pattern, re.IGNORECASE), {}
    for file in FILES:
        for line, text in texts(file):
            if compiled.search(text):
                lines.setdefault(file.relative_to(PACKAGE.parent).as_posix(), []).append(line)
    return lines


OURS = "food_inspections_dagster"


def test_names_of_tables_stand_in_the_catalog_only():
    """Elsewhere SQL names an entry in braces, which `Stored.query` fills in."""
    databases = sorted({entry.database_schema for entry in catalog.TABLES.values()})
    tables = sorted(entry.name for entry in catalog.TABLES.values())
    assert databases == ["api", "clean", "monitoring", "predictions"]
    assert with_text(rf"\b({'|'.join(databases)})\.({'|'.join(tables)})\b") == {}


def test_the_ledgers_tables_are_named_where_it_is_kept_and_traced():
    named = with_text(r"\bmetadata\.(portal|partition_loads|open_loads|check_results)\b")
    ledger = {f"resources/{file}.py" for file in ("database", "ledger", "publications")}
    ledger |= {"command_line/trace.py", "command_line/sql.py"}
    assert set(named) == {f"{OURS}/{file}" for file in ledger}


def test_paths_of_objects_are_made_in_the_catalog_only():
    zones = "|".join(catalog.ZONES)
    named = with_text(rf"(^|[\s'\"])({zones})/|/week=|/(rows\.parquet|decision\.json|report\.html)")
    assert set(named) <= {f"{OURS}/catalog.py"}


def test_sql_stands_in_resources_defs_and_the_command_line_only():
    """The domain and the method never speak to a database, not even in text."""
    statements = with_text(
        r"^\s*(with|select|insert into|update|delete from|create table)\s.+\s(from|into|set|as|if)\s"
    )
    astray = [file for file in statements if file.split("/")[1] in (*PURE, "orchestration", "io_managers")]
    assert astray == []
    assert f"{OURS}/resources/ledger.py" in statements


# ---------------------------------------------------------------------- tests

TESTS = Path(__file__).parent
# What belongs to no single module: several of them side by side, or pages and rules of the whole.
OF_SEVERAL = {
    *("test_architecture.py", "test_docs.py", "defs/test_every_rule.py", "defs/test_schemas.py"),
    *("modeling/algorithms/test_algorithms.py", "food_inspections_portal/test_architecture.py"),
}


def test_tests_mirror_the_modules_one_to_one():
    modules = [file.relative_to(PACKAGE) for file in PACKAGE.rglob("*.py")]
    modules += [file.relative_to(ROOT) for folder in (PORTAL, ROOT / "installation") for file in folder.rglob("*.py")]
    wanted = {str(file.with_name(f"test_{file.name}")) for file in modules if not file.name.startswith("__")}
    written = {str(file.relative_to(TESTS)) for file in TESTS.rglob("test_*.py")}
    assert written - {file for file in written if file.startswith("integration/")} == wanted | OF_SEVERAL


# ---------------------------------------------------------------------- names

IDIOMS = {"found", "own", "held", "said", "told"}  # verbs that say nothing of what they name
TOOLS = [file for folder in ("docs", "benchmarks", "installation") for file in (ROOT / folder).rglob("*.py")]


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def test_names_say_what_they_name():
    trees = {**TREES, **{file: ast.parse(file.read_text()) for file in TOOLS}}
    astray = [
        f"{file.relative_to(ROOT)}:{line} {name}"
        for file, tree in trees.items()
        for line, name in names(tree)
        if name.strip("_").lower() in IDIOMS
    ]
    assert astray == []
