"""Who reads: SQL, bars, explanations, the status and the report. Nothing here changes the lake.

Where do I go to...?
    make the tables known to an engine            catalog.py
    answer a person's SQL                         sql.py, statements.py, sql_errors.py
    read without an engine                        queries.py, literals.py
    read bars, now or as they were known          bars.py
    explain a number down to the bytes            explain.py, key_lookup.py, gold_sources.py, excerpts.py
    see how the lakehouse is doing                status.py, completeness.py
    see or change the HTML report                 report.py, report_data.py, charts.py, templates/
"""
