"""Alpha Vantage's refusals, word for word. All of them have HTTP status 200."""

import json

_PREMIUM_URL = "https://www.alphavantage.co/premium/"

KEY_MISSING = {
    "Error Message": "the parameter apikey is invalid or missing. Please claim your free API key on "
    "(https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds."
}

TOO_FAST = {
    "Information": "Thank you for using Alpha Vantage! Please consider spreading out your free API requests "
    f"more sparingly (1 request per second). You may subscribe to any of the premium plans at {_PREMIUM_URL} "
    "to lift the free key rate limit (25 requests per day), raise the per-second burst limit, and instantly "
    "unlock all premium endpoints"
}

PREMIUM_ENDPOINT = {
    "Information": "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe to any "
    f"of the premium plans at {_PREMIUM_URL} to instantly unlock all premium endpoints"
}

# From NEWS_SENTIMENT, for an unknown ticker or an invalid time.
INVALID_INPUTS = {
    "Information": "Invalid inputs. Please refer to the API documentation "
    "https://www.alphavantage.co/documentation#newsapi and try again."
}


def minute_limit(calls: int) -> dict[str, str]:
    """The refusal of calls above the limit per minute: the wording of 2020, with the plan's limit."""
    return {
        "Note": f"Thank you for using Alpha Vantage! Our standard API call frequency is {calls} calls per "
        f"minute. Please visit {_PREMIUM_URL} if you would like to target a higher API call frequency."
    }


def daily_limit(api_key: str, calls: int) -> dict[str, str]:
    """The refusal of calls above the limit per day; like the real one, it contains the client's key."""
    return {
        "Information": f"We have detected your API key as {api_key} and our standard API rate limit is "
        f"{calls} requests per day. Please subscribe to any of the premium plans at {_PREMIUM_URL} to "
        "instantly remove all daily rate limits."
    }


def full_size_refused(function: str) -> dict[str, str]:
    """The refusal of outputsize=full for a free key."""
    return {
        "Information": "Thank you for using Alpha Vantage! The outputsize=full parameter value is a premium "
        f"feature for the {function} endpoint. You may subscribe to any of the premium plans at "
        f"{_PREMIUM_URL} to instantly unlock all premium features"
    }


def invalid_call(function: str) -> dict[str, str]:
    """The response to an unknown symbol, an invalid parameter, or a month without bars."""
    return {
        "Error Message": "Invalid API call. Please retry or visit the documentation "
        f"(https://www.alphavantage.co/documentation/) for {function}."
    }


def unknown_function(function: str) -> dict[str, str]:
    """The response to a function that the simulator does not have."""
    return {"Error Message": f"This API function ({function}) does not exist."}


def render(fields: dict[str, str]) -> bytes:
    """The fields as Alpha Vantage writes JSON: indented by four spaces, no newline at the end."""
    return json.dumps(fields, indent=4, ensure_ascii=False).encode()
