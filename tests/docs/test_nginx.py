"""The site of the page on nginx, where no largesse answers behind it."""

import shutil
import socket
import subprocess
from pathlib import Path

import msgspec
import pytest
from blocks import ROOT, read
from nginx import fronted

from largesse.http.errors import Problem

PAGE = ROOT / "docs" / "how-to" / "nginx.md"


def test_clients_are_told_to_come_back_while_largesse_restarts(tmp_path: Path) -> None:
    """In the same form as largesse says it."""
    for program, package in (("curl", "curl"), ("nginx", "nginx-light")):
        if shutil.which(program, path="/usr/sbin:/usr/bin") is None:
            pytest.skip(f"{program} is missing: apt-get install {package}")
    [site] = [block.content for block in read(PAGE).blocks if block.language == "nginx"]
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        site = site.replace("127.0.0.1:8000", f"127.0.0.1:{nobody.getsockname()[1]}")
        with fronted(site, tmp_path / "nginx") as curlrc:
            (tmp_path / ".curlrc").write_text(curlrc)
            done = subprocess.run(
                ["curl", "-sS", "-i", "https://coupons.example.com/api/v1/campaigns"],
                env={"HOME": str(tmp_path)},
                capture_output=True,
                text=True,
                check=True,
            )
    head, _, body = done.stdout.partition("\n\n")
    assert head.startswith("HTTP/1.1 503 ")
    assert "retry-after: 1" in head.lower()
    assert "content-type: application/problem+json" in head.lower()
    problem = msgspec.json.decode(body, type=Problem)
    assert (problem.code, problem.transient, problem.status) == ("UNAVAILABLE", True, 503)
