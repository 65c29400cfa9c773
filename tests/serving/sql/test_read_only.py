"""The SQL statements that are allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import ServingError
from serving.sql.read_only import READING, checked_statement


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "  SELECT 1 ;  ",
        "with x as (select 1) select * from x",
        "-- why\nselect 'it''s; drop table x' as a, \"delete\" as b, `update` from t /* insert */",
        r"select 'a\'; drop table x' ",
        "show tables",
        "describe gold.signals",
        "explain select 1",
        "select a from t join u using (a)",
        "select replace(symbol, 'a', 'b') from t",
        "select `reflect`, `java_method` from t",
        "select '$', '{', '$ {a}', concat('$', '{') from t",
    ],
)
def test_reading_passes(text: str) -> None:
    assert checked_statement(text) == text.strip().rstrip("; ").strip()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the statement is empty"),
        ("  -- only a comment", "the statement is empty"),
        ("drop table gold.signals", "not 'drop'"),
        ("(select 1)", "must start with"),
        ("select 1; drop table x", "more than one"),
        ("select 1;;", "more than one"),
        ("with x as (select 1) insert into gold.signals select * from x", "INSERT is not allowed"),
        ("explain analyze delete from gold.signals", "DELETE is not allowed"),
        ("select transform(a) using 'rm -rf /' from t", "USING"),
        ('select * from (map a using "sh" from t)', "USING"),
        ("select reflect('java.lang.System', 'exit', 1)", "REFLECT is not allowed"),
        ("select `reflect`('java.lang.System', 'exit', 1)", "REFLECT is not allowed"),
        ("select `Java_Method` /* */ ('java.lang.System', 'getenv', 'HOME')", "JAVA_METHOD is not allowed"),
        ("select '${env:AWS_SECRET_ACCESS_KEY}'", "is not allowed: Apache Spark would put a variable"),
        ("select * from t -- ${system:user.home}", "is not allowed: Apache Spark would put a variable"),
        ("select `${spark.app.name}` from t", "is not allowed: Apache Spark would put a variable"),
        ("select 'open", "not closed"),
        ("select /* a /* b */ c */ 1", "ambiguous"),
        ("select 1 -- \\\n , 2", "ambiguous"),
        (r"select r'\' ; drop table x -- '", "more than one"),
    ],
)
def test_everything_else_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ServingError, match=reason):
        checked_statement(text)


@given(st.text(alphabet="selct 1'\"`;-/*\\\n=rRdop", max_size=40))
def test_any_text_is_accepted_or_refused_without_a_crash(text: str) -> None:
    try:
        statement = checked_statement(text)
    except ServingError:
        return
    assert statement.split()[0].upper().startswith(READING) or statement.startswith(("--", "/*"))
