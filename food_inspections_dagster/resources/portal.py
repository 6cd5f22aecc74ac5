"""The open data portal, read through sodapy: complete weeks or nothing.

For a range of weeks: count the rows per week, fetch chunks of whole weeks of about one page each, and
compare what came with the counts. Rows are edited and moved while one pages, so a chunk that differs is
fetched once more.
"""

import email.utils
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import requests
import tenacity
from dagster import ConfigurableResource, ResourceDependency
from pydantic import Field, PrivateAttr, SecretStr

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.frames import sorted_by, to_pandas
from food_inspections_dagster.resources.socrata import Body, NotJsonError, PortalSession
from food_inspections_dagster.resources.soda_rows import parse_rows
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, monday, week_range

SYSTEM_FIELDS = (":id", ":created_at", ":updated_at", ":version")
_LONGEST_WAIT_SECONDS = 300.0  # a portal that asks for more is closed for now: say so, and let a later run try
_LONGEST_BACKOFF_SECONDS = 30.0
_IDENTITY = ("metadata", "custom_fields", "food_inspections", "identity")  # where our server publishes its name
_GROUP_ROWS = 50_000  # the most rows that SODA 2.1 gives at once; there are 6,000 days
_T = TypeVar("_T")
Progress = Callable[[str, int, int], None]
"""Called with what is fetched, such as "rows" or "rows of crimes", the rows so far and the rows to come."""


class WeekState(NamedTuple):
    """Number of a week's rows, and the newest ``:updated_at`` among them (with milliseconds), "" without rows."""

    rows: int
    newest: str


class SchemaDifference(NamedTuple):
    """Columns that differ from what is expected: names, and for ``retyped`` the type before and now."""

    new: tuple[str, ...]
    missing: tuple[str, ...]
    retyped: dict[str, tuple[str, str]]


