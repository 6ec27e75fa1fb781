# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The key that signs the lab's packages and repositories. It is created once and stays in the cache."""

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
    """The fingerprint of the key. Creates the key if there is none."""
    home = _home()
    known = home / "fingerprint"
    if not known.exists():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        # RSA, because rpm of EL 9 accepts it under every crypto policy.
        _gpg("--passphrase", "", "--pinentry-mode", "loopback", "--quick-gen-key", _OWNER, "rsa3072", "sign", "never")
        listing = _gpg("--list-keys", "--with-colons")
        found = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
        known.write_text(found + "\n", encoding="utf-8")
    return known.read_text(encoding="utf-8").strip()


def write_fingerprints() -> None:
    """Write fingerprints.json: the fingerprint of the lab's key under each key name that the roles use."""
    mine = fingerprint()
    text = json.dumps({"kubernetes": mine, "docker_deb": mine, "docker_rpm": mine}, indent=2) + "\n"
    target = paths.cache() / "fingerprints.json"
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


def publish_key(target: Path) -> None:
    """Write the public key to the path at which the owner of the original repository publishes his key."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _gpg("--armor", "--output", target, "--export", fingerprint())


def clear_sign(source: Path, target: Path) -> None:
    """Write a file with an inline signature."""
    _gpg("--local-user", fingerprint(), "--digest-algo", "SHA512", "--output", target, "--clear-sign", source)


def detach_sign(source: Path, target: Path) -> None:
    """Write a detached signature next to the file."""
    _gpg(
        "--local-user", fingerprint(), "--digest-algo", "SHA512", "--armor", "--output", target, "--detach-sign", source
    )


def sign_rpms(rpms: list[Path]) -> None:
    """Sign RPMs in place."""
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
    """Stop the agent that gpg has started, so that no process of the build keeps running."""
    run(["gpgconf", "--homedir", _home(), "--kill", "all"])
