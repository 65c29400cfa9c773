"""The tables of the lake: one declaration per table, and everything that is derived from it.

Where do I go to...?
    add or read a table's columns         tables/
    see what a declaration can derive     table.py
    know an interval's length             intervals.py
    see the views' SQL                    views/
    create, read, append or lock tables   storage/
    generate docs/tables.md               tables_doc.py
"""
