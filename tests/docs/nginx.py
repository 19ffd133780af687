"""A page's nginx site run by a real nginx, in front of the page's server.

Three things are not as on the reader's machine: the port, because 443 is not ours; the certificate,
which is made here; and the name, which curl is told where to find.
"""

import datetime as dt
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

STOP_S_MAX = 10.0
DAYS_VALID = 2

_MAIN = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@contextmanager
def fronted(site: str, folder: Path) -> Iterator[str]:
    """Run nginx with this site; yields what curl must be told to find and trust it."""
    found = re.search(r"server_name\s+(\S+);", site)
    assert found, "the site has no server_name"
    name = found[1]
    folder.mkdir()
    certificate, key = _certify(name, folder)
    with socket.socket() as held:
        # As long as nobody listens there, nginx may take a port that is held like this.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        site, listens = re.subn(r"listen\s+443\b", f"listen 127.0.0.1:{port}", site)
        assert listens == 1, "the site has to listen on 443 once"
        site = re.sub(r"(ssl_certificate\s+)\S+;", rf"\g<1>{certificate};", site)
        site = re.sub(r"(ssl_certificate_key\s+)\S+;", rf"\g<1>{key};", site)
        (folder / "site.conf").write_text(site, encoding="utf-8")
        (folder / "main.conf").write_text(_MAIN.format(folder=folder), encoding="utf-8")
        with _running(folder, port):
            yield f'connect-to = "{name}:443:127.0.0.1:{port}"\ncacert = "{certificate}"\n'


@contextmanager
def _running(folder: Path, port: int) -> Iterator[None]:
    """Run nginx until the end of the block, which begins when it listens."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None
    command = [program, "-c", "main.conf", "-p", str(folder), "-e", str(folder / "error.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr, checked.stderr
    nginx = subprocess.Popen(command, cwd=folder)
    try:
        while not _listens(port):
            assert nginx.poll() is None, (folder / "error.log").read_text()
        yield
    finally:
        nginx.terminate()
        nginx.wait(STOP_S_MAX)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def _certify(name: str, folder: Path) -> tuple[Path, Path]:
    """A certificate of this name that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=DAYS_VALID))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_path, key_path
