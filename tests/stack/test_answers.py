"""One question on Gold, asked by every door of the stack as docs/sql.md says: one answer."""

import json

import pytest

from tests.builders.sql_snippets import answer_of, run, separated_rows, snippet
from tests.stack.running_stack import FILES, PORTS, PROJECT, Stack

COMPOSED = f"export COMPOSE_PROJECT_NAME={PROJECT} COMPOSE_FILE={FILES}\n"


def bucket() -> str:
    """The page's lines that name the stack's Gold, with this stack's port."""
    lines = snippet("setup", "bucket").text
    assert ":9000" in lines
    return lines.replace(":9000", f":{PORTS['MINIO_PORT']}")


def test_lakehouse_sql_jdbc_duckdb_and_polars_give_the_same_answer(stack: Stack) -> None:
    by_jdbc = run(snippet("stack", "beeline"), COMPOSED, stack.folder)
    assert by_jdbc.returncode == 0, by_jdbc.stderr
    by_command = run(snippet("stack", "lakehouse-sql"), COMPOSED, stack.folder)
    assert by_command.returncode == 0, by_command.stderr
    answers = {
        "JDBC": separated_rows(by_jdbc.stdout, ","),
        "lakehouse sql": separated_rows(by_command.stdout, "\t"),
        "DuckDB": answer_of(snippet("lake", "duckdb"), bucket(), stack.folder),
        "Polars": answer_of(snippet("lake", "polars"), bucket(), stack.folder),
    }
    assert len(answers["JDBC"]) == 3
    assert answers["JDBC"][0][:2] == ("2010-08-20", "249.64")
    assert all(rows == answers["JDBC"] for rows in answers.values()), answers


def test_the_history_of_gold_is_a_statement_over_jdbc(stack: Stack) -> None:
    done = run(snippet("stack", "history"), COMPOSED, stack.folder)
    assert done.returncode == 0, done.stderr
    assert "MERGE" in done.stdout or "WRITE" in done.stdout, done.stdout


def test_the_gold_reader_s_write_is_refused_by_the_store(stack: Stack) -> None:
    done = run(snippet("bucket", "write-refused"), bucket(), stack.folder)
    assert done.stdout.strip() == "refused: True True", done.stderr


def test_the_doctor_in_the_worker_finds_a_store_in_which_one_of_32_writers_wins(stack: Stack) -> None:
    said = stack.inside("prefect-worker", "/app/infra/stack/cli.sh", "--json", "doctor")
    findings = {each["what"]: each for each in json.loads(said)}
    assert "of 32 writers at once one created" in findings["lake"]["found"], said
    assert "in the PostgreSQL database of all workers" in findings["quota of alphavantage"]["found"], said
    assert all(each["is_well"] for each in findings.values()), said


@pytest.mark.parametrize("layer", ["bronze", "silver", "gold", "ops"])
def test_every_declared_table_is_registered(stack: Stack, layer: str) -> None:
    statement = f"show tables in {layer}"
    command = ("beeline", "--silent=true", "--outputformat=tsv2", "-u", "jdbc:hive2://spark:10000")
    named = stack.inside("spark", *command, "-e", statement)
    wanted = stack.inside("prefect-worker", "python", "-c", NAMES, layer).split()
    assert wanted
    assert set(wanted) <= {word for line in named.splitlines() for word in line.split("\t")}


NAMES = """
import sys
from delta_tables.tables.catalogue import ALL_TABLES
print(*(table.name for table in ALL_TABLES if table.layer == sys.argv[1]))
"""
