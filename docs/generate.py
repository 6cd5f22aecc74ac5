"""Write what can be said from the code alone: `docs/data_dictionary.md` and `docs/asset_graph.svg`.

``python docs/generate.py`` writes both; with ``--check`` it writes nothing and fails when one of them is stale.
The defaults of ``conf/base`` are documented, whatever the settings of the person who runs it.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
NOTE = "<!-- Written by docs/generate.py from the code: change the code, then run it again. -->"


def _neutral_home(folder: Path) -> None:
    """Make the package read ``conf/base`` only, and no variable of the caller."""
    shutil.copytree(ROOT / "conf/base", folder / "conf/base")
    for name in [name for name in os.environ if name.upper().startswith("FOOD_INSPECTIONS")]:
        del os.environ[name]
    os.environ["FOOD_INSPECTIONS_HOME"] = str(folder)


# --- Markdown


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    text = " ".join(str(value).split()).replace("|", "\\|")
    return text if text.startswith("`") else text.replace("<", "&lt;")


def code(value: object) -> str:
    return f"`{value}`" if str(value) else ""


def described(name: str, columns: Iterable[str], texts: Mapping[str, Any]) -> dict[str, str]:
    """Return the words for columns, in their order; each must have some, and none may be left over."""
    words, names = texts[name], list(columns)
    if set(words) != set(names):
        odd = sorted(set(words) ^ set(names))
        sys.exit(f"docs/texts.yaml and the code differ under '{name}': {', '.join(odd)}. Correct the texts.")
    return {column: words[column] for column in names}


# --- the data dictionary


def dictionary() -> str:
    # With the one stage that is off by default.
    graph = _graph({"validation": {"folds": 5}})
    texts = yaml.safe_load((DOCS / "texts.yaml").read_text(encoding="utf-8"))
    parts = [
        "# Data dictionary",
        NOTE,
        "Every table has a column `week`, the Monday of its partition, and is replaced by whole weeks. "
        "Checks: [below](#checks). Settings: [below](#settings).",
        *_raw(graph, texts),
        *_tables(graph),
        *_documents(graph, texts),
        *_ledger(texts),
        *_questions(),
        *_vocabularies(texts),
        *_checks(graph),
        *_settings(),
    ]
    return "\n\n".join(parts) + "\n"


def _graph(changed: Mapping[str, Any] | None = None) -> Any:
    from food_inspections_dagster.definitions import graph_for
    from food_inspections_dagster.settings import load_settings

    return graph_for(load_settings(changed))


def _about(graph: Any, asset: str) -> str:
    """Return the asset's own description, which names grain and source."""
    return " ".join(graph.output(asset).description.split())


def _raw(graph: Any, texts: Mapping[str, Any]) -> list[str]:
    from food_inspections_dagster.catalog import RAW_INSPECTIONS
    from food_inspections_dagster.defs.ingestion.checks import PUBLISHED_TYPES, UNTYPED_COLUMNS
    from food_inspections_dagster.inspections.received import NEEDED_COLUMNS
    from food_inspections_dagster.resources.portal import SYSTEM_FIELDS

    kinds = {
        **PUBLISHED_TYPES,
        **dict.fromkeys(sorted(UNTYPED_COLUMNS), "any"),
        **dict.fromkeys(SYSTEM_FIELDS, "system"),
    }
    words = described("raw_inspections", ["week", *kinds], texts)
    rows = [
        (code(name), kinds.get(name, "date"), "yes" if name in NEEDED_COLUMNS else "", words[name]) for name in words
    ]
    return [
        "## raw_inspections",
        _about(graph, RAW_INSPECTIONS.asset),
        f"Objects `{_path(RAW_INSPECTIONS)}`, sorted by `:id`. Every column but `week` is text; what the portal did "
        "not send as a text is kept as its JSON. Columns beyond these, such as computed regions, are kept as they "
        "come.",
        table(("column", "type on the portal", "needed", "meaning"), rows),
    ]


def _path(entry: Any) -> str:
    return f"{entry.prefix}/week=<Monday>/{entry.file}"


def _place(entry: Any) -> str:
    """Return where rows lie, and their key, in a sentence."""
    from food_inspections_dagster.catalog import Table

    key = ", ".join(f"`{name}`" for name in entry.schema.unique)
    if not isinstance(entry, Table):
        return f"Objects `{_path(entry)}`; key {key}."
    mirror = f", and as objects `{_path(entry.mirror)}`" if entry.mirror else ""
    return f"Postgres `{entry}`{mirror}; key {key}."


def _publication(graph: Any, entry: Any) -> list[str]:
    parts = [
        f"## {entry.asset}",
        _about(graph, entry.asset),
        "The schema `api` also holds `publications`, `pointer` and `pointer_moves`: what was published when, which "
        "week readers see, and who moved them there and why; `runs` and `check_results`, views of how every run ended "
        "and of the newest result of every check; and, as they stand elsewhere, "
        f"{', '.join(f'`{entry.copy_of(one)}`' for one in entry.copies)}: the history up to the newest published week.",
    ]
    for one in entry.tables:
        parts += [f"### {one.name}", str(one.schema.description), _place(one), _columns(one.schema.columns)]
    return parts


