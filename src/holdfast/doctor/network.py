"""
The addresses that Holdfast listens on, and what is presented there.
"""

from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address

from holdfast.app import server_certificate, server_certificate_of_gateways
from holdfast.certificates.validity import EXPIRING_WITHIN
from holdfast.doctor.check import Check
from holdfast.https import read_own
from holdfast.limits import FEWEST_FILES, allowed_files, connection_limits
from holdfast.machine import CannotStart, check_free, url_of
from holdfast.settings import Settings

FEW_FILES = 4096


def tls(settings: Settings, now: datetime) -> Check:
    """Read the publisher's certificate, or see that it needs none."""
    try:
        found = server_certificate(settings)
    except CannotStart as error:
        return Check.failed("TLS", str(error), "Correct it before the next start.")
    if found and settings.tls_cert:
        end = read_own(settings.tls_cert.expanduser()).not_valid_after_utc
        text = f"The publisher's certificate is valid until {end:%Y-%m-%d}."
        if end - now <= EXPIRING_WITHIN:
            return Check.warning("TLS", text, "Renew it; the files are read again by themselves.")
        return Check.ok("TLS", text)
    if ip_address(settings.publisher[0]).is_loopback:
        return Check.ok("TLS", "The publisher speaks http on this machine alone.")
    return Check.warning(
        "TLS",
        f"{url_of(settings.publisher)} can be reached from elsewhere without TLS.",
        "Let only a TLS proxy reach it, or give --tls-cert and --tls-key.",
    )


def gateway_tls(settings: Settings, now: datetime) -> Check:
    """Read what gateways present to callers, or see that they present nothing."""
    try:
        found = server_certificate_of_gateways(settings)
    except CannotStart as error:
        return Check.failed("gateway TLS", str(error), "Correct it before the next start.")
    if found is None:
        return Check.ok("gateway TLS", "The gateways speak http alone, so no API can require client certificates.")
    end = found.current.chain[0].not_after
    text = f"The gateway's certificate is valid until {end:%Y-%m-%d}."
    if end - now <= EXPIRING_WITHIN:
        return Check.warning("gateway TLS", text, "Renew it; the files are read again by themselves.")
    return Check.ok("gateway TLS", text)


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


def ports(settings: Settings, *, running: bool) -> Iterator[Check]:
    """See that each address is free, or taken while a Holdfast runs."""
    for name, address in ({"publisher": settings.publisher} | settings.gateway_addresses).items():
        where = url_of(address).removeprefix("http://")
        try:
            check_free(address, name)
        except CannotStart as error:
            if running:
                yield Check.ok(name, f"{where} is in use, and a Holdfast runs.")
            else:
                yield Check.failed(name, str(error), "Or end what holds it.")
        else:
            if running:
                text = f"A Holdfast runs, but nothing listens on {where}."
                yield Check.warning(name, text, "It was started with other settings: give the same to this command.")
            else:
                yield Check.ok(name, f"{where} is free.")
