"""Alpha Vantage's API key by key: refuses calls beyond the plan, serves the others, and counts all."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache, partial
from threading import Lock

from flows.simulator.alphavantage import error_messages as messages
from flows.simulator.alphavantage.endpoints import QueryBody, query_body
from flows.simulator.alphavantage.plans import Quota, SubscriptionPlan, entitlement_refusal
from flows.simulator.alphavantage.time_series import AlphaVantageQuery, read_query
from flows.simulator.call_log import CallLog, CallOutcome
from flows.simulator.faults import Fault, transport_fault
from flows.simulator.http_response import SIMULATED_HEADER, SimulatedResponse, respond_with_faults
from flows.simulator.market.sessions import NEW_YORK
from flows.simulator.provider_simulator import SimulatedRequest, SimulatorContext

_CACHED_BODIES = 1200  # every daily history in both sizes; about 40 MB


class AlphaVantageSimulator:
    """Serves Alpha Vantage at `path`, every key under one plan; safe to use from many threads."""

    path = "/query"

    def __init__(
        self, context: SimulatorContext, plan: SubscriptionPlan, monotonic: Callable[[], float]
    ) -> None:
        self.call_log = CallLog()
        self._context = context
        self._plan = plan
        self._monotonic = monotonic
        self._quotas: defaultdict[str, Quota] = defaultdict(Quota)
        self._lock = Lock()
        self._cached_daily_body = lru_cache(_CACHED_BODIES)(self._daily_body)

    def respond(self, request: SimulatedRequest) -> SimulatedResponse:
        """The response, a refusal by the plan, or what the faults in force make of it."""
        api_key = request.params.get("apikey", "").strip()
        query, now = read_query(request.params), self._context.clock.now()
        today = now.astimezone(NEW_YORK).date()
        refusal = self._refusal(query, api_key, today)
        if refusal is not None:
            self._count(api_key, CallOutcome.REFUSED, today)
            return SimulatedResponse(messages.render(refusal))
        faults = self._context.active_faults(query.function, query.symbol)
        outcome = CallOutcome.FAULTED if transport_fault(faults) else CallOutcome.SERVED
        self._count(api_key, outcome, today)
        return respond_with_faults(faults, request.url, api_key, partial(self._serve, query, now))

    def _refusal(self, query: AlphaVantageQuery, api_key: str, today: date) -> dict[str, str] | None:
        if not api_key:
            return messages.KEY_MISSING
        with self._lock:
            refusal = self._quotas[api_key].admit(self._plan, api_key, today, self._monotonic())
        return refusal or entitlement_refusal(self._plan, query.function, query.outputsize)

    def _count(self, api_key: str, outcome: CallOutcome, today: date) -> None:
        self.call_log.add(api_key, outcome, today, self._monotonic())

    def _serve(self, query: AlphaVantageQuery, now: datetime, faults: tuple[Fault, ...]) -> SimulatedResponse:
        body = self._body(query, now, faults)
        headers = (SIMULATED_HEADER,) if body.is_simulated else ()
        return SimulatedResponse(body.content, body.content_type, headers=headers)

    def _body(self, query: AlphaVantageQuery, now: datetime, faults: tuple[Fault, ...]) -> QueryBody:
        if query.function == "TIME_SERIES_DAILY" and not faults:
            return self._cached_daily_body(query, self._context.market.visible_minute(now))
        return query_body(query, self._context.market, now, faults)

    def _daily_body(self, query: AlphaVantageQuery, now: datetime) -> QueryBody:
        return query_body(query, self._context.market, now)
