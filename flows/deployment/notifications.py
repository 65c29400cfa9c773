"""Notifications of failed runs and refused batches: by webhook, Slack or e-mail.

NOTIFY_WEBHOOK_URL gets a POST of {"subject", "body"}; NOTIFY_SLACK_URL is an incoming webhook of Slack;
NOTIFY_EMAIL_URL is an address as Apprise writes it, mailtos://user:password@smtp.example.com?to=me@example.com.
They are stored as encrypted blocks in Prefect. Prefect's server sends, so it needs access to the network.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from apprise import Apprise
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from prefect.client.orchestration import PrefectClient
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from prefect.types import SecretDict
from pydantic import SecretStr

from config.load import ConfigError
from config.secrets import Secrets
from flows.deployment.automations import OURS

GATE_REFUSED: Final = "market-lakehouse.gate.refused"  # the event of flows/runtime/run_report.py
_HTTP: Final = ("http", "https")
_MAIL: Final = ("mailto", "mailtos")
_FAILED_BODY: Final = (
    "{{ flow.name }}, run {{ flow_run.name }}: {{ flow_run.state.name }}\n"
    "{{ flow_run.state.message }}\n{{ flow_run|ui_url }}"
)
_REFUSED_BODY: Final = "{{ event.resource.id }}: {{ event.payload.detail }}\nThe table is as it was before."


def wanted_blocks(secrets: Secrets) -> dict[str, NotificationBlock]:
    """The sending blocks by name: one per address that is set.

    Raises:
        ConfigError: an invalid address; the message does not show it.
    """
    blocks: dict[str, NotificationBlock] = {}
    if url := _address("NOTIFY_WEBHOOK_URL", secrets.notify_webhook_url, _HTTP):
        blocks["lakehouse-webhook"] = CustomWebhookNotificationBlock(
            name="market-lakehouse",
            url="{{url}}",
            json_data={"subject": "{{subject}}", "body": "{{body}}"},
            secrets=SecretDict({"url": url}),
        )
    if url := _address("NOTIFY_SLACK_URL", secrets.notify_slack_url, _HTTP):
        blocks["lakehouse-slack"] = SlackWebhook(url=SecretStr(url))
    if url := _address("NOTIFY_EMAIL_URL", secrets.notify_email_url, _MAIL):
        # Prefect has no block for SMTP; this one passes an address that is not Slack's to Apprise unchanged
        blocks["lakehouse-email"] = SlackWebhook(url=SecretStr(url))
    return blocks


def _address(name: str, secret: SecretStr | None, schemes: tuple[str, ...]) -> str | None:
    if secret is None:
        return None
    url = secret.get_secret_value().strip()
    parts = urlsplit(url)
    is_mail = schemes == _MAIL
    if parts.scheme not in schemes or not parts.netloc or (is_mail and not Apprise().add(url)):
        raise ConfigError(f"{name} is not a usable address: it has to begin with {' or '.join(schemes)}")
    return url


async def save_blocks(client: PrefectClient, wanted: Mapping[str, NotificationBlock]) -> dict[str, UUID]:
    """Saves the blocks and returns their ids; deletes those of addresses that are no longer set."""
    for name, kind in (
        ("lakehouse-webhook", CustomWebhookNotificationBlock),
        ("lakehouse-slack", SlackWebhook),
        ("lakehouse-email", SlackWebhook),
    ):
        if name not in wanted:
            await _delete(client, name, kind)
    return {name: await block.save(name, overwrite=True) for name, block in wanted.items()}


async def _delete(client: PrefectClient, name: str, kind: type[NotificationBlock]) -> None:
    try:
        stored = await client.read_block_document_by_name(name, kind.get_block_type_slug())
        await client.delete_block_document(stored.id)
    except ObjectNotFound:
        return


def notification_automations(blocks: Mapping[str, UUID]) -> list[AutomationCore]:
    """The automations that notify; none without a block."""
    if not blocks:
        return []
    failed = {"prefect.flow-run.Failed", "prefect.flow-run.Crashed", "prefect.flow-run.TimedOut"}
    return [
        _notify("tell of failed runs", failed, "prefect.flow-run.*", "A run failed", _FAILED_BODY, blocks),
        _notify(
            "tell of refused batches",
            {GATE_REFUSED},
            "market-lakehouse.table.*",
            "A gate refused a batch",
            _REFUSED_BODY,
            blocks,
        ),
    ]


def _notify(
    name: str, events: set[str], resource: str, subject: str, body: str, blocks: Mapping[str, UUID]
) -> AutomationCore:
    return AutomationCore(
        name=OURS + name,
        trigger=EventTrigger(
            expect=events,
            match=ResourceSpecification({"prefect.resource.id": [resource]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[
            SendNotification(block_document_id=block, subject=f"market-lakehouse: {subject}", body=body)
            for block in blocks.values()
        ],
    )
