"""
Gateways and control planes that need attention.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from holdfast.apis.gateways.gateway import GatewayState
from holdfast.services.access.context import Context
from holdfast.services.attention.item import Item, Kind, Urgency, format_count
from holdfast.services.control_planes.presence import Presence
from holdfast.services.gateways import statuses, token_problems
from holdfast.services.gateways.control_planes import list_control_planes
from holdfast.services.gateways.operators import is_operator
from holdfast.services.gateways.statuses import GatewayStatus, Sources

_PATH = "/gateways"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_LAGS_AFTER = timedelta(seconds=30)  # every change is missing for some milliseconds
# Without a connection, these need nothing but to join, or are expected to be away.
_NOT_JOINED = {GatewayState.WAITING, GatewayState.NOT_JOINED}


def examine_gateways(context: Context, sources: Sources) -> Iterator[Item]:
    """Yield items about gateways that reject something, aren't connected, or lack the latest changes."""
    all_statuses = statuses.list_statuses(context, sources)
    rejecting = [status for status in all_statuses if status.rejections]
    if rejecting:
        worst = max(rejecting, key=lambda status: status.rejections)
        yield Item(
            Kind.REJECTING_GATEWAYS,
            Urgency.NOW,
            len(rejecting),
            format_count(len(rejecting), "gateway rejects changes", "gateways reject changes"),
            _describe_rejection(worst),
            _PATH,
            "Show gateways",
        )
    away = [status for status in all_statuses if not status.connected_since and status.state not in _NOT_JOINED]
    if away:
        longest = min(away, key=_find_last_time)
        yield Item(
            Kind.DISCONNECTED_GATEWAYS,
            Urgency.NOW,
            len(away),
            format_count(len(away), "gateway isn't connected", "gateways aren't connected"),
            longest.name,
            _PATH,
            "Show gateways",
            *(("last seen", longest.reported_state.seen_at) if longest.reported_state else ()),
        )
    lagging = [status for status in all_statuses if status.behind and _is_lagging(context, status)]
    if lagging:
        last = min(lagging, key=lambda status: status.behind_since or context.now)
        yield Item(
            Kind.LAGGING_GATEWAYS,
            Urgency.NOW,
            len(lagging),
            format_count(len(lagging), "gateway is missing changes", "gateways are missing changes"),
            f"{last.name}: {format_count(last.behind, 'resource', 'resources')}",
            _PATH,
            "Show gateways",
            *(("since", last.behind_since) if last.behind_since else ()),
        )


def examine_tokens(context: Context, sources: Sources) -> Iterator[Item]:
    """Yield an item about backends for which gateways get no access token, or no new one."""
    missing = token_problems.find_own(context, sources)
    if missing:
        # One without a token first, then the one that expires first.
        worst = min(missing, key=lambda status: status.problem.valid_until or _LONG_AGO)
        until = worst.problem.valid_until
        backends = len({status.problem.backend for status in missing})
        yield Item(
            Kind.MISSING_TOKENS,
            Urgency.SOON if until else Urgency.NOW,
            backends,
            format_count(backends, "backend has no new access token", "backends have no new access token"),
            f"{worst.api.name} {worst.api.version}, {worst.environment}, at gateway {worst.gateway}: "
            f"{worst.problem.cause} ({worst.problem.words})",
            f"/apis/{worst.api.id}/endpoints",
            "Show endpoints",
            *(("the last one expires", until) if until else ()),
        )


def examine_control_planes(context: Context, presence: Presence) -> Iterator[Item]:
    """Yield an item about control planes that ended without a clean stop, for operators."""
    if not presence.is_shared or not is_operator(context):
        return
    silent = [status.control_plane for status in list_control_planes(context, presence) if not status.is_live]
    if silent:
        last = max(silent, key=lambda control_plane: control_plane.seen_at)
        yield Item(
            Kind.STOPPED_CONTROL_PLANES,
            Urgency.NOW,
            len(silent),
            format_count(len(silent), "control plane has stopped", "control planes have stopped"),
            f"{last.name}; the gateway next to it, {last.local_gateway}, gets no changes",
            _PATH,
            "Show control planes",
            "last seen",
            last.seen_at,
        )


def _describe_rejection(status: GatewayStatus) -> str:
    resources = format_count(status.rejections, "resource", "resources")
    reason = f" ({status.rejected_resources[0].reason})" if status.rejected_resources else ""
    return f"{status.name}: {resources}{reason}"


def _find_last_time(status: GatewayStatus) -> float:
    return status.reported_state.seen_at.timestamp() if status.reported_state else 0.0


def _is_lagging(context: Context, status: GatewayStatus) -> bool:
    return status.behind_since is not None and context.now - status.behind_since > _LAGS_AFTER
