"""What a run needs to know of each provider: how to connect, what to ask, what has been asked already.

Where do I go to…?
    see what every provider has to offer a run   source.py (`Source`, `Ask`, `Handler`)
    see which datasets a plan has, what a
    range asks for, and in which order           <provider>.py (`queries`)
    see what is a stock, a pair or a coin        symbol_kinds.py
    see why something is not asked again         <provider>.py (`is_answered`), with flows.already_landed
    give a handler its settings and secrets      <provider>.py (`connect`, `_connect`)
    see where calls are counted, and who hears
    of attempts that failed                      calls.py
    see which flat files are looked for          massive.py (`files_wanted`, `is_due`)

One module a provider, joined to the handlers (flows.handlers) by flows.providers, which lists them.
"""
