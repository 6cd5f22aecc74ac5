"""Errors in the form in which the portal answers them: JSON with ``code``, ``error``, ``message`` and
``data``.
"""

from typing import Any


class SodaError(Exception):
    """A request that is answered with an error; ``status`` is the HTTP status."""

    def __init__(self, status: int, code: str, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.data = data or {}

    def body(self) -> dict[str, Any]:
        """Return the JSON object of the answer."""
        return {"code": self.code, "error": True, "message": self.message, "data": self.data}


def malformed(query: str) -> SodaError:
    """Return the portal's error for text that is not SoQL."""
    return SodaError(400, "query.compiler.malformed", f'Could not parse SoQL query "{query}"', {"query": query})


def no_such_column(name: str, dataset: str) -> SodaError:
    """Return the portal's error for an unknown column."""
    code = "query.soql.no-such-column"
    message = f"Query coordinator error: {code}; No such column: {name}"
    return SodaError(400, code, message, {"column": name, "dataset": dataset})


def no_such_function(name: str) -> SodaError:
    """Return the portal's error for an unknown function."""
    code = "query.soql.no-such-function"
    message = f"Query coordinator error: {code}; No such function: {name}"
    return SodaError(400, code, message, {"function": name})


def type_mismatch(name: str, type_name: str) -> SodaError:
    """Return the portal's error for a function or operator given a value of the wrong type."""
    code = "query.soql.type-mismatch"
    message = f"Query coordinator error: {code}; Type mismatch for {name}, is {type_name}"
    return SodaError(400, code, message, {"function": name, "type": type_name})
