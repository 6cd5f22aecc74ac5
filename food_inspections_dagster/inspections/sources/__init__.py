"""The sources beside the inspections, one module each: a module with a constant ``SOURCE`` is a source.

A new one is a new module and a line of ``conf``; nothing else names it.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.source import Source


def find_sources() -> Mapping[str, Source]:
    """Return the source of each module of this package, by name.

    Raises:
        FoodInspectionsError: for a module without a source of its own name.
    """
    sources: dict[str, Source] = {}
    for module in pkgutil.iter_modules(__path__):
        source = getattr(import_module(f"{__name__}.{module.name}"), "SOURCE", None)
        if not isinstance(source, Source) or source.name != module.name:
            raise FoodInspectionsError(
                f"The module {__name__}.{module.name} declares no source '{module.name}': give it a constant SOURCE."
            )
        sources[source.name] = source
    return MappingProxyType(sources)


SOURCES: Mapping[str, Source] = find_sources()
