"""What a run needs to know of each provider: how to connect, what to ask, what has been asked already.

One module a provider, joined to the handlers (flows.handlers) by flows.providers, which lists them.
"""
