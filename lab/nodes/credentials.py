# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Create the lab's SSH keys, host keys, CA and mirror certificate in this checkout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from lab import paths
from lab.host_packages import HostError
from lab.nodes.machines import MACHINES, MIRROR

SSH_KEY = paths.PRIVATE / "ssh" / "id_ed25519"
KNOWN_HOSTS = paths.PRIVATE / "ssh" / "known_hosts"
CA = paths.PRIVATE / "ca"
FINGERPRINTS = paths.PRIVATE / "fingerprints.json"
KUBECONFIG = paths.PRIVATE / "kubeconfig"
_DAYS = "3650"


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise HostError(f"{' '.join(words)} failed:\n{done.stdout}")


def host_key(name: str) -> Path:
    """The path of a machine's private host key. A reset keeps it, so that known_hosts stays valid."""
    return paths.PRIVATE / "ssh" / "hosts" / name


def _ssh_key(path: Path, comment: str) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path)


def _ca() -> None:
    key, certificate = CA / "ca.key", CA / "ca.crt"
    if not certificate.exists():
        CA.mkdir(parents=True, exist_ok=True)
        _run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", _DAYS,
            "-subj", "/CN=bare.mesh lab CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", key, "-out", certificate,
        )  # fmt: skip


def _mirror_certificate() -> None:
    key, certificate = CA / "mirror.key", CA / "mirror.crt"
    if certificate.exists():
        return
    request, extensions = CA / "mirror.csr", CA / "mirror.ext"
    _run(
        "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", f"/CN={MIRROR.name}", "-keyout", key, "-out", request,
    )  # fmt: skip
    extensions.write_text(
        f"subjectAltName=IP:{MIRROR.address},DNS:{MIRROR.name}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n",
        encoding="utf-8",
    )
    _run(
        "openssl", "x509", "-req", "-days", _DAYS, "-in", request, "-CA", CA / "ca.crt", "-CAkey", CA / "ca.key",
        "-CAcreateserial", "-extfile", extensions, "-out", certificate,
    )  # fmt: skip
    request.unlink()
    extensions.unlink()


def ensure() -> None:
    """Create the missing keys and certificates. Raises HostError if there are no artifacts or a program fails."""
    fingerprints = paths.cache() / "fingerprints.json"
    if not fingerprints.exists() or not paths.bundle().exists():
        raise HostError("there are no artifacts yet: run python -m lab artifacts first")
    paths.PRIVATE.mkdir(mode=0o700, exist_ok=True)
    _ssh_key(SSH_KEY, "bare.mesh lab")
    for machine in MACHINES:
        _ssh_key(host_key(machine.name), machine.name)
    lines = [
        f"{machine.address} {host_key(machine.name).with_suffix('.pub').read_text(encoding='utf-8')}"
        for machine in MACHINES
    ]
    KNOWN_HOSTS.write_text("".join(lines), encoding="utf-8")
    _ca()
    _mirror_certificate()
    shutil.copyfile(fingerprints, FINGERPRINTS)


def identity() -> str:
    """Identify the lab of this checkout: its path, SSH key and signing keys. It cannot use other machines."""
    made = [
        path.read_text(encoding="utf-8") if path.exists() else ""
        for path in (SSH_KEY.with_suffix(".pub"), FINGERPRINTS)
    ]
    return "\n".join([str(paths.REPOSITORY), *made])
