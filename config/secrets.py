"""The secrets: from the environment or `.env`, never from a settings file."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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

    def values(self) -> tuple[str, ...]:
        """The plain secrets that are set, for redaction."""
        found = (getattr(self, name) for name in type(self).model_fields)
        return tuple(secret.get_secret_value() for secret in found if secret)


def load_secrets(env_file: Path = Path(".env")) -> Secrets:
    """The secrets of the environment, else of `env_file`."""
    return Secrets(_env_file=env_file)
