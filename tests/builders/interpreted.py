"""How the tests' Apache Spark runs its queries: interpreted, but where a test wants them as users have them.

Of a build's CPU time a quarter went into compiling queries that run once, over few rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

_INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}


def interpret(session: SparkSession) -> None:
    """Lets Apache Spark interpret the session's queries."""
    for name, value in _INTERPRETED.items():
        session.conf.set(name, value)


@contextmanager
def compiled(session: SparkSession) -> Iterator[None]:
    """The session's queries are compiled meanwhile, as they are for users; another engine's as ever."""
    is_interpreted = session.conf.get("spark.sql.codegen.wholeStage", "") == "false"
    if is_interpreted:
        for name in _INTERPRETED:
            session.conf.unset(name)
    try:
        yield
    finally:
        if is_interpreted:
            interpret(session)
