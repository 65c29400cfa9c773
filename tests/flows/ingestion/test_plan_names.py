"""The plans that the settings take are those that the handlers know."""

from typing import get_args

import pytest
from pydantic import BaseModel

from config.settings import AlphaVantageSettings, CoinGeckoSettings
from flows.handlers import alphavantage, coingecko
from flows.handlers.models import ProviderManifest


@pytest.mark.parametrize(
    ("settings", "manifest"),
    [(AlphaVantageSettings, alphavantage.MANIFEST), (CoinGeckoSettings, coingecko.MANIFEST)],
    ids=lambda each: each.name if isinstance(each, ProviderManifest) else None,
)
def test_settings_and_handler_name_the_same_plans(
    settings: type[BaseModel], manifest: ProviderManifest
) -> None:
    assert set(get_args(settings.model_fields["plan"].annotation)) == set(manifest.plans)
