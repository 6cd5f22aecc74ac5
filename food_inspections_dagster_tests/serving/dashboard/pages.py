"""Reads components as a person would."""

from collections.abc import Iterator
from typing import Any

from dash.development.base_component import Component


def components(node: Any) -> Iterator[Component]:
    """Yield a component and all below it."""
    if isinstance(node, list | tuple):
        for one in node:
            yield from components(one)
    elif isinstance(node, Component):
        yield node
        yield from components(getattr(node, "children", None))


def words(node: Any) -> str:
    """Return the text of a component."""
    if isinstance(node, list | tuple):
        return " ".join(words(one) for one in node)
    if isinstance(node, Component):
        return words(getattr(node, "children", None))
    return "" if node is None else str(node)


def with_id(node: Any, identifier: str) -> Component:
    """Return the component of an id."""
    return next(one for one in components(node) if getattr(one, "id", None) == identifier)


class Answers:
    """Stands for `Reads` where a table is made by a stage that this city may not have."""

    def __init__(self, *answers: tuple[Any, list[dict[str, Any]]], tables: bool = True) -> None:
        self._answers, self._tables = answers, tables

    def rows(self, query: Any, **values: Any) -> list[dict[str, Any]]:
        return next((rows for known, rows in self._answers if known is query), [])

    def has_table(self, table: str) -> bool:
        return self._tables
