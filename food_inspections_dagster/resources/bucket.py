"""The bucket of the object store: made once with its rules, and looked over before a first run.

Rules are those of S3: versions of objects, what is removed after a while, and no access for the public. Not every
server that speaks S3 knows all of them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from food_inspections_dagster.catalog import RAW, TEMPORARY, ZONES
from food_inspections_dagster.errors import Finding, FoodInspectionsError
from food_inspections_dagster.resources.object_store import join
from food_inspections_dagster.settings import S3, Retention, Settings

_OURS = "food-inspections "  # begins the name of each of our rules
_NOTHING_SET = {"NoSuchLifecycleConfiguration", "NoSuchPublicAccessBlockConfiguration"}
_REFUSED = {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"}
_NO_PUBLIC = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


class _Unknown(Exception):
    """The server does not know such a rule."""


@dataclass(frozen=True)
class _Aspect:
    """One kind of rules; ``differs`` says in words what is not as wanted, ``apply`` makes it so."""

    name: str
    differs: Callable[[], str]
    apply: Callable[[], None]


class Bucket:
    """The bucket that ``storage.objects_url`` names.

    Args:
        url: ``s3://bucket/prefix``; the rules are about what lies below the prefix.

    Raises:
        FoodInspectionsError: where the objects lie in a directory.
    """

    def __init__(self, url: str, s3: S3, retention: Retention, timeout_seconds: float = 60.0) -> None:
        if not url.startswith("s3://"):
            raise FoodInspectionsError(
                f"The objects lie in the directory {url}, which needs no bucket: set storage.objects_url to "
                "s3://bucket/prefix where they are to lie in one."
            )
        parts = urlsplit(url)
        self.name, self.prefix = parts.netloc, parts.path.strip("/")
        self._retention = retention
        self._server = s3.endpoint_url or "S3"
        keys = (s3.access_key_id, s3.secret_access_key, s3.session_token)
        key, secret, token = (value.get_secret_value() if value else None for value in keys)
        with self._sentences():
            self._client = boto3.client(
                "s3",
                endpoint_url=s3.endpoint_url,
                region_name=s3.region,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                aws_session_token=token,
                config=Config(connect_timeout=timeout_seconds, read_timeout=timeout_seconds),
            )
        self._aspects = (
            _Aspect("versions of objects", self._versioning_differs, self._apply_versioning),
            _Aspect("lifecycle rules", self._lifecycle_differs, self._apply_lifecycle),
            _Aspect("blocks of public access", self._public_differs, self._apply_public),
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> "Bucket":
        """Return the bucket that the settings name."""
        storage = settings.storage
        return cls(settings.objects_url, storage.s3, settings.retention, storage.timeout_seconds)

    def exists(self) -> bool:
        """Tell whether the bucket is there.

        Raises:
            FoodInspectionsError: where the server cannot be reached or refuses the keys.
        """
        with self._sentences():
            try:
                self._client.head_bucket(Bucket=self.name)
            except ClientError as error:
                if _code(error) in ("404", "NoSuchBucket", "NotFound"):
                    return False
                raise
        return True

    def create(self) -> list[Finding]:
        """Make the bucket, which must not exist, with its rules; return what the server does not know of them.

        Raises:
            FoodInspectionsError: where the server refuses.
        """
        region = self._client.meta.region_name
        elsewhere = region not in (None, "us-east-1", "aws-global")
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}} if elsewhere else {}
        with self._sentences():
            self._client.create_bucket(Bucket=self.name, **place)  # type: ignore[arg-type]
        return self.apply_rules()

    def apply_rules(self) -> list[Finding]:
        """Set the rules that differ, leaving those of others; return what the server does not know of them."""
        return [finding for aspect in self._aspects for finding in self._looked_at(aspect, mend=True)]

    def differences(self) -> list[Finding]:
        """Return what differs from what is wanted, changing nothing."""
        return [finding for aspect in self._aspects for finding in self._looked_at(aspect, mend=False)]

    def _looked_at(self, aspect: _Aspect, mend: bool) -> list[Finding]:
        with self._sentences():
            try:
                words = aspect.differs()
                if words and mend:
                    aspect.apply()
                    words = aspect.differs()
            except _Unknown:
                return [Finding(f"{self._server} knows no {aspect.name}: see how it does that.", is_problem=False)]
            others = self._removals_of_raw() if aspect.apply == self._apply_lifecycle else []
        mended_by = "`food-inspections bucket create --apply-rules` sets it"
        return [*([Finding(f"{words}: {mended_by}.")] if words else []), *others]

    # --- the rules

    def _versioning_differs(self) -> str:
        if self._call("get_bucket_versioning").get("Status") == "Enabled":
            return ""
        self._rules()  # who knows no rules answers every question with nothing, and has no versions either
        return f"{self.name} keeps no versions, so what is overwritten by mistake is lost"

    def _apply_versioning(self) -> None:
        self._call("put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"})

    def _lifecycle_differs(self) -> str:
        there = {rule.get("ID"): _comparable(rule) for rule in self._rules()}
        missing = [rule["ID"] for rule in self._wanted() if there.get(rule["ID"]) != _comparable(rule)]
        return f"{self.name} lacks the lifecycle rules {', '.join(missing)}" if missing else ""

    def _apply_lifecycle(self) -> None:
        wanted = self._wanted()
        names = {rule["ID"] for rule in wanted}
        others = [rule for rule in self._rules() if rule.get("ID") not in names]
        self._call("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [*others, *wanted]})

    def _wanted(self) -> list[dict[str, Any]]:
        keep = self._retention
        rules: list[tuple[str, str, dict[str, Any]]] = [
            ("", "uploads", {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": keep.upload_days}}),
            (TEMPORARY, "objects", {"Expiration": {"Days": keep.temporary_days}}),
            *(
                (zone, "versions", {"NoncurrentVersionExpiration": {"NoncurrentDays": keep.version_days}})
                for zone in (*ZONES, TEMPORARY)
                if zone != RAW  # what the portal sent stays, in every version
            ),
        ]
        return [
            {
                "ID": f"{_OURS}{what} of {self._below(folder) or 'the bucket'}",
                "Status": "Enabled",
                "Filter": {"Prefix": self._below(folder)},
                **action,
            }
            for folder, what, action in rules
        ]

    def _removals_of_raw(self) -> list[Finding]:
        raw, findings = self._below(RAW), []
        for rule in self._rules():
            about = _prefix(rule)
            removes = {"Days", "Date"} & rule.get("Expiration", {}).keys()
            if removes and rule.get("Status") == "Enabled" and (raw.startswith(about) or about.startswith(raw)):
                findings.append(
                    Finding(
                        f"The lifecycle rule '{rule.get('ID', '')}' of {self.name} removes objects of {raw}, which "
                        "cannot be had again: remove or narrow it."
                    )
                )
        return findings

    def _public_differs(self) -> str:
        answer = self._call("get_public_access_block")
        blocks = answer.get("PublicAccessBlockConfiguration")
        if blocks == {}:  # neither an answer nor an error: a server that knows no such thing
            raise _Unknown
        return "" if blocks == _NO_PUBLIC else f"{self.name} does not block access for the public"

    def _apply_public(self) -> None:
        self._call("put_public_access_block", PublicAccessBlockConfiguration=_NO_PUBLIC)

    # --- the server

    def _below(self, folder: str) -> str:
        path = join(self.prefix, folder)
        return f"{path}/" if path else ""

    def _rules(self) -> list[dict[str, Any]]:
        answer = self._call("get_bucket_lifecycle_configuration")
        if answer and "Rules" not in answer:
            raise _Unknown
        return list(answer.get("Rules", ()))

    def _call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Return the answer of S3; empty where nothing is set so far.

        Raises:
            _Unknown: where the server does not know the question.
        """
        try:
            return getattr(self._client, method)(Bucket=self.name, **arguments)
        except ClientError as error:
            code = _code(error)
            if code in _NOTHING_SET:
                return {}
            if code in _REFUSED:
                raise
            # NotImplemented, MethodNotAllowed, or the answer to another question, such as BucketAlreadyExists.
            raise _Unknown from None

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError, ValueError) as error:
            raise FoodInspectionsError(self._sentence(error)) from None

    def _sentence(self, error: Exception) -> str:
        # Of boto3's own words only the code: they may repeat a request with its signature.
        code = _code(error) if isinstance(error, ClientError) else type(error).__name__
        if code in _REFUSED:
            call = error.operation_name if isinstance(error, ClientError) else "this"
            return f"{self._server} refuses {call} for the bucket {self.name}: check the keys and rights in storage.s3."
        if code in ("NoCredentialsError", "PartialCredentialsError"):
            return "There are no keys for S3: give storage.s3 in conf/local, or the AWS_* variables."
        if code in ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"):
            return f"{self._server} cannot be reached: start it, or correct storage.s3.endpoint_url."
        if code in ("BucketAlreadyExists", "BucketAlreadyOwnedByYou"):
            return f"The bucket {self.name} belongs to somebody else: choose another name in storage.objects_url."
        if code == "NoSuchBucket":
            return f"The bucket {self.name} does not exist: `food-inspections bucket create` makes it."
        return f"{self._server} answered {code} about the bucket {self.name}: check storage.objects_url and storage.s3."


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _prefix(rule: Mapping[str, Any]) -> str:
    about = rule.get("Filter", {})
    return about.get("Prefix", about.get("And", {}).get("Prefix", rule.get("Prefix", "")))


def _comparable(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule in one form: servers differ in where they give the prefix."""
    kept = {name: value for name, value in rule.items() if name not in ("Filter", "Prefix") and value}
    return {**kept, "about": _prefix(rule)}
