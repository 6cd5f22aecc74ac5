"""The settings as a tree: sections of pydantic models and frozen dataclasses, and the settings at its leaves."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

KeyPath = tuple[str, ...]


class Leaf(NamedTuple):
    """One setting: its path, as ``("portal", "url")``, and its type, default and description."""

    path: KeyPath
    field: FieldInfo


def children(section: type) -> dict[str, FieldInfo]:
    """Return the keys of a section, which is a pydantic model or a dataclass."""
    if issubclass(section, BaseModel):
        return {name: field for name, field in section.model_fields.items() if not field.exclude}
    # Without the defaults, which are for other callers: conf/base gives the values.
    hints = get_type_hints(section, include_extras=True)
    return {f.name: FieldInfo.from_annotation(hints[f.name]) for f in dataclasses.fields(section)}  # type: ignore[arg-type]


def section_of(field: FieldInfo) -> type | None:
    """Return the section that a field holds, if it does."""
    for kind in _kinds(field.annotation):
        if isinstance(kind, type) and (issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind)):
            return kind
    return None


def leaves(section: type, above: KeyPath = ()) -> Iterator[Leaf]:
    """Return every setting below a section, in declared order."""
    for name, field in children(section).items():
        inner = section_of(field)
        if inner:
            yield from leaves(inner, (*above, name))
        else:
            yield Leaf((*above, name), field)


def is_mapping(field: FieldInfo) -> bool:
    """Whether the setting is a mapping, which layers add to key by key."""
    return get_origin(field.annotation) in (dict, Mapping)


def is_collection(field: FieldInfo) -> bool:
    """Whether the setting is a mapping or a list."""
    return is_mapping(field) or get_origin(field.annotation) in (tuple, list)


def is_optional(field: FieldInfo) -> bool:
    """Whether the setting may be null."""
    return type(None) in _kinds(field.annotation)


def is_text(field: FieldInfo) -> bool:
    """Whether a variable's characters are the value itself: text, a secret, a path, one of some words."""
    if is_mapping(field):
        return get_args(field.annotation)[1] is str
    return all(kind in (str, SecretStr, PurePath, type(None)) for kind in map(_base, _kinds(field.annotation)))


def _base(kind: Any) -> Any:
    if get_origin(kind) is Literal:
        return str
    return next((base for base in (SecretStr, PurePath) if isinstance(kind, type) and issubclass(kind, base)), kind)


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
