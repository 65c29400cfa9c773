"""The secrets: from the environment, `.env` or files of their own, never from a settings file."""

import os
from pathlib import Path

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

FOLDER_VARIABLE = "SECRETS_FOLDER"


class Secrets(BaseSettings):
    """Keys and passwords; each prints as asterisks."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    alphavantage_api_key: SecretStr | None = None
    coingecko_api_key: SecretStr | None = None
    massive_access_key_id: SecretStr | None = None
    massive_secret_access_key: SecretStr | None = None
    aws_access_key_id: SecretStr | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None
    ledger_database_url: SecretStr | None = None
    notify_webhook_url: SecretStr | None = None
    notify_slack_url: SecretStr | None = None
    notify_email_url: SecretStr | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """A file may be there and empty, as that of a key that nobody has."""
        return None if isinstance(value, str) and not value.strip() else value

    def values(self) -> tuple[str, ...]:
        """The plain secrets that are set, for redaction."""
        found = (getattr(self, name) for name in type(self).model_fields)
        return tuple(secret.get_secret_value() for secret in found if secret)


def load_secrets(env_file: Path = Path(".env")) -> Secrets:
    """The secrets of the environment, else of `env_file`, else of the files in the folder $SECRETS_FOLDER.

    Each file there is named as the environment variable would be. Processes that inherit an environment, and
    those who may read it in /proc, learn nothing from files.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    return Secrets(_env_file=env_file, _secrets_dir=folder if folder and Path(folder).is_dir() else None)
