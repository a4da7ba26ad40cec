"""Hashes of bytes that TensorFlow spreads categories with. They must not change: files hold what follows from them.

`fingerprint` is FarmHash's Fingerprint64 (Google, 2014); `siphash` is SipHash-2-4 (Aumasson and Bernstein, 2012).
"""

import struct

MASK = (1 << 64) - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
CAT = 0xC6A4A7935BD1E995


def fingerprint(text: bytes) -> int:
    """FarmHash's 64-bit fingerprint.

    >>> fingerprint(b"A"), fingerprint(b"")
    (16915294056622060564, 11160318154034397263)
    """
    n = len(text)
    if n <= 16:
        return _up_to_16(text, n)
    if n <= 32:
        return _up_to_32(text, n)
    return _up_to_64(text, n) if n <= 64 else _long(text, n)


def fingerprint_of_both(first: int, second: int) -> int:
    """One number for two, as TensorFlow crosses features."""
    found = first ^ CAT
    found ^= _shift_mix(second * CAT & MASK) * CAT & MASK
    found = found * CAT & MASK
    return _shift_mix(_shift_mix(found) * CAT & MASK)


def murmur(text: bytes) -> int:
    """The hash that TensorFlow's `Hash64` is: MurmurHash2 of 64 bits, with its seed.

    >>> [murmur(text) % 3 for text in (b"Hello", b"TensorFlow", b"2.x")]
    [2, 0, 1]
    """
    factor = 0xC6A4A7935BD1E995
    found = 0xDECAFCAFFE ^ len(text) * factor & MASK
    rest = len(text) % 8
    for word in struct.unpack(f"<{len(text) // 8}Q", text[: len(text) - rest]):
        word = word * factor & MASK
        word = (word ^ word >> 47) * factor & MASK
        found = (found ^ word) * factor & MASK
    if rest:
        found = (found ^ int.from_bytes(text[len(text) - rest :], "little")) * factor & MASK
    found = (found ^ found >> 47) * factor & MASK
    return found ^ found >> 47


def siphash(text: bytes, key: tuple[int, int]) -> int:
    """SipHash-2-4 with a key of two numbers.

    >>> siphash(bytes(range(15)), (0x0706050403020100, 0x0F0E0D0C0B0A0908)) == 0xA129CA6149BE45E5
    True
    """
    k0, k1 = key[0] & MASK, key[1] & MASK
    state = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    rest = len(text) % 8
    words = [*struct.unpack(f"<{len(text) // 8}Q", text[: len(text) - rest])]
    words.append(int.from_bytes(text[len(text) - rest :], "little") | (len(text) & 0xFF) << 56)
    for word in words:
        state[3] ^= word
        _sip_rounds(state, 2)
        state[0] ^= word
    state[2] ^= 0xFF
    _sip_rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_rounds(state: list[int], count: int) -> None:
    a, b, c, d = state
    for _ in range(count):
        a = (a + b) & MASK
        b = _left(b, 13) ^ a
        a = _left(a, 32)
        c = (c + d) & MASK
        d = _left(d, 16) ^ c
        a = (a + d) & MASK
        d = _left(d, 21) ^ a
        c = (c + b) & MASK
        b = _left(b, 17) ^ c
        c = _left(c, 32)
    state[:] = a, b, c, d


def _left(x: int, by: int) -> int:
    return (x << by | x >> (64 - by)) & MASK


def _right(x: int, by: int) -> int:
    return (x >> by | x << (64 - by)) & MASK


def _word(text: bytes, at: int) -> int:
    return int.from_bytes(text[at : at + 8], "little")


def _half(text: bytes, at: int) -> int:
    return int.from_bytes(text[at : at + 4], "little")


def _shift_mix(x: int) -> int:
    return x ^ x >> 47


def _mix(u: int, v: int, factor: int) -> int:
    a = (u ^ v) * factor & MASK
    b = (v ^ a ^ a >> 47) * factor & MASK
    return (b ^ b >> 47) * factor & MASK


