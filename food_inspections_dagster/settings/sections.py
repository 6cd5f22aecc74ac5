"""The sections of the settings. The method's parameters are the frozen dataclasses of ``modeling/rules.py``."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from food_inspections_dagster.errors import FoodInspectionsError, nearest
from food_inspections_dagster.modeling.rules import (
    LABELS,
    AlgorithmSpec,
    AuditionRule,
    AuditRule,
    MonitoringRule,
    Number,
    RemedyRule,
    RuleError,
    Schedule,
    SelectionRule,
    Target,
    ValidationRule,
    WholeNumber,
)
from food_inspections_dagster.settings.database_url import DatabaseUrl
from food_inspections_dagster.settings.groups import expand_grid, fault_in
from food_inspections_dagster.settings.names import EMBEDDED, LOOPBACK, PREFIX
from food_inspections_portal.identity import slug

Environment = Literal["local", "production"]
#: Values below models.parameters, by algorithm and parameter.
Parameters = dict[str, dict[str, JsonValue]]
#: Values below models.grids.
Grids = dict[str, dict[str, list[JsonValue]]]


class Section(BaseModel):
    """One section of the settings; it knows its keys and refuses all others. Values stand in conf/base."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def _web_address(url: str, example: str) -> SplitResult:
    # No parser is quoted: its words may hold a part of a password.
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\\]", url):
        raise ValueError(f"it must be a URL such as {example}")
    if "@" in url:
        raise ValueError("it must not hold a user or password: those have settings of their own")
    return parts


class Portal(Section):
    """The open data portal that the inspections come from."""

    url: str = Field(description="Base URL of the portal")
    name: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9-]{0,39}$",
        description="Name of the data behind a loopback URL, which does not tell it; belongs to the URL beside it",
    )
    dataset: str = Field(pattern=r"^[a-z0-9]{4}-[a-z0-9]{4}$", description="Four-by-four id of the data set")
    app_token: SecretStr | None = Field(None, description="App token of the portal; raises the limit of requests")
    timeout_seconds: Number = Field(gt=0, description="Longest wait for an answer of the portal")
    page_rows: WholeNumber = Field(ge=1, le=50_000, description="Most rows of one answer")
    retries: WholeNumber = Field(ge=0, description="How often a failed request is repeated")
    backoff_seconds: Number = Field(gt=0, description="First pause before a retry; it doubles each time")

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        parts = _web_address(url, "https://data.cityofchicago.org")
        if parts.query or parts.fragment:
            raise ValueError("it must end before any ? or #: the project adds the path and the query")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("it must begin with https:// unless it is a loopback address")
        return url.rstrip("/")

    @property
    def is_loopback(self) -> bool:
        """Whether the portal runs on this machine, so that its URL does not say whose data it serves."""
        return urlsplit(self.url).hostname in LOOPBACK

    @property
    def is_simulated(self) -> bool:
        """Whether it serves a city that is made up, so that no real establishment is meant."""
        return (self.name or "").startswith("simulated")

    @property
    def data_name(self) -> str:
        """The slug of this portal: its host, or ``name`` for a loopback address.

        Raises:
            FoodInspectionsError: for a loopback address without a name.
        """
        if not self.is_loopback:
            return slug(urlsplit(self.url).hostname or "")
        if self.name is None:
            raise FoodInspectionsError(
                f"The portal at {self.url} is on this machine, and its address does not say whose data it serves: "
                f"give portal.name beside portal.url, or the variable {PREFIX}PORTAL__NAME."
            )
        return self.name


class S3(Section):
    """How to reach an S3 bucket; what is left out comes from the usual AWS_* variables."""

    endpoint_url: str | None = Field(default=None, description="URL of an S3 server other than Amazon's")
    region: str | None = Field(default=None, description="Region of the bucket")
    access_key_id: SecretStr | None = Field(default=None, description="Access key")
    secret_access_key: SecretStr | None = Field(default=None, description="Its secret")
    session_token: SecretStr | None = Field(default=None, description="Session token, with temporary credentials")

    @field_validator("endpoint_url")
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        if url is not None:
            _web_address(url, "https://s3.example.org")
        return url


