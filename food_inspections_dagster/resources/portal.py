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
from urllib.parse import urlsplit

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import requests
import tenacity
from dagster import ConfigurableResource, ResourceDependency
from pydantic import PrivateAttr, SecretStr
from sodapy import Socrata

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.frames import sorted_by
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import WEEK, monday, week_range

SYSTEM_FIELDS = (":id", ":created_at", ":updated_at", ":version")
_LONGEST_WAIT_SECONDS = 300.0  # a portal that asks for more is closed for now: say so, and let a later run try
_LONGEST_BACKOFF_SECONDS = 30.0
_GROUP_ROWS = 50_000  # the most rows that SODA 2.1 gives at once; there are 6,000 days
_T = TypeVar("_T")
Progress = Callable[[int, int], None]


class WeekChange(NamedTuple):
    """Rows of a week that changed since a cursor, and the newest ``:updated_at`` among them."""

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
    """Inspections of one dataset of a SODA 2.1 portal.

    Attributes:
        url: base URL; http for a loopback address only.
        dataset: four-by-four id.
        app_token: of the portal; empty for none. Never shown.
        page_rows: most rows of one answer.
        retries: how often a failed request is repeated.
        backoff_seconds: pause before the first repetition; it doubles, with jitter.
    """

    url: str
    dataset: str
    app_token: ResourceDependency[SecretStr] = SecretStr("")  # type: ignore[assignment]
    timeout_seconds: float = 60.0
    page_rows: int = 50_000
    retries: int = 5
    backoff_seconds: float = 0.5
    _client: Socrata | None = PrivateAttr(None)

    @classmethod
    def from_settings(cls, settings: Settings) -> "PortalClient":
        """Return the client for the portal that the settings name."""
        portal = settings.portal
        return cls(
            url=portal.url,
            dataset=portal.dataset,
            app_token=portal.app_token or SecretStr(""),
            timeout_seconds=portal.timeout_seconds,
            page_rows=portal.page_rows,
            retries=portal.retries,
            backoff_seconds=portal.backoff_seconds,
        )

    def fetch_weeks(self, first: date, last: date, progress: Progress | None = None) -> pd.DataFrame:
        """Return all rows of the weeks from ``first`` to ``last``, exactly as sent.

        Args:
            first, last: Mondays, both included.
            progress: called with the rows so far and the rows to come.

        Returns:
            One row per inspection, every column text and Arrow-backed as in the portal's answer, and ``week``
            (date32); sorted by week and ``:id``. What was no JSON string is kept as its JSON text.

        Raises:
            FoodInspectionsError: when the portal cannot be read, or its rows differ from its own counts.
        """
        counts = self.week_counts(first, last)
        total, done = sum(counts.values()), 0
        published = list(self.schema())
        select = _select(published)
        tables = []
        # One request at a time: two at once were no faster on two cores, and are less polite.
        for weeks in _chunks(counts, self.page_rows):
            table = self._chunk(select, weeks, {week: counts[week] for week in weeks})
            tables.append(table)
            done += table.num_rows
            if progress:
                progress(done, max(total, done))
        # A row that has no value of a column does not name it. Every column that the portal publishes is kept, in its
        # order, so that a week has the same columns whatever weeks are fetched with it.
        columns = pa.schema([("week", pa.date32()), *((name, pa.string()) for name in (*SYSTEM_FIELDS, *published))])
        united = pa.concat_tables([columns.empty_table(), *tables], promote_options="default")
        more = sorted(set(united.column_names) - set(columns.names))
        united = united.select([*columns.names, *more])
        return united.to_pandas(types_mapper=pd.ArrowDtype)

    def week_counts(self, first: date, last: date) -> dict[date, int]:
        """Return the portal's own number of rows for each week, 0 where it has none."""
        rows = self._get(
            select="date_trunc_ymd(inspection_date) as day, count(*) as rows",
            where=_between(first, last),
            group="day",
            order="day",
            limit=_GROUP_ROWS,
        )
        counts = dict.fromkeys(week_range(first, last), 0)
        for row in rows:
            counts[monday(date.fromisoformat(row["day"][:10]))] += int(row["rows"])
        return counts

    def weeks_changed_since(self, cursor: str) -> dict[date, WeekChange]:
        """Return the weeks that hold rows changed after ``cursor``.

        A row that was deleted does not show here; compare :meth:`week_counts` with what is stored.

        Args:
            cursor: a value of ``:updated_at``, e.g. ``2024-01-02T03:04:05.678Z``.
        """
        _check_moment(cursor)
        rows = self._get(
            select="date_trunc_ymd(inspection_date) as day, count(*) as rows, max(:updated_at) as newest",
            where=f":updated_at > '{cursor}' AND inspection_date IS NOT NULL",
            group="day",
            order="day",
            limit=_GROUP_ROWS,
        )
        changes: dict[date, WeekChange] = {}
        for row in rows:
            week = monday(date.fromisoformat(row["day"][:10]))
            before = changes.get(week, WeekChange(0, ""))
            changes[week] = WeekChange(before.rows + int(row["rows"]), max(before.newest, row["newest"]))
        return changes

    def undated_rows(self) -> int:
        """Return the number of rows without ``inspection_date``: no week holds them, so no fetch brings them."""
        return int(self._get(select="count(*) as rows", where="inspection_date IS NULL")[0]["rows"])

    def updated_at(self) -> datetime:
        """Return when the dataset's rows were last changed, in UTC."""
        return datetime.fromtimestamp(int(self._metadata()["rowsUpdatedAt"]), UTC)

    def date_range(self) -> tuple[date, date]:
        """Return the first and the last day that has an inspection.

        Raises:
            FoodInspectionsError: when the dataset is empty.
        """
        rows = self._get(select="min(inspection_date) as first, max(inspection_date) as last")
        if not rows or not rows[0].get("first"):
            raise FoodInspectionsError(f"The dataset {self.dataset} of {self.url} holds no inspection yet.")
        return date.fromisoformat(rows[0]["first"][:10]), date.fromisoformat(rows[0]["last"][:10])

    def schema(self) -> dict[str, str]:  # type: ignore[override]
        """Return the portal's type of each column, computed ones included, system fields not."""
        return {str(c["fieldName"]): str(c["dataTypeName"]) for c in self._metadata()["columns"]}

    def _metadata(self) -> dict[str, Any]:
        answer = self._ask(lambda client: client.get_metadata(self.dataset))
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
        pages = list(self._pages(select, _between(weeks[0], weeks[-1]), sum(counts.values())))
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
            rows = self._get(select=select, where=where, order=":id", limit=self.page_rows, offset=offset)
            yield _to_arrow(rows, self.url)
            offset += len(rows)
            # A full page may be the last one; the count says so and saves a request.
            if len(rows) < self.page_rows or offset == expected:
                return

    def _get(self, **clauses: Any) -> list[dict[str, Any]]:
        def ask(client: Socrata) -> list[dict[str, Any]]:
            rows = client.get(self.dataset, **clauses)
            if not isinstance(rows, list):  # an empty body, or text in place of JSON
                raise _Transient("an answer that is no list of rows")
            return rows

        return self._ask(ask)

    def _ask(self, request: Callable[[Socrata], _T]) -> _T:
        if self._client is None:
            self._client = self._connect()
        client = self._client
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.retries + 1),
            retry=tenacity.retry_if_exception_type(_Transient),
            wait=self._wait,
            sleep=time.sleep,
            reraise=True,
        )
        try:
            return attempts(self._once, client, request)
        except _Transient as error:
            tries = f"{self.retries + 1} attempts" if self.retries else "one attempt"
            raise FoodInspectionsError(
                f"{self.url} cannot be read after {tries} ({error}): check the address and the network, or try later."
            ) from None

    def _once(self, client: Socrata, request: Callable[[Socrata], _T]) -> _T:
        try:
            return request(client)
        except requests.HTTPError as error:
            raise self._refusal(error) from None
        except requests.Timeout:
            raise _Transient(f"no answer within {self.timeout_seconds:g} s") from None
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            raise _Transient("the answer broke off") from None
        except requests.ConnectionError as error:
            raise _Transient(_connection_words(error)) from None
        except (ValueError, requests.exceptions.InvalidJSONError):
            raise _Transient("broken JSON") from None
        except requests.RequestException as error:
            raise FoodInspectionsError(f"{self.url} cannot be asked ({type(error).__name__}): check it.") from None
        except Exception as error:
            # sodapy raises a bare Exception for a content type it does not know, such as a proxy's HTML page.
            if type(error) is not Exception or not str(error).startswith("Unknown response format"):
                raise
            raise _Transient("an answer that is no JSON") from None

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
                f"{self.url} has no dataset {self.dataset}: check portal.url and portal.dataset."
            )
        words = re.sub(r"\s+", " ", str(error))[:300]
        return FoodInspectionsError(f"{self.url} refuses the question about {self.dataset} ({words}).")

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        backoff = min(self.backoff_seconds * 2 ** (state.attempt_number - 1), _LONGEST_BACKOFF_SECONDS)
        # Full jitter around the middle: clients that failed together must not come back together.
        backoff *= random.uniform(0.5, 1.5)  # noqa: S311 - no secret depends on it
        return max(backoff, getattr(error, "wait", None) or 0.0)

    def _connect(self) -> Socrata:
        parts = urlsplit(self.url)
        token = self.app_token.get_secret_value()
        # Without a token sodapy warns through the root logger, on every start of every process.
        client = Socrata(parts.netloc + parts.path, token or "none", timeout=self.timeout_seconds)
        if not token:
            del client.session.headers["X-App-token"]
        client.uri_prefix = f"{parts.scheme}://"
        client.session.hooks["response"].append(_as_utf8)
        return client


