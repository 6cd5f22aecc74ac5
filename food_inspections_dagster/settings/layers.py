"""Reads the layers of the settings, lays them over each other, and says which of them is wrong."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import SecretStr, ValidationError

from food_inspections_dagster.digests import plain
from food_inspections_dagster.errors import FoodInspectionsError, nearest
from food_inspections_dagster.modeling.rules import ATTRIBUTES, LABELS, OUTCOMES, RuleError, words_of
from food_inspections_dagster.settings.credentials import Credentials
from food_inspections_dagster.settings.groups import algorithm_defaults, fault_in
from food_inspections_dagster.settings.names import (
    ENVIRONMENT_VARIABLE,
    HOME_VARIABLE,
    OTHER_VARIABLES,
    variable_of,
)
from food_inspections_dagster.settings.sections import Environment, Settings
from food_inspections_dagster.settings.tree import (
    KeyPath,
    Leaf,
    children,
    is_collection,
    is_mapping,
    is_optional,
    is_text,
    leaves,
    section_of,
)

COMMAND_LINE = "the command line"
_PARAMETERS = ("models", "parameters")
_GRIDS = ("models", "grids")
_TARGETS = ("models", "targets")
_REFERENCES = ("bias", "references")
_SOURCES = ("sources",)
#: Mappings whose entries null takes away.
_REMOVABLE = (_REFERENCES, _SOURCES, _TARGETS, _GRIDS)
_OF_ALGORITHMS = ("algorithm", "parameter of it")


@dataclass(frozen=True)
class _Layer:
    """Values by section and key; ``variables`` names the variable of each value that came from one."""

    origin: str
    content: Mapping[str, Any]
    variables: Mapping[KeyPath, str] = field(default_factory=dict)

    def origin_of(self, path: KeyPath) -> str:
        for end in range(len(path), 0, -1):
            if path[:end] in self.variables:
                return f"the environment variable {self.variables[path[:end]]}"
        return self.origin


def project_root() -> Path:
    """Return the project's folder: FOOD_INSPECTIONS_HOME, else the folder that holds the package.

    Raises:
        FoodInspectionsError: when that folder has no ``conf/base/settings.yaml``.
    """
    home = os.environ.get(HOME_VARIABLE)
    root = Path(home).expanduser().resolve() if home else Path(__file__).resolve().parents[2]
    if not (root / "conf/base/settings.yaml").is_file():
        named = f"{HOME_VARIABLE} names {root}, which" if home else f"{root}"
        raise FoodInspectionsError(
            f"{named} holds no conf/base/settings.yaml: set {HOME_VARIABLE} to the project's folder."
        )
    return root


def current_environment() -> Environment:
    """Return the environment that FOOD_INSPECTIONS_ENV names, ``local`` by default.

    Raises:
        FoodInspectionsError: for an unknown one.
    """
    name = os.environ.get(ENVIRONMENT_VARIABLE) or "local"
    if name not in get_args(Environment):
        raise FoodInspectionsError(
            f"{ENVIRONMENT_VARIABLE} is '{name}', which is no environment: use local or production."
        )
    return name  # type: ignore[return-value]


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings of the current environment; the same files, variables and overrides give the same object.

    Args:
        overrides: the strongest layer, by section and key as in a file, e.g. ``{"portal": {"page_rows": 10}}``;
            a key that is None is as good as left out. Errors call it the command line.

    Raises:
        FoodInspectionsError: in one sentence, naming file or variable, section and key.
    """
    root = project_root()
    environment = current_environment()
    files = _files(root, environment)
    stamps = tuple((str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in files)
    variables = tuple(sorted((k, v) for k, v in os.environ.items() if k.upper().startswith("FOOD_INSPECTIONS")))
    return _load(root, environment, stamps, variables, tuple(_as_variables(overrides or {}).items()))


def _files(root: Path, environment: Environment) -> list[Path]:
    base = [root / "conf/base/settings.yaml", root / f"conf/base/{environment}.yaml"]
    return [f for f in base if f.is_file()] + sorted((root / "conf/local").glob("*.yaml"))


@lru_cache(maxsize=8)
def _load(
    root: Path,
    environment: Environment,
    stamps: tuple[tuple[str, int, int], ...],
    variables: tuple[tuple[str, str], ...],
    overrides: tuple[tuple[str, str], ...],
) -> Settings:
    layers = [_file_layer(root, Path(path)) for path, *_ in stamps]
    layers.append(_variable_layer(dict(variables), "the environment"))
    # Written as variables and read as such: a child process that gets them cannot read anything else.
    given = _variable_layer(dict(overrides), COMMAND_LINE)
    layers.append(_Layer(COMMAND_LINE, given.content))
    merged: dict[str, Any] = {}
    for layer in layers:
        _check_mappings(layer)
        merged = _lay_over(merged, layer.content)
    for leaf in leaves(Settings):
        if leaf.field.is_required() and not _has(merged, leaf.path):
            raise FoodInspectionsError(f"{_named(leaf.path)} is missing: give it in conf/base/settings.yaml.")
    hidden = {name: SecretStr(value) for name, value in overrides}
    try:
        return Settings(environment=environment, root=root, variables=hidden, **merged)
    except ValidationError as error:
        raise FoodInspectionsError(_sentence(error, layers)) from None


# --- files


def _file_layer(root: Path, file: Path) -> _Layer:
    origin = str(file.relative_to(root))
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise FoodInspectionsError(f"{origin} cannot be read: make it a readable file of UTF-8 text.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise FoodInspectionsError(f"{origin} is not valid YAML{where}: correct it or remove it.") from None
    if content is None:
        return _Layer(origin, {})
    if not isinstance(content, dict) or not all(isinstance(v, dict) or v is None for v in content.values()):
        raise FoodInspectionsError(f"{origin} must hold sections with keys, such as 'portal:' with 'url: …' below.")
    kind = Credentials if file.name == "credentials.yaml" else Settings
    _refuse_unknown(content, kind, origin)
    content = _without_empty_sections(content, kind)
    if kind is Settings:
        return _Layer(origin, content)
    try:
        return _Layer(origin, Credentials(**content).as_settings())
    except ValidationError as error:
        raise FoodInspectionsError(_sentence(error, [_Layer(origin, content)])) from None


def _refuse_unknown(content: Mapping[str, Any], section: type, origin: str, above: str = "") -> None:
    fields = children(section)
    for key, value in content.items():
        if key not in fields:
            where = f"section '{above}' of {origin}" if above else origin
            kind = "key" if above else "section"
            raise FoodInspectionsError(f"'{key}' is no {kind} in {where}: {nearest(str(key), fields)}.")
        inner = section_of(fields[key])
        if inner and value is not None:
            name = f"{above}.{key}".strip(".")
            if not isinstance(value, Mapping):
                raise FoodInspectionsError(f"'{name}' in {origin} is a section: put its keys below it.")
            _refuse_unknown(value, inner, origin, name)


def _without_empty_sections(content: Mapping[str, Any], section: type) -> dict[str, Any]:
    """Leave out sections whose keys are all commented out."""
    kept = {}
    for key, value in content.items():
        inner = section_of(children(section)[key])
        if inner is None:
            kept[key] = value
        elif value is not None:
            kept[key] = _without_empty_sections(value, inner)
    return kept


def _check_mappings(layer: _Layer) -> None:
    """Refuse unknown keys below mappings, and values that an algorithm does not take."""
    for path, kinds in ((_REFERENCES, ("attribute",)), (_TARGETS, ("label", "outcome")), (_GRIDS, _OF_ALGORITHMS)):
        _refuse_keys(layer, path, kinds)
    parameters = _get(layer.content, _PARAMETERS)
    # conf/base is seen to be right by a test and by `Settings.specs`; checking costs an import, see `groups`.
    if isinstance(parameters, Mapping) and parameters and not layer.origin.startswith("conf/base/"):
        fault = fault_in(parameters)
        if fault:
            raise _unusable(layer, (*_PARAMETERS, *fault.keys), fault.reason)


def _refuse_keys(layer: _Layer, path: KeyPath, kinds: tuple[str, ...], below: KeyPath = ()) -> None:
    content = _get(layer.content, (*path, *below))
    for key in content if isinstance(content, Mapping) else ():
        known = _keys_of(path, below)
        if key not in known:
            reason = f"'{key}' is no {kinds[0]}: {nearest(str(key), known)}"
            raise _unusable(layer, (*path, *below, str(key)), reason)
        if len(kinds) > 1:
            _refuse_keys(layer, path, kinds[1:], (*below, str(key)))


def _unusable(layer: _Layer, path: KeyPath, reason: str) -> FoodInspectionsError:
    return FoodInspectionsError(f"{_named(path)}, given by {layer.origin_of(path)}, is not usable: {reason}.")


# --- variables


def _variable_layer(variables: Mapping[str, str], origin: str) -> _Layer:
    known = {variable_of(leaf.path): leaf for leaf in leaves(Settings)}
    content: dict[str, Any] = {}
    names: dict[KeyPath, str] = {}
    # By name, so that a whole mapping comes before its single entries.
    for name, text in sorted(variables.items()):
        if name.upper() in OTHER_VARIABLES:
            continue
        leaf, below = _setting_of(name, known)
        path = (*leaf.path, *below)
        names[path] = name
        _put(content, path, _value(name, text, leaf, below))
    return _Layer(origin, content, names)


def _setting_of(name: str, known: Mapping[str, Leaf]) -> tuple[Leaf, KeyPath]:
    """Return the setting that a variable names, and the keys below it where it is a mapping."""
    for start, leaf in known.items():
        if name.upper() == start:
            return leaf, ()
        rest = name[len(start) + 2 :].split("__")
        most = _depth(leaf.path)
        if is_mapping(leaf.field) and name.upper().startswith(f"{start}__") and all(rest) and len(rest) <= most:
            below: KeyPath = ()
            for word in rest:
                # What the sources are called is the graph's to know.
                keys = [word.lower()] if leaf.path == _SOURCES else _keys_of(leaf.path, below)
                below = (*below, _known_key(name, word, keys))
            return leaf, below
    raise FoodInspectionsError(
        f"The environment variable {name} is no setting: {nearest(name.upper(), [*known, *OTHER_VARIABLES])}."
    )


def _depth(path: KeyPath) -> int:
    """Return how many keys a mapping has below its name."""
    return 2 if path in (_PARAMETERS, _GRIDS, _TARGETS) else 1


def _keys_of(path: KeyPath, below: KeyPath) -> list[str]:
    if path == _REFERENCES:
        return list(ATTRIBUTES)
    if path == _TARGETS:
        return list(OUTCOMES if below else LABELS)
    defaults = algorithm_defaults()
    return list(defaults[below[0]] if below else defaults)


def _known_key(name: str, word: str, keys: list[str]) -> str:
    """Return the key that a word of a variable's name means: names of variables have no case, keys have."""
    for key in keys:
        if key.upper() == word.upper():
            return key
    raise FoodInspectionsError(f"The environment variable {name} is no setting: instead of {word} {_use(word, keys)}.")


def _use(word: str, keys: list[str]) -> str:
    return nearest(word.upper(), [key.upper() for key in keys]).removesuffix(", or remove it")


def _value(name: str, text: str, leaf: Leaf, below: KeyPath) -> Any:
    if is_text(leaf.field) and (below or not is_mapping(leaf.field)):
        return None if not text and (below or is_optional(leaf.field)) else text
    wants_collection = is_collection(leaf.field) and len(below) < _depth(leaf.path)
    try:
        value = json.loads(text)  # first: YAML 1.1 reads 1e-3 as text
    except ValueError:
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            value = None
    kind = dict if is_mapping(leaf.field) else list
    if wants_collection and not isinstance(value, kind) and (text or not below):
        form = '{"key": "value"}' if kind is dict else '["one", "two"]'
        raise FoodInspectionsError(f"The value of {name} cannot be read: give it as JSON, such as {form}.")
    return value


def _put(content: dict[str, Any], path: KeyPath, value: Any) -> None:
    for key in path[:-1]:
        content = content.setdefault(key, {})
    content[path[-1]] = value


# --- the command line


def _as_variables(overrides: Mapping[str, Any]) -> dict[str, str]:
    """Write a layer as variables."""
    _refuse_unknown(overrides, Settings, COMMAND_LINE)
    given = _without_empty_sections(overrides, Settings)
    _check_mappings(_Layer(COMMAND_LINE, given))
    variables: dict[str, str] = {}
    for leaf in leaves(Settings):
        value = _get(given, leaf.path)
        if value is None:
            continue
        mapping = is_mapping(leaf.field) and isinstance(value, Mapping)
        entries = _entries(value, _depth(leaf.path)) if mapping else [((), value)]
        for below, entry in entries:
            variables[variable_of((*leaf.path, *below))] = _text(entry, is_text(leaf.field))
    if "url" in given.get("portal", {}):  # a name in the environment belongs to another URL
        variables.setdefault(variable_of(("portal", "name")), "")
    return variables


def _entries(mapping: Mapping[str, Any], depth: int, above: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    for key, value in mapping.items():
        if isinstance(value, Mapping) and value and depth > 1:
            yield from _entries(value, depth - 1, (*above, str(key)))
        else:
            yield (*above, str(key)), value


def _text(value: Any, is_text: bool) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if value is None:
        return ""
    value = plain(value)
    return value if is_text and isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- merging


def _lay_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    portal = above.get("portal") or {}
    old = below.get("portal", {})
    if "url" in portal and "name" not in portal and portal["url"] != old.get("url"):
        # The name says whose data the URL serves; another URL serves another's.
        below = {**below, "portal": {key: value for key, value in old.items() if key != "name"}}
    return _merge(below, above)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any], path: KeyPath = ()) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        here = (*path, key)
        if value is None and (path in _REMOVABLE or path[:-1] in (_PARAMETERS, _GRIDS, _TARGETS)):
            merged.pop(key, None)  # null takes it away
        # The value of a parameter is one thing: another estimator takes other parameters of its own.
        elif isinstance(value, Mapping) and path[:-1] != _PARAMETERS:
            before = merged.get(key)
            merged[key] = _merge(before if isinstance(before, Mapping) else {}, value, here)
        else:
            merged[key] = value
    return merged


def _get(content: Mapping[str, Any], path: KeyPath) -> Any:
    value: Any = content
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _has(content: Any, path: KeyPath) -> bool:
    for part in path:
        if not isinstance(content, Mapping):
            return True  # the path goes on inside a list or a scalar
        if part not in content:
            return False
        content = content[part]
    return True


# --- sentences


def _named(path: KeyPath) -> str:
    if len(path) == 1:
        return f"The section '{path[0]}'"
    return f"The setting {path[-1]} in section '{'.'.join(path[:-1])}'"


def _sentence(error: ValidationError, layers: list[_Layer]) -> str:
    # Never the value itself: it may be a secret.
    first = error.errors(include_input=False, include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    path: KeyPath = tuple(str(part) for part in first["loc"] if not isinstance(part, int))
    reason = words_of(first["msg"])
    if isinstance(cause, RuleError):
        path, reason = (*path, *cause.path), cause.reason
    if not path:
        return f"The settings do not fit together: {reason}."
    layer = next((layer for layer in reversed(layers) if _has(layer.content, path)), None)
    given = f", given by {layer.origin_of(path)}," if layer else ""
    return f"{_named(path)}{given} is not usable: {reason}."
