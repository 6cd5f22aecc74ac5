"""``conf/local/credentials.yaml``: a form of its own, shared with earlier pipelines on this data set."""

from typing import Any
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator

from food_inspections_dagster.modeling.rules import WholeNumber
from food_inspections_dagster.settings.sections import Section


class _S3(Section):
    aws_access_key_id: SecretStr
    aws_secret_access_key: SecretStr


class _Portal(Section):
    api_token: SecretStr


class _Database(Section):
    user: str
    password: SecretStr
    database: str
    host: str
    port: WholeNumber = Field(5432, ge=1, le=65535)

    @field_validator("host")
    @classmethod
    def _plain(cls, host: str) -> str:
        if not host or any(character in "/@?#%[]\\," or character.isspace() for character in host):
            raise ValueError("it must be one host name or address and nothing else")
        return f"[{host}]" if ":" in host else host


class Credentials(Section):
    """The file, whose values are given as they are: reserved characters are encoded here."""

    s3: _S3 | None = None
    food_inspections: _Portal | None = None
    chicago_database: _Database | None = None

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
            given = self.chicago_database
            user, password = quote(given.user, safe=""), quote(given.password.get_secret_value(), safe="")
            url = f"postgresql://{user}:{password}@{given.host}:{given.port}/{quote(given.database, safe='')}"
            layer["database"] = {"url": SecretStr(url)}
        return layer
