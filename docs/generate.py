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
    from food_inspections_dagster.definitions import defs

    texts = yaml.safe_load((DOCS / "texts.yaml").read_text(encoding="utf-8"))
    parts = [
        "# Data dictionary",
        NOTE,
        "Every table has a column `week`, the Monday of its partition, and is replaced by whole weeks. "
        "Checks: [below](#checks). Settings: [below](#settings).",
        *_raw(defs, texts),
        *_tables(defs, texts),
        *_documents(defs, texts),
        *_loads(texts),
        *_vocabularies(texts),
        *_checks(defs),
        *_settings(),
    ]
    return "\n\n".join(parts) + "\n"


def _spec(defs: Any, asset: str) -> Any:
    import dagster as dg

    return defs.get_assets_def(dg.AssetKey(asset)).get_asset_spec(dg.AssetKey(asset))


def _about(defs: Any, asset: str) -> str:
    """Return the asset's own description, which names grain and source."""
    return " ".join((_spec(defs, asset).description or "").split())


def _raw(defs: Any, texts: Mapping[str, Any]) -> list[str]:
    from food_inspections_dagster.defs.ingestion.checks import PORTAL_COLUMNS, UNTYPED_COLUMNS
    from food_inspections_dagster.inspections.cleaning import NEEDED_COLUMNS
    from food_inspections_dagster.resources.portal import SYSTEM_FIELDS

    kinds = {
        **PORTAL_COLUMNS,
        **dict.fromkeys(sorted(UNTYPED_COLUMNS), "any"),
        **dict.fromkeys(SYSTEM_FIELDS, "system"),
    }
    words = described("raw_inspections", ["week", *kinds], texts)
    rows = [
        (code(name), kinds.get(name, "date"), "yes" if name in NEEDED_COLUMNS else "", words[name]) for name in words
    ]
    return [
        "## raw_inspections",
        _about(defs, "raw_inspections"),
        "Objects `raw/inspections/week=<Monday>/rows.parquet`; key `:id`. Every column but `week` is text; "
        "what the portal "
        "did not send as a text is kept as its JSON. Columns beyond these, such as computed regions, are "
        "kept as they come.",
        table(("column", "type on the portal", "needed", "meaning"), rows),
    ]


def _tables(defs: Any, texts: Mapping[str, Any]) -> list[str]:
    from food_inspections_dagster.inspections.features import FEATURES
    from food_inspections_dagster.inspections.schemas import SCHEMAS

    parts = []
    for asset in (
        "inspections", "violations", "rejected_inspections", "feature_matrix", "bias_report", "bias_verdicts", "scores",
    ):  # fmt: skip
        metadata = _spec(defs, asset).metadata
        schema = metadata["dagster/column_schema"]
        own = {column.name: column.description for column in schema.columns}
        if asset in texts:
            own = described(asset, own, texts)
        key = ", ".join(f"`{name}`" for name in metadata["primary_key"])
        place = f"Postgres `{metadata['schema']}.{asset}`; key {key}."
        parts += [f"## {asset}", _about(defs, asset), place]
        families = {feature.name: feature.family for feature in FEATURES} if asset == "feature_matrix" else {}
        said = [column for column in schema.columns if column.name not in families]
        parts.append(_columns(said, own, asset in SCHEMAS))
        by_family: dict[str, list[Any]] = {}
        for column in schema.columns:
            if column.name in families:
                by_family.setdefault(families[column.name], []).append(column)
        if by_family:
            count = sum(map(len, by_family.values()))
            parts.append(
                f"The {count} features, by family. Each counts records dated strictly before `as_of_date`, "
                "and is null where nothing is known."
            )
        for family, columns in by_family.items():
            parts += [f"### Features: {family}", _columns(columns, own, True)]
    return parts


def _columns(columns: Iterable[Any], words: Mapping[str, str | None], checked: bool) -> str:
    """Return columns as a table; only a schema that is ``checked`` says where a null may stand."""
    if not checked:
        return table(("column", "type", "meaning"), [(code(c.name), c.type, words[c.name] or "") for c in columns])
    rows = [(code(c.name), c.type, "yes" if c.constraints.nullable else "", words[c.name] or "") for c in columns]
    return table(("column", "type", "null", "meaning"), rows)


def _documents(defs: Any, texts: Mapping[str, Any]) -> list[str]:
    import dataclasses

    from food_inspections_dagster.modeling.algorithms import ALGORITHMS
    from food_inspections_dagster.modeling.persistence import IDENTITY
    from food_inspections_dagster.modeling.selection import Decision

    parts = ["## Model documents"]
    parts += [f"**{algorithm}_model**: {_about(defs, f'{algorithm}_model')}" for algorithm in ALGORITHMS]
    parts.append("Objects `models/<asset>/week=<Monday>/model.json`:")
    parts.append(_keys(texts["model document"]))
    parts.append(
        "The fit itself lies once under `models/<asset>/artifacts/<model_id>/`: `model.ubj` (XGBoost) or "
        "`model.skops` "
        "(scikit-learn), and beside it the card `model.json`. These entries of the card make the `model_id`:"
    )
    parts.append(_keys(described("model card", IDENTITY, texts)))
    parts += ["## selected_model", _about(defs, "selected_model")]
    parts.append("Objects `models/selected_model/week=<Monday>/decision.json`:")
    names = [field.name for field in dataclasses.fields(Decision)]
    parts.append(_keys(described("decision", [*names, "model_asset", "files"], texts)))
    return parts


def _keys(words: Mapping[str, str]) -> str:
    return table(("key", "meaning"), [(code(name), text) for name, text in words.items()])


def _loads(texts: Mapping[str, Any]) -> list[str]:
    import sqlglot
    from sqlglot import exp

    from food_inspections_dagster.resources import database

    creates = [s for s in sqlglot.parse(database._METADATA, read="postgres") if isinstance(s, exp.Create)]
    found = next(s for s in creates if "partition_loads" in s.this.sql() and s.args["kind"] == "TABLE")
    kinds = {column.name: column.args["kind"].sql("postgres").lower() for column in found.find_all(exp.ColumnDef)}
    words = described("partition_loads", kinds, texts)
    return [
        "## metadata.partition_loads",
        "The audit of every load, written in the transaction that stored the rows. Grain: one row per load "
        "of one week of "
        "one table.",
        table(("column", "type", "meaning"), [(code(name), kinds[name], words[name]) for name in kinds]),
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


def _checks(defs: Any) -> list[str]:
    graph = defs.resolve_asset_graph()
    rows = []
    for level in graph.toposorted_asset_keys_by_level:
        for key in sorted(level):
            for check in sorted(graph.get(key).check_keys, key=lambda check: check.name):
                spec = graph.get_check_spec(check)
                blocks = "blocks" if spec.blocking else "warns"
                rows.append((code(key.to_user_string()), code(check.name), blocks, spec.description))
    blocking = sum(row[2] == "blocks" for row in rows)
    return [
        "## Checks",
        f"{len(rows)} checks, of which {blocking} block what follows. "
        "A check over a range of weeks gives one result, and "
        "names the weeks that fail in its metadata.",
        table(("asset", "check", "", "guards against"), rows),
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
    said = []
    for name, content in base.items():
        value: Any = content
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            said.append(code(_plain(value)) + ("" if name == "settings" else f" ({name})"))
    if said:
        return ", ".join(said)
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
    from food_inspections_dagster.definitions import defs

    sys.path.insert(0, str(DOCS))
    import graph

    return {DOCS / "data_dictionary.md": dictionary(), DOCS / "asset_graph.svg": graph.svg(defs)}


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
