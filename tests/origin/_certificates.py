"""The origin's own certificate authority, made with the openssl program.

And certificates that a careful client refuses.
"""

from __future__ import annotations

import ssl
import subprocess
import threading
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
[past]
database = {database}
new_certs_dir = {directory}
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
"""
BAD_CERTIFICATES = ("unknown-authority", "expired", "wrong-name")


def make_ca(directory: Path) -> Path:
    """Makes ca.pem and ca.key in `directory`, or keeps those that are there."""
    ca = directory / "ca.pem"
    if not ca.exists():
        _request(directory, "ca", "ca", ["localhost"], [])
    return ca


def make_leaf(
    directory: Path, names: Iterable[str], name: str = "leaf"
) -> tuple[Path, Path]:
    """Makes a certificate for `names`, signed by make_ca's; returns it and its key."""
    _request(directory, name, "leaf", ["localhost", *names], _authority(directory))
    return directory / f"{name}.pem", directory / f"{name}.key"


def make_bad_leaf(
    directory: Path, names: Iterable[str], kind: str
) -> tuple[Path, Path]:
    """Makes one that is wrong in one way, one of BAD_CERTIFICATES."""
    if kind == "unknown-authority":
        # Of the same name as the real one, and with another key.
        other = directory / "other-authority"
        other.mkdir(exist_ok=True)
        make_ca(other)
        return make_leaf(other, names)
    if kind == "wrong-name":
        return make_leaf(directory, ["elsewhere.example.org"], kind)
    if kind != "expired":
        raise ValueError(f"not one of {', '.join(BAD_CERTIFICATES)}: {kind}")
    _request(directory, kind, "leaf", ["localhost", *names], None)
    # `openssl req` makes none that ends in the past.
    (directory / "database").touch()
    _openssl(
        "ca", "-batch", "-notext", "-name", "past", "-extensions", "leaf",
        "-config", str(directory / f"{kind}.cnf"),
        "-cert", str(directory / "ca.pem"), "-keyfile", str(directory / "ca.key"),
        "-in", str(directory / f"{kind}.csr"), "-out", str(directory / f"{kind}.pem"),
        "-startdate", "20200101000000Z", "-enddate", "20200102000000Z",
    )  # fmt: skip
    return directory / f"{kind}.pem", directory / f"{kind}.key"


class Tls:
    """The context of all TLS connections; each host can show another certificate.

    Thread-safe.
    """

    def __init__(self, directory: Path, names: Iterable[str]) -> None:
        self._directory = directory
        self._names = tuple(names)
        self._mutex = threading.Lock()
        self._made: dict[str, ssl.SSLContext] = {}
        self._shown: dict[str, str] = {}
        self.context = _context(*make_leaf(directory, self._names))
        self.context.sni_callback = self._choose

    def show(self, host: str, kind: str) -> None:
        """Handshakes for `host` get the bad certificate from now on."""
        with self._mutex:
            if kind not in self._made:
                leaf = make_bad_leaf(self._directory, self._names, kind)
                self._made[kind] = _context(*leaf)
            self._shown[host] = kind

    def show_good(self, host: str) -> None:
        with self._mutex:
            self._shown.pop(host, None)

    def _choose(
        self, connection: ssl.SSLObject, name: str, context: ssl.SSLContext
    ) -> None:
        with self._mutex:
            kind = self._shown.get(name or "")
            if kind is not None:
                connection.context = self._made[kind]


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _authority(directory: Path) -> list[str]:
    return ["-CA", str(directory / "ca.pem"), "-CAkey", str(directory / "ca.key")]


def _request(
    directory: Path, name: str, section: str, names: list[str], signer: list[str] | None
) -> None:
    """Makes NAME.key and NAME.pem, or NAME.csr where there is no signer."""
    config = directory / f"{name}.cnf"
    config.write_text(
        _CONFIG.format(
            names=", ".join(f"DNS:{n}" for n in names),
            database=directory / "database",
            directory=directory,
        )
    )
    form = ["-x509", "-days", "3650", *signer] if signer is not None else ["-new"]
    ending = "pem" if signer is not None else "csr"
    _openssl(
        "req", *form, "-config", str(config), "-extensions", section, "-nodes",
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-keyout", str(directory / f"{name}.key"),
        "-out", str(directory / f"{name}.{ending}"),
    )  # fmt: skip


def _openssl(*arguments: str) -> None:
    made = subprocess.run(
        ["openssl", *arguments], check=False, capture_output=True, text=True
    )
    if made.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed: {made.stderr}")