def _tables(graph: Any) -> list[str]:
    from food_inspections_dagster.catalog import FIXED, PUBLISHED_LIST
    from food_inspections_dagster.inspections.features import FEATURES

    parts = []
    for asset, entry in FIXED.items():
        if entry is PUBLISHED_LIST:
            parts += _publication(graph, entry)
        if entry.schema is None:
            continue
        columns = entry.schema.columns
        families = {feature.name: feature.family for feature in FEATURES} if asset == "feature_matrix" else {}
        parts += [f"## {asset}", _about(graph, asset), _place(entry)]
        parts.append(_columns({name: column for name, column in columns.items() if name not in families}))
        by_family: dict[str, dict[str, Any]] = {}
        for name, column in columns.items():
            if name in families:
                by_family.setdefault(families[name], {})[name] = column
        if by_family:
            count = sum(map(len, by_family.values()))
            parts.append(
                f"The {count} features, by family. Each counts records dated strictly before `as_of_date`, "
                "and is null where nothing is known."
            )
        for family, of_family in by_family.items():
            parts += [f"### Features: {family}", _columns(of_family)]
    return parts


def _columns(columns: Mapping[str, Any]) -> str:
    rows = [
        (code(name), column.dtype.type.pyarrow_dtype, "yes" if column.nullable else "", column.description or "")
        for name, column in columns.items()
    ]
    return table(("column", "type", "null", "meaning"), rows)


def _documents(graph: Any, texts: Mapping[str, Any]) -> list[str]:
    import dataclasses

    from food_inspections_dagster import catalog
    from food_inspections_dagster.modeling.persistence import IDENTITY
    from food_inspections_dagster.modeling.selection import Decision

    model = catalog.model("<algorithm>")
    models = [output.entry for stage in graph.stages if stage.group == "training" for output in stage.outputs.values()]
    parts = ["## Model documents"]
    parts += [f"**{entry.asset}**: {_about(graph, entry.asset)}" for entry in models]
    parts.append(f"Objects `{_path(model)}`:")
    parts.append(_keys(texts["model document"]))
    parts.append(
        f"The fit itself lies once under `{model.prefix}/artifacts/<model_id>/`: `model.ubj` (XGBoost) or "
        "`model.skops` (scikit-learn), and beside it the card `model.json`. These entries of the card make the "
        "`model_id`:"
    )
    parts.append(_keys(described("model card", IDENTITY, texts)))
    selected = catalog.SELECTED_MODEL
    parts += [f"## {selected.asset}", _about(graph, selected.asset), f"Objects `{_path(selected)}`:"]
    names = [field.name for field in dataclasses.fields(Decision)]
    parts.append(_keys({**texts["selected model"], **described("decision", [*names, "files"], texts)}))
    report = catalog.DATA_PROFILE_REPORT
    parts += [f"## {report.asset}", _about(graph, report.asset), f"Objects `{_path(report)}`."]
    return parts


def _keys(words: Mapping[str, str]) -> str:
    return table(("key", "meaning"), [(code(name), text) for name, text in words.items()])


def _ledger(texts: Mapping[str, Any]) -> list[str]:
    import sqlglot
    from sqlglot import exp

    from food_inspections_dagster.resources import database

    kinds: dict[str, dict[str, str]] = {}
    for one in sqlglot.parse(database._METADATA, read="postgres"):
        if isinstance(one, exp.Alter) or (isinstance(one, exp.Create) and one.args["kind"] == "TABLE"):
            columns = {c.name: c.args["kind"].sql("postgres").lower() for c in one.find_all(exp.ColumnDef)}
            kinds.setdefault(one.find(exp.Table).name, {}).update(columns)
    parts = [
        "## metadata",
        "What was loaded, from what, and what the checks said: it decides what is current "
        "([why](decisions.md#35-current-not-merely-made)). Tables of Postgres.",
    ]
    for name in ("partition_loads", "open_loads", "check_results"):
        grain, words = texts[name]["grain"], described("columns", kinds[name], texts[name])
        parts += [f"### metadata.{name}", grain]
        parts.append(table(("column", "type", "meaning"), [(code(c), kinds[name][c], words[c]) for c in kinds[name]]))
    return parts


# Run by the tests of `sql`, as it stands.
SNIPPET = """
from food_inspections_dagster.command_line import sql
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import load_settings

settings = load_settings()
stored = Stored.from_settings(settings)
question = "select results, count(*) as inspections from processed.inspections group by 1"
answer = sql.ask(stored, Ledger(stored.database).snapshot(), question)  # a pandas frame
"""


def _questions() -> list[str]:
    from textwrap import dedent

    from food_inspections_dagster.catalog import TABLES
    from food_inspections_dagster.command_line.trace import TRACE

    trace = dedent(TRACE).strip().format(**{entry.asset: name for name, entry in TABLES.items()})
    return [
        "## Questions",
        "`food-inspections sql` answers one SELECT over the zones `raw` and `processed` and the tables of Postgres, "
        "read-only. So does Python:",
        f"```python\n{SNIPPET.strip()}\n```",
        "`food-inspections trace` asks Postgres this one question, the way of a score back to the raw objects. "
        "`%(establishment)s` is the place; `%(week)s` is the list's week, null for the newest:",
        f"```sql\n{trace}\n```",
    ]


