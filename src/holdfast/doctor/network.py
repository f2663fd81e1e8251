"""
The addresses that Holdfast listens on, and what is presented there.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from holdfast.doctor.check import Check
from holdfast.network.addresses import Address, Addresses, is_loopback
from holdfast.network.sockets import CannotStart, format_address, listen_problem, make_url
from holdfast.server.limits import FEWEST_FILES, allowed_files, connection_limits
from holdfast.server.listen_addresses import PUBLISHER, ListenAddresses
from holdfast.server.settings import Settings
from holdfast.server.tls_settings import gateway_certificate, publisher_certificate
from holdfast.services.server_certificates import ServerCertificate

FEW_FILES = 4096


def tls(settings: Settings, publisher: Addresses, now: datetime) -> Check:
    """Read the publisher's certificate, or see that it needs none."""
    try:
        files = publisher_certificate(settings, publisher)
    except CannotStart as error:
        return Check.failed("TLS", str(error), "Correct it before the next start.")
    if files:
        return _presented("TLS", files.presented(now), now)
    exposed = [address for address in publisher if not is_loopback(address[0])]
    if not exposed:
        return Check.ok("TLS", "The publisher speaks http on this machine alone.")
    return Check.warning(
        "TLS",
        f"{make_url(exposed[0])} can be reached from elsewhere without TLS.",
        "Let only a TLS proxy reach it, or give --tls-cert and --tls-key.",
    )


def gateway_tls(settings: Settings, now: datetime) -> Check:
    """Read what gateways present to callers, or see that they present nothing."""
    try:
        files = gateway_certificate(settings)
    except CannotStart as error:
        return Check.failed("gateway TLS", str(error), "Correct it before the next start.")
    if files is None:
        return Check.ok("gateway TLS", "The gateways speak http alone, so no API can require client certificates.")
    return _presented("gateway TLS", files.presented(now), now)


def has_gateway_certificate(settings: Settings) -> bool:
    """Say whether gateways that are given these files can open https ports."""
    try:
        files = gateway_certificate(settings)
    except CannotStart:
        return True  # they aren't given any, which `gateway_tls` says
    return files is None or files.current is not None


def _presented(name: str, certificate: ServerCertificate, now: datetime) -> Check:
    if certificate.problem:
        return Check.failed(name, certificate.problem, "Holdfast reads the files again within a minute, or at SIGHUP.")
    text = f"The {certificate.server}'s certificate is valid until {certificate.not_after:%Y-%m-%d}."
    if certificate.find_stage(now) is not None:
        return Check.warning(name, text, "Renew it; Holdfast reads the files again within a minute.")
    return Check.ok(name, text)


def connections() -> Check:
    """Say how many connections there may be, as follows from how many files may be open."""
    files = allowed_files()
    limits = connection_limits(files)
    text = (
        f"{files} files may be open, so {limits.publisher} connections to the publisher ({limits.publisher_share} from "
        f"one address) and {limits.gateway} to the gateway."
    )
    advice = "Raise the hard limit, such as with LimitNOFILE=65536 in systemd."
    if files < FEWEST_FILES:
        text = f"A process can open only {files} files, and Holdfast needs at least {FEWEST_FILES}."
        return Check.failed("connections", text, advice)
    if files < FEW_FILES:
        return Check.warning("connections", text, advice)
    return Check.ok("connections", text)


def ports(
    addresses: ListenAddresses, failing: Sequence[str], *, running: bool, presents: bool = True
) -> Iterator[Check]:
    """
    See that each address is free, or taken while a Holdfast runs.

    *failing* is what that one says isn't ready; *presents* whether gateways have a certificate for their https ports.
    """
    closed = {listener.option for listener in addresses.gateway if listener.tls and not presents}
    every = {PUBLISHER: addresses.publisher} | {listener.option: listener.addresses for listener in addresses.gateway}
    for option, several in every.items():
        for address in several:
            problem = listen_problem(address, option)
            if not running:
                yield _before_a_start(option, address, problem)
            elif f"listener {option}" in failing:
                yield _refused(option, address, problem)
            elif problem:
                yield Check.ok(option, f"{format_address(address)} is in use, and a Holdfast runs.")
            elif option in closed:
                text = (
                    f"Nothing listens on {format_address(address)}, because the gateway has no certificate to present."
                )
                yield Check.warning(option, text, "Repair its files; the port opens by itself then.")
            else:
                text = f"A Holdfast runs, but nothing listens on {format_address(address)}."
                yield Check.warning(option, text, "It was started with other settings: give the same to this command.")


def _before_a_start(option: str, address: Address, problem: tuple[str, str] | None) -> Check:
    if problem:
        return Check.failed(option, *problem)
    return Check.ok(option, f"{format_address(address)} is free.")


def _refused(option: str, address: Address, problem: tuple[str, str] | None) -> Check:
    """Tell about an address of a listener that the gateway of a running Holdfast couldn't make."""
    if problem:
        advice = "End the program that uses it. The gateway tries again every few seconds, without a restart."
        return Check.failed(option, problem[0], advice)
    text = f"The gateway doesn't listen on {format_address(address)} yet."
    return Check.warning(option, text, "It tries again every few seconds; the log says why it couldn't.")
