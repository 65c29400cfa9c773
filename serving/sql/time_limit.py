"""A time limit for a query."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from pyspark.sql import SparkSession

from serving.errors import ServingError

Result = TypeVar("Result")


def within(seconds: float | None, spark: SparkSession, query: Callable[[], Result]) -> Result:
    """The query's result; without `seconds` it may take as long as it wants.

    A query that takes too long is cancelled on Apache Spark. The embedded engine goes on with it until the
    process ends; the thread that waits for it does not keep the process alive.

    Raises:
        ServingError: it takes longer.
    """
    if seconds is None:
        return query()
    ended: Future[Result] = Future()

    def run() -> None:
        try:
            ended.set_result(query())
        except BaseException as error:  # handed on to the caller, whatever it is
            ended.set_exception(error)

    threading.Thread(target=run, name="query", daemon=True).start()
    try:
        return ended.result(seconds)
    except TimeoutError:
        with suppress(Exception):  # the embedded engine cannot do that, and the limit is what is to be told
            spark.interruptAll()
        raise ServingError(
            f"the query did not end within {seconds:g} s; select fewer rows or days, or raise --timeout"
        ) from None
