"""Who reads: SQL, bars, explanations, the status and the report. Nothing here changes the lake.

Where do I go to...?
    make the tables known to an engine            catalog.py
    answer a person's SQL                         sql.py, statements.py, sql_errors.py
    read without an engine                        queries.py, literals.py, conditions.py
    read bars, now or as they were known          bars.py
    see which closes adjusted bars rest on        closes.py
    write rows as plain files for others          export.py, export_*.py
    explain a number down to the bytes            explain.py, key_lookup.py, gold_sources.py, tick_sources.py
    show the piece of a payload or file           excerpts.py, json_pieces.py, flat_file_excerpts.py
    judge a table's health                        health.py; a kind of finding: health_*.py
    see how the lakehouse is doing                status.py, completeness.py
    see where providers disagree                  breaks.py
    see or change the HTML report                 report.py, report_data.py, charts.py, templates/
"""
