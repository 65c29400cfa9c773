"""Arrow streams as pyarrow tables; imports no engine, so that a reader starts fast."""

import pyarrow as pa


def arrow_table(stream: object) -> pa.Table:
    """A pyarrow table of a result of delta-rs, or of any other object that exports an Arrow stream.

    `pyarrow.table(stream)` gives the same table, but imports pandas first, which takes half a second.
    """
    return pa.RecordBatchReader.from_stream(stream).read_all()