class Storage(Section):
    """The object store."""

    objects_url: str = Field("", description="s3://bucket/prefix or a directory; empty: .local/objects/<data name>")
    min_object_bytes: WholeNumber = Field(ge=1, description="A stored object below this size is a failed download")
    threads: WholeNumber = Field(ge=1, le=64, description="Objects that are read or written at once")
    timeout_seconds: Number = Field(gt=0, description="Longest wait for an answer of S3")
    retries: WholeNumber = Field(ge=0, description="How often a failed request to S3 is repeated")
    s3: S3 = S3()

    @field_validator("objects_url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        if "://" in url and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/[^@?#\s]*)?", url):
            raise ValueError("it must be a directory or s3://bucket/prefix, without a key in it")
        return url.rstrip("/")


class Database(Section):
    """Postgres: the embedded one, or the URL of a server."""

    url: SecretStr = Field(SecretStr(EMBEDDED), description=f"'{EMBEDDED}' or postgresql://user:password@host/database")
    database: str = Field(
        "", description="Application database; empty: that of the URL, else food_inspections_<data name>"
    )
    embedded_directory: Path = Field(
        Path(".local/postgres"), description="Data directory of the embedded server, below the project's folder"
    )
    owner_password: SecretStr | None = Field(
        None, description="What `food-inspections database create` gives the role food_inspections_owner"
    )
    pipeline_password: SecretStr | None = Field(None, description="The same for food_inspections_pipeline")
    reader_password: SecretStr | None = Field(None, description="The same for food_inspections_reader")

    @field_validator("url")
    @classmethod
    def _postgres(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if text != EMBEDDED:
            if not re.match(r"postgres(ql)?://", text):
                raise ValueError(f"it must be '{EMBEDDED}' or a URL that begins with postgresql://")
            DatabaseUrl.parse(text)
        return url

    @property
    def is_embedded(self) -> bool:
        """Whether the embedded server is used."""
        return self.url.get_secret_value() == EMBEDDED

    @property
    def server(self) -> DatabaseUrl | None:
        """The URL taken apart; None for the embedded server."""
        return None if self.is_embedded else DatabaseUrl.parse(self.url.get_secret_value())


class Computing(Section):
    """Where fits and features are computed: on this machine, or on a Dask cluster."""

    scheduler: str = Field(
        description="Address of a Dask scheduler, tcp://host:port or tls://host:port; empty: this machine computes"
    )
    retries: WholeNumber = Field(ge=0, description="How often a task that failed is tried again")
    timeout_seconds: Number = Field(gt=0, description="Longest wait for the scheduler, and for its first worker")
    tls_ca_file: Path | None = Field(None, description="Certificate that signed those of scheduler and workers, PEM")
    tls_certificate: Path | None = Field(None, description="Certificate that the scheduler is shown, PEM")
    tls_key: Path | None = Field(None, description="Its private key, PEM")

    @field_validator("scheduler")
    @classmethod
    def _address(cls, address: str) -> str:
        if address:
            try:
                parts = urlsplit(address)
                usable = parts.scheme in ("tcp", "tls") and bool(parts.hostname) and bool(parts.port)
            except ValueError:
                usable = False
            if not usable or not re.fullmatch(r"(tcp|tls)://[\w.\-\[\]:]+", address):
                raise ValueError("it must be an address such as tcp://10.0.0.5:8786 or tls://10.0.0.5:8786, or empty")
        return address

    @model_validator(mode="after")
    def _has_certificates(self) -> Self:
        if self.is_encrypted and not (self.tls_ca_file and self.tls_certificate and self.tls_key):
            raise ValueError("a scheduler at tls:// needs tls_ca_file, tls_certificate and tls_key")
        return self

    @property
    def is_encrypted(self) -> bool:
        """Whether who connects shows a certificate, and nobody between can read or change what is sent."""
        return self.scheduler.startswith("tls://")

    @property
    def is_loopback(self) -> bool:
        """Whether the cluster is on this machine, and shares its folders."""
        return not self.scheduler or urlsplit(self.scheduler).hostname in LOOPBACK


class Models(Section):
    """What is fitted, when, and on which rows."""

    targets: dict[str, dict[str, WholeNumber]] = Field(
        min_length=1,
        description="By label, failed or critical_violation, what its models learn: the weights of the outcomes in it",
    )
    seed: WholeNumber = Field(ge=0, lt=2**31, description="Seed of every fit")
    schedule: Schedule
    parameters: Parameters = Field(
        description="The model groups, and per group what differs from the defaults of its algorithm"
    )
    grids: Grids = Field(
        {},
        description="By algorithm and parameter, values; every combination of them is one more model group",
    )

    @field_validator("targets")
    @classmethod
    def _known(cls, targets: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        for label, weights in targets.items():
            try:
                Target(label, weights)
            except FoodInspectionsError as error:
                raise ValueError(str(error)) from None
        return targets

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The algorithms that are fitted, in the order of ``conf/base``."""
        return tuple(self.parameters)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that are foreseen, in the order of ``LABELS``."""
        return tuple(label for label in LABELS if label in self.targets)


class Features(Section):
    """Which features are computed."""

    switched_off: tuple[str, ...] = Field(
        description="Families of features that are not computed: their columns are null, and no model reads them"
    )


class Cohort(Section):
    """Who is scored: establishments seen active within a window."""

    window_days: WholeNumber = Field(
        ge=7,
        description="An establishment is active when its last record is at most so many days old, "
        "and did not find it closed",
    )


class Scores(Section):
    """The published list."""

    run_weeks: WholeNumber = Field(ge=1, description="Newest weeks that `food-inspections run` scores")
    label: str = Field(description="Label of the list that is printed and published first")
    surroundings_weight: Number = Field(
        ge=0,
        le=1,
        description="What the surroundings count in the order of a list: 1 orders by expected_find, 0 by own_risk",
    )


class Mail(Section):
    """Alerts by mail; none where no host is given."""

    host: str | None = Field(None, min_length=1, description="SMTP server; null: no mail")
    port: WholeNumber = Field(ge=1, le=65535, description="Its port: 25 or 587 as a rule, 465 with tls")
    security: Literal["none", "starttls", "tls"] = Field(
        description="How the connection is encrypted; without, no password is sent"
    )
    sender: str | None = Field(None, description="Address that alerts come from")
    recipients: tuple[str, ...] = Field(description="Addresses that they go to")
    user: str | None = Field(None, description="Where the server wants a login")
    password: SecretStr | None = Field(None, description="Its password")

    @field_validator("sender", "recipients")
    @classmethod
    def _addresses(cls, given: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for address in (given,) if isinstance(given, str) else given or ():
            if not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", address):
                raise ValueError("an address must be one such as inspections@example.org")
        return given

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.host is not None and not (self.sender and self.recipients):
            raise ValueError("with a host it needs a sender and recipients")
        if self.password is not None and (self.user is None or self.security == "none"):
            raise ValueError("a password needs a user, and security: starttls or tls")
        return self


class Alerts(Section):
    """Who hears of failures, stale data and drift; nobody unless a webhook or a mail server is given."""

    webhook_url: SecretStr | None = Field(
        None, description="URL that gets each alert as JSON, with a text as Slack, Mattermost and Teams read it"
    )
    mail: Mail
    events: tuple[Literal["run_failure", "failed_check", "warning", "drift", "stale_data"], ...] = Field(
        description="run_failure; failed_check: checks that block; drift: warnings of the monitoring; warning: all "
        "others; stale_data"
    )
    stale_after_days: WholeNumber = Field(
        ge=1, description="Days without a new inspection on the portal, or after the week of the newest list"
    )
    timeout_seconds: Number = Field(gt=0, description="Longest wait for a receiver")

    @field_validator("webhook_url")
    @classmethod
    def _https(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parts = _web_address(url.get_secret_value(), "https://hooks.example.org/services/...")
            if parts.scheme == "http" and parts.hostname not in LOOPBACK:
                raise ValueError("it must begin with https:// unless it is a loopback address")
        return url


class Tracking(Section):
    """Experiment tracking by an MLflow server; none where no URI is given."""

    uri: SecretStr = Field(
        SecretStr(""), description="URL of the server, which may hold user:password@; empty: nothing is tracked"
    )
    experiment: str = Field(
        "",
        pattern=r"^[^/:]{0,200}$",
        description="Experiment, and the beginning of the names of registered models; empty: "
        "food_inspections_<data name>",
    )
    timeout_seconds: WholeNumber = Field(ge=1, description="Longest wait for an answer")
    retries: WholeNumber = Field(ge=0, le=10, description="How often a failed request is repeated")
    run_seconds: Number = Field(
        gt=0, description="Longest time that a run waits for it after its list is made; the next sends the rest"
    )

    @field_validator("uri")
    @classmethod
    def _http(cls, uri: SecretStr) -> SecretStr:
        text = uri.get_secret_value()
        if text:
            scheme, _, rest = text.partition("://")
            user, at, place = rest.rpartition("@")
            parts = _web_address(f"{scheme}://{place}", "https://mlflow.example.org")
            if parts.query or parts.fragment or "/" in user:
                raise ValueError("it must end before any ? or #, and / in a password is written %2F")
            if at and not re.fullmatch(r"[^:]+:.+", user):
                raise ValueError(
                    "what stands before @ must be user:password; a token is given as MLFLOW_TRACKING_TOKEN"
                )
            if at and parts.scheme == "http" and parts.hostname not in LOOPBACK:
                raise ValueError("with a password it must begin with https:// unless it is a loopback address")
        return uri


class Profiles(Section):
    """What profiles of the stored data say, and what counts as a jump."""

    run_weeks: WholeNumber = Field(ge=1, description="Newest weeks that `food-inspections run` profiles")
    weeks: WholeNumber = Field(ge=1, description="Length of the newest range, and of the one before it, in weeks")
    top_values: WholeNumber = Field(ge=1, le=1_000, description="Most frequent values that are named of a column")
    bins: WholeNumber = Field(ge=2, le=1_000, description="Bins of a histogram")
    missing_jump: Number = Field(
        gt=0, le=1, description="Warn where the share of missing values of a column has changed by more than this"
    )
    jump_factor: Number = Field(
        gt=1, description="Warn where rows or distinct values have become so many times more, or fewer"
    )
    max_repeated_share: Number = Field(
        ge=0, le=1, description="Warn where a greater share of the newest rows is there twice"
    )
    min_rows: WholeNumber = Field(ge=1, description="Ranges with fewer rows are not compared")


class Serving(Section):
    """The server of the API and the dashboard (`food-inspections serve`)."""

    host: str = Field(description="Address to listen on; any but a loopback one needs keys, unless said otherwise")
    port: WholeNumber = Field(ge=0, le=65_535, description="Port to listen on; 0 takes a free one")
    keys: bool = Field(description="Whether requests need an API key (`food-inspections keys create`) on loopback too")
    rate_limit: str = Field(description="Most requests of one client, such as 600/minute; not held on loopback")
    database_url: SecretStr | None = Field(
        None, description="URL of the database for readers, with a user of their own; null: that of the pipeline"
    )
    dagster_url: str = Field(
        pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$",
        description="Where browsers find Dagster's pages, for the dashboard's links to runs and checks; empty: none",
    )
    connections: WholeNumber = Field(ge=2, le=100, description="Most connections to Postgres")
    wait_seconds: Number = Field(gt=0, description="Longest wait for a connection, then the answer is 503")
    statement_seconds: Number = Field(gt=0, description="Longest time of one question to Postgres")
    request_seconds: Number = Field(gt=0, description="Longest time of one request, from its first byte to its last")
    clients: WholeNumber = Field(ge=1, description="Most connections of clients at once, then the answer is 503")
    page_rows: WholeNumber = Field(ge=1, le=10_000, description="Most rows of one page")
    file_rows: WholeNumber = Field(ge=1, description="Most rows of one CSV, GeoJSON or Parquet file")
    body_bytes: WholeNumber = Field(ge=1, description="Largest body of a request")
    cache_megabytes: WholeNumber = Field(ge=0, description="Memory for answers that are kept")
    predictions: WholeNumber = Field(
        ge=1, description="Most requests for predictions at once, of which one is at work; then the answer is 503"
    )
    prediction_idle_seconds: Number = Field(
        gt=0, description="The process that predicts ends when nobody has asked for so long"
    )

    @field_validator("rate_limit")
    @classmethod
    def _rate(cls, rate: str) -> str:
        if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", rate):
            raise ValueError("it must be a number and a span, such as 600/minute")
        return rate

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            DatabaseUrl.parse(url.get_secret_value())
        return url


class Retention(Section):
    """How long things are kept: in the bucket by its rules, elsewhere until `food-inspections prune`."""

    run_days: WholeNumber | None = Field(
        ge=1, description="Dagster's runs with their events and logs, but the newest of every week; null: for ever"
    )
    list_weeks: WholeNumber | None = Field(
        ge=1, description="Lists of so many weeks, and those that somebody has shown by hand; null: all of them"
    )

    temporary_days: WholeNumber = Field(ge=1, description="Objects below temporary/ are removed after so many days")
    upload_days: WholeNumber = Field(ge=1, description="So are the parts of an upload that was never completed")
    version_days: WholeNumber = Field(
        ge=1, description="And earlier versions of objects, of those in the zone raw never: what the portal sent stays"
    )


class Execution(Section):
    """Where runs are executed."""

    launcher: Literal["local", "celery", "k8s"] = Field(
        description="local: on this machine; celery: on workers (`food-inspections worker`); k8s: as jobs of a cluster"
    )
    broker_url: SecretStr | None = Field(
        None, description="URL of the Redis or Valkey that hands runs to workers: redis://:password@host:6379/0"
    )
    max_partitions_per_run: WholeNumber | None = Field(
        None, ge=1, description="Longer ranges are split into runs of so many weeks; null: one run for any range"
    )

    @field_validator("broker_url")
    @classmethod
    def _redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return url
        # No parser is quoted: its words may hold a part of a password.
        try:
            parts = urlsplit(url.get_secret_value())
            usable = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or re.search(r"\s", url.get_secret_value()):
            raise ValueError(
                "it must be a URL such as redis://:password@host:6379/0, or rediss:// for an encrypted connection;"
                " percent-encode reserved characters of the password, such as %40 for @ and %2F for /"
            )
        return url

    @property
    def is_elsewhere(self) -> bool:
        """Whether runs may be executed on other machines."""
        return self.launcher != "local"


FourByFour = Annotated[str, Field(pattern=r"^[a-z0-9]{4}-[a-z0-9]{4}$")]


class Settings(BaseSettings):
    """All settings. Build them with :func:`load_settings`."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, validate_default=True)

    environment: Environment = Field("local", exclude=True)
    root: Path = Field(Path(), exclude=True)
    variables: Mapping[str, SecretStr] = Field({}, exclude=True, repr=False)
    portal: Portal
    storage: Storage
    compute: Computing
    database: Database
    models: Models
    validation: ValidationRule
    audition: AuditionRule
    selection: SelectionRule
    bias: AuditRule
    remedy: RemedyRule
    monitoring: MonitoringRule
    features: Features
    cohort: Cohort
    scores: Scores
    alerts: Alerts
    tracking: Tracking
    profiles: Profiles
    serving: Serving
    retention: Retention
    execution: Execution
    sources: dict[str, tuple[FourByFour, ...]] = Field(
        {},
        description="City data beside the inspections: the data sets of each source; null where the portal has none",
    )

    @classmethod
    def settings_customise_sources(cls, *_: Any, init_settings: Any, **__: Any) -> Any:  # type: ignore[override]
        # The layers are merged by `load_settings`, which knows where each value came from.
        return (init_settings,)

    @model_validator(mode="after")
    def _groups_are_known(self) -> Self:
        algorithms, grids = self.models.algorithms, self.models.grids
        for name in grids:
            if name not in algorithms:
                reason = f"'{name}' has no entry in models.parameters: {nearest(name, algorithms)}"
                raise RuleError(reason, ("models", "grids", name), reason)
        # Only a grid needs its algorithm, which costs an import, to name its groups.
        groups = [
            group
            for algorithm in algorithms
            for group in ([spec.name for spec in self.specs(algorithm)] if grids.get(algorithm) else [algorithm])
        ]
        named = {
            ("selection", "preference_order"): self.selection.preference_order,
            ("selection", "baseline"): (self.selection.baseline,),
            ("audition", "preference_order"): self.audition.preference_order,
        }
        for path, names in named.items():
            for name in names:
                if name not in groups:
                    reason = f"'{name}' is no model group: {nearest(name, groups)}"
                    raise RuleError(reason, path, reason)
        return self

    @model_validator(mode="after")
    def _list_is_foreseen(self) -> Self:
        labels = self.models.labels
        if self.scores.label not in labels:
            reason = f"'{self.scores.label}' is no label of models.targets: {nearest(self.scores.label, labels)}"
            raise RuleError(reason, ("scores", "label"), reason)
        return self

    @model_validator(mode="after")
    def _new_lists_are_kept(self) -> Self:
        kept = self.retention.list_weeks
        if kept is not None and kept < self.scores.run_weeks:
            reason = f"it must be at least scores.run_weeks, {self.scores.run_weeks}: every run makes so many lists"
            raise RuleError(reason, ("retention", "list_weeks"), reason)
        return self

    @model_validator(mode="after")
    def _production_has_servers(self) -> Self:
        if self.environment == "production":
            if self.database.is_embedded:
                raise ValueError(
                    "production needs a Postgres server: give chicago_database in conf/local/credentials.yaml"
                    f" or the variable {PREFIX}DATABASE__URL"
                )
            if not self.storage.objects_url.startswith("s3://"):
                raise ValueError(
                    f"production needs an S3 bucket: set storage.objects_url or {PREFIX}STORAGE__OBJECTS_URL"
                )
        return self

    @model_validator(mode="after")
    def _workers_share_the_store(self) -> Self:
        if not self.compute.is_loopback and not self.storage.objects_url.startswith("s3://"):
            reason = (
                "workers on other machines do not share a folder: set storage.objects_url to s3://bucket/prefix, or "
                "leave it empty"
            )
            raise RuleError(reason, ("compute", "scheduler"), reason)
        return self

    @model_validator(mode="after")
    def _runs_elsewhere_share_stores(self) -> Self:
        launcher = self.execution.launcher
        if not self.execution.is_elsewhere:
            return self
        if self.database.is_embedded or not self.storage.objects_url.startswith("s3://"):
            raise ValueError(
                f"with execution.launcher {launcher} runs share stores with other machines, which an embedded Postgres "
                f"and a local folder cannot be: set database.url ({PREFIX}DATABASE__URL) to a Postgres server and "
                f"storage.objects_url ({PREFIX}STORAGE__OBJECTS_URL) to s3://bucket/prefix"
            )
        if launcher == "celery" and self.execution.broker_url is None:
            raise ValueError(
                "execution.launcher celery needs a broker: set execution.broker_url in conf/local, or the variable "
                f"{PREFIX}EXECUTION__BROKER_URL"
            )
        return self

    def environment_variables(self) -> dict[str, str]:
        """Return the layer of the command line as variables, for the environment of a child process.

        Nothing but what was given to ``load_settings`` is in it; a secret only where it was given there. With
        ``{**os.environ, **settings.environment_variables()}`` the child's ``load_settings()`` gives the same.
        """
        return {name: value.get_secret_value() for name, value in self.variables.items()}

    def specs(self, algorithm: str) -> list[AlgorithmSpec]:
        """Return the model groups of an algorithm.

        Raises:
            FoodInspectionsError: for an algorithm that ``models.parameters`` does not name, and for parameters that it
                does not take.
        """
        parameters = self.models.parameters
        if algorithm not in parameters:
            raise FoodInspectionsError(f"'{algorithm}' is no model group: {nearest(algorithm, parameters)}.")
        fault = fault_in({algorithm: parameters[algorithm]})
        if fault:
            key = ".".join(("models.parameters", *fault.keys))
            raise FoodInspectionsError(f"The setting {key} is not usable: {fault.reason}.")
        plain = AlgorithmSpec(algorithm, algorithm, parameters[algorithm], self.models.seed)
        grid = self.models.grids.get(algorithm)
        return [plain, *expand_grid(algorithm, grid, parameters[algorithm], self.models.seed)] if grid else [plain]

    @property
    def targets(self) -> tuple[Target, ...]:
        """What is learnt, by label."""
        return tuple(Target(label, self.models.targets[label]) for label in self.models.labels)

    @property
    def data_name(self) -> str:
        """The slug under which this portal's data is kept apart from any other's."""
        return self.portal.data_name

    @property
    def objects_url(self) -> str:
        """The root of the object store: ``s3://…`` or an absolute directory."""
        url = self.storage.objects_url
        if url.startswith("s3://"):
            return url
        return str(self.root / (url or f".local/objects/{self.data_name}"))

    @property
    def embedded_directory(self) -> Path:
        """The data directory of the embedded server, absolute."""
        return self.root / self.database.embedded_directory

    @property
    def database_name(self) -> str:
        """The application's database."""
        in_url = self.database.server.database if self.database.server else ""
        return self.database.database or in_url or f"food_inspections_{self.data_name.replace('-', '_')}"

    @property
    def experiment(self) -> str:
        """The experiment that models of this data are tracked in."""
        return self.tracking.experiment or f"food_inspections_{self.data_name.replace('-', '_')}"

    @property
    def dagster_database_name(self) -> str:
        """The database in which Dagster keeps its runs and events."""
        return dagster_database_name(self.data_name)


def dagster_database_name(data_name: str) -> str:
    """Return the name of the database in which Dagster keeps its runs and events on this data."""
    return f"dagster_{data_name.replace('-', '_')}"
