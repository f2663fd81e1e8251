"""
Checks of the addresses that Holdfast listens on, and of the certificates that it presents there.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from holdfast.doctor.check import Check
from holdfast.files.locks import is_locked
from holdfast.gateway.process.directory import ENVOY_LOCK
from holdfast.network.addresses import Address, Addresses, is_loopback
from holdfast.network.server_certificates import ServerCertificate
from holdfast.network.sockets import CannotStart, format_address, listen_problem, make_url
from holdfast.server.machine.limits import FEWEST_FILES, compute_connection_limits, find_allowed_files
from holdfast.server.machine.listen_addresses import DISCOVERY, PUBLISHER, ListenAddresses
from holdfast.server.settings import Settings
from holdfast.server.tls.certificates import open_gateway_certificate, open_publisher_certificate

FEW_FILES = 4096


def check_tls(settings: Settings, publisher: Addresses, now: datetime) -> Check:
    """Check the publisher's certificate, or that it doesn't need one."""
    try:
        files = open_publisher_certificate(settings, publisher)
    except CannotStart as error:
        return Check.failed("TLS", str(error), "Fix it before the next start.")
    if files:
        return _check_presented("TLS", files.get_state(now), now)
    open_addresses = [address for address in publisher if not is_loopback(address[0])]
    if not open_addresses:
        return Check.ok("TLS", "The publisher uses http and can be reached only from this machine.")
    return Check.warning(
        "TLS",
        f"{make_url(open_addresses[0])} can be reached from other machines without TLS.",
        "Set --tls-cert and --tls-key, or make sure that only a TLS proxy can reach it.",
    )


def check_gateway_tls(settings: Settings, now: datetime) -> Check:
    """Check the certificate that gateways present to callers, if they have one."""
    try:
        files = open_gateway_certificate(settings)
    except CannotStart as error:
        return Check.failed("gateway TLS", str(error), "Fix it before the next start.")
    if files is None:
        return Check.ok("gateway TLS", "The gateways use only http, so APIs can't require client certificates.")
    return _check_presented("gateway TLS", files.get_state(now), now)


def has_gateway_certificate(settings: Settings) -> bool:
    """Return whether gateways with these settings can open their https ports, if they have any."""
    try:
        files = open_gateway_certificate(settings)
    except CannotStart:
        return True  # `check_gateway_tls` reports the error
    return files is None or files.current is not None


def _check_presented(name: str, certificate: ServerCertificate, now: datetime) -> Check:
    if certificate.problem:
        return Check.failed(name, certificate.problem, "Holdfast reloads the files within a minute, or on SIGHUP.")
    text = f"The {certificate.server}'s certificate is valid until {certificate.not_after:%Y-%m-%d}."
    if certificate.find_stage(now) is not None:
        return Check.warning(name, text, "Renew it. Holdfast reloads the files within a minute.")
    return Check.ok(name, text)


def check_connections() -> Check:
    """Check the limits on connections, which follow from the number of files that a process can open."""
    files = find_allowed_files()
    limits = compute_connection_limits(files)
    text = (
        f"{files} open files allow {limits.publisher} connections to the publisher ({limits.publisher_share} from one "
        f"address) and {limits.gateway} to the gateway."
    )
    advice = "Raise the hard limit, such as with LimitNOFILE=65536 in systemd."
    if files < FEWEST_FILES:
        text = f"A process can open only {files} files, and Holdfast needs at least {FEWEST_FILES}."
        return Check.failed("connections", text, advice)
    if files < FEW_FILES:
        return Check.warning("connections", text, advice)
    return Check.ok("connections", text)


def check_ports(
    addresses: ListenAddresses, failing: Sequence[str], gateway: Path, *, running: bool, presents: bool = True
) -> Iterator[Check]:
    """
    Check that each address is free, or in use by the running Holdfast or the gateway in the directory *gateway*.

    *failing* lists what the running Holdfast reports as not ready; *presents* says whether gateways have a certificate
    for their https ports.
    """
    closed_options = {listener.option for listener in addresses.gateway if listener.tls and not presents}
    gateway_runs = _is_running(gateway)
    addresses_by_option = {PUBLISHER: addresses.publisher} | {
        listener.option: listener.addresses for listener in addresses.gateway
    }
    addresses_by_option |= {DISCOVERY: addresses.discovery}
    for option, several in addresses_by_option.items():
        for address in several:
            problem = listen_problem(address, option)
            of_gateway = option not in {PUBLISHER, DISCOVERY}
            if of_gateway and problem and gateway_runs and not running:
                yield Check.ok(option, f"{format_address(address)} is in use, and the gateway in {gateway} is running.")
            elif not running:
                yield _check_before_start(option, address, problem)
            elif f"listener {option}" in failing:
                yield _check_gateway_address(option, address, problem)
            elif problem:
                yield Check.ok(option, f"{format_address(address)} is in use, and Holdfast is running.")
            elif option in closed_options:
                text = f"Nothing listens on {format_address(address)}, because the gateway doesn't have a certificate."
                yield Check.warning(option, text, "Fix its files. The port then opens automatically.")
            elif of_gateway and not gateway_runs:
                text = f"Nothing listens on {format_address(address)}, because no gateway is running in {gateway}."
                advice = f"Unless all gateways are on other machines, run `holdfast gateway run --data {gateway}`."
                yield Check.warning(option, text, advice)
            else:
                text = f"Holdfast is running, but nothing listens on {format_address(address)}."
                yield Check.warning(option, text, "It was started with other settings. Use the same for this command.")


def _is_running(gateway: Path) -> bool:
    try:
        return is_locked(gateway / ENVOY_LOCK)
    except OSError:  # another user's
        return False


def _check_before_start(option: str, address: Address, problem: tuple[str, str] | None) -> Check:
    if problem:
        return Check.failed(option, *problem)
    return Check.ok(option, f"{format_address(address)} is free.")


def _check_gateway_address(option: str, address: Address, problem: tuple[str, str] | None) -> Check:
    """Return the check of an address that the running gateway can't listen on."""
    if problem:
        advice = "Stop the program that uses it. The gateway retries every few seconds; a restart isn't needed."
        return Check.failed(option, problem[0], advice)
    text = f"The gateway doesn't listen on {format_address(address)} yet."
    return Check.warning(option, text, "It retries every few seconds. Look for the cause in the log.")
