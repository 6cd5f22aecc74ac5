"""SoQL to SQL: a request's clauses are parsed, checked node by node against a whitelist, and written anew.

Nothing of the request's text reaches DuckDB but literals, and those as parameters. Whatever the whitelist
does not name is refused in the portal's own error form. Left out on purpose: ``$query``, ``$q``, joins,
``case`` and arithmetic, which none of the project's clients needs.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from food_inspections_portal.errors import (
    SodaError,
    malformed,
    no_such_column,
    no_such_function,
    type_mismatch,
)

DEFAULT_LIMIT = 1000
MAX_LIMIT = 50_000
CLAUSES = ("$select", "$where", "$order", "$group", "$having", "$limit", "$offset")

TEXT, NUMBER, CHECKBOX = "text", "number", "checkbox"
FLOATING, FIXED = "calendar_date", "fixed_timestamp"
LOCATION, ROW_ID, VERSION, JSON = "location", "row_identifier", "row_version", "json"
_LIKE_TEXT = {TEXT, ROW_ID, VERSION}
_COMPARABLE = _LIKE_TEXT | {NUMBER, CHECKBOX, FLOATING, FIXED}
_TRUNCATED = {"date_trunc_ymd": (10, ""), "date_trunc_ym": (7, "-01"), "date_trunc_y": (4, "-01-01")}
_EXTRACTED = {"date_extract_y": (1, 4), "date_extract_m": (6, 2), "date_extract_d": (9, 2)}
_COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}

# A string, a quoted name or a system name, in the order in which they may swallow each other.
_SPECIAL = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|:@?[A-Za-z_][A-Za-z0-9_]*|:\*")


@dataclass(frozen=True)
class Column:
    """A column as SoQL sees it.

    Attributes:
        name: its name on the portal.
        type: one of the portal's type names.
        sql: the DuckDB expression of its text, null where absent.
        system: shown only when selected (``:id`` and its like).
        computed: an ``:@computed_region_*`` column.
    """

    name: str
    type: str
    sql: str
    system: bool = False
    computed: bool = False


@dataclass(frozen=True)
class Output:
    """One field of the answer: ``sql`` gives its value, ``type`` how it is written in JSON."""

    name: str
    type: str
    sql: str


@dataclass(frozen=True)
class Query:
    """A checked query.

    Attributes:
        outputs: fields in order.
        where: SQL condition or "".
        group: SQL expressions; empty for a query over rows.
        aggregated: whether rows are aggregated (with or without groups).
        having: SQL condition or "".
        order: SQL ``ORDER BY`` terms as requested.
        limit: rows at most.
        offset: rows skipped.
        parameters: values of the ``$name`` parameters in the SQL.
    """

    outputs: tuple[Output, ...]
    where: str
    group: tuple[str, ...]
    aggregated: bool
    having: str
    order: tuple[str, ...]
    limit: int
    offset: int
    parameters: dict[str, object]


@dataclass(frozen=True)
class _Value:
    sql: str
    type: str
    aggregate: bool = False
    columns: frozenset[str] = frozenset()  # columns used outside aggregates and groups
    literal: str | None = None
    text: bool = True  # whether the SQL gives text, as columns do, or the type itself


def quote(name: str) -> str:
    """Return a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def compile_query(clauses: Mapping[str, str], columns: Sequence[Column], dataset: str) -> Query:
    """Check a request's parameters and return the query they ask for.

    Args:
        clauses: parameters of the request: ``$``-clauses and ``column=value`` filters.
        columns: the dataset's columns in their order.
        dataset: its id, for messages.

    Raises:
        SodaError: with the portal's code for anything unknown, malformed or of the wrong type.
    """
    for name in clauses:
        if name == "$q":
            raise SodaError(400, "invalid_request", "$q (full text search) is not served here: use $where with like.")
        if name.startswith("$") and name not in CLAUSES:
            raise SodaError(400, "invalid_request", f"Unrecognized arguments [{name}]", {"arguments": [name]})
    compiler = _Compiler({column.name: column for column in columns}, dataset)
    select = clauses.get("$select", "*")
    ordered = "$order" in clauses
    outputs = compiler.select(select, columns, ordered)
    conditions = []
    if "$where" in clauses:
        conditions.append(compiler.condition(clauses["$where"], "where"))
    for name, text in clauses.items():
        if not name.startswith("$"):
            conditions.append(compiler.equals(name, text))

    group: tuple[str, ...] = ()
    if "$group" in clauses:
        group = compiler.group(clauses["$group"])
        # Once more, now that the groups are known: they may have been named by aliases of $select.
        compiler.grouped, compiler.checked, compiler.aliases = frozenset(group), [], {}
        outputs = compiler.select(select, columns, ordered)
    aggregated = compiler.any_aggregate()
    having = compiler.condition(clauses["$having"], "having") if "$having" in clauses else ""
    if having and not aggregated:
        raise SodaError(400, "query.soql.aggregate-in-ungrouped-context", "$having needs $group.")
    order = compiler.order(clauses["$order"]) if ordered else ()
    for value in compiler.checked if aggregated else ():
        for name in sorted(value.columns):
            code = "query.soql.column-not-in-group-bys"
            message = f"Query coordinator error: {code}; Column not in group bys: {name}"
            raise SodaError(400, code, message, {"column": name, "dataset": dataset})
    return Query(
        outputs=outputs,
        where=" AND ".join(f"({condition})" for condition in conditions),
        group=group,
        aggregated=aggregated,
        having=having,
        order=order,
        limit=_count(clauses, "$limit", DEFAULT_LIMIT, MAX_LIMIT),
        offset=_count(clauses, "$offset", 0, None),
        parameters=compiler.parameters,
    )


