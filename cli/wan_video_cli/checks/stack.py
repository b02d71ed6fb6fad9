"""The stack itself: its status, outputs and parameters."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from wan_video_cli.checks import Deployment, Finding, State, listed

GOOD: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
UNDONE: Final = ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
"""A deployment failed, and the stack is as it was before."""

OUTPUTS: Final = (
    *("ApiUrl", "InputsBucketName", "LedgerTableName", "NotifyDeadLettersArn", "PromptsBucketName"),
    *("StateMachineArn", "TopicArn", "VideosBucketName", "VideosTableName", "WanSecretArn", "WebhookSecretArn"),
)
PARAMETERS: Final = (
    *("AccessLogs", "AlarmTopicArn", "ApiBurstLimit", "ApiRateLimit", "Architecture", "Clock", "DailySeconds"),
    *("DefaultModel", "DefaultRegion", "DefaultSeconds", "DefaultSize", "FileUploadsOwner", "FirstPollSeconds"),
    *(
        "ImageOrigins",
        "InputDays",
        "KmsKeyArn",
        "LinkSeconds",
        "LogLevel",
        "LogRetentionDays",
        "OnAmbiguousSubmit",
        "PollIntervalSeconds",
    ),
    *("PollsPerExecution", "PythonRuntime", "ReconcileGraceSeconds", "ReconcileIntervalSeconds", "ResultHosts"),
    *("RetentionDays", "Starts", "TableProtection", "Thumbnails", "Tracing", "WanEndpoints", "WanPrices", "WanQuotas"),
    *("WanRegions", "WanWorkspaceId", "WebhookOrigins"),
)
"""The template's parameters; a test holds both tuples to template.yaml."""

SAM_CONFIG: Final = "samconfig.toml"


def status(deployment: Deployment) -> Finding:
    """Check whether the last deployment succeeded."""
    found = str(deployment.described["StackStatus"])
    if found in GOOD:
        return Finding("stack", State.OK, f"{deployment.stack!r} is in the state {found}.")
    events = "`aws cloudformation describe-stack-events` shows why; then deploy again."
    if found in UNDONE:
        return Finding("stack", State.WARNING, f"The last deployment failed and was rolled back ({found}).", events)
    if found.endswith("_IN_PROGRESS"):
        return Finding("stack", State.WARNING, f"A deployment is under way ({found}).", "Run doctor again afterwards.")
    if found == "ROLLBACK_COMPLETE":
        events = "It cannot be updated: `sam delete`, then `sam deploy`."
    return Finding("stack", State.FAILED, f"The stack is in the state {found}.", events)


def outputs(deployment: Deployment) -> Finding:
    """Check whether all outputs exist."""
    missing = [name for name in OUTPUTS if not deployment.outputs.get(name)]
    if missing:
        return Finding(
            "outputs", State.FAILED, f"The stack has no output {listed(missing)}.", "Deploy it again from this version."
        )
    return Finding("outputs", State.OK, f"All {len(OUTPUTS)} outputs exist.")


def parameters(deployment: Deployment, folder: Path) -> Finding:
    """Whether this version knows the parameters that the stack has, and that samconfig.toml in `folder` overrides."""
    unknown = sorted(set(deployment.parameters) - set(PARAMETERS))
    if unknown:
        return Finding(
            "parameters",
            State.WARNING,
            f"This version has no parameter {listed(unknown)}: the stack comes from another one.",
            "Read CHANGELOG.md for what replaces it, then deploy this version.",
        )
    ignored = sorted(set(_overridden(folder)) - set(PARAMETERS))
    if ignored:
        return Finding(
            "parameters",
            State.WARNING,
            f"{SAM_CONFIG} sets {listed(ignored)}, which no longer exists; `sam deploy` ignores it.",
            f"Remove it from parameter_overrides in {SAM_CONFIG}; CHANGELOG.md says what replaces it.",
        )
    missing = sorted(set(PARAMETERS) - set(deployment.parameters))
    if missing:
        return Finding(
            "parameters",
            State.WARNING,
            f"The stack does not know {listed(missing)}: it is older than this command.",
            "Deploy it again to bring it up to date.",
        )
    if deployment.parameters.get("Starts") == "disabled":
        return Finding(
            "parameters",
            State.WARNING,
            "Starts is disabled: no queued video is started.",
            "`sam deploy --parameter-overrides Starts=enabled` starts them again.",
        )
    return Finding("parameters", State.OK, "The stack has the parameters of this version.")


def _overridden(folder: Path) -> Sequence[str]:
    """The parameters that the SAM CLI's file in a folder sets; none where there is no such file."""
    import tomlkit

    path = folder / SAM_CONFIG
    if not path.is_file():
        return []
    found: list[str] = []
    for command in _tables(tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()):
        overrides = command.get("parameter_overrides", [])
        pairs = shlex.split(overrides) if isinstance(overrides, str) else [str(one) for one in overrides]
        found += [name for name, equals, _ in (pair.partition("=") for pair in pairs) if equals]
    return found


def _tables(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tables `[environment.command.parameters]`."""
    return [
        command["parameters"]
        for environment in config.values()
        if isinstance(environment, dict)
        for command in environment.values()
        if isinstance(command, dict) and isinstance(command.get("parameters"), dict)
    ]
