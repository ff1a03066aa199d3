"""Ed25519 keys and detached signatures (RFC 8032, through `cryptography`), in files that openssl reads: PEM, PKCS #8 and
SubjectPublicKeyInfo (RFC 8410)."""

import os
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

PrivateKey = Ed25519PrivateKey
PublicKey = Ed25519PublicKey
SIGNATURE_BYTES = 64

# Chosen: a PEM file of a key is some 120 bytes.
_MOST_BYTES = 64 * 1024


class KeyFileError(Exception):
    """A file of a key cannot be read, written, or is none: the message says which and what to do."""


def public_file(private: Path) -> Path:
    """Where the public key of a private one lies: beside it, with `.pub.pem` for its ending."""
    return private.with_suffix(".pub.pem")


def make_key(private: Path) -> Path:
    """Make a pair of keys: the private one in `private` (mode 0600), the public one beside it, whose file is given. Nothing is
    ever written over. Raises KeyFileError."""
    if not private.name:
        raise KeyFileError(f"{private} is a folder; write the file that is to be made")
    public = public_file(private)
    if public.exists() or public.is_symlink():
        raise KeyFileError(f"{public} is there already, and is not written over; choose another name")
    key = Ed25519PrivateKey.generate()
    _create(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _create(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    return public


def private_key(file: Path) -> PrivateKey:
    """The private key of a file. Raises KeyFileError, also where others than its owner may read it."""
    try:
        if file.stat().st_mode & 0o077:
            raise KeyFileError(
                f"{file} can be read by others than its owner; chmod 600 it, and think whether it is still secret"
            )
        key = load_pem_private_key(_read(file), password=None)
    except OSError as error:
        raise KeyFileError(f"{file}: {error.strerror}; `cityflux opendata key FILE` makes one") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(
            f"{file} is no private key in PEM without a password; `cityflux opendata key FILE` makes one"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{file} is no Ed25519 key; `cityflux opendata key FILE` makes one")
    return key


def public_key(file: Path) -> PublicKey:
    """The public key of a file. Raises KeyFileError."""
    try:
        key = load_pem_public_key(_read(file))
    except OSError as error:
        raise KeyFileError(f"{file}: {error.strerror}; give the publisher's public key") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(
            f"{file} is no public key in PEM; the publisher's begins with -----BEGIN PUBLIC KEY-----"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{file} is no Ed25519 key; give the publisher's")
    return key


def fingerprint(key: PublicKey) -> str:
    """SHA-256 of the key as DER, as `openssl pkey -pubin -outform DER | sha256sum` gives it."""
    return f"sha256:{sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()}"


def is_signed_by(key: PublicKey, signature: bytes, signed: bytes) -> bool:
    """Whether it is the key's signature over exactly these bytes."""
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_MOST_BYTES)


def _create(file: Path, content: bytes, mode: int) -> None:
    try:
        # Made with its mode, so that there is no moment in which others may read it.
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
            opened.write(content)
    except FileExistsError as error:
        raise KeyFileError(f"{file} is there already, and is not written over; choose another name") from error
    except OSError as error:
        raise KeyFileError(f"{file}: {error.strerror}; choose a folder that can be written to") from error
