"""
The tables, by subject. Every row belongs to an organization, except groups of gateways, failed attempts to sign in, how
far the watch has come, and what control planes say about themselves and to each other.

Import tables from here, so that `Table.metadata` is complete: migrations need every table, and foreign keys their
targets.
"""

from holdfast.store.tables.access import (
    ApplicationRow,
    FailedAttemptRow,
    OrganizationRow,
    SavedViewRow,
    SessionRow,
    TokenRow,
    UserRow,
)
from holdfast.store.tables.catalog import ApiDocumentRow, ApiOriginRow, ApiRevisionRow, ApiRow, Http1OriginRow
from holdfast.store.tables.columns import Table
from holdfast.store.tables.compatibility import SchemaCompatibilityRow
from holdfast.store.tables.connected_gateways import ConnectedGatewayRow, GatewayOverviewRow
from holdfast.store.tables.control_planes import ControlPlaneRow, LeaseRow, SealedValueRow
from holdfast.store.tables.documents import DocumentRow, ThumbnailRow
from holdfast.store.tables.failures import FailureAcknowledgementRow, FailureRow
from holdfast.store.tables.gateways import GatewayAuthorityRow, GatewayCertificateRow, GatewayRow, JoinTokenRow
from holdfast.store.tables.groups import ApiDeploymentRow, GatewayGroupRow
from holdfast.store.tables.identities import CallerCertificateRow, GatewayIdentityRow, IdentityChainRow
from holdfast.store.tables.journal import AuditChainRow, AuditEventRow, ChangeRow
from holdfast.store.tables.labels import LabelRow
from holdfast.store.tables.messages import MessageRow
from holdfast.store.tables.notifications import (
    ConditionRow,
    NotificationChannelRow,
    NotificationCursorRow,
    NotificationDeliveryRow,
    NotificationMessageRow,
    NotificationRow,
    OwnerRow,
    SilenceRow,
)
from holdfast.store.tables.traffic import TrafficCauseRow, TrafficCoverageRow, TrafficRow, TrafficSourceRow
from holdfast.store.tables.trust import (
    EndpointCertificateRow,
    RemovedCertificateRow,
    RevocationListRow,
    TrustedCertificateRow,
    TrustSettingsRow,
)
from holdfast.store.tables.watch import PresentedChainRow, WatchedEndpointRow, WatchProgressRow

__all__ = [
    "ApiDeploymentRow",
    "ApiDocumentRow",
    "ApiOriginRow",
    "ApiRevisionRow",
    "ApiRow",
    "ApplicationRow",
    "AuditChainRow",
    "AuditEventRow",
    "CallerCertificateRow",
    "ChangeRow",
    "ConditionRow",
    "ConnectedGatewayRow",
    "ControlPlaneRow",
    "DocumentRow",
    "EndpointCertificateRow",
    "FailedAttemptRow",
    "FailureAcknowledgementRow",
    "FailureRow",
    "GatewayAuthorityRow",
    "GatewayCertificateRow",
    "GatewayGroupRow",
    "GatewayIdentityRow",
    "GatewayOverviewRow",
    "GatewayRow",
    "Http1OriginRow",
    "IdentityChainRow",
    "JoinTokenRow",
    "LabelRow",
    "LeaseRow",
    "MessageRow",
    "NotificationChannelRow",
    "NotificationCursorRow",
    "NotificationDeliveryRow",
    "NotificationMessageRow",
    "NotificationRow",
    "OrganizationRow",
    "OwnerRow",
    "PresentedChainRow",
    "RemovedCertificateRow",
    "RevocationListRow",
    "SavedViewRow",
    "SchemaCompatibilityRow",
    "SealedValueRow",
    "SessionRow",
    "SilenceRow",
    "Table",
    "ThumbnailRow",
    "TokenRow",
    "TrafficCauseRow",
    "TrafficCoverageRow",
    "TrafficRow",
    "TrafficSourceRow",
    "TrustSettingsRow",
    "TrustedCertificateRow",
    "UserRow",
    "WatchProgressRow",
    "WatchedEndpointRow",
]
