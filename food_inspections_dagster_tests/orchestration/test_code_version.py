"""A small package is written, imported and changed; then the real stages."""

import ast
import importlib
import linecache
import sys
from pathlib import Path

import pytest

import food_inspections_dagster
from food_inspections_dagster.definitions import graph_for
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.orchestration import code_version as module
from food_inspections_dagster.orchestration.code_version import PACKAGE, WIRING, closure, code_version
from food_inspections_dagster.settings import load_settings

SHOP = "toyshop"
FILES = {
    "defs.py": '''"""Words."""

from functools import cache

from toyshop import far
from toyshop.catalog import PLACE
from toyshop.near import compute

LIMIT = 3
TYPES = {"a": object}
UNUSED = 1


def helper(rows):
    """Words."""
    return inner(rows) + LIMIT


def inner(rows):
    return far.double(rows)


def apart(rows):
    return rows


def described(text):
    return lambda function: function


@described("words")
def asset(weeks, rows):
    """Words."""
    return [compute(week) for week in weeks], helper(rows), TYPES, PLACE
''',
    "near.py": """from toyshop.deep import base


def compute(week):
    return base(week)
""",
    "deep.py": """from pathlib import Path

TABLE = Path(__file__).with_name("table.csv")


def base(week):
    return week
""",
    "far.py": "def double(rows):\n    return 2 * rows\n",
    "table.csv": "a,b\n1,2\n",
    "other.csv": "a,b\n1,2\n",
    "catalog.py": "PLACE = 'raw'\n",
    "unrelated.py": "X = 1\n",
    "__init__.py": "",
}


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Return the version of the small package's asset after some replacements in its files."""
    folder = tmp_path / SHOP
    folder.mkdir()
    monkeypatch.setattr(module, "PACKAGE", SHOP)
    monkeypatch.setattr(module, "SHAPING", (f"{SHOP}.portal",))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path))

    def forget():
        for name in [name for name in sys.modules if name.split(".")[0] == SHOP]:
            del sys.modules[name]
        for cached in vars(module).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()
        importlib.invalidate_caches()
        linecache.clearcache()

    def version(**changed):
        for name, text in FILES.items():
            for old, new in changed.get(name.partition(".")[0], {}).items():
                assert old in text
                text = text.replace(old, new)
            (folder / name).write_text(text)
        forget()
        return code_version(importlib.import_module(f"{SHOP}.defs").asset)

    yield version
    forget()


@pytest.mark.parametrize(
    "changed",
    [
        {"defs": {"helper(rows), TYPES": "helper(2), TYPES"}},
        {"defs": {"return inner(rows) + LIMIT": "return inner(rows) - LIMIT"}},
        {"defs": {"return far.double(rows)": "return far.double(rows) + 1"}},
        {"defs": {"LIMIT = 3": "LIMIT = 4"}},
        {"defs": {'{"a": object}': '{"a": str}'}},
        {"near": {"return base(week)": "return base(week) + 1"}},
        {"far": {"2 * rows": "3 * rows"}},
        {"deep": {"return week": "return -week"}},
        {"table": {"1,2": "1,3"}},
    ],
    ids=[
        *("the function", "a helper", "a helper's helper", "a constant", "a constant of no canonical form"),
        *("an imported module", "a helper's module", "a module imported by that", "a data file that it names"),
    ],
)
def test_what_an_asset_rests_on_changes_its_version(shop, changed):
    before = shop()
    assert shop(**changed) != before
    assert shop() == before


@pytest.mark.parametrize(
    "changed",
    [
        {"defs": {'"""Words."""': '"""Others."""'}},
        {"defs": {"LIMIT = 3": "# why\nLIMIT  =  (3)"}},
        {"defs": {'@described("words")': '@described("other words")'}},
        {"defs": {"UNUSED = 1": "UNUSED = 2", "return rows\n\n\ndef described": "return -rows\n\n\ndef described"}},
        {"near": {"return base(week)": "# why\n    return base(\n        week\n    )"}},
        {"unrelated": {"X = 1": "X = 2"}},
        {"other": {"1,2": "1,3"}},
        {"catalog": {"raw": "elsewhere"}},
    ],
    ids=[
        *("docstrings", "comment and layout", "a decorator's words", "what it does not use"),
        *("a comment of an imported module", "an unrelated module", "an unrelated file", "wiring"),
    ],
)
def test_what_an_asset_does_not_rest_on_leaves_its_version(shop, changed):
    assert shop(**changed) == shop()


def test_more_than_one_function_and_anything_else_counts(shop):
    shop()
    defs = sys.modules[f"{SHOP}.defs"]
    assert closure(defs.asset) == {f"{SHOP}.near", f"{SHOP}.deep", f"{SHOP}.far"}
    assert closure(defs.apart) == set()
    versions = {
        code_version(defs.asset),
        code_version(defs.asset, defs.apart),
        code_version(defs.asset, extra="columns"),
        code_version(defs.apart),
    }
    assert len(versions) == 4
    assert all(len(version) == 12 for version in versions)