class _Transient(Exception):
    """A failure that may pass: try again, after ``wait`` seconds where the portal names them."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


class PortalClient(ConfigurableResource):
    """Rows of one dataset of a SODA 2.1 portal, by week; :meth:`for_dataset` gives the client of another one.

    Attributes:
        url: base URL; http for a loopback address only.
        dataset: four-by-four id.
        date_column: the column whose date decides in which week a row lies. None: rows have no date, were always
            there, and so lie in the first week of the calendar.
        where: a SoQL condition on the rows that count; empty for all.
        columns: the only columns to fetch beside the system fields; those that the portal lacks are left out. Empty:
            all.
        earlier: whether rows dated before the calendar count; they lie in its first week.
        app_token: of the portal; empty for none. Never shown.
        timeout_seconds: longest wait for a connection, and longest silence of the portal, not of an answer as a whole.
            After each failure the silence may be twice as long: a slow machine is slow, not broken.
        page_rows: most rows of one answer.
        retries: how often a failed request is repeated.
        backoff_seconds: pause before the first repetition; it doubles, with jitter.
        what: what is fetched, for progress.
        data_name: under which its rows are kept; a portal that publishes another identity is refused. Empty: any.
    """

    url: str
    dataset: str
    date_column: str | None = "inspection_date"
    where: str = ""
    columns: list[str] = Field(default_factory=list)
    earlier: bool = False
    what: str = "rows"
    app_token: ResourceDependency[SecretStr] = SecretStr("")  # type: ignore[assignment]
    timeout_seconds: float = 60.0
    page_rows: int = 50_000
    retries: int = 5
    backoff_seconds: float = 0.5
    data_name: str = ""
    _listener: Progress | None = PrivateAttr(None)
    _session: PortalSession | None = PrivateAttr(None)

    @classmethod
    def from_settings(cls, settings: Settings) -> "PortalClient":
        """Return the client for the inspections of the portal that the settings name."""
        portal = settings.portal
        return cls(
            url=portal.url,
            dataset=portal.dataset,
            app_token=portal.app_token or SecretStr(""),
            timeout_seconds=portal.timeout_seconds,
            page_rows=portal.page_rows,
            retries=portal.retries,
            backoff_seconds=portal.backoff_seconds,
            data_name=portal.name or "" if portal.is_loopback else "",
        )

    def for_dataset(self, dataset: str, date_column: str | None, **changed: Any) -> "PortalClient":
        """Return the client of another dataset of the same portal, with the same session and listener.

        Args:
            changed: other fields that differ, such as ``where`` or ``retries``.
        """
        client = self.model_copy(
            update={"dataset": dataset, "date_column": date_column, "where": "", "columns": [], "earlier": False}
            | changed
        )
        client._session, client._listener = self._connected(), self._listener
        return client

    def listen(self, progress: Progress) -> None:
        """Call ``progress`` with the rows so far and the rows to come, whenever rows are fetched."""
        self._listener = progress

    def check_identity(self) -> None:
        """Refuse a portal that publishes another identity than the name under which its rows are kept.

        Raises:
            FoodInspectionsError: naming both.
        """
        published = self.identity()
        if self.data_name and published not in (None, self.data_name):
            raise FoodInspectionsError(
                f"{self.url} serves {published}, and its rows would be kept under {self.data_name}: set portal.name "
                f"to {published}, or start the portal of {self.data_name}."
            )

    def fetch_weeks(self, first: date, last: date, progress: Progress | None = None) -> pd.DataFrame:
        """Return all rows of the weeks from ``first`` to ``last``, exactly as sent.

        Args:
            first, last: Mondays, both included.
            progress: in place of the one that listens.

        Returns:
            One row per row of the portal, every column text and Arrow-backed as in its answer, and ``week`` (date32);
            sorted by week and ``:id``. What was no JSON string is kept as its JSON text; half of a surrogate pair,
            which no UTF-8 can hold, becomes U+FFFD.

        Raises:
            FoodInspectionsError: when the portal cannot be read, or its rows differ from its own counts.
        """
        self.check_identity()
        counts = self.week_counts(first, last)
        total, done = sum(counts.values()), 0
        progress = progress or self._listener
        published = [name for name in self.schema() if not self.columns or name in self.columns]
        select = _select(published, whole=not self.columns)
        tables = []
        # One request at a time: two at once were no faster on two cores, and are less polite.
        for weeks in _chunks(counts, self.page_rows):
            table = self._chunk(select, weeks, {week: counts[week] for week in weeks})
            tables.append(table)
            done += table.num_rows
            if progress:
                progress(self.what, done, max(total, done))
        # A row that has no value of a column does not name it. Every column that the portal publishes is kept, in its
        # order, so that a week has the same columns whatever weeks are fetched with it.
        columns = pa.schema([("week", pa.date32()), *((name, pa.string()) for name in (*SYSTEM_FIELDS, *published))])
        united = pa.concat_tables([columns.empty_table(), *tables], promote_options="default")
        more = sorted(set(united.column_names) - set(columns.names))
        united = united.select([*columns.names, *more])
        return to_pandas(united)

    def week_states(self, first: date, last: date) -> dict[date, WeekState]:
        """Return what the portal holds of each week, in one request.

        Whatever is added, edited, moved or deleted changes the state of each week concerned: an edit moves the newest
        moment, and what only leaves a week changes its number of rows.

        Args:
            first, last: Mondays, both included.
        """
        states = dict.fromkeys(week_range(first, last), WeekState(0, ""))
        newest = "count(*) as rows, max(:updated_at) as newest"
        if self.date_column is None:
            if FIRST_WEEK in states:
                whole = self._get(select=newest, **self._filtered(self.where))[0]
                states[FIRST_WEEK] = WeekState(int(whole["rows"]), whole.get("newest", ""))
            return states
        rows = self._get(
            select=f"date_trunc_ymd({self.date_column}) as day, {newest}",
            where=self._between(first, last),
            group="day",
            order="day",
            limit=_GROUP_ROWS,
        )
        for row in rows:
            week = monday(date.fromisoformat(row["day"][:10]))
            week = max(week, FIRST_WEEK) if self.earlier else week
            before = states[week]
            states[week] = WeekState(before.rows + int(row["rows"]), max(before.newest, row.get("newest", "")))
        return states

    def week_counts(self, first: date, last: date) -> dict[date, int]:
        """Return the portal's own number of rows for each week, 0 where it has none."""
        return {week: state.rows for week, state in self.week_states(first, last).items()}

    def undated_rows(self) -> int:
        """Return the number of rows without a date that should have one: no week holds them, so no fetch does."""
        if self.date_column is None:
            return 0
        return int(self._get(select="count(*) as rows", where=f"{self.date_column} IS NULL")[0]["rows"])

    def updated_at(self) -> datetime:
        """Return when the dataset's rows were last changed, in UTC, in whole seconds.

        Two edits within a second look the same here: compare :meth:`week_states` to miss none.
        """
        return datetime.fromtimestamp(int(self._metadata()["rowsUpdatedAt"]), UTC)

    def identity(self) -> str | None:
        """Return the name by which the portal tells its data from any other's, such as ``simulated-2010``.

        Our own server publishes one; of any other portal it is None, and the host names the data.
        """
        part: Any = self._metadata()
        for name in _IDENTITY:
            part = part.get(name) if isinstance(part, dict) else None
        return part if isinstance(part, str) and part else None

    def date_range(self) -> tuple[date, date]:
        """Return the first and the last day that has a row.

        Raises:
            FoodInspectionsError: when the dataset is empty.
        """
        rows = self._get(select=f"min({self.date_column}) as first, max({self.date_column}) as last")
        if not rows or not rows[0].get("first"):
            raise FoodInspectionsError(f"The dataset {self.dataset} of {self.url} holds no row with a date yet.")
        return date.fromisoformat(rows[0]["first"][:10]), date.fromisoformat(rows[0]["last"][:10])

    def schema(self) -> dict[str, str]:  # type: ignore[override]
        """Return the portal's type of each column, computed ones included, system fields not."""
        return {str(c["fieldName"]): str(c["dataTypeName"]) for c in self._metadata()["columns"]}

    def _metadata(self) -> dict[str, Any]:
        answer = self._ask(lambda session: session.get_metadata(self.dataset).value())
        if not isinstance(answer, dict) or "columns" not in answer:
            raise FoodInspectionsError(f"{self.url} gives no metadata for {self.dataset}: is it a SODA portal?")
        return answer

    def _chunk(self, select: str, weeks: Sequence[date], counts: Mapping[date, int]) -> pa.Table:
        """Fetch whole weeks; a difference to the portal's counts is given a second look, for rows move."""
        table, difference = self._try_chunk(select, weeks, counts)
        if difference:
            table, difference = self._try_chunk(select, weeks, self.week_counts(weeks[0], weeks[-1]))
        if difference:
            raise FoodInspectionsError(f"{difference}, twice: nothing was stored, run again later.")
        return table

    def _try_chunk(self, select: str, weeks: Sequence[date], counts: Mapping[date, int]) -> tuple[pa.Table, str]:
        pages = list(self._pages(select, self._between(weeks[0], weeks[-1]), sum(counts.values())))
        table = pa.concat_tables(pages, promote_options="default")
        table = sorted_by(table, ["week", ":id"])
        ids = table[":id"]
        repeated = len(ids) - pc.count_distinct(ids, mode="all").as_py()
        received = dict(zip(*np.unique(table["week"].to_numpy(), return_counts=True), strict=True))
        for week in sorted({*counts, *(w.item() for w in received)}):
            here = int(received.get(np.datetime64(week, "D"), 0))
            if here != counts.get(week, 0):
                note = f" ({repeated} of them repeated)" if repeated else ""
                return table, (
                    f"{self.url} sent {here} rows{note} for the week {week} and counts {counts.get(week, 0)} itself"
                )
        if repeated:
            return table, f"{self.url} sent {repeated} rows of {weeks[0]} to {weeks[-1]} more than once"
        return table, ""

    def _pages(self, select: str, where: str, expected: int) -> Iterator[pa.Table]:
        offset = 0
        while True:
            rows = self._rows(select=select, order=":id", limit=self.page_rows, offset=offset, **self._filtered(where))
            yield self._with_weeks(rows)
            offset += rows.num_rows
            # A full page may be the last one; the count says so and saves a request.
            if rows.num_rows < self.page_rows or offset == expected:
                return

    def _between(self, first: date, last: date) -> str:
        """Return the condition on the rows of some weeks; empty for all rows."""
        column, end = self.date_column, last + WEEK
        parts = [f"({self.where})"] if self.where else []
        if column is not None:
            since_ever = self.earlier and first == FIRST_WEEK
            parts += [] if since_ever else [f"{column} >= '{first}T00:00:00.000'"]
            parts.append(f"{column} < '{end}T00:00:00.000'")
        return " AND ".join(parts)

    @staticmethod
    def _filtered(where: str) -> dict[str, str]:
        return {"where": where} if where else {}

    def _with_weeks(self, rows: pa.Table) -> pa.Table:
        for name in (self.date_column, ":id"):
            if name is not None and name not in rows.column_names:
                rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.string()))
        if rows[":id"].null_count:
            raise FoodInspectionsError(f"{self.url} sent rows without :id, so nothing was stored.")
        if self.date_column is None:
            return rows.add_column(0, "week", pa.array([FIRST_WEEK] * rows.num_rows, pa.date32()))
        try:
            days = pc.cast(pc.utf8_slice_codeunits(rows[self.date_column], 0, 10), pa.date32())
        except pa.ArrowInvalid:
            raise FoodInspectionsError(
                f"{self.url} sent a {self.date_column} that is no date: its schema has changed, so nothing was stored."
            ) from None
        if days.null_count:
            raise FoodInspectionsError(f"{self.url} sent rows without {self.date_column}, so nothing was stored.")
        # 1970-01-05 was a Monday.
        numbers = days.cast(pa.int32()).to_numpy()
        mondays = numbers - (numbers - 4) % 7
        if self.earlier:
            mondays = np.maximum(mondays, np.datetime64(FIRST_WEEK, "D").astype(np.int32))
        return rows.add_column(0, "week", pa.array(mondays, pa.int32()).cast(pa.date32()))

    def _rows(self, **clauses: Any) -> pa.Table:
        """Ask for rows; every column is text."""

        def ask(session: PortalSession) -> pa.Table:
            body: Body = session.get(self.dataset, **clauses)
            return parse_rows(body.text, body.fields)

        return self._ask(ask)

    def _get(self, **clauses: Any) -> list[dict[str, Any]]:
        """Ask for a few rows, such as counts."""

        def ask(session: PortalSession) -> list[dict[str, Any]]:
            rows = session.get(self.dataset, **clauses).value()
            if not isinstance(rows, list):
                raise _Transient("an answer that is no list of rows")
            return rows

        return self._ask(ask)

    def _ask(self, request: Callable[[PortalSession], _T]) -> _T:
        session = self._connected()
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.retries + 1),
            retry=tenacity.retry_if_exception_type(_Transient),
            wait=self._wait,
            sleep=time.sleep,
            reraise=True,
        )
        try:
            for attempt in attempts:
                with attempt:
                    silence = self.timeout_seconds * 2 ** (attempt.retry_state.attempt_number - 1)
                    session.wait_at_most(self.timeout_seconds, silence)
                    return self._once(session, request)
        except _Transient as error:
            tries = f"{self.retries + 1} attempts" if self.retries else "one attempt"
            raise FoodInspectionsError(
                f"{self.url} cannot be read after {tries} ({error}): check the address and the network, or try later."
            ) from None
        raise AssertionError("tenacity ends with a result or an error")

    def _connected(self) -> PortalSession:
        if self._session is None:
            self._session = PortalSession(self.url, self.app_token.get_secret_value())
        return self._session

    def _once(self, session: PortalSession, request: Callable[[PortalSession], _T]) -> _T:
        try:
            return request(session)
        except requests.HTTPError as error:
            raise self._refusal(error) from None
        except requests.ConnectTimeout:
            raise _Transient(f"no connection within {self.timeout_seconds:g} s") from None
        except requests.Timeout:
            raise _Transient("no answer in time") from None
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            raise _Transient("the answer broke off") from None
        except requests.ConnectionError as error:
            raise _Transient(_connection_words(error)) from None
        except NotJsonError:
            raise _Transient("an answer that is no JSON") from None
        except (ValueError, requests.exceptions.InvalidJSONError):
            raise _Transient("broken JSON") from None
        except requests.RequestException as error:
            raise FoodInspectionsError(f"{self.url} cannot be asked ({type(error).__name__}): check it.") from None

    def _refusal(self, error: requests.HTTPError) -> Exception:
        status = error.response.status_code
        if status == 429 or status >= 500:
            wait = _retry_after(error.response.headers.get("Retry-After"))
            if wait is not None and wait > _LONGEST_WAIT_SECONDS:
                return FoodInspectionsError(
                    f"{self.url} asks to wait {wait:.0f} s before the next request: run again after that."
                )
            return _Transient(f"status {status}", wait)
        if status in (401, 403):
            if self.app_token.get_secret_value():
                return FoodInspectionsError(
                    f"{self.url} refuses the app token (status {status}): correct food_inspections.api_token "
                    "in conf/local/credentials.yaml, or remove it to be served more slowly."
                )
            return FoodInspectionsError(
                f"{self.url} refuses requests without an app token (status {status}): set "
                "food_inspections.api_token in conf/local/credentials.yaml."
            )
        if status == 404:
            return FoodInspectionsError(
                f"{self.url} has no dataset {self.dataset}: check portal.url, portal.dataset and sources."
            )
        words = re.sub(r"\s+", " ", str(error))[:300]
        return FoodInspectionsError(f"{self.url} refuses the question about {self.dataset} ({words}).")

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        backoff = min(self.backoff_seconds * 2 ** (state.attempt_number - 1), _LONGEST_BACKOFF_SECONDS)
        # Full jitter around the middle: clients that failed together must not come back together.
        backoff *= random.uniform(0.5, 1.5)  # noqa: S311 - no secret depends on it
        return max(backoff, getattr(error, "wait", None) or 0.0)


