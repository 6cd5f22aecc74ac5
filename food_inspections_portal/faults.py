"""Misbehaviour on demand, so that clients can be tested against what portals really do."""

import threading
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from food_inspections_portal.errors import SodaError

Kind = Literal[
    "status",
    "slow",
    "cut_body",
    "broken_json",
    "html",
    "repeated_page",
    "missing_rows",
    "changed_schema",
    "lone_surrogate",
]
Target = Literal["rows", "counts", "metadata", "any"]
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "on": str,
    "times": int,
    "after": int,
    "status": int,
    "retry_after": (int, float),
    "seconds": (int, float),
    "rows": int,
    "drop": list,
    "add": dict,
    "retype": dict,
    "column": str,
}


@dataclass
class Fault:
    """One way to misbehave.

    Attributes:
        kind: ``status`` (answers ``status``, with Retry-After ``retry_after`` s if given), ``slow`` (waits
            ``seconds``), ``cut_body`` (promises a length, sends half), ``broken_json``, ``html``,
            ``repeated_page`` (answers the page before), ``missing_rows`` (leaves ``rows`` rows out),
            ``changed_schema`` (``drop``: names; ``add``: name to constant; ``retype``: name to "number" or
            "text"), ``lone_surrogate`` (begins each text of ``column`` with half of a surrogate pair).
        on: requests it is for: ``rows``, ``counts`` (aggregates), ``metadata`` or ``any``.
        times: answers it spoils; None for all until cleared (the default of ``changed_schema``; else 1).
        after: requests it lets pass first.
    """

    kind: Kind
    on: Target = "any"
    times: int | None = 1
    after: int = 0
    status: int = 500
    retry_after: float | None = None
    seconds: float = 1.0
    rows: int = 1
    drop: list[str] = field(default_factory=list)
    add: dict[str, str] = field(default_factory=dict)
    retype: dict[str, str] = field(default_factory=dict)
    column: str = "dba_name"


def read_fault(body: Any) -> Fault:
    """Read a fault from the JSON of a request.

    Raises:
        SodaError: naming the field that is unknown or has a wrong value.
    """
    if not isinstance(body, dict):
        raise SodaError(400, "invalid_request", "A fault is a JSON object with a kind.")
    for name, value in body.items():
        if name not in _FIELDS:
            raise SodaError(400, "invalid_request", f"A fault has no field '{name}'.")
        if isinstance(value, bool) or not (
            isinstance(value, _FIELDS[name]) or (value is None and name in ("times", "retry_after"))
        ):
            raise SodaError(400, "invalid_request", f"A fault's '{name}' cannot be {value!r}.")
    if body.get("kind") not in get_args(Kind):
        raise SodaError(400, "invalid_request", f"A fault's kind is one of {', '.join(get_args(Kind))}.")
    if body.get("on", "any") not in get_args(Target):
        raise SodaError(400, "invalid_request", f"A fault's 'on' is one of {', '.join(get_args(Target))}.")
    if not 400 <= body.get("status", 500) <= 599:
        raise SodaError(400, "invalid_request", "A fault's status lies between 400 and 599.")
    if set(body.get("retype", {}).values()) - {"number", "text"}:
        raise SodaError(400, "invalid_request", 'A fault retypes a column to "number" or "text".')
    defaults: dict[str, Any] = {"times": None} if body["kind"] == "changed_schema" else {}
    if body["kind"] in ("repeated_page", "missing_rows", "lone_surrogate"):
        defaults = {"on": "rows"}
    return Fault(**{**defaults, **body})


class Faults:
    """The faults now in force; safe for the server's threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Put a fault in force."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._faults.clear()

    def due(self, target: Target) -> dict[Kind, Fault]:
        """Return the faults that spoil this request, by kind, and count it against them."""
        due: dict[Kind, Fault] = {}
        with self._lock:
            for fault in self._faults:
                if fault.on not in ("any", target) or fault.kind in due:
                    continue
                if fault.after > 0:
                    fault.after -= 1
                elif fault.times is None or fault.times > 0:
                    if fault.times is not None:
                        fault.times -= 1
                    due[fault.kind] = fault
        return due
