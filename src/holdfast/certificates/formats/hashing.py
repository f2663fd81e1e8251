"""
Key derivation from passwords: PBKDF2 (RFC 8018) and the older method of PKCS#12 (RFC 7292, appendix B).

Run as a program, it derives one key from parameters on standard input. It uses only the standard library so that it
starts quickly.
"""

import hashlib
import json
import os
import resource
import sys

MAX_CPU = 30  # seconds


def derive_pbkdf2(digest: str, salt: bytes, iterations: int, size: int, password: str | None) -> bytes:
    """Derive *size* octets; no password and the empty password are the same."""
    return hashlib.pbkdf2_hmac(digest, (password or "").encode("utf-8", "surrogatepass"), salt, iterations, size)


def derive_pkcs12(digest: str, salt: bytes, iterations: int, size: int, password: str | None, purpose: int) -> bytes:
    """Derive *size* octets for *purpose* (appendix B.3); None differs from the empty password (two zero octets)."""
    block = 128 if digest in ("sha384", "sha512") else 64
    secret = b"" if password is None else password.encode("utf-16-be", "surrogatepass") + b"\0\0"
    make = getattr(hashlib, digest)  # takes half the time of hashlib.new
    input_block = _stretch(salt, block) + _stretch(secret, block)
    key = b""
    while True:
        digest_value = bytes([purpose]) * block + input_block
        for _ in range(iterations):
            digest_value = make(digest_value, usedforsecurity=False).digest()
        key += digest_value
        if len(key) >= size:
            return key[:size]
        increment = int.from_bytes(_stretch(digest_value, block)[:block], "big") + 1
        pieces = (int.from_bytes(input_block[at : at + block], "big") for at in range(0, len(input_block), block))
        input_block = b"".join(((piece + increment) % (1 << 8 * block)).to_bytes(block, "big") for piece in pieces)


def _stretch(octets: bytes, block: int) -> bytes:
    size = -(-len(octets) // block) * block
    return (octets * (size // len(octets) + 1))[:size] if octets else b""


def _run() -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU, MAX_CPU))  # in case its parent is gone and can't end it
    request = json.load(sys.stdin)
    name, salt = request["digest"], bytes.fromhex(request["salt"])
    iterations, size, password = request["iterations"], request["size"], request["password"]
    if request["pbkdf2"]:
        key = derive_pbkdf2(name, salt, iterations, size, password)
    else:
        key = derive_pkcs12(name, salt, iterations, size, password, request["purpose"])
    sys.stdout.write(key.hex())


if __name__ == "__main__":
    _run()
