"""Everything that reads the lake: SQL, bars, exports, explanations, status and report. It changes nothing.

Where do I go to...?
    run a person's SQL                                   sql/
    read with delta-rs alone: literals, conditions       query/
    read bars, now or as they were known                 bars/
    read for backtests, cached in memory                 read/
    write rows as plain files                            export/
    trace a number back to the bytes received            explain/
    report a table's health                              health/
    show the lakehouse's status, gaps and breaks         monitor/
    change the HTML report                               report/
    print on a terminal, or as JSON                      output/
"""
