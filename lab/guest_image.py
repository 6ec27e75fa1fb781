# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build the disk of the guest: Debian 12 with its cloud kernel, and a swap partition. The cache keeps it."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.artifacts.progress import run
from lab.artifacts.roots import SUITE, apt_sources
from lab.artifacts.store import Item
from lab.nodes.roots import BASE

_MIB = 1 << 20
_ROOT_MIB, _SWAP_MIB = 8192, 128
# A newly installed server, with a kernel of its own and swap of memory at boot.
PACKAGES = [
    *BASE, "e2fsprogs", "initramfs-tools", "linux-image-cloud-amd64", "selinux-policy-default",
    "systemd-zram-generator", "udev",
]  # fmt: skip
# QEMU loads kernel and initrd itself, so no boot loader is needed.
COMMAND_LINE = "root=/dev/vda1 rw console=ttyS0 systemd.show_status=0 quiet"
# All files have SELinux's labels. Debian's kernel ignores them and the policy unless it is told otherwise.
SELINUX = "security=selinux selinux=1"

# The second disk is a tar file with what belongs to one run: keys, package sources. It is unpacked at the first boot.
_SEED_UNIT = """[Unit]
Description=Unpack the files of this guest
DefaultDependencies=no
RequiresMountsFor=/
Before=network-pre.target ssh.service sysinit.target
Wants=network-pre.target
ConditionPathExists=!/etc/guest-seeded
[Service]
Type=oneshot
ExecStart=/usr/bin/tar -x -f /dev/vdb -C /
# Without SELinux it does nothing.
ExecStart=/sbin/restorecon -R /root /etc/ssh /etc/apt /usr/share/keyrings
ExecStart=/usr/bin/touch /etc/guest-seeded
"""
_NETWORK = """[Match]
Type=ether
Name=en*
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
"""
_FILES = {
    "etc/fstab": "/dev/vda1 / ext4 defaults 0 1\n",
    "etc/hostname": "guest1\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 guest1\n::1 localhost\n",
    # No DNS server answers there, so that the guest reaches nothing but this computer.
    "etc/selinux/config": "SELINUX=permissive\nSELINUXTYPE=default\n",
    "etc/resolv.conf": "nameserver 127.0.0.1\n",
    "etc/systemd/network/guest.network": _NETWORK,
    "etc/systemd/system/guest-seed.service": _SEED_UNIT,
}
_PARTITIONS = f"""label: gpt
start=1MiB, size={_ROOT_MIB}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
size={_SWAP_MIB}MiB, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F
"""
# mmdebstrap calls it with the root's path, after it has installed the packages.
_CUSTOMIZE = """set -eu
cp -a "$FILES/." "$1/"
rm -f "$1"/etc/ssh/ssh_host_* "$1/var/lib/dbus/machine-id" "$1/etc/apt/sources.list"
rm -rf "$1"/etc/apt/sources.list.d/* "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/apt
: > "$1/etc/machine-id"
mkdir -p "$1/etc/systemd/system/sysinit.target.wants"
ln -s ../guest-seed.service "$1/etc/systemd/system/sysinit.target.wants/"
chroot "$1" systemctl enable systemd-networkd.service
chroot "$1" setfiles -F /etc/selinux/default/contexts/files/file_contexts /
"""


def _command(files: Path, hook: Path, root: Path) -> list[str | Path]:
    return [
        "env", f"FILES={files}",
        "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", "--include=" + ",".join(PACKAGES),
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        f"--customize-hook=sh {hook} \"$1\"",
        SUITE, root, *apt_sources(),
    ]  # fmt: skip


def _build(out: Path) -> None:
    work = out.parent
    files, hook, root = work / "files", work / "customize", work / "root"
    for name, text in _FILES.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text(text, encoding="utf-8")
    hook.write_text(_CUSTOMIZE, encoding="utf-8")
    run(_command(files, hook, root))
    for name in ("vmlinuz", "initrd.img"):
        [made] = (root / "boot").glob(f"{name}-*")
        shutil.copyfile(made, out / name)
    disk, swap = out / "disk.raw", work / "swap.raw"
    for path, size in ((disk, _ROOT_MIB + _SWAP_MIB + 2), (swap, _SWAP_MIB)):
        with open(path, "wb") as file:
            file.truncate(size * _MIB)
    table = work / "partitions"
    table.write_text(_PARTITIONS, encoding="utf-8")
    run(["sh", "-c", 'exec sfdisk --quiet "$0" < "$1"', disk, table])
    run(["mke2fs", "-q", "-t", "ext4", "-d", root, "-E", f"offset={_MIB}", disk, f"{_ROOT_MIB}M"])
    run(["mkswap", "--quiet", swap])
    # The signature is in the first page. The rest is zeros, as on the disk.
    with open(disk, "r+b") as file:
        file.seek((1 + _ROOT_MIB) * _MIB)
        file.write(swap.read_bytes()[:_MIB])


def item() -> Item:
    """The item of the disk: disk.raw, and vmlinuz and initrd.img, which QEMU starts."""
    return Item("guest", [Path(__file__), SUITE, *PACKAGES], _build)