def compare_schema(expected: Mapping[str, str], received: Mapping[str, str]) -> SchemaDifference:
    """Compare the columns a portal has with those that are expected; both map names to types."""
    both = expected.keys() & received.keys()
    return SchemaDifference(
        new=tuple(sorted(received.keys() - expected.keys())),
        missing=tuple(sorted(expected.keys() - received.keys())),
        retyped={c: (expected[c], received[c]) for c in sorted(both) if expected[c] != received[c]},
    )


def _select(columns: Sequence[str]) -> str:
    # Computed columns vanish from `*` as soon as there is an $order, so each is named.
    return ", ".join([":*", "*", *sorted(name for name in columns if name.startswith(":@"))])


def _between(first: date, last: date) -> str:
    end = last + WEEK
    return f"inspection_date >= '{first}T00:00:00.000' AND inspection_date < '{end}T00:00:00.000'"


def _chunks(counts: Mapping[date, int], rows: int) -> Iterator[list[date]]:
    """Group consecutive weeks so that a chunk fits one page; a larger week stands alone, empty ones are
    skipped."""
    chunk: list[date] = []
    held = 0
    for week in sorted(counts):
        if chunk and held + counts[week] > rows:
            yield chunk
            chunk, held = [], 0
        if counts[week] or (chunk and held < rows):
            chunk.append(week)
            held += counts[week]
    if held:
        yield chunk


