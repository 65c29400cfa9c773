"""What exists in the lake: one declaration a table, and everything that follows from it.

Where do I go to...?
    add or read a table's columns         bronze.py, silver.py, gold.py, ops.py
    see what a declaration can derive     table.py
    find a table by its name              catalogue.py
    learn where a table is stored         lake.py
    see the views' SQL                    views.py
    read or append without an engine      arrow_io.py
    create or evolve the tables           create_tables.py
    compare two lakes                     content_hash.py
"""
