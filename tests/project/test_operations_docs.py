"""Everything that the pages on operations, troubleshooting and architecture name exists in the tree."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from flows.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("docs/operations.md", "docs/troubleshooting.md", "docs/architecture.md")
STACK: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = STACK["services"]
LAKEHOUSE_IN_CONTAINER = "/app/infra/stack/cli.sh"
PLAIN = {"make", "docker", "git", "ssh", "lakehouse", "lakehouse()"}
# Variables of other programs, and files that the user writes.
FOREIGN = {"HTTPS_PROXY", "SSL_CERT_FILE", "LAKE_STORE_SECRET", "COMPOSE_PROFILES"}
OWN_FILES = {"docker-compose.override.yml", "mine.toml", "/settings/mine.toml", "manifest.json"}
_BLOCK = re.compile(r"^```sh\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_WITH_SERVICE = {"exec", "logs", "restart", "stop", "up", "ps"}
_OPTIONS_WITH_VALUE = {"--profile", "--since", "--scale", "--build-arg"}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def commands(page: str) -> Iterator[list[str]]:
    """Each command of the page, in its blocks and in its text, as words."""
    text = text_of(page)
    for block in _BLOCK.findall(text):
        yield from filter(None, (shlex.split(line, comments=True) for line in block.splitlines()))
    for code in _CODE.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        if code.startswith(("make ", "docker compose ", "lakehouse ", "git ", "ssh ")):
            yield shlex.split(code)


def all_commands() -> list[list[str]]:
    return [words for page in PAGES for words in commands(page)]


def compose_words(words: list[str]) -> list[str]:
    """The subcommand and arguments of a `docker compose` command, without options and their values."""
    found, rest = [], iter(words[2:])
    for word in rest:
        if word in _OPTIONS_WITH_VALUE:
            next(rest)
        elif not word.startswith("-"):
            found.append(word)
    return found


@cache
def program_texts() -> tuple[str, ...]:
    """Every text that the project's programs can print; the parts of a formatted text are separate."""
    found = []
    for folder in ("config", "delta_tables", "flows", "infra", "jobs", "quality", "serving"):
        for file in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            found += [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        found += [file.read_text(encoding="utf-8") for file in (ROOT / folder).rglob("*.sh")]
    return tuple(each for each in found if isinstance(each, str))


def quotes() -> list[str]:
    """The messages that the pages quote: lines that begin with `> `."""
    return [
        line.removeprefix("> ")
        for page in PAGES
        for line in text_of(page).splitlines()
        if line.startswith("> ")
    ]


def known_names() -> set[str]:
    """The words in capitals in the stack's files and in the project's settings."""
    files = [
        ROOT / name
        for name in (
            "docker-compose.yml",
            ".env.example",
            "Makefile",
            "flows/deployment/deploy.py",
            "flows/deployment/zombie_runs.py",
        )
    ]
    files += [*(ROOT / "infra").rglob("*"), *(ROOT / "config").glob("*.py")]
    text = "\n".join(
        file.read_text(encoding="utf-8") for file in files if file.suffix != ".pyc" and file.is_file()
    )
    return set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_+[A-Z0-9]+)+\b", text))


def test_the_pages_show_commands() -> None:
    assert len(all_commands()) > 40
    assert {words[0] for words in all_commands()} <= PLAIN


def test_each_make_target_and_its_variables_exist() -> None:
    makefile = text_of("Makefile")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE))
    shown = [words for words in all_commands() if words[0] == "make"]
    assert {"backup", "restore", "rotate", "env"} <= {words[1] for words in shown} <= targets
    variables = {word.split("=")[0] for words in shown for word in words[2:]}
    assert variables == {"TO", "FROM", "FORCE", "NAME"}
    assert not [name for name in variables if f"$({name})" not in makefile]


def test_each_service_of_a_docker_compose_command_exists() -> None:
    shown = [words for words in all_commands() if words[:2] == ["docker", "compose"]]
    for words in shown:
        subcommand, *rest = compose_words(words)
        named = rest[:1] if subcommand == "exec" else rest
        if subcommand in _WITH_SERVICE:
            assert set(named) <= set(SERVICES), words
        scaled = {after.split("=")[0] for word, after in pairwise(words) if word == "--scale"}
        profiles = {after for word, after in pairwise(words) if word == "--profile"}
        assert scaled <= set(SERVICES), words
        assert profiles <= {name for each in SERVICES.values() for name in each.get("profiles", ())}, words


def test_each_lakehouse_command_exists() -> None:
    group: Any = get_command(app)
    shown = [words for words in all_commands() if words[0] == "lakehouse"]
    shown += [
        words[words.index(LAKEHOUSE_IN_CONTAINER) :]
        for words in all_commands()
        if LAKEHOUSE_IN_CONTAINER in words
    ]
    named = {words[1] for words in shown if len(words) > 1} - {"$@;"}
    assert {"status", "doctor", "plan", "maintain", "replay"} <= named <= set(group.commands)
    assert (ROOT / LAKEHOUSE_IN_CONTAINER.removeprefix("/app/")).is_file()


