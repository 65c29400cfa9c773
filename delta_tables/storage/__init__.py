"""A lake's storage: where tables live, how they are created, read and appended to, who may write.

Where do I go to...?
    find a lake's root and a table's address     lake.py
    create or evolve tables                      create_tables.py
    read or append rows without an engine        arrow_io.py
    commit so that a power failure loses nothing table_commit.py
    find a log entry that is empty or cut        table_log.py
    record a checksum of each file               checksums.py
    store flat files as received                 landing_zone.py
    hold the right to write a lake in a bucket   lease.py, lease_object.py
    know what a bucket's store guarantees        object_store.py
    give Spark the credentials of a bucket       spark_settings.py
    compare what tables hold                     content_hash.py, row_digest.py
"""
