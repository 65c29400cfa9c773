"""The automations of Prefect's server: they end zombie runs, and notify people of failures."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

OURS: Final = "lakehouse: "  # prefix of the names of our automations
_ANY_RUN = ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]})

# A run sends a heartbeat every 30 seconds (PREFECT_FLOWS_HEARTBEAT_FREQUENCY of the worker). None arrives
# while the server restarts, which must not end runs: so the automation waits for several.
_SILENCE: Final = timedelta(minutes=4)
_STARTING: Final = timedelta(minutes=10)


def zombie_automations(
    silence: timedelta = _SILENCE, starting: timedelta = _STARTING
) -> list[AutomationCore]:
    """The automations that end a run that sends no heartbeat, and a run that never began."""
    return [
        _crash(
            "end silent runs",
            "A run that sends no heartbeat any more has lost its process.",
            {"prefect.flow-run.heartbeat"},
            silence,
            f"No heartbeat for {silence.seconds // 60} minutes: its process is gone.",
        ),
        _crash(
            "end runs that never began",
            "A run that a worker has taken and not begun has lost its worker.",
            {"prefect.flow-run.Pending"},
            starting,
            f"Not begun within {starting.seconds // 60} minutes: its worker is gone.",
        ),
    ]


def _crash(name: str, description: str, after: set[str], within: timedelta, message: str) -> AutomationCore:
    return AutomationCore(
        name=OURS + name,
        description=description,
        trigger=EventTrigger(
            after=after,
            expect={"prefect.flow-run.*"},  # states have names of their own here, such as Skipped
            match=_ANY_RUN,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)],
    )


async def set_automations(client: PrefectClient, wanted: Sequence[AutomationCore]) -> None:
    """Makes these the server's automations of ours; disabled ones stay disabled, others' are not touched.

    An automation that is as declared is not updated: an update would forget which runs it waits for.
    """
    stored: dict[str, list[Automation]] = {}
    for each in await client.read_automations():
        if each.name.startswith(OURS):
            stored.setdefault(each.name, []).append(each)
    for automation in wanted:
        existing = stored.get(automation.name, [])
        if not existing:
            await client.create_automation(automation)
            continue
        kept = existing.pop(0)
        if _content(kept) != _content(automation):
            await client.update_automation(kept.id, automation.model_copy(update={"enabled": kept.enabled}))
    for each in [each for rest in stored.values() for each in rest]:
        await client.delete_automation(each.id)


def _content(automation: AutomationCore) -> dict[str, Any]:
    """What we declare of an automation, without what the server adds."""
    trigger = automation.trigger.model_dump(mode="json", exclude={"id"})
    trigger |= {name: sorted(trigger[name]) for name in ("after", "expect", "for_each")}
    actions = [each.model_dump(mode="json") for each in automation.actions]
    return {"description": automation.description, "trigger": trigger, "actions": actions}
