# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The key that signs the lab's packages and repositories: made once, kept in the cache, never outside this machine."""

from __future__ import annotations

import json
from pathlib import Path

from lab import paths
from lab.artifacts.progress import run

_OWNER = "bare.mesh lab packages <lab@bare.mesh.invalid>"


def _home() -> Path:
    return paths.cache() / "gnupg"


def _gpg(*arguments: object) -> str:
    return run(["gpg", "--homedir", _home(), "--batch", "--yes", "--quiet", *arguments])


def fingerprint() -> str:
    """The key's fingerprint; the key is made when there is none."""
    home = _home()
    known = home / "fingerprint"
    if not known.exists():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        # RSA: rpm of EL 9 verifies it under every crypto policy.
        _gpg("--passphrase", "", "--pinentry-mode", "loopback", "--quick-gen-key", _OWNER, "rsa3072", "sign", "never")
        listing = _gpg("--list-keys", "--with-colons")
        found = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
        known.write_text(found + "\n", encoding="utf-8")
    return known.read_text(encoding="utf-8").strip()


def write_fingerprints() -> None:
    """fingerprints.json: the names by which the roles know the owners' keys, all of them the lab's one key here."""
    mine = fingerprint()
    text = json.dumps({"kubernetes": mine, "docker_deb": mine, "docker_rpm": mine}, indent=2) + "\n"
    target = paths.cache() / "fingerprints.json"
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


def publish_key(target: Path) -> None:
    """Write the public key where the repository's owner publishes his."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _gpg("--armor", "--output", target, "--export", fingerprint())


def clear_sign(source: Path, target: Path) -> None:
    """A file and its signature in one."""
    _gpg("--local-user", fingerprint(), "--digest-algo", "SHA512", "--output", target, "--clear-sign", source)


def detach_sign(source: Path, target: Path) -> None:
    """A signature beside its file."""
    _gpg("--local-user", fingerprint(), "--digest-algo", "SHA512", "--armor", "--output", target, "--detach-sign", source)


def sign_rpms(rpms: list[Path]) -> None:
    """Sign packages in place."""
    run(
        [
            "rpmsign", "--addsign",
            "--define", "__gpg /usr/bin/gpg",
            "--define", f"_gpg_path {_home()}",
            "--define", f"_gpg_name {fingerprint()}",
            "--define", "_gpg_digest_algo sha256",
            *rpms,
        ]
    )  # fmt: skip


def stop_agent() -> None:
    """gpg starts an agent for this key's directory; nothing of the build stays running."""
    run(["gpgconf", "--homedir", _home(), "--kill", "all"])
