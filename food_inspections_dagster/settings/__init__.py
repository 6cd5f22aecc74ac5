"""Typed settings, from the weakest layer to the strongest.

conf/base/settings.yaml < conf/base/<environment>.yaml < conf/local/*.yaml < environment variables

A variable is named ``FOOD_INSPECTIONS__SECTION__KEY``, e.g. ``FOOD_INSPECTIONS__PORTAL__TIMEOUT_SECONDS=30``.
``FOOD_INSPECTIONS_ENV`` chooses the environment. Each layer is read by itself, so that an error names the
file or the variable that is wrong, and a key that nobody knows is refused wherever it stands.
"""

import dataclasses
import difflib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import quote, unquote, urlsplit

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, SettingsError

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.rules import AlgorithmSpec, AuditRule, Schedule, SelectionRule

Environment = Literal["local", "production"]
ENVIRONMENT_VARIABLE = "FOOD_INSPECTIONS_ENV"
HOME_VARIABLE = "FOOD_INSPECTIONS_HOME"
PREFIX = "FOOD_INSPECTIONS__"
SIMULATED_PORTAL = "simulated-2010"
EMBEDDED = "embedded"
# Variables of the project that are no settings: the two above, and the folder of real data for tests.
_OTHER_VARIABLES = (ENVIRONMENT_VARIABLE, HOME_VARIABLE, "FOOD_INSPECTIONS_SHARED_DATA")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Section(BaseModel):
    """One section of the settings; it knows its keys and refuses all others. Values stand in conf/base."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Portal(Section):
    """The open data portal that the inspections come from."""

    url: str = Field(description="Base URL of the portal")
    name: str = Field(
        SIMULATED_PORTAL,
        pattern=r"^[a-z0-9][a-z0-9-]{0,39}$",
        description="Identity of the data where the URL is a loopback address, which tells nothing of it",
    )
    dataset: str = Field(pattern=r"^[a-z0-9]{4}-[a-z0-9]{4}$")
    app_token: SecretStr | None = None
    timeout_seconds: float = Field(gt=0)
    page_rows: int = Field(ge=1, le=50_000)
    retries: int = Field(ge=0)
    backoff_seconds: float = Field(gt=0, description="First pause before a retry; it doubles each time")

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a URL such as https://data.cityofchicago.org")
        if parts.username or parts.password:
            raise ValueError("must not carry a user or password; the token belongs in portal.app_token")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("must begin with https:// unless it is a loopback address")
        return url.rstrip("/")

    @property
    def data_name(self) -> str:
        """The slug of this portal: its host, or ``name`` for a loopback address."""
        host = urlsplit(self.url).hostname or ""
        return self.name if host in _LOOPBACK else slug(host)


class S3(Section):
    """How to reach an S3 bucket; what is left out comes from the usual AWS_* variables."""

    endpoint_url: str | None = None
    region: str | None = None
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None


class Storage(Section):
    """The object store."""

    objects_url: str = Field("", description="s3://bucket/prefix or a directory; empty: .local/objects/<data name>")
    min_object_bytes: int = Field(ge=1, description="A stored object below this size is a failed download")
    threads: int = Field(ge=1, le=64)
    timeout_seconds: float = Field(gt=0)
    retries: int = Field(ge=0)
    s3: S3 = S3()

    @field_validator("objects_url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        if "://" in url and not re.match(r"s3://[^/]+", url):
            raise ValueError("must be a directory or s3://bucket/prefix")
        return url.rstrip("/")


class Database(Section):
    """Postgres: the embedded one, or the URL of a server."""

    url: SecretStr = Field(SecretStr(EMBEDDED), description=f"'{EMBEDDED}' or postgresql://user:password@host/database")
    database: str = Field(
        "", description="Application database; empty: that of the URL, else food_inspections_<data name>"
    )
    embedded_directory: Path = Path(".local/postgres")

    @field_validator("url")
    @classmethod
    def _postgres(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if text != EMBEDDED and not re.match(r"postgres(ql)?://", text):
            raise ValueError(f"must be '{EMBEDDED}' or a URL that begins with postgresql://")
        return url

    @property
    def is_embedded(self) -> bool:
        """Whether the embedded server is used."""
        return self.url.get_secret_value() == EMBEDDED


def _section_of(parameters: type) -> type[Section]:
    """Return a section with the fields, types and defaults of a frozen dataclass of the method."""
    hints = get_type_hints(parameters)
    fields: dict[str, Any] = {
        field.name: (
            hints[field.name],
            Field(default_factory=field.default_factory)
            if field.default_factory is not dataclasses.MISSING
            else field.default,
        )
        for field in dataclasses.fields(parameters)
    }
    return create_model(parameters.__name__, __base__=Section, __doc__=parameters.__doc__, **fields)


ScheduleSection: Any = _section_of(Schedule)
SelectionSection: Any = _section_of(SelectionRule)
BiasSection: Any = _section_of(AuditRule)


class Models(Section):
    """What is fitted, when, and on which rows."""

    label: Literal["failed", "critical_violation"]
    seed: int
    schedule: ScheduleSection
    parameters: dict[str, dict[str, bool | int | float | str]] = Field(
        {}, description="Per algorithm, what differs from the defaults in modeling/algorithms/"
    )


class Cohort(Section):
    """Who is scored: establishments seen active within a window."""

    window_days: int = Field(ge=7)


class Scores(Section):
    """The published list."""

    run_weeks: int = Field(ge=1, description="Newest weeks that `food-inspections run` scores")


class Settings(BaseSettings):
    """All settings. Build them with :func:`load_settings`."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__", validate_default=True
    )

    environment: Environment = Field("local", exclude=True)
    root: Path = Field(Path(), exclude=True)
    portal: Portal
    storage: Storage
    database: Database
    models: Models
    selection: SelectionSection
    bias: BiasSection
    cohort: Cohort
    scores: Scores

    @classmethod
    def settings_customise_sources(cls, *_: Any, init_settings: Any, **__: Any) -> Any:  # type: ignore[override]
        # The layers are merged by `load_settings`, which knows where each value came from.
        return (init_settings,)

    @model_validator(mode="after")
    def _production_has_servers(self) -> "Settings":
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

    @property
    def training_schedule(self) -> Schedule:
        """When models are fitted, and on which rows."""
        return Schedule(**self.models.schedule.model_dump())

    @property
    def selection_rule(self) -> SelectionRule:
        """How one model group is chosen."""
        return SelectionRule(**self.selection.model_dump())

    @property
    def audit_rule(self) -> AuditRule:
        """What counts as fair."""
        return AuditRule(**self.bias.model_dump())

    def recipe(self, algorithm: str) -> AlgorithmSpec:
        """Return the recipe of an algorithm's model group."""
        parameters = self.models.parameters.get(algorithm, {})
        return AlgorithmSpec(algorithm, algorithm, parameters, self.models.seed)

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
        if self.database.database:
            return self.database.database
        in_url = "" if self.database.is_embedded else urlsplit(self.database.url.get_secret_value()).path.strip("/")
        return unquote(in_url) or f"food_inspections_{self.data_name.replace('-', '_')}"

    @property
    def dagster_database_name(self) -> str:
        """The database in which Dagster keeps its runs and events."""
        return f"dagster_{self.data_name.replace('-', '_')}"


