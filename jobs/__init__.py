"""Pure transforms of frames, and the thin runners that read and write them.

Where do I go to...?
    turn a payload or a file into raw rows       parsing/
    know sessions, half days and intervals       market_calendar/
    validate rows and build Silver rows          silver/
    understand corrections and as-of queries     history/
    compute Gold rows                            gold/
    compare providers                            reconciliation/
    run a stage: read, transform, audit, publish pipelines/
    record runs and stages                       runs/
    start an engine, read and merge tables       engine/
"""
