"""The property of tests/central, with more examples than every run of the tests can afford."""

from hypothesis import given
from pyspark.sql import SparkSession

from tests.central.test_order_does_not_matter import deliveries, few_examples, require_clean_after


@few_examples(12)
@given(parts=deliveries())
def test_any_split_shuffle_and_repeat_gives_the_hashes_of_one_clean_run(
    spark: SparkSession, parts: list[list[int]]
) -> None:
    require_clean_after(spark, parts)