def compare_schema(expected: Mapping[str, str], received: Mapping[str, str]) -> SchemaDifference:
    """Compare the columns a portal has with those that are expected; both map names to types."""
    both = expected.keys() & received.keys()
    return SchemaDifference(
        new=tuple(sorted(received.keys() - expected.keys())),
        missing=tuple(sorted(expected.keys() - received.keys())),
        retyped={c: (expected[c], received[c]) for c in sorted(both) if expected[c] != received[c]},
    )


def _select(columns: Sequence[str], whole: bool) -> str:
    # Computed columns vanish from `*` as soon as there is an $order, so each is named.
    named = sorted(name for name in columns if name.startswith(":@")) if whole else columns
    return ", ".join([":*", *(["*"] if whole else []), *named])


def _chunks(counts: Mapping[date, int], rows: int) -> Iterator[list[date]]:
    """Group consecutive weeks so that a chunk fits one page; a larger week stands alone, empty ones are
    skipped."""
    chunk: list[date] = []
    total = 0
    for week in sorted(counts):
        if chunk and total + counts[week] > rows:
            yield chunk
            chunk, total = [], 0
        if counts[week] or (chunk and total < rows):
            chunk.append(week)
            total += counts[week]
    if total:
        yield chunk


def _retry_after(header: str | None) -> float | None:
    """Seconds to wait, from a number or a date."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        moment = email.utils.parsedate_to_datetime(header) if "," in header else None
        return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment and moment.tzinfo else None


def _connection_words(error: requests.ConnectionError) -> str:
    text = str(error)
    for sign, words in (
        ("refused", "connection refused"),
        ("Name or service not known", "the host name is unknown"),
        ("nodename nor servname", "the host name is unknown"),
        ("Temporary failure in name resolution", "the host name cannot be resolved"),
        ("CERTIFICATE", "its certificate is not trusted"),
        ("reset", "the connection was reset"),
        ("timed out", "no answer in time"),
    ):
        if sign in text:
            return words
    return "the connection failed"