def _count(clauses: Mapping[str, str], name: str, default: int, most: int | None) -> int:
    text = clauses.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,15}", text):
        raise SodaError(400, "invalid_request", f"Invalid value for {name}: {text!r}, expected a whole number.")
    if most is not None and int(text) > most:
        raise SodaError(400, "invalid_request", f"Invalid value for {name}: {text}, at most {most}.")
    return int(text)


def _rewritten(text: str) -> str:
    """Write SoQL's strings and names as DuckDB's: ``:id`` and `` `id` `` become quoted names."""

    def replace(match: re.Match[str]) -> str:
        token = match[0]
        if token[0] == "'":
            return token
        if token[0] == '"':
            return "'" + token[1:-1].replace("'", "''") + "'"
        return quote(token.strip("`"))

    return _SPECIAL.sub(replace, text)


@dataclass
class _Compiler:
    columns: Mapping[str, Column]
    dataset: str
    aliases: dict[str, _Value] = field(default_factory=dict)
    parameters: dict[str, object] = field(default_factory=dict)
    grouped: frozenset[str] = frozenset()
    checked: list[_Value] = field(default_factory=list)  # what must be aggregated or grouped

    # The clauses.

    def parse(self, prefix: str, text: str, clause: str) -> list[exp.Expression]:
        """Parse one clause alone; whatever makes it more than that clause is malformed."""
        try:
            tree = sqlglot.parse_one(prefix + _rewritten(text), read="duckdb")
        except (SqlglotError, RecursionError):
            raise malformed(text) from None
        if not isinstance(tree, exp.Select):
            raise malformed(text)
        present = {name for name, value in tree.args.items() if value and name != "kind"}
        if present - {"expressions", clause}:
            raise malformed(text)
        if clause == "expressions":
            return tree.expressions
        part = tree.args.get(clause)
        if part is None or len(tree.expressions) != 1:
            raise malformed(text)
        if clause in ("where", "having"):
            return [part.this]
        if {name for name, value in part.args.items() if value} != {"expressions"}:
            raise malformed(text)
        return part.expressions

    def select(self, text: str, columns: Sequence[Column], ordered: bool) -> tuple[Output, ...]:
        outputs: dict[str, Output] = {}
        for node in self.parse("SELECT ", text, "expressions"):
            alias = None
            if isinstance(node, exp.Alias):
                alias, node = node.alias, node.this
            star = isinstance(node, exp.Star) and not any(node.args.values())
            system_star = isinstance(node, exp.Column) and node.name == ":*" and not node.table
            if star or system_star:
                if alias:
                    raise malformed(text)
                for column in columns:
                    # The portal drops its computed columns from * as soon as an order is asked for.
                    if column.system == system_star and not (column.computed and ordered):
                        outputs[column.name] = Output(column.name, column.type, column.sql)
                        self.checked.append(self.column(column))
                continue
            value = self.value(node, text)
            name = alias or _default_name(node)
            if alias:
                self.aliases[alias] = value
            outputs[name] = Output(name, value.type, _written(value))
            self.checked.append(value)
        if not outputs:
            raise malformed(text)
        return tuple(outputs.values())

    def condition(self, text: str, clause: str) -> str:
        (node,) = self.parse(f"SELECT 1 {clause.upper()} ", text, clause)
        value = self.value(node, text)
        if clause == "having":
            self.checked.append(value)
        elif value.aggregate:
            code = "query.soql.aggregate-in-ungrouped-context"
            raise SodaError(400, code, f"Query coordinator error: {code}; aggregate in $where")
        if value.type != CHECKBOX:
            raise type_mismatch(f"${clause}", value.type)
        return _native(value)

    def any_aggregate(self) -> bool:
        return bool(self.grouped) or any(value.aggregate for value in self.checked)

    def equals(self, name: str, text: str) -> str:
        column = self.columns.get(name)
        if column is None:
            raise no_such_column(name, self.dataset)
        return self.compare("=", self.column(column), self.literal(text, TEXT)).sql

    def group(self, text: str) -> tuple[str, ...]:
        values = [self.value(node, text) for node in self.parse("SELECT 1 GROUP BY ", text, "group")]
        if any(value.aggregate or not value.columns for value in values):
            raise malformed(text)
        return tuple(value.sql for value in values)

    def order(self, text: str) -> tuple[str, ...]:
        terms = []
        for node in self.parse("SELECT 1 ORDER BY ", text, "order"):
            if not isinstance(node, exp.Ordered) or node.args.get("with_fill"):
                raise malformed(text)
            value = self.value(node.this, text)
            if value.type not in _COMPARABLE:
                raise type_mismatch("$order", value.type)
            if value.aggregate and not self.any_aggregate():
                raise malformed(text)
            self.checked.append(value)
            # As PostgreSQL, on which the portal stands: null is the largest value.
            direction = "DESC NULLS FIRST" if node.args.get("desc") else "ASC NULLS LAST"
            terms.append(f"{_native(value)} {direction}")
        return tuple(terms)

    # The expressions.

    def value(self, node: exp.Expression, text: str) -> _Value:
        try:
            return self._value(node, text)
        except RecursionError:
            raise malformed(text) from None

    def _value(self, node: exp.Expression, text: str) -> _Value:
        handler = _HANDLERS.get(type(node))
        if handler is None:
            if isinstance(node, exp.Func):
                raise no_such_function(_function_name(node))
            raise malformed(text)
        value = handler(self, node, text)
        return replace(value, columns=frozenset()) if value.sql in self.grouped else value

    def _comparison(self, node: exp.Binary, text: str) -> _Value:
        left, right = self._value(node.this, text), self._value(node.expression, text)
        return self.compare(_COMPARISONS[type(node)], left, right)

    def column(self, column: Column) -> _Value:
        return _Value(column.sql, column.type, columns=frozenset({column.name}))

    def literal(self, text: str, type_name: str) -> _Value:
        value: object = text
        if type_name == NUMBER:
            try:
                value = float(text)
            except ValueError:
                raise malformed(text) from None
        return _Value(self.bind(value), type_name, literal=text, text=isinstance(value, str))

    def bind(self, value: object) -> str:
        """Return the parameter that holds a value; the same value is the same parameter."""
        for name, bound in self.parameters.items():
            if type(bound) is type(value) and bound == value:
                return f"${name}"
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"

    def compare(self, operator: str, left: _Value, right: _Value) -> _Value:
        left, right = self.agree(operator, left, right)
        return _combined(f"({_native(left)} {operator} {_native(right)})", left, right)

    def agree(self, operator: str, left: _Value, right: _Value) -> tuple[_Value, _Value]:
        """Bring two operands to one type: a string literal takes the type of what it is compared with."""
        for value in (left, right):
            if value.type not in _COMPARABLE:
                raise type_mismatch(operator, value.type)
        left, right = self.coerced(operator, left, right.type), self.coerced(operator, right, left.type)
        if left.type != right.type and not {left.type, right.type} <= _LIKE_TEXT:
            raise type_mismatch(operator, right.type)
        return left, right

    def coerced(self, operator: str, value: _Value, type_name: str) -> _Value:
        if value.literal is None or value.type != TEXT or type_name in _LIKE_TEXT:
            return value
        if type_name in (FLOATING, FIXED):
            return _Value(self.bind(_timestamp(operator, value.literal, type_name)), type_name)
        if type_name == NUMBER and re.fullmatch(r"-?\d+(\.\d+)?", value.literal):
            return self.literal(value.literal, NUMBER)
        if type_name == CHECKBOX and value.literal.lower() in ("true", "false"):
            return _Value(value.literal.upper(), CHECKBOX, text=False)
        raise type_mismatch(operator, TEXT)

    def _column(self, node: exp.Column, text: str) -> _Value:
        if node.table or not isinstance(node.this, exp.Identifier):
            raise malformed(text)
        name = node.name if node.name in self.columns else node.name.lower()
        if name in self.columns:
            return self.column(self.columns[name])
        if node.name in self.aliases:
            return self.aliases[node.name]
        raise no_such_column(node.name, self.dataset)

    def _literal(self, node: exp.Literal, text: str) -> _Value:
        return self.literal(node.this, TEXT if node.is_string else NUMBER)

    def _boolean(self, node: exp.Boolean, text: str) -> _Value:
        return _Value("TRUE" if node.this else "FALSE", CHECKBOX, text=False)

    def _negative(self, node: exp.Neg, text: str) -> _Value:
        inner = node.this
        if not isinstance(inner, exp.Literal) or inner.is_string:
            raise malformed(text)
        return self.literal(f"-{inner.this}", NUMBER)

    def _parenthesis(self, node: exp.Paren, text: str) -> _Value:
        return self._value(node.this, text)

    def _connector(self, node: exp.Connector, text: str) -> _Value:
        left, right = self._value(node.this, text), self._value(node.expression, text)
        word = "AND" if isinstance(node, exp.And) else "OR"
        for value in (left, right):
            if value.type != CHECKBOX:
                raise type_mismatch(word, value.type)
        return _combined(f"({_native(left)} {word} {_native(right)})", left, right)

    def _not(self, node: exp.Not, text: str) -> _Value:
        value = self._value(node.this, text)
        if value.type != CHECKBOX:
            raise type_mismatch("NOT", value.type)
        return _combined(f"(NOT {_native(value)})", value)

    def _is(self, node: exp.Is, text: str) -> _Value:
        if not isinstance(node.expression, exp.Null):
            raise malformed(text)
        value = self._value(node.this, text)
        return _combined(f"({value.sql} IS NULL)", value)

    def _in(self, node: exp.In, text: str) -> _Value:
        if any(value for name, value in node.args.items() if name not in ("this", "expressions")):
            raise malformed(text)
        value = self._value(node.this, text)
        parts = [self.agree("IN", value, self._value(item, text)) for item in node.expressions]
        if not parts:
            raise malformed(text)
        listed = ", ".join(_native(right) for _, right in parts)
        return _combined(f"({_native(value)} IN ({listed}))", value, *(right for _, right in parts))

    def _between(self, node: exp.Between, text: str) -> _Value:
        if node.args.get("symmetric"):
            raise malformed(text)
        value = self._value(node.this, text)
        _, low = self.agree("BETWEEN", value, self._value(node.args["low"], text))
        _, high = self.agree("BETWEEN", value, self._value(node.args["high"], text))
        return _combined(f"({_native(value)} BETWEEN {_native(low)} AND {_native(high)})", value, low, high)

    def _like(self, node: exp.Like, text: str) -> _Value:
        return self._text_test("{} LIKE {}", "LIKE", [node.this, node.expression], text)

    def _starts_with(self, node: exp.StartsWith, text: str) -> _Value:
        return self._text_test("starts_with({}, {})", "starts_with", [node.this, node.expression], text)

    def _text_test(self, template: str, name: str, nodes: list[exp.Expression], text: str) -> _Value:
        values = [self._value(node, text) for node in nodes]
        for value in values:
            if value.type not in _LIKE_TEXT:
                raise type_mismatch(name, value.type)
        return _combined("(" + template.format(*(value.sql for value in values)) + ")", *values)

    def _case(self, node: exp.Upper | exp.Lower, text: str) -> _Value:
        name = "upper" if isinstance(node, exp.Upper) else "lower"
        value = self._value(node.this, text)
        if value.type not in _LIKE_TEXT:
            raise type_mismatch(name, value.type)
        return _Value(f"{name}({value.sql})", TEXT, value.aggregate, value.columns)

    def _count(self, node: exp.Count, text: str) -> _Value:
        if node.expressions:
            raise malformed(text)
        inner = node.this
        if isinstance(inner, exp.Star) and not any(inner.args.values()):
            return _Value("count(*)", NUMBER, aggregate=True, text=False)
        distinct = isinstance(inner, exp.Distinct)
        if distinct:
            if len(inner.expressions) != 1 or inner.args.get("on"):
                raise malformed(text)
            inner = inner.expressions[0]
        value = self._inside(inner, text)
        return _Value(f"count({'DISTINCT ' if distinct else ''}{value.sql})", NUMBER, aggregate=True, text=False)

    def _extreme(self, node: exp.Max | exp.Min, text: str) -> _Value:
        name = "max" if isinstance(node, exp.Max) else "min"
        if node.expressions:
            raise malformed(text)
        value = self._inside(node.this, text)
        if value.type not in _COMPARABLE:
            raise type_mismatch(name, value.type)
        return _Value(
            f"{name}({_native(value)})", value.type, aggregate=True, text=value.type not in (NUMBER, CHECKBOX)
        )

    def _total(self, node: exp.Sum | exp.Avg, text: str) -> _Value:
        name = "sum" if isinstance(node, exp.Sum) else "avg"
        value = self._inside(node.this, text)
        if value.type != NUMBER:
            raise type_mismatch(name, value.type)
        return _Value(f"{name}({_native(value)})", NUMBER, aggregate=True, text=False)

    def _inside(self, node: exp.Expression, text: str) -> _Value:
        value = self._value(node, text)
        if value.aggregate:
            code = "query.soql.aggregate-in-ungrouped-context"
            raise SodaError(400, code, f"Query coordinator error: {code}; aggregate inside an aggregate")
        return value

    def _function(self, node: exp.Anonymous, text: str) -> _Value:
        name = str(node.this).lower()
        if name not in _TRUNCATED and name not in _EXTRACTED:
            raise no_such_function(name)
        if len(node.expressions) != 1:
            raise malformed(text)
        value = self._value(node.expressions[0], text)
        if value.type != FLOATING:
            raise type_mismatch(name, value.type)
        if name in _TRUNCATED:
            length, rest = _TRUNCATED[name]
            sql = f"(substr({value.sql}, 1, {length}) || '{rest}T00:00:00.000')"
            return _Value(sql, FLOATING, value.aggregate, value.columns)
        start, length = _EXTRACTED[name]
        sql = f"TRY_CAST(substr({value.sql}, {start}, {length}) AS BIGINT)"
        return _Value(sql, NUMBER, value.aggregate, value.columns, text=False)

    def _contains(self, node: exp.Contains, text: str) -> _Value:
        return self._text_test("contains({}, {})", "contains", [node.this, node.expression], text)


