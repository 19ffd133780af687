"""What `largesse doctor` makes of what it measured; nothing here looks at the machine."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Standing = Literal["ok", "warn", "fail"]

SYNC_S_MIN = 0.000_020
"""No disk answers a sync faster: below it somebody says "done" who has done nothing."""

SYNC_S_MAX = 0.020
"""Every batch waits for one sync: at 20 ms there are fifty batches in a second."""

SLOWEST_SYNC_S_MAX = 0.25
"""A disk that stalls so long keeps every claim waiting meanwhile."""

SQLITE_MIN = (3, 51, 3)
"""From 3.7.0 on, those before it may lose a log that is reset (https://sqlite.org/wal.html)."""

OPEN_FILES_MIN = 4_096
"""Each connection takes one; a sale brings thousands."""

FREE_BYTES_MIN = 100 * 2**20
FREE_BYTES_LOW = 2**30
"""A million incentives take about 70 MiB."""

EARLIEST_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z: this program is not older, so a clock before it is wrong."""

BEHIND_MS_MAX = 60_000
"""How far a file's last change may lie ahead of the clock."""

NETWORK_FILE_SYSTEMS = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "smb3", "smbfs", "virtiofs"}
)
MEMORY_FILE_SYSTEMS = frozenset({"ramfs", "tmpfs"})
LAYERED_FILE_SYSTEMS = frozenset({"aufs", "overlay"})
OPTIONS_WITHOUT_SYNC = frozenset({"barrier=0", "nobarrier", "volatile"})
"""Options of mounts under which a sync may return before the disk has the data."""


class Finding(Struct, frozen=True):
    """How something stands, and what to do where it does not stand well."""

    check: str
    standing: Standing
    found: str
    advice: str = ""


class Mount(Struct, frozen=True):
    """What a folder is on: the kind of file system as Linux names it, and its options."""

    kind: str
    options: frozenset[str] = frozenset()


def judge_versions(
    found: str, sqlite: tuple[int, ...], others: Sequence[tuple[str, str, str]]
) -> Finding:
    """The versions that run; `others` are libraries that are not as pinned: name, wanted, found."""
    if sqlite < SQLITE_MIN:
        least = ".".join(map(str, SQLITE_MIN))
        advice = f"install SQLite {least} or newer: older ones can lose what was committed"
        return Finding("versions", "fail", found, advice)
    if others:
        told = ", ".join(f"{name} {version}" for name, _, version in others)
        wanted = " ".join(f"{name}=={version}" for name, version, _ in others)
        advice = f"the fast lane is tested with others: install {wanted}"
        return Finding("versions", "warn", f"{found}, {told}", advice)
    return Finding("versions", "ok", found)


def judge_file_system(folder: str, mount: Mount | None) -> Finding:
    """The file system under the ledger."""
    if mount is None:
        found = f"{folder} is on an unknown file system"
        return Finding("file system", "warn", found, "make sure that it is a local disk")
    kind, found = mount.kind, f"{folder} is on {mount.kind}"
    if "ro" in mount.options:
        advice = "mount it for writing, or name another folder"
        return Finding("file system", "fail", f"{found}, mounted for reading only", advice)
    if kind in NETWORK_FILE_SYSTEMS:
        advice = "SQLite cannot rely on locks and syncs over a network: use a local disk"
        return Finding("file system", "fail", found, advice)
    if kind in MEMORY_FILE_SYSTEMS:
        advice = "all of it is gone after a power cut: use a disk"
        return Finding("file system", "warn", found, advice)
    if kind in LAYERED_FILE_SYSTEMS:
        advice = "it is gone with its container: mount a volume there"
        return Finding("file system", "warn", found, advice)
    unsafe = sorted(mount.options & OPTIONS_WITHOUT_SYNC)
    if unsafe:
        advice = "a power cut can lose what was answered: mount it without this option"
        return Finding("file system", "warn", f"{found}, mounted with {unsafe[0]}", advice)
    return Finding("file system", "ok", found)