# Credentials have a form of their own, shared with earlier pipelines on this data set.
class _S3Credentials(Section):
    aws_access_key_id: SecretStr
    aws_secret_access_key: SecretStr


class _PortalCredentials(Section):
    api_token: SecretStr


class _DatabaseCredentials(Section):
    user: str
    password: SecretStr
    database: str
    host: str
    port: str = "5432"


class Credentials(Section):
    """``conf/local/credentials.yaml``."""

    s3: _S3Credentials | None = None
    food_inspections: _PortalCredentials | None = None
    chicago_database: _DatabaseCredentials | None = None

    def as_settings(self) -> dict[str, Any]:
        """Return the same as a layer of settings."""
        layer: dict[str, Any] = {}
        if self.s3:
            layer["storage"] = {
                "s3": {
                    "access_key_id": self.s3.aws_access_key_id,
                    "secret_access_key": self.s3.aws_secret_access_key,
                }
            }
        if self.food_inspections:
            layer["portal"] = {"app_token": self.food_inspections.api_token}
        if self.chicago_database:
            c = self.chicago_database
            user, password = quote(c.user, safe=""), quote(c.password.get_secret_value(), safe="")
            url = f"postgresql://{user}:{password}@{c.host}:{c.port}/{quote(c.database, safe='')}"
            layer["database"] = {"url": SecretStr(url)}
        return layer