def _to_arrow(rows: list[dict[str, Any]], url: str) -> pa.Table:
    names = dict.fromkeys(("inspection_date", ":id"))
    for row in rows:
        names.update(dict.fromkeys(row))
    columns: dict[str, pa.Array] = {}
    for name in names:
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values, pa.string())
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            columns[name] = pa.array([_as_text(v) for v in values], pa.string())
    days = pc.utf8_slice_codeunits(columns["inspection_date"], 0, 10)
    try:
        day_numbers = pc.cast(days, pa.date32()).cast(pa.int32())
    except pa.ArrowInvalid:
        raise FoodInspectionsError(
            f"{url} sent an inspection_date that is no date: its schema has changed, so nothing was stored."
        ) from None
    if day_numbers.null_count or columns[":id"].null_count:
        raise FoodInspectionsError(f"{url} sent rows without :id or inspection_date, so nothing was stored.")
    # 1970-01-05 was a Monday.
    numbers = day_numbers.to_numpy()
    weeks = pa.array(numbers - (numbers - 4) % 7, pa.int32()).cast(pa.date32())
    return pa.table({"week": weeks, **columns})


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def _as_utf8(response: requests.Response, *_: Any, **__: Any) -> None:
    # JSON is UTF-8. Where the header does not say so, requests guesses over the whole body: minutes for a
    # page.
    if response.encoding is None:
        response.encoding = "utf-8"


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


def _check_moment(cursor: str) -> None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", cursor):
        raise FoodInspectionsError(f"'{cursor}' is no moment of the portal, such as 2024-01-02T03:04:05.678Z.")
