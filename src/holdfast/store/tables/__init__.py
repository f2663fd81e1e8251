"""
The tables, by subject. Every row belongs to an organization, except groups of gateways.

Import tables from here, so that `Table.metadata` is complete: migrations need every table, and foreign keys their
targets.
"""

from holdfast.store.tables.access import ApplicationRow, OrganizationRow, SessionRow, TokenRow, UserRow
from holdfast.store.tables.catalog import ApiDocumentRow, ApiRow, Http1OriginRow
from holdfast.store.tables.columns import Table
from holdfast.store.tables.gateways import GatewayAuthorityRow, GatewayCertificateRow, GatewayRow, JoinTokenRow
from holdfast.store.tables.groups import ApiDeploymentRow, GatewayGroupRow
from holdfast.store.tables.identities import CallerCertificateRow, GatewayIdentityRow, IdentityChainRow
from holdfast.store.tables.journal import AuditEventRow, ChangeRow
from holdfast.store.tables.trust import (
    EndpointCertificateRow,
    RemovedCertificateRow,
    RevocationListRow,
    TrustedCertificateRow,
    TrustSettingsRow,
)

__all__ = [
    "ApiDeploymentRow",
    "ApiDocumentRow",
    "ApiRow",
    "ApplicationRow",
    "AuditEventRow",
    "CallerCertificateRow",
    "ChangeRow",
    "EndpointCertificateRow",
    "GatewayAuthorityRow",
    "GatewayCertificateRow",
    "GatewayGroupRow",
    "GatewayIdentityRow",
    "GatewayRow",
    "Http1OriginRow",
    "IdentityChainRow",
    "JoinTokenRow",
    "OrganizationRow",
    "RemovedCertificateRow",
    "RevocationListRow",
    "SessionRow",
    "Table",
    "TokenRow",
    "TrustSettingsRow",
    "TrustedCertificateRow",
    "UserRow",
]