_HANDLERS: dict[type, Callable[..., _Value]] = {
    **dict.fromkeys(_COMPARISONS, _Compiler._comparison),
    exp.Column: _Compiler._column,
    exp.Literal: _Compiler._literal,
    exp.Boolean: _Compiler._boolean,
    exp.Neg: _Compiler._negative,
    exp.Paren: _Compiler._parenthesis,
    exp.And: _Compiler._connector,
    exp.Or: _Compiler._connector,
    exp.Not: _Compiler._not,
    exp.Is: _Compiler._is,
    exp.In: _Compiler._in,
    exp.Between: _Compiler._between,
    exp.Like: _Compiler._like,
    exp.StartsWith: _Compiler._starts_with,
    exp.Contains: _Compiler._contains,
    exp.Upper: _Compiler._case,
    exp.Lower: _Compiler._case,
    exp.Count: _Compiler._count,
    exp.Max: _Compiler._extreme,
    exp.Min: _Compiler._extreme,
    exp.Sum: _Compiler._total,
    exp.Avg: _Compiler._total,
    exp.Anonymous: _Compiler._function,
}


def _combined(sql: str, *values: _Value) -> _Value:
    columns = frozenset[str]().union(*(value.columns for value in values))
    return _Value(sql, CHECKBOX, any(value.aggregate for value in values), columns, text=False)


