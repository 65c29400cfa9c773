"""Gives the quota ledger a database and a user of its own; running it again changes the password only."""

import os

import psycopg
from psycopg import sql


def main() -> None:
    """Creates what is missing, as PostgreSQL's administrator of the stack."""
    with psycopg.connect(
        host="postgres",
        user="prefect",
        dbname="prefect",
        password=os.environ["POSTGRES_PASSWORD"],
        autocommit=True,
    ) as database:
        is_there = database.execute("SELECT 1 FROM pg_roles WHERE rolname = 'ledger'").fetchone()
        verb = sql.SQL("ALTER" if is_there else "CREATE")
        password = sql.Literal(os.environ["LEDGER_PASSWORD"])
        database.execute(sql.SQL("{} ROLE ledger LOGIN PASSWORD {}").format(verb, password))
        if not database.execute("SELECT 1 FROM pg_database WHERE datname = 'ledger'").fetchone():
            database.execute("CREATE DATABASE ledger OWNER ledger")


if __name__ == "__main__":
    main()
