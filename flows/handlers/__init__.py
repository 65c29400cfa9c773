"""Providers of market data, asked politely; the bytes they answer, as received.

Where do I go to...?

- ask Alpha Vantage for something: `alphavantage.connect(...)`, then `.fetch(Query(...))`
- know what a handler takes and gives: `records` (`Query`, `RawRecord`, `Manifest`)
- know what can go wrong, and what to do about it: `errors` (`ErrorClass`, `ProviderError`)
- see how a body of Alpha Vantage is judged: `alphavantage_answers.classify`
- stay inside a provider's limits, over restarts and processes: `rate_limits` (`RateGate`)
- change timeouts, the size cap or the number of attempts: `retries.HttpPolicy`
- see how a request is sent: `http`, the only module here that speaks HTTP
- see how an answer is read, and judged by its status: `http_answers`
- keep a key out of bodies, messages and log lines: `redaction.Redactor`

Nothing here imports another package of the project, Prefect or Spark: a Lambda function reuses it as it is.
"""
