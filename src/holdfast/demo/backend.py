"""
A backend at https://localhost with a self-signed certificate.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

PORT = 9443  # if it is free
VALID_FOR = timedelta(days=365)
RENEWED_BEFORE = timedelta(days=31)  # so that an imported certificate never expires soon
MENU = [{"pizza": "Margherita", "price": 9.5}, {"pizza": "Funghi", "price": 11.0}]


@dataclass(frozen=True, slots=True)
class Backend:
    """The URL of the backend, and the file of its certificate."""

    url: str
    certificate: Path


@asynccontextmanager
async def serve(directory: Path, ports: Iterable[int] = (PORT,)) -> AsyncIterator[Backend]:
    """
    Serve until the block ends, on the first free port of *ports*, or on any other if none is free.

    Raises:
        OSError: The key and certificate can't be stored in *directory*.
    """
    certificate, key = ensure_certificate(directory, datetime.now(UTC))
    with _listen(ports) as listening:
        # asyncio does this only for sockets that it creates; without it, each response waits 40 ms for an ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            _build_application(),
            ssl_certfile=certificate,
            ssl_keyfile=key,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        # The socket already listens, so connections wait until the server is ready.
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield Backend(f"https://localhost:{listening.getsockname()[1]}", certificate)
        finally:
            server.should_exit = True
            await task


def ensure_certificate(directory: Path, now: datetime) -> tuple[Path, Path]:
    """Return the files of certificate and key in *directory*; replace both if they are missing, damaged or old."""
    certificate, key = directory / "backend.pem", directory / "backend.key"
    if not _is_usable(certificate, key, now):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        private = ec.generate_private_key(ec.SECP256R1())
        _write(key, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        _write(certificate, _issue_self_signed(private, now).public_bytes(Encoding.PEM), 0o644)
    return certificate, key


def _is_usable(certificate: Path, key: Path, now: datetime) -> bool:
    try:
        public = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = load_pem_private_key(key.read_bytes(), None)
    except (FileNotFoundError, ValueError):
        return False
    as_bytes = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    matches = public.public_key().public_bytes(*as_bytes) == private.public_key().public_bytes(*as_bytes)
    return matches and public.not_valid_before_utc <= now < public.not_valid_after_utc - RENEWED_BEFORE


def _write(file: Path, content: bytes, mode: int) -> None:
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as output:
        output.write(content)
    new.replace(file)


def _issue_self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pizza Shack backend")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + VALID_FOR)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )


def _listen(ports: Iterable[int]) -> socket.socket:
    for port in ports:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
    return socket.create_server(("127.0.0.1", 0))


def _build_application() -> Starlette:
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(routes=[Route("/menu", _serve_menu), Route("/{path:path}", _serve_anything, methods=methods)])


async def _serve_menu(request: Request) -> JSONResponse:
    del request
    return JSONResponse({"menu": MENU})


async def _serve_anything(request: Request) -> JSONResponse:
    return JSONResponse({"backend": "Pizza Shack", "method": request.method, "path": request.url.path})


class _Server(uvicorn.Server):
    """A server without signal handlers: the command line has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield
