"""
RC2 decryption (RFC 2268). Java before 8u301 and Windows encrypt the certificates of PKCS#12 files with it.

RC2 is insecure today. `cryptography` decrypts it only in its own PKCS#12 reader.
"""

_PITABLE = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2"
    "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec"
    "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9"
    "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
)


def decrypt_cbc(key: bytes, effective_bits: int, iv: bytes, data: bytes) -> bytes:
    """Decrypt whole blocks of 8 octets, with an effective key length of *effective_bits* (section 2)."""
    expanded_key = _expand(key, effective_bits)
    plain = bytearray()
    previous = iv
    for at in range(0, len(data), 8):
        block = data[at : at + 8]
        plain_block = int.from_bytes(_decrypt_block(expanded_key, block), "big") ^ int.from_bytes(previous, "big")
        plain += plain_block.to_bytes(8, "big")
        previous = block
    return bytes(plain)


def _expand(key: bytes, effective_bits: int) -> list[int]:
    octets = bytearray(key)
    for at in range(len(key), 128):
        octets.append(_PITABLE[(octets[at - 1] + octets[at - len(key)]) & 0xFF])
    size = (effective_bits + 7) // 8
    octets[128 - size] = _PITABLE[octets[128 - size] & (0xFF >> (8 * size - effective_bits))]
    for at in range(127 - size, -1, -1):
        octets[at] = _PITABLE[octets[at + 1] ^ octets[at + size]]
    return [octets[at] | octets[at + 1] << 8 for at in range(0, 128, 2)]


def _decrypt_block(k: list[int], block: bytes) -> bytes:
    a, b, c, d = (block[at] | block[at + 1] << 8 for at in (0, 2, 4, 6))
    for turn in range(15, -1, -1):
        j = 4 * turn
        d = ((d >> 5 | d << 11) & 0xFFFF) - k[j + 3] - (c & b) - (~c & a) & 0xFFFF
        c = ((c >> 3 | c << 13) & 0xFFFF) - k[j + 2] - (b & a) - (~b & d) & 0xFFFF
        b = ((b >> 2 | b << 14) & 0xFFFF) - k[j + 1] - (a & d) - (~a & c) & 0xFFFF
        a = ((a >> 1 | a << 15) & 0xFFFF) - k[j] - (d & c) - (~d & b) & 0xFFFF
        if turn in (11, 5):
            d = d - k[c & 63] & 0xFFFF
            c = c - k[b & 63] & 0xFFFF
            b = b - k[a & 63] & 0xFFFF
            a = a - k[d & 63] & 0xFFFF
    return bytes((a & 0xFF, a >> 8, b & 0xFF, b >> 8, c & 0xFF, c >> 8, d & 0xFF, d >> 8))