def _native(value: _Value) -> str:
    """Return SQL that sorts and compares as the type does: the rows hold every value as text."""
    if value.text and value.type == NUMBER:
        return f"TRY_CAST({value.sql} AS DOUBLE)"
    if value.text and value.type == CHECKBOX:
        return f"TRY_CAST({value.sql} AS BOOLEAN)"
    return value.sql


def _written(value: _Value) -> str:
    """Return SQL of the text in which the portal answers a value: 3, not 3.0."""
    if value.text:
        return value.sql
    return f"regexp_replace(CAST({value.sql} AS VARCHAR), '\\.0$', '')"


def _timestamp(operator: str, text: str, type_name: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise type_mismatch(operator, TEXT) from None
    if type_name == FLOATING:
        if moment.tzinfo is not None:
            raise type_mismatch(operator, FIXED)
        return moment.isoformat(timespec="milliseconds")
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"


def _function_name(node: exp.Func) -> str:
    return str(node.this) if isinstance(node, exp.Anonymous) else node.sql_name().lower()


def _default_name(node: exp.Expression) -> str:
    """Return the name the portal gives a field without alias: ``count``, ``max_inspection_date``."""
    if isinstance(node, exp.Column):
        return node.name if node.name.startswith(":") else node.name.lower()
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
        return "count"
    words = [_function_name(node)] if isinstance(node, exp.Func) else []
    words += [column.name.lstrip(":@") for column in node.find_all(exp.Column)]
    return "_".join(words).lower() or "literal"
