# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Members of a downloaded release archive, installed as one directory: all of them or none."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure

RECORD = ".release.json"
SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def digest(path: str) -> str | None:
    """The SHA-256 of a file, in hexadecimal; None if it does not exist."""
    found = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                found.update(block)
    except FileNotFoundError:
        return None
    return found.hexdigest()


def published(text: str, file_name: str) -> str | None:
    """The checksum that a published checksum file names for an archive; None if it names none."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    sums = {fields[-1].lstrip("*").rsplit("/", 1)[-1]: fields[0] for fields in lines if SHA256.fullmatch(fields[0])}
    # A file with one bare checksum is about the archive that it lies beside.
    if len(lines) == 1 and len(lines[0]) == 1 and sums:
        return lines[0][0].lower()
    return sums.get(file_name, "").lower() or None


def installed(dest: str) -> dict[str, Any] | None:
    """What the record of an earlier installation says, if every file of it is still the one installed."""
    try:
        with open(os.path.join(dest, RECORD), encoding="utf-8") as file:
            record = json.load(file)
        for path, facts in record["files"].items():
            there = os.path.join(dest, path)
            if digest(there) != facts["sha256"] or os.stat(there).st_mode & 0o7777 != int(facts["mode"], 8):
                return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return record


def satisfies(record: dict[str, Any] | None, url: str, checksum: str, members: list[dict[str, str]]) -> bool:
    """Whether the installation is the wanted one.

    Without a checksum, the one that was verified when it was installed counts.
    """
    return bool(
        record
        and record.get("url") == url
        and checksum in ("", record.get("sha256"))
        and {path: facts["mode"] for path, facts in record["files"].items()}
        == {member["dest"]: member["mode"] for member in members}
        and {path: facts["member"] for path, facts in record["files"].items()}
        == {member["dest"]: member["member"] for member in members}
    )


def extract(archive: str, url: str, sha256: str, members: list[dict[str, str]], dest: str) -> None:
    """Put the members into place as the whole content of dest, by renaming a finished directory."""
    parent = os.path.dirname(os.path.abspath(dest))
    os.makedirs(parent, exist_ok=True)
    staging = tempfile.mkdtemp(prefix=f".{os.path.basename(dest)}.", dir=parent)
    try:
        record: dict[str, Any] = {"url": url, "sha256": sha256, "files": {}}
        with _opened(archive, url) as tar:
            for member in members:
                record["files"][member["dest"]] = _extract_one(tar, url, member, staging)
        with open(os.path.join(staging, RECORD), "w", encoding="utf-8") as file:
            json.dump(record, file, indent=2)
        os.chmod(staging, 0o755)
        if os.path.isdir(dest) and not os.path.islink(dest):
            # The old directory is moved away as a whole, so that dest never holds files of both.
            old = tempfile.mkdtemp(prefix=f".{os.path.basename(dest)}.old.", dir=parent)
            os.rename(dest, os.path.join(old, "was"))
            os.rename(staging, dest)
            shutil.rmtree(old)
        else:
            os.rename(staging, dest)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _opened(archive: str, url: str) -> tarfile.TarFile:
    try:
        return tarfile.open(archive)
    except tarfile.TarError as error:
        raise Failure(f"{url} is not a tar archive: {error}") from error


def _extract_one(tar: tarfile.TarFile, url: str, member: dict[str, str], staging: str) -> dict[str, str | None]:
    try:
        source = tar.extractfile(member["member"])
    except KeyError:
        source = None
    if source is None:
        raise Failure(f"{url} has no file {member['member']}")
    target = os.path.join(staging, member["dest"])
    if os.path.commonpath([os.path.realpath(target), os.path.realpath(staging)]) != os.path.realpath(staging):
        raise Failure(f"the member's dest {member['dest']} leads out of the destination; give a path below it")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    os.chmod(target, int(member["mode"], 8))
    return {"member": member["member"], "mode": member["mode"], "sha256": digest(target)}


def link_state(path: str, target: str) -> bool:
    """Whether a symbolic link is there and leads to the target; a file or directory in its place is an error."""
    if not os.path.lexists(path):
        return False
    if not os.path.islink(path):
        raise Failure(f"{path} is in the way: a link to {target} belongs there; move it away and run again")
    return os.readlink(path) == target


def link(path: str, target: str) -> None:
    """Make or move a link in one step."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    os.symlink(target, temporary)
    os.replace(temporary, path)