# The real stages.

EXPECTED = {
    "raw_inspections": {"resources.portal", "frames"},
    "raw_crimes": {"resources.portal", "defs.sources.reading", "frames"},
    "clean_crimes": {"inspections.source", "inspections.vocabulary", "frames", "schemas"},
    "clean_tables": {"inspections.cleaning", "inspections.codebooks", "inspections.violations", "frames", "schemas"},
    "feature_matrix": {"inspections.features", "inspections.features.families.area", "inspections.timelines"},
    "models": {"modeling.training", "modeling.algorithms.gradient_boosting", "modeling.documents", "frames"},
    "backtest_scores": {"modeling.backtest", "modeling.algorithms.ridge", "modeling.own_risk"},
    "evaluation": {"modeling.evaluations", "modeling.metrics"},
    "selected_model": {"modeling.selection", "modeling.documents", "modeling.metrics", "modeling.fairness"},
    "auditions": {"modeling.audition", "modeling.rules"},
    "audit": {"modeling.fairness", "modeling.documents", "inspections.chicago"},
    "published_list": {"modeling.published", "inspections.places", "inspections.cohorts", "modeling.persistence"},
    "monitoring": {"modeling.outcomes", "modeling.drift", "modeling.production", "modeling.segments"},
    "lists": {"modeling.scoring", "modeling.explanations", "inspections.cohorts", "inspections.features.matrix"},
    "profile": {"profiles.profile", "profiles.columns", "profiles.changes", "profiles.report", "inspections.codebooks"},
}
UNRELATED = {
    "raw_crimes": {"inspections.sources", "inspections.cleaning", "modeling"},
    "clean_crimes": {"inspections.sources", "inspections.cleaning", "modeling", "resources"},
    "raw_inspections": {"inspections.features", "modeling"},
    "clean_tables": {"inspections.features", "modeling", "resources"},
    "feature_matrix": {"modeling", "resources", "inspections.cleaning"},
    "models": {"inspections", "modeling.selection", "modeling.fairness", "modeling.plots"},
    "backtest_scores": {"inspections", "modeling.selection", "modeling.fairness", "modeling.plots"},
    "evaluation": {"inspections.cleaning", "inspections.features", "modeling.selection", "modeling.fairness"},
    "selected_model": {"inspections.cleaning", "inspections.features", "modeling.scoring"},
    "auditions": {"inspections", "modeling.selection", "modeling.fairness", "modeling.algorithms"},
    "audit": {"inspections.cleaning", "inspections.features", "modeling.selection"},
    "monitoring": {"inspections.cleaning", "modeling.selection", "modeling.fairness", "modeling.plots"},
    "lists": {"modeling.selection", "inspections.cleaning", "resources"},
    "published_list": {"modeling.selection", "modeling.scoring", "resources"},
    "profile": {"modeling", "resources", "inspections.cleaning", "profiles.story", "profiles.figures"},
}


@pytest.fixture(scope="module")
def modules(project_settings):
    """By stage of the real graph, the modules that it and its rules rest on, without the package's name."""
    portal = {"url": "http://127.0.0.1:8123", "name": "simulated-test"}
    others = dict.fromkeys(SOURCES.keys() - {"crimes"})  # a factory makes all alike
    graph = graph_for(load_settings({"portal": portal, "sources": others}))
    return {
        one.name: {
            name.removeprefix(f"{PACKAGE}.")
            for function in (one.function, *(rule.judge for rule in one.rules))
            for name in closure(function)
        }
        for one in graph.stages
    }


def test_each_stage_rests_on_its_own_modules_and_on_no_wiring(modules):
    assert modules.keys() == EXPECTED.keys()
    for name, reached in modules.items():
        assert EXPECTED[name] <= reached, name
        wiring = {one for one in reached if one.split(".")[0] in WIRING}
        assert wiring <= {one.removeprefix(f"{PACKAGE}.") for one in module.SHAPING}, name
        assert not wiring or name.startswith("raw_")


@pytest.mark.parametrize("name", EXPECTED)
def test_no_stage_rests_on_what_it_does_not_use(modules, name):
    reached = {
        one for one in modules[name] for room in UNRELATED[name] if one == room or one.startswith(f"{room}.")
    } - {"inspections.vocabulary"}
    assert reached == set()


def test_every_family_of_features_is_reached_though_none_is_named(modules):
    families = Path(food_inspections_dagster.__file__).parent / "inspections/features/families"
    names = {f"inspections.features.families.{file.stem}" for file in families.glob("[a-z]*.py")}
    assert len(names) > 5
    assert names <= modules["feature_matrix"]


def test_the_project_imports_in_the_one_form_that_is_followed():
    """``import food_inspections_dagster.x`` and relative imports would be missed."""
    root = Path(food_inspections_dagster.__file__).parent
    for file in root.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not [alias for alias in node.names if alias.name.split(".")[0] == PACKAGE], file
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, file
