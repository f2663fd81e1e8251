"""Settings that must be the same at all control planes are compared."""

import pytest

from holdfast.server.control_planes.presence import SHARED_SETTINGS, digest_settings
from holdfast.server.settings import Settings

# Each control plane may have its own: where it runs, where it keeps what, its credentials, and how it stops.
OWN_SETTINGS = {
    "admin_password",
    "admin_password_file",
    "advertise",
    "data",
    "database",  # a wrong one is another installation
    "database_connections",
    "database_password",
    "database_password_file",
    "discovery",
    "drain_timeout",
    "enrollment_key_file",
    "envoy",
    "gateway_access_log",
    "gateway_access_log_files",
    "gateway_access_log_format",
    "gateway_access_log_size",
    "gateway_metrics",
    "gateway_metrics_ca_file",
    "gateway_monitoring",
    "gateway_traces",
    "gateway_traces_ca_file",
    "gateway_traces_sample",
    "gateway_tls_cert",  # the content of the file is compared
    "gateway_tls_key",
    "traces",
    "traces_sample",
    "metrics",
    "logs",
    "collector_ca_file",
    "insecure_http",
    "log_level",
    "name",
    "notification_ca_file",
    "oidc_ca_file",
    "oidc_client_secret",
    "oidc_client_secret_file",
    "publisher",
    "sealing_key",  # the keys are compared
    "sealing_key_file",
    "smtp_password",
    "smtp_password_file",
    "tls_cert",
    "tls_key",
    "without_gateway",
}


def test_every_setting_is_either_compared_or_a_control_planes_own():
    assert set(Settings.model_fields) == OWN_SETTINGS | set(SHARED_SETTINGS)
    assert not OWN_SETTINGS & set(SHARED_SETTINGS)


@pytest.mark.parametrize(
    ("variable", "settings"),
    [
        ("HOLDFAST_GATEWAY", {"gateway": "127.0.0.1:8290"}),
        ("HOLDFAST_TRUSTED_PROXIES", {"trusted_proxies": "10.0.0.0/8"}),
        ("HOLDFAST_OIDC_ROLES", {"oidc_roles": "admins=admin"}),
        ("HOLDFAST_BACKEND_IDLE", {"backend_idle": 9}),
    ],
)
def test_a_changed_setting_has_another_digest(variable, settings):
    before, after = digest_settings(Settings()), digest_settings(Settings(**settings))
    assert {name for name in before if before[name] != after[name]} == {variable}
    assert digest_settings(Settings()) == before
