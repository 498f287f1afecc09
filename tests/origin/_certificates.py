"""The origin's own certificate authority, made with the openssl program."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

_CONFIG = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = hubd test origin
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = IP:127.0.0.1, {names}
"""


def make_ca(directory: Path) -> Path:
    """Makes ca.pem and ca.key in `directory`, or keeps those that are there."""
    ca = directory / "ca.pem"
    if not ca.exists():
        _request(directory, "ca", "ca", ["localhost"], [])
    return ca


def make_leaf(directory: Path, names: Iterable[str]) -> tuple[Path, Path]:
    """Makes a certificate for `names`, signed by make_ca's; returns it and its key."""
    signer = ["-CA", str(directory / "ca.pem"), "-CAkey", str(directory / "ca.key")]
    _request(directory, "leaf", "leaf", ["localhost", *names], signer)
    return directory / "leaf.pem", directory / "leaf.key"


def _request(
    directory: Path, name: str, section: str, names: list[str], signer: list[str]
) -> None:
    config = directory / f"{name}.cnf"
    config.write_text(_CONFIG.format(names=", ".join(f"DNS:{n}" for n in names)))
    command = ["openssl", "req", "-x509", "-config", str(config)]
    command += ["-extensions", section, "-days", "3650", "-nodes", *signer]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-keyout", str(directory / f"{name}.key")]
    command += ["-out", str(directory / f"{name}.pem")]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(f"openssl req failed: {made.stderr}")