def test_both_services_that_expire_landed_files_have_the_same_settings() -> None:
    """The bucket's own rule must not remove files that the runs' settings keep."""
    flows, bucket = SERVICES["prefect-worker"]["environment"], SERVICES["store-setup"]["environment"]
    for name in ("LAKEHOUSE_CONFIG", "LAKEHOUSE_PROVIDERS__MASSIVE__RETENTION_DAYS"):
        assert flows[name] == bucket[name], name  # both define it; None: taken from the shell or .env


def test_the_example_of_a_mounted_settings_file_covers_every_service_that_reads_one() -> None:
    shown = re.findall(r"^```yaml\n(.*?)^```", text_of("docs/operations.md"), flags=re.MULTILINE | re.DOTALL)
    (example,) = [yaml.safe_load(each) for each in shown if "LAKEHOUSE_CONFIG" in each]
    readers = {name for name, each in SERVICES.items() if "LAKEHOUSE_CONFIG" in each.get("environment", {})}
    assert set(example["services"]) == readers
    mounted = {volume.split(":")[1] for each in example["services"].values() for volume in each["volumes"]}
    assert {each["environment"]["LAKEHOUSE_CONFIG"] for each in example["services"].values()} == mounted


def test_each_containers_logs_are_kept_up_to_the_stated_size() -> None:
    assert re.search(r"Each container keeps at most\s+30\s+MB\s+of\s+logs", text_of("docs/operations.md"))
    for name, service in SERVICES.items():
        options = service["logging"]["options"]
        assert int(options["max-size"].removesuffix("m")) * int(options["max-file"]) == 30, name


def test_each_name_in_capitals_exists_in_the_stack_or_the_settings() -> None:
    for page in PAGES:
        named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_+[A-Z0-9]+)+\b", text_of(page)))
        assert not named - known_names() - FOREIGN, page


def test_each_file_that_is_named_exists() -> None:
    for page in PAGES:
        for code in _CODE.findall(text_of(page)):
            if re.fullmatch(r"[\w./-]+\.(py|sh|toml|yml|yaml|md|json)", code) and code not in OWN_FILES:
                assert (ROOT / code).is_file() or code.startswith("/app/"), f"{page}: {code}"
            if re.fullmatch(r"(infra|quality|config|flows)/[\w/-]*/?", code):
                assert (ROOT / code).exists(), f"{page}: {code}"


def test_each_link_leads_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)]+)\)", text_of(page)):
            if "://" not in link:
                file, _, anchor = link.partition("#")
                target = (ROOT / page).parent / file
                assert target.is_file(), f"{page}: {link}"
                headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
                assert not anchor or anchor in {h.lower().replace(" ", "-") for h in headings}, (
                    f"{page}: {link}"
                )


@pytest.mark.parametrize("quote", quotes())
def test_each_quoted_message_is_one_that_the_project_prints(quote: str) -> None:
    parts = [part.strip() for part in quote.split("…") if len(part.strip()) > 1]
    assert parts
    missing = [part for part in parts if not any(part in text for text in program_texts())]
    assert not missing


def test_the_pages_list_every_secret_with_the_services_that_hold_it() -> None:
    rows = [
        line.split("|")[1:3]
        for line in text_of("docs/architecture.md").splitlines()
        if line.startswith("| `")
    ]
    listed = {
        name: set(holders.strip().split(", ")) for names, holders in rows for name in _CODE.findall(names)
    }
    held: dict[str, set[str]] = {name: set() for name in STACK["secrets"]}
    for service, declared in SERVICES.items():
        for each in declared.get("secrets", ()):
            held[each if isinstance(each, str) else each["source"]].add(service)
    assert {name: holders for name, holders in listed.items() if name in held} == held
    assert not [
        name
        for name in held
        if f"`{name}`" not in text_of("docs/operations.md")
        and f"/{name}`" not in text_of("docs/operations.md")
    ]


def test_the_figure_shows_every_service_and_volume() -> None:
    page = text_of("docs/architecture.md")
    short = {"spark-worker-1": "spark-worker-1", "spark-worker-2": "-2"}
    assert not [name for name in SERVICES if short.get(name, name) not in page]
    assert not [name for name in STACK["volumes"] if f'[("{name}")]' not in page]


def test_the_listed_ports_are_the_published_ones() -> None:
    published = {
        tuple(re.findall(r"\$\{(\w+):-(\d+)\}", port)[0])
        for each in SERVICES.values()
        for port in each.get("ports", ())
    }
    listed = set(re.findall(r"^\| (\d+) \| `(\w+)` \|", text_of("docs/operations.md"), flags=re.MULTILINE))
    assert {(variable, port) for port, variable in listed} == published


def test_backup_and_restore_mount_every_volume_and_nothing_else() -> None:
    for name, suffix in (("volume-reader", ":ro"), ("volume-writer", "")):
        service = SERVICES[name]
        assert service["volumes"] == [f"{each}:/volumes/{each}{suffix}" for each in STACK["volumes"]]
        assert (service["network_mode"], service["read_only"], service["cap_drop"]) == ("none", True, ["ALL"])
        assert service["profiles"] == ["tools"]
        assert "secrets" not in service
