"""The declarations of all tables: columns with comments and units, keys and partitions.

Where do I go to...?
    payloads and files as received               bronze.py
    bars, fundamentals, the quarantine           silver.py
    corporate actions, news, instruments         silver_reference.py
    trades and quotes                            silver_ticks.py
    KPIs, signals, the overview                  gold.py
    figures computed from ticks                  gold_ticks.py
    differences between providers' bars          gold_reconciliation.py
    gate results, runs, completeness             ops.py
    list all tables                              catalogue.py
    use a column type that several tables share  column_types.py
"""
