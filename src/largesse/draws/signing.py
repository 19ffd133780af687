"""Signatures with Ed25519 (RFC 8032), by the library `cryptography`."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from largesse.draws.bundle import Signer


def signer_of(secret: bytes) -> Signer:
    """The signer whose private key is a secret of 32 bytes."""
    key = Ed25519PrivateKey.from_private_bytes(secret)
    return Signer(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), key.sign)
