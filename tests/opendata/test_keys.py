"""`cityflux opendata key`, and what is taken for a key: as openssl sees it."""

import subprocess
from pathlib import Path

import pytest

from cityflux.opendata.signing import KeyFileError, make_key, private_key, public_key
from tests.programs import cityflux


def openssl(*arguments: str) -> str:
    ended = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True)
    return ended.stdout


def test_a_pair_is_made_that_openssl_reads(tmp_path: Path) -> None:
    said = cityflux("opendata", "key", str(tmp_path / "city.pem"), environment={})
    private, public = tmp_path / "city.pem", tmp_path / "city.pub.pem"
    assert (private.stat().st_mode & 0o777, public.stat().st_mode & 0o777 & ~0o022) == (0o600, 0o644)
    assert "ED25519 Private-Key" in openssl("pkey", "-in", str(private), "-text", "-noout")
    assert openssl("pkey", "-in", str(private), "-pubout") == public.read_text("ascii")
    assert "sha256:" in said


def test_nothing_is_ever_written_over(tmp_path: Path) -> None:
    make_key(tmp_path / "city.pem")
    before = (tmp_path / "city.pem").read_bytes()
    assert "is not written over" in cityflux("opendata", "key", str(tmp_path / "city.pem"), environment={}, expect=2)
    (tmp_path / "city.pub.pem").unlink()
    with pytest.raises(KeyFileError, match=r"city.pem is there already"):
        make_key(tmp_path / "city.pem")
    assert (tmp_path / "city.pem").read_bytes() == before
    (tmp_path / "link.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError, match="is there already"):
        make_key(tmp_path / "link.pem")
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(KeyFileError, match="No such file"):
        make_key(tmp_path / "no" / "city.pem")


def test_a_private_key_that_others_may_read_does_not_sign(tmp_path: Path) -> None:
    make_key(tmp_path / "city.pem")
    (tmp_path / "city.pem").chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        private_key(tmp_path / "city.pem")


def test_other_keys_are_refused_by_name(tmp_path: Path) -> None:
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(tmp_path / "rsa.pem"))
    openssl("pkey", "-in", str(tmp_path / "rsa.pem"), "-pubout", "-out", str(tmp_path / "rsa.pub.pem"))
    (tmp_path / "rsa.pem").chmod(0o600)
    (tmp_path / "no.pem").write_text("no key")
    (tmp_path / "no.pem").chmod(0o600)
    for file, read, says in (
        ("rsa.pem", private_key, "is no Ed25519 key"), ("rsa.pub.pem", public_key, "is no Ed25519 key"),
        ("no.pem", private_key, "is no private key in PEM"), ("no.pem", public_key, "is no public key in PEM"),
    ):  # fmt: skip
        with pytest.raises(KeyFileError, match=says):
            read(tmp_path / file)


def test_a_key_that_openssl_made_signs(tmp_path: Path) -> None:
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(tmp_path / "o.pem"))
    (tmp_path / "o.pem").chmod(0o600)
    (tmp_path / "text").write_bytes(b"text")
    (tmp_path / "sig").write_bytes(private_key(tmp_path / "o.pem").sign(b"text"))
    checked = openssl(
        "pkeyutl", "-verify", "-inkey", str(tmp_path / "o.pem"), "-rawin", "-in", str(tmp_path / "text"), "-sigfile",
        str(tmp_path / "sig"),
    )  # fmt: skip
    assert "Verified Successfully" in checked
