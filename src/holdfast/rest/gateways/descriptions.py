"""
Gateways in responses.
"""

from datetime import datetime

from holdfast.apis.gateways.gateway import IssuedCertificate
from holdfast.gateway.control.states import GatewayState
from holdfast.rest.gateways.responses import Gateway, GatewayCertificate, GatewayConnection, GatewayReport
from holdfast.services.gateways.statuses import GatewayStatus


def describe_gateway(status: GatewayStatus, revision: int, now: datetime) -> Gateway:
    """Describe a gateway; *revision* is the newest one of the configuration."""
    gateway = status.gateway
    join_by = gateway.join_by if gateway else None
    return {
        "name": status.name,
        "group": status.group,
        "labels": dict(gateway.placement.labels) if gateway else {},
        "state": status.state,
        "certificate": _describe_certificate(gateway.certificate) if gateway and gateway.certificate else None,
        "createdTime": _write(gateway.created_at if gateway else None),
        "enrolledTime": _write(gateway.enrolled_at if gateway else None),
        "joinBefore": _write(join_by if join_by and join_by > now else None),
        "connection": _describe_connection(status, revision),
    }


def _describe_connection(status: GatewayStatus, revision: int) -> GatewayConnection:
    state = status.applied_revision
    return {
        "controlPlane": status.control_plane or None,
        "connectedSince": _write(status.connected_since),
        "lastSeen": _write(status.reported_state.seen_at if status.reported_state else None),
        "address": status.address or None,
        "newestRevision": revision,
        "applied": {"revision": state.revision, "since": state.since.isoformat()} if state else None,
        "behind": status.behind,
        "behindSince": _write(status.behind_since),
        "rejections": status.rejections,
        "rejected": [
            {"type": rejection.type, "name": rejection.name, "message": rejection.reason}
            for rejection in status.rejected_resources
        ],
        "report": _describe_report(status, status.reported_state) if status.reported_state else None,
    }


def _describe_certificate(certificate: IssuedCertificate) -> GatewayCertificate:
    return {
        "fingerprint": certificate.fingerprint,
        "notBefore": certificate.not_before.isoformat(),
        "notAfter": certificate.not_after.isoformat(),
    }


def _describe_report(status: GatewayStatus, state: GatewayState) -> GatewayReport | None:
    report = state.report
    if report is None:
        return None
    return {
        "version": report.version,
        "envoyVersion": report.envoy_version or None,
        "startedTime": report.started_at.isoformat(),
        "envoyStartedTime": _write(report.envoy_started_at),
        "envoyRestarts": report.envoy_restarts,
        "envoyEndedTime": _write(report.envoy_ended_at),
        "staleSince": _write(status.stale_since),
        "clockOffset": state.clock_offset.total_seconds() if state.clock_offset else None,
        "lostReports": report.lost_reports,
        "problems": [{"kind": problem.kind, "message": problem.text} for problem in report.problems],
        "missingTokens": [
            {
                "backend": token.backend,
                "cause": token.cause,
                "message": token.words,
                "validUntil": _write(token.valid_until),
            }
            for token in report.tokens
        ],
        "traffic": [
            {"environment": traffic.environment, "requests": traffic.requests, "failures": traffic.failures}
            for traffic in report.traffic
        ],
    }


def _write(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