def judge_space(free_bytes: int, ledger_bytes: int) -> Finding:
    """How much room the ledger has left, and a copy of it, which a backup needs."""
    found = f"{free_bytes / 2**30:.1f} GiB free"
    if free_bytes < FREE_BYTES_MIN:
        return Finding("space", "fail", found, "make room: a full disk refuses every claim")
    if free_bytes < FREE_BYTES_LOW:
        return Finding("space", "warn", found, "make room before the next sale")
    if free_bytes < FREE_BYTES_MIN + ledger_bytes:
        found = f"{found}, the ledger has {ledger_bytes / 2**30:.1f}"
        return Finding("space", "warn", found, "make room: a backup needs a copy of the ledger")
    return Finding("space", "ok", found)


class Syncs(Struct, frozen=True):
    """How long syncs to disk took, in seconds."""

    median_s: float
    slowest_s: float


def judge_sync(syncs: Syncs | str) -> Finding:
    """Some syncs, or why there were none."""
    if isinstance(syncs, str):
        return Finding("sync", "fail", syncs, "let this user write in the ledger's folder")
    median, slowest = f"{syncs.median_s * 1000:.3f}", f"{syncs.slowest_s * 1000:.3f}"
    found = f"a sync takes {median} ms, the slowest {slowest}"
    if syncs.median_s < SYNC_S_MIN:
        advice = "too fast to be true: look for a write cache that a power cut would empty"
        return Finding("sync", "warn", found, advice)
    if syncs.median_s > SYNC_S_MAX:
        advice = "slow: claims will wait for it; use a faster disk"
        return Finding("sync", "warn", found, advice)
    if syncs.slowest_s > SLOWEST_SYNC_S_MAX:
        advice = "the disk stalls, and claims with it: see what else writes to it"
        return Finding("sync", "warn", found, advice)
    return Finding("sync", "ok", found)


def judge_clock(now_ms: int, shown: str, changed_ms: int | None) -> Finding:
    """The machine's time, `shown` as people read it, beside the last change of the ledger."""
    advice = "set the clock; campaigns open and close by it"
    if now_ms < EARLIEST_MS:
        return Finding("clock", "fail", f"{shown} is past", advice)
    if changed_ms is not None and changed_ms - now_ms > BEHIND_MS_MAX:
        return Finding("clock", "fail", f"{shown} is before the ledger's last change", advice)
    return Finding("clock", "ok", shown)


def judge_time_service(synchronised: bool | None) -> Finding:  # noqa: FBT001 - what it judges
    """Whether the kernel says that something keeps its clock right; None where it cannot say."""
    if synchronised:
        return Finding("time service", "ok", "the clock is kept right")
    found = "nothing keeps the clock right" if synchronised is False else "cannot be told here"
    advice = "run chrony or another NTP client: campaigns open and close by the clock"
    return Finding("time service", "warn", found, advice)


def judge_open_files(limit: int | None) -> Finding:
    """How many files a process may have open; None where nothing limits it."""
    found = "no limit" if limit is None else f"at most {limit}"
    if limit is not None and limit < OPEN_FILES_MIN:
        advice = (
            f"raise it (`ulimit -n 65536`, under systemd LimitNOFILE=65536): below "
            f"{OPEN_FILES_MIN} connections will be refused"
        )
        return Finding("open files", "warn", found, advice)
    return Finding("open files", "ok", found)


def judge_database(path: str, marks: tuple[bool, int, int] | str | None) -> Finding:
    """The ledger's file: None if there is none yet, why it cannot be read, or its marks.

    The marks are: whether it is ours, its schema, the newest schema that this program knows.
    """
    if marks is None:
        return Finding("database", "ok", f"{path} is not there yet: the first start makes it")
    if isinstance(marks, str):
        advice = "name another file, or restore this one from a copy"
        return Finding("database", "fail", f"{path} cannot be read: {marks}", advice)
    ours, schema, known = marks
    if not ours:
        advice = "name another file"
        return Finding("database", "fail", f"{path} belongs to another program", advice)
    found = f"{path} has schema {schema} of {known}"
    if schema > known:
        return Finding("database", "fail", found, "install a newer largesse")
    if schema < known:
        return Finding("database", "ok", f"{found}: the next start brings it up to date")
    return Finding("database", "ok", found)


def judge_port(address: str, problem: str | None) -> Finding:
    """Whether the server could listen; a largesse that runs is no fault."""
    if problem is None:
        return Finding("port", "ok", f"{address} is free")
    advice = "if that is no largesse of yours, choose another with --host and --port"
    return Finding("port", "warn", f"{address}: {problem}", advice)