def _up_to_16(text: bytes, n: int) -> int:
    factor = (K2 + n * 2) & MASK
    if n >= 8:
        a, b = (_word(text, 0) + K2) & MASK, _word(text, n - 8)
        c = (_right(b, 37) * factor + a) & MASK
        return _mix(c, (_right(a, 25) + b) * factor & MASK, factor)
    if n >= 4:
        return _mix((n + (_half(text, 0) << 3)) & MASK, _half(text, n - 4), factor)
    if n:
        y = text[0] + (text[n >> 1] << 8)
        z = n + (text[n - 1] << 2)
        return _shift_mix(y * K2 & MASK ^ z * K0 & MASK) * K2 & MASK
    return K2


def _up_to_32(text: bytes, n: int) -> int:
    factor = (K2 + n * 2) & MASK
    a, b = _word(text, 0) * K1 & MASK, _word(text, 8)
    c, d = _word(text, n - 8) * factor & MASK, _word(text, n - 16) * K2 & MASK
    u = (_right((a + b) & MASK, 43) + _right(c, 30) + d) & MASK
    return _mix(u, (a + _right((b + K2) & MASK, 18) + c) & MASK, factor)


def _up_to_64(text: bytes, n: int) -> int:
    factor = (K2 + n * 2) & MASK
    a, b = _word(text, 0) * K2 & MASK, _word(text, 8)
    c, d = _word(text, n - 8) * factor & MASK, _word(text, n - 16) * K2 & MASK
    y = (_right((a + b) & MASK, 43) + _right(c, 30) + d) & MASK
    z = _mix(y, (a + _right((b + K2) & MASK, 18) + c) & MASK, factor)
    e, f = _word(text, 16) * factor & MASK, _word(text, 24)
    g, h = (y + _word(text, n - 32)) * factor & MASK, (z + _word(text, n - 24)) * factor & MASK
    u = (_right((e + f) & MASK, 43) + _right(g, 30) + h) & MASK
    return _mix(u, (e + _right((f + a) & MASK, 18) + g) & MASK, factor)


def _two_of_32(text: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """Two numbers for 32 bytes and two seeds."""
    w, x, y, z = (_word(text, at + 8 * i) for i in range(4))
    a = (a + w) & MASK
    b = _right((b + a + z) & MASK, 21)
    c = a
    a = (a + x + y) & MASK
    b = (b + _right(a, 44)) & MASK
    return (a + z) & MASK, (b + c) & MASK


def _long(text: bytes, n: int) -> int:
    x, y = 81, (81 * K1 + 113) & MASK
    z = _shift_mix((y * K2 + 113) & MASK) * K2 & MASK
    v, w = (0, 0), (0, 0)
    x = (x * K2 + _word(text, 0)) & MASK
    end = (n - 1) // 64 * 64
    for at in range(0, end, 64):
        x = _right((x + y + v[0] + _word(text, at + 8)) & MASK, 37) * K1 & MASK
        y = _right((y + v[1] + _word(text, at + 48)) & MASK, 42) * K1 & MASK
        x ^= w[1]
        y = (y + v[0] + _word(text, at + 40)) & MASK
        z = _right((z + w[0]) & MASK, 33) * K1 & MASK
        v = _two_of_32(text, at, v[1] * K1 & MASK, (x + w[0]) & MASK)
        w = _two_of_32(text, at + 32, (z + w[1]) & MASK, (y + _word(text, at + 16)) & MASK)
        z, x = x, z
    factor = (K1 + ((z & 0xFF) << 1)) & MASK
    at = n - 64
    w = ((w[0] + ((n - 1) & 63)) & MASK, w[1])
    v = ((v[0] + w[0]) & MASK, v[1])
    w = ((w[0] + v[0]) & MASK, w[1])
    x = _right((x + y + v[0] + _word(text, at + 8)) & MASK, 37) * factor & MASK
    y = _right((y + v[1] + _word(text, at + 48)) & MASK, 42) * factor & MASK
    x ^= w[1] * 9 & MASK
    y = (y + v[0] * 9 + _word(text, at + 40)) & MASK
    z = _right((z + w[0]) & MASK, 33) * factor & MASK
    v = _two_of_32(text, at, v[1] * factor & MASK, (x + w[0]) & MASK)
    w = _two_of_32(text, at + 32, (z + w[1]) & MASK, (y + _word(text, at + 16)) & MASK)
    z, x = x, z
    first = (_mix(v[0], w[0], factor) + _shift_mix(y) * K0 + z) & MASK
    return _mix(first, (_mix(v[1], w[1], factor) + x) & MASK, factor)
