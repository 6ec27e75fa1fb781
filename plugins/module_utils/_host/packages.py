# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What host_packages does with dnf and apt."""

from __future__ import annotations

import glob
import os
import re
import stat
import time
from collections.abc import Iterable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure

# Package to those that its installation removes: by Conflicts and Obsoletes of Docker's packages, and of podman-docker.
RIVALS = {
    "containerd.io": ("containerd", "runc"),
    "docker-ce": (
        *("docker", "docker-ee", "docker-engine", "docker-engine-cs", "docker-io", "docker.io"),
        *("moby-engine", "podman-docker"),
    ),
}
POLICY = "/usr/sbin/policy-rc.d"
# By the text, a policy that a killed run has left is told from the host's own.
POLICY_TEXT = "#!/bin/sh\n# bare.mesh: no service starts before it is configured\nexit 101\n"
# What apt-get says with --no-remove.
REMOVED = re.compile(r"packages will be REMOVED:\n((?: +\S.*\n)+)")


def matches(wanted: str, installed: str) -> bool:
    """Whether the installed version is the wanted one, whose epoch and revision may be left out. 2.* is any 2.x."""
    bare = installed.split(":", 1)[-1]
    if wanted.endswith(".*"):
        return bare.startswith(wanted[:-1])
    return not wanted or any(
        version == wanted or version.startswith((wanted + "-", wanted + "~")) for version in (installed, bare)
    )


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version: (1, 36, 5) of 1.36.5-1.1 and of 0:1.36.5-150500."""
    upstream = re.match(r"[\d.]*", version.split(":", 1)[-1])
    return tuple(int(part) for part in (upstream.group() if upstream else "").split(".") if part)


def newer(wanted: dict[str, str], installed: dict[str, str]) -> list[str]:
    """The names that are installed at a newer version than the wanted one."""
    return sorted(
        name
        for name, version in wanted.items()
        if version
        and name in installed
        and not matches(version, installed[name])
        and numbers(installed[name]) > numbers(version)
    )


def missing(wanted: dict[str, str], installed: dict[str, str], keep: Iterable[str] = ()) -> list[str]:
    """The names that are absent or at another version, except those to keep."""
    return sorted(
        name
        for name, version in wanted.items()
        if name not in keep and (name not in installed or not matches(version, installed[name]))
    )


class Manager:
    """The part that both package managers share."""

    program = ""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.deadline = time.monotonic() + module.params.get("lock_timeout", 0)

    def run(self, arguments: list[str], accept: tuple[int, ...] = (0,)) -> tuple[int, str]:
        while True:
            code, out, err = self.module.run_command(
                arguments,
                environ_update={"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"},
            )
            if code in accept:
                return code, out
            if "Could not get lock" in err and time.monotonic() < self.deadline:
                time.sleep(3)
                continue
            removed = REMOVED.search(out) if "remove is disabled" in err else None
            if removed:
                names = " ".join(removed.group(1).split())
                raise Failure(
                    f"the installation of {' '.join(arguments[arguments.index('install') + 1 :])} would remove {names}:"
                    f" run 'apt-get remove {names}' once nothing of it is in use any more, and then this again"
                )
            tail = "\n".join((err.strip() or out.strip()).splitlines()[-12:])
            raise Failure(f"{' '.join(arguments[:2])} failed with code {code}: {tail}")


class Dnf(Manager):
    program = "dnf"

    def provided(self, names: list[str]) -> dict[str, str]:
        """The names of packages that others provide, with the versions of these: iproute of openEuler has tc itself."""
        form = "%{EPOCHNUM}:%{VERSION}-%{RELEASE} [%{PROVIDENAME} ]\n"
        out = (
            self.module.run_command(["rpm", "-q", "--whatprovides", "--queryformat", form, *names])[1] if names else ""
        )
        lines = [line.split() for line in out.splitlines() if re.match(r"\d+:", line)]
        return {name: re.sub("^0:", "", version) for version, *has in lines for name in names if name in has}

    def versions(self, names: Iterable[str]) -> dict[str, str]:
        form = "%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE}\n"
        # rpm's code is the number of names it does not know.
        out = self.module.run_command(["rpm", "-q", "--queryformat", form, *sorted(names)])[1]
        found = (line.split() for line in out.splitlines())
        return {parts[0]: re.sub("^0:", "", parts[1]) for parts in found if len(parts) == 2 and parts[0] in names}

    def unheld(self, names: Iterable[str]) -> list[str]:
        return []

    def upgradable(self) -> list[str]:
        code, out = self.run(["dnf", "-q", "-y", "check-update"], accept=(0, 100))
        listed = out.split("\nObsoleting")[0] if code else ""
        return sorted(line.split()[0] for line in listed.splitlines() if len(line.split()) == 3)

    def upgrade(self) -> None:
        self.run(["dnf", "-y", "upgrade"])

    def install(self, packages: dict[str, str], fresh: bool) -> None:
        specs = [f"{name}-{version}" if version else name for name, version in sorted(packages.items())]
        excludes = [f"--disableexcludes={name}" for name in self.module.params["disable_excludes"]]
        command = ["dnf", "-y", "--setopt=install_weak_deps=False", *excludes]
        try:
            self.run([*command, "install", *specs])
        except Failure:
            # The index may be older than the package.
            self.run([*command, "--refresh", "install", *specs])


class Apt(Manager):
    program = "apt-get"

    def provided(self, names: list[str]) -> dict[str, str]:
        """Debian and Ubuntu have each package that is asked for."""
        return {}

    def versions(self, names: Iterable[str]) -> dict[str, str]:
        form = "${Package} ${db:Status-Status} ${Version}\n"
        # dpkg-query's code is 1 as soon as one name is unknown.
        out = self.module.run_command(["dpkg-query", "-W", "-f", form, *sorted(names)])[1]
        found = (line.split() for line in out.splitlines())
        return {parts[0]: parts[2] for parts in found if len(parts) == 3 and parts[1] == "installed"}

    def unheld(self, names: Iterable[str]) -> list[str]:
        held = self.run(["apt-mark", "showhold"])[1].split()
        return sorted(set(names) - set(held))

    def hold(self, names: Iterable[str]) -> None:
        self.run(["apt-mark", "hold", *names])

    def update(self) -> None:
        self.run(["apt-get", "-q", "update"])

    def upgradable(self) -> list[str]:
        self.update()
        out = self.run(["apt-get", "-q", "-s", "dist-upgrade"])[1]
        return sorted(line.split()[1] for line in out.splitlines() if line.startswith("Inst "))

    def apt(self, *arguments: str) -> None:
        options = ["-y", "--no-install-recommends", "--allow-change-held-packages"]
        if self.module.params["allow_downgrade"]:
            options.append("--allow-downgrades")
        settings = [
            f"DPkg::Lock::Timeout={self.module.params['lock_timeout']}",
            "Dpkg::Options::=--force-confdef",
            "Dpkg::Options::=--force-confold",
        ]
        self.run(["apt-get", "-q", *options, *(part for entry in settings for part in ("-o", entry)), *arguments])

    def upgrade(self) -> None:
        self.apt("dist-upgrade")

    def stale(self) -> bool:
        """Whether the index is an hour old, or older than a change of the sources."""
        try:
            indexed = os.stat("/var/lib/apt/lists").st_mtime
        except OSError:
            return True
        sources = ["/etc/apt/sources.list", *glob.glob("/etc/apt/sources.list.d/*")]
        changed = [os.stat(path).st_mtime for path in sources if os.path.exists(path)]
        return (
            not glob.glob("/var/lib/apt/lists/*Packages*")
            or time.time() - indexed > 3600
            or max(changed, default=0) >= indexed
        )

    def install(self, packages: dict[str, str], fresh: bool) -> None:
        # 1.36.5 asks for any revision of it, but not for 1.36.50.
        patterns = {
            name: version if "-" in version or "*" in version else f"{version}-*"
            for name, version in packages.items()
            if version
        }
        specs = [f"{name}={patterns[name]}" if name in patterns else name for name in sorted(packages)]
        updated = self.stale()
        if updated:
            self.update()
        with Quiet(fresh):
            try:
                self.apt("--no-remove", "install", *specs)
            except Failure:
                if updated:
                    raise
                self.update()
                self.apt("--no-remove", "install", *specs)


def package_manager(module: AnsibleModule) -> Dnf | Apt | None:
    """The host's package manager; None where it has neither."""
    return next((kind(module) for kind in (Dnf, Apt) if module.get_bin_path(kind.program)), None)


class Quiet:
    """Keeps Debian's packages from starting their services before these have a configuration."""

    def __init__(self, wanted: bool) -> None:
        self.active = wanted and not os.path.exists(POLICY)

    def __enter__(self) -> None:
        if self.active:
            with open(POLICY, "w", encoding="utf-8") as file:
                file.write(POLICY_TEXT)
            os.chmod(POLICY, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)

    def __exit__(self, *error: object) -> None:
        if self.active:
            os.remove(POLICY)


def left_policy() -> bool:
    """Whether a killed run has left its policy, which would keep every package from starting its service."""
    try:
        with open(POLICY, encoding="utf-8") as file:
            return file.read(len(POLICY_TEXT) + 1) == POLICY_TEXT
    except (OSError, UnicodeDecodeError):
        return False
