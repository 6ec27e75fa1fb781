# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that belong together: all are compared before the first one is written."""

from __future__ import annotations

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule


def read(path: str) -> bytes:
    """The file's bytes, empty if it does not exist."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return b""


MARK = b"bare.mesh"
# The end of the name under which the host's own file is kept beside ours.
SAVED = ".bare-mesh-saved"


def ours(path: str) -> bool:
    """Whether this collection wrote the file, which its first line says."""
    return MARK in read(path).split(b"\n", 1)[0]


def _mode(path: str) -> int:
    return os.stat(path).st_mode & 0o777


class Files:
    """Collects the files that are wanted or unwanted; `write` writes or removes those that differ."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.todo: dict[str, tuple[bytes | None, int]] = {}
        self.diff: list[dict[str, str]] = []

    def want(self, path: str, content: str | bytes, mode: int = 0o644, shown: str | None = None) -> None:
        """Notes the file if its content or mode differs. shown takes the place of its text in the diff."""
        data = content if isinstance(content, bytes) else content.encode(errors="surrogateescape")
        before = read(path)
        same_mode = os.path.exists(path) and _mode(path) == mode
        if data == before and same_mode:
            return
        self.todo[path] = (data, mode)
        texts = ("", shown) if shown else (_text(before), _text(data))
        self.diff.append({"before_header": path, "after_header": path, "before": texts[0], "after": texts[1]})

    def unwant(self, path: str, shown: str | None = None) -> None:
        """Notes the file for removal if it is this collection's; shown as with want."""
        if ours(path):
            self._drop(path, shown or _text(read(path)))

    def _drop(self, path: str, shown: str) -> None:
        self.todo[path] = (None, 0)
        self.diff.append({"before_header": path, "after_header": path, "before": shown, "after": ""})

    def keep(self, path: str) -> None:
        """Notes a copy of the host's own file, to be written before what `want` then notes replaces the file."""
        if os.path.exists(path) and not ours(path):
            self.want(path + SAVED, read(path), _mode(path))

    def restore(self, path: str) -> bool:
        """Notes that the copy takes the place of our file again. False where our file is there and no copy.

        A file of the host's own stays.
        """
        saved = path + SAVED
        if not os.path.exists(saved):
            return not ours(path)
        # With equal content, a run was killed before it replaced the file, or after it had put it back.
        if not os.path.exists(path) or ours(path) or read(path) == read(saved):
            self.want(path, read(saved), _mode(saved))
            self._drop(saved, _text(read(saved)))
        return True

    def write(self) -> None:
        for path, (data, mode) in self.todo.items():
            if data is None:
                os.remove(path)
                continue
            folder = os.path.dirname(path)
            os.makedirs(folder, mode=0o755, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=".bare-mesh-")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, mode)
            # In a container a file such as /etc/hosts can be a mount of its own, which cannot be replaced.
            self.module.atomic_move(temporary, path, unsafe_writes=True)
            os.chmod(path, mode)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"({len(data)} bytes)\n"