def slug(text: str) -> str:
    """Return ``text`` as lower-case letters, digits and single hyphens, at most 31 of them."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:31].strip("-")


def data_name_of_files(path: Path) -> str:
    """Name the data of a file, or of a folder's Parquet and CSV files: stem and 8 hex digits of the content.

    By content, not by path: another file under an old name must not meet the old file's database.

    Raises:
        FoodInspectionsError: where there is nothing to read.
    """
    files = sorted(p for p in path.iterdir() if p.suffix in (".parquet", ".csv")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    try:
        for file in files:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise FoodInspectionsError(
            f"The portal's rows cannot be read from {path} ({error.strerror}): name a Parquet or CSV file."
        ) from None
    if not files:
        raise FoodInspectionsError(f"{path} holds no Parquet or CSV file: name a folder that does.")
    return f"{slug(path.stem) or 'file'}-{digest.hexdigest()[:8]}"


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


def load_settings() -> Settings:
    """Read the settings of the current environment; the same files and variables give the same object.

    Raises:
        FoodInspectionsError: in one sentence, naming file or variable, section and key.
    """
    root = project_root()
    files = _files(root, current_environment())
    stamps = tuple((str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in files)
    variables = tuple(sorted((k, v) for k, v in os.environ.items() if k.upper().startswith("FOOD_INSPECTIONS")))
    return _load(root, current_environment(), stamps, variables)


def _files(root: Path, environment: Environment) -> list[Path]:
    base = [root / "conf/base/settings.yaml", root / f"conf/base/{environment}.yaml"]
    return [f for f in base if f.is_file()] + sorted((root / "conf/local").glob("*.yaml"))


@lru_cache(maxsize=8)
def _load(root: Path, environment: Environment, stamps: tuple[Any, ...], variables: tuple[Any, ...]) -> Settings:
    layers = [_file_layer(root, Path(path)) for path, *_ in stamps]
    layers.append(_variable_layer(dict(variables)))
    merged: dict[str, Any] = {}
    for _, layer in layers:
        merged = _merge(merged, layer)
    try:
        return Settings(environment=environment, root=root, **merged)
    except ValidationError as error:
        raise FoodInspectionsError(_sentence(error, layers)) from None


def _file_layer(root: Path, file: Path) -> tuple[str, dict[str, Any]]:
    origin = str(file.relative_to(root))
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FoodInspectionsError(f"{origin} cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise FoodInspectionsError(f"{origin} is not valid YAML{where}: correct it or remove it.") from None
    if content is None:
        return origin, {}
    if not isinstance(content, dict) or not all(isinstance(v, dict) or v is None for v in content.values()):
        raise FoodInspectionsError(f"{origin} must hold sections with keys, such as 'portal:' with 'url: …' below.")
    content = {section: keys for section, keys in content.items() if keys is not None}
    if file.name != "credentials.yaml":
        _refuse_unknown(content, Settings, origin)
        return origin, content
    _refuse_unknown(content, Credentials, origin)
    try:
        return origin, Credentials(**content).as_settings()
    except ValidationError as error:
        raise FoodInspectionsError(_sentence(error, [(origin, content)])) from None


def _variable_layer(variables: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    known = {PREFIX + "__".join(path).upper(): path for path in _paths(Settings)}
    for name in sorted(variables):
        if name.upper() in _OTHER_VARIABLES or any(
            name.upper() == k or (name.upper().startswith(k + "__") and _is_mapping(path)) for k, path in known.items()
        ):
            continue
        nearest = _nearest(name.upper(), [*known, *_OTHER_VARIABLES])
        raise FoodInspectionsError(f"The environment variable {name} is no setting: {nearest}.")
    try:
        return "the environment", EnvSettingsSource(Settings)()
    except SettingsError as error:
        section = re.search(r'field "(\w+)"', str(error))
        named = f"{PREFIX}{section[1].upper()}" if section else PREFIX
        raise FoodInspectionsError(f"A value of {named}… cannot be read: give lists and mappings as JSON.") from None


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {k: f for k, f in model.model_fields.items() if not f.exclude}


def _section(field: FieldInfo) -> type[BaseModel] | None:
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _paths(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, field in _fields(model).items():
        inner = _section(field)
        if inner:
            yield from _paths(inner, (*above, key))
        else:
            yield (*above, key)


def _is_mapping(path: tuple[str, ...]) -> bool:
    model: type[BaseModel] = Settings
    for key in path[:-1]:
        model = _section(model.model_fields[key]) or model
    return get_origin(model.model_fields[path[-1]].annotation) in (dict, Mapping)


def _refuse_unknown(content: Mapping[str, Any], model: type[BaseModel], origin: str, above: str = "") -> None:
    fields = _fields(model)
    for key, value in content.items():
        if key not in fields:
            where = f"section '{above}' of {origin}" if above else origin
            kind = "key" if above else "section"
            raise FoodInspectionsError(f"'{key}' is no {kind} in {where}: {_nearest(str(key), list(fields))}.")
        inner = _section(fields[key])
        if inner and value is not None:
            if not isinstance(value, Mapping):
                name = f"{above}.{key}".strip(".")
                raise FoodInspectionsError(f"'{name}' in {origin} is a section: put its keys below it.")
            _refuse_unknown(value, inner, origin, f"{above}.{key}".strip("."))


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"use {close[0]}, or remove it"
    return f"remove it, or use one of {', '.join(sorted(known)[:12])}"


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        # A reference group replaces attribute by attribute, like any other mapping.
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged


def _sentence(error: ValidationError, layers: list[tuple[str, dict[str, Any]]]) -> str:
    # Never the value itself: it may be a secret.
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    path = [str(part) for part in first["loc"]]
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if not path:
        return f"The settings do not fit together: {message}."
    origin = next((name for name, layer in reversed(layers) if _holds(layer, path)), None)
    key = f"{path[-1]} in section '{'.'.join(path[:-1])}'" if path[:-1] else f"section '{path[0]}'"
    if origin == "the environment":
        origin = f"the environment variable {PREFIX}{'__'.join(path).upper()}"
    given = f", given by {origin}," if origin else ""
    return f"The setting {key}{given} is not usable: {message}."


def _holds(layer: Any, path: list[str]) -> bool:
    for part in path:
        if not isinstance(layer, Mapping):
            return True  # the path goes on inside a list or a scalar
        if part not in layer:
            return False
        layer = layer[part]
    return True
