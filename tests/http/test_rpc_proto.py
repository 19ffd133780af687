"""The interface descriptions: checked by buf, frozen where they must be, and made into Python."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto"
GENERATED = ROOT / "src" / "largesse" / "http" / "rpc" / "generated"
PROGRAMS = Path(sys.executable).parent
OLDER = "couponpb/coupons.proto"


def buf(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run buf in a folder, with the generators of this environment and a cache of its own."""
    environment = {
        **os.environ,
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "BUF_CACHE_DIR": str(folder / ".cache"),
    }
    return subprocess.run(
        [PROGRAMS / "buf", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the descriptions, to spoil."""
    return Path(shutil.copytree(PROTO, tmp_path / "proto"))


def spoil(path: Path, before: str, after: str) -> None:
    """Change a description."""
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def test_the_generated_code_is_fresh(copy: Path, tmp_path: Path) -> None:
    """It says what the descriptions say today."""
    made = tmp_path / "src" / "largesse" / "http" / "rpc" / "generated"
    made.mkdir(parents=True)
    ended = buf(copy, "generate")
    assert ended.returncode == 0, ended.stderr.decode()
    names = {path.relative_to(made) for path in made.rglob("*.py")}
    assert names == {path.relative_to(GENERATED) for path in GENERATED.rglob("*.py")}
    stale = [
        str(name) for name in names if (made / name).read_text() != (GENERATED / name).read_text()
    ]
    assert not stale, "run `make proto`"


def test_what_breaks_a_client_is_found(copy: Path) -> None:
    """Negative control: a field that changes its type, its name or its number."""
    kept = ("breaking", ".", "--against", "frozen.json")
    assert buf(copy, *kept).returncode == 0
    for before, after in (
        ("int64 total_coupons = 3", "int32 total_coupons = 3"),
        ("string coupon_code = 1", "string coupon = 1"),
        ("int64 campaign_id = 1", "int64 campaign_id = 9"),
    ):
        for name in ("largesse/v1/coupons.proto", OLDER):
            text = (copy / name).read_text()
            spoil(copy / name, before, after)
            assert buf(copy, *kept).returncode == 100, (name, after)
            (copy / name).write_text(text)


def test_bad_manners_are_found(copy: Path) -> None:
    """Negative control: the linter reads every description, the frozen one as well."""
    assert buf(copy, "lint").returncode == 0
    for name in ("largesse/v1/coupons.proto", OLDER):
        text = (copy / name).read_text()
        spoil(copy / name, "string coupon_code", "string CouponCode")
        assert buf(copy, "lint").returncode == 100
        (copy / name).write_text(text)


def test_the_older_service_is_frozen(copy: Path) -> None:
    """Not even an addition: its clients are as they are."""
    ended = buf(copy, "build", "--exclude-source-info", "-o", "-#format=json")
    assert older(ended.stdout) == older((PROTO / "frozen.json").read_bytes())


def older(image: bytes) -> object:
    """The older service in an image of all descriptions."""
    files = msgspec.json.decode(image)["file"]
    [found] = [file for file in files if file["name"] == OLDER]
    return found
