"""Providers of market data, asked politely; the bytes they answer, as received.

Where do I go to…?

- ask a provider for something: `connect(...)` of `alphavantage`, `yahoo`, `coingecko` or `bse`, then
  `.fetch(Query(...))`; flat files: `massive` (`head`) and `massive_download` (`download`)
- know what a handler takes and gives: `records` (`Query`, `RawPayload`, `ProviderManifest`)
- know what can go wrong, and what to do about it: `errors` (`ErrorClass`, `ProviderError`)
- see what a provider is asked: `alphavantage_requests`, `coingecko_questions`, `coingecko_coins`
- see how a provider's body is judged: `<provider>_answers` (`classify_response`)
- stay inside a provider's limits, over restarts and processes: `rate_limits` (`RateLimiter`)
- see how calls are counted: `quota_ledger`; of one machine `quota_sqlite`, of all workers `quota_postgres`
- change timeouts, the size cap or the number of attempts: `retries.HttpPolicy`
- hear of attempts that others followed: `on_retry` of every `connect`, told a `retries.FailedAttempt`
- see how a request is sent: `http_client`, with `massive` the only modules here that speak to a network
- see how an answer is read, and judged by its status: `http_answers`
- keep a key out of bodies, messages and log lines: `redaction.Redactor`

Nothing here imports another package of the project, Prefect or Spark: a Lambda function reuses it as it is.
"""
