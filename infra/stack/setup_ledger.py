"""Creates the database and the user that count API calls; running it again only sets the password."""

import os

import psycopg
from psycopg import sql


def main() -> None:
    """Creates what is missing, as the stack's PostgreSQL administrator."""
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