def _vocabularies(texts: Mapping[str, Any]) -> list[str]:
    from food_inspections_dagster.inspections import vocabulary
    from food_inspections_dagster.inspections.cleaning import REJECTION_REASONS
    from food_inspections_dagster.inspections.codebooks import SEVERITIES_2010, SEVERITIES_2018

    def listed(values: Iterable[str]) -> str:
        return ", ".join(f"`{value}`" for value in values)

    words = described("reasons", REJECTION_REASONS, texts)
    return [
        "## Vocabularies",
        f"`facility_type` ({len(vocabulary.FACILITY_TYPES)}): {listed(vocabulary.FACILITY_TYPES)}.",
        f"`inspection_type` ({len(vocabulary.INSPECTION_TYPES)}): {listed(vocabulary.INSPECTION_TYPES)}. "
        f"Complaints are {listed(vocabulary.COMPLAINTS)}.",
        f"`results`: {listed(vocabulary.RESULTS)}. Decisions, which have labels, are {listed(vocabulary.DECISIONS)}; "
        f"{listed(vocabulary.CLOSED)} end an establishment's place in the cohort.",
        f"`severity`: {listed(SEVERITIES_2010)} by code in the codebook of 2010; {listed(SEVERITIES_2018)} "
        "by the inspector's comment in that of 2018.",
        "`Unknown`: the portal has no value. `Other`: it has one that fits nothing; the check "
        "`vocabulary` counts them.",
        "### Reasons of rejection",
        table(
            ("reason", "the row is rejected because"),
            [(code(reason), text) for reason, text in words.items()],
        ),
    ]


def _checks(graph: Any) -> list[str]:
    rules = [rule for stage in graph.stages for asset in stage.outputs for rule in stage.rules if rule.asset == asset]
    rows = [
        (
            code(rule.asset),
            code(rule.name),
            "blocks" if rule.blocking else "warns",
            "stored" if rule.of_store else "in memory",
            rule.guards_against,
        )
        for rule in rules
    ]
    blocking = sum(rule.blocking for rule in rules)
    return [
        "## Checks",
        f"{len(rows)} checks, of which {blocking} block what follows. One in memory is judged before its weeks are "
        "written: where it blocks, nothing is stored. One of what is stored reads the stores afterwards. A check over "
        "a range of weeks gives one result, and names the weeks that fail.",
        table(("asset", "check", "", "judged", "guards against"), rows),
    ]


def _settings() -> list[str]:
    from food_inspections_dagster.settings import Settings, leaves

    base = {
        name: yaml.safe_load((ROOT / f"conf/base/{name}.yaml").read_text())
        for name in ("settings", "local", "production")
    }
    rows = []
    for path, field in leaves(Settings):
        name = ".".join(path)
        rows.append((code(name), _default(name, field, base), field.description))
    return [
        "## Settings",
        "Layers, the later over the earlier: `conf/base/settings.yaml`, `conf/base/<environment>.yaml`, the "
        "YAML files of "
        "`conf/local/`, variables named `FOOD_INSPECTIONS__SECTION__KEY`, and the command line. "
        "`FOOD_INSPECTIONS_ENV` is `local` (default) or "
        "`production`. `FOOD_INSPECTIONS_HOME` names the project's folder where it is not the one that "
        "holds the package. "
        "An unknown key, section or variable is refused.",
        table(("setting", "default", "meaning"), rows),
        "Defaults of algorithms' parameters stand in `modeling/algorithms/`; `models.parameters` overrides them.",
    ]


def _default(path: str, field: Any, base: Mapping[str, Any]) -> str:
    """Return the value in ``conf/base``, by environment where they differ, else the one in the code."""
    values = []
    for name, content in base.items():
        value: Any = content
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            values.append(code(_plain(value)) + ("" if name == "settings" else f" ({name})"))
    if values:
        return ", ".join(values)
    if field.is_required():
        return "none"
    value = field.get_default(call_default_factory=True)
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    return code(_plain(value)) if value not in (None, "", {}) else "empty"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_plain(item) or '{}'}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


# --- command line


def written() -> dict[Path, str]:
    """Return the content of each generated file."""
    sys.path.insert(0, str(DOCS))
    import graph

    return {DOCS / "data_dictionary.md": dictionary(), DOCS / "asset_graph.svg": graph.svg(_graph())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        _neutral_home(Path(folder))
        files = written()
    stale = [file for file, text in files.items() if not file.is_file() or file.read_text(encoding="utf-8") != text]
    names = ", ".join(str(file.relative_to(ROOT)) for file in stale)
    if check and stale:
        sys.exit(f"{names} no longer says what the code does: run `python docs/generate.py`.")
    for file in stale:
        file.write_text(files[file], encoding="utf-8")
    print(f"Written: {names}." if stale else "Everything is as the code says.")


if __name__ == "__main__":
    main()
