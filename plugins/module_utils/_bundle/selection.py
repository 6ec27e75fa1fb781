# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which packages of a repository a bundle needs: the wanted ones, and what they depend on in the same repository."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.bare.mesh.plugins.module_utils._host import versions
from ansible_collections.bare.mesh.plugins.module_utils._host.packages import matches


@dataclass(frozen=True)
class Need:
    """A name that a package depends on, or provides, perhaps with a version."""

    name: str
    operation: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.operation} {self.version}".strip()


@dataclass(frozen=True)
class Package:
    """A package as the index of its repository describes it. path is below the repository's URL."""

    name: str
    version: str
    architecture: str
    path: str
    sha256: str
    size: int
    # Of the needs in each group, one is enough.
    needs: tuple[tuple[Need, ...], ...] = ()
    provides: tuple[Need, ...] = ()


class Selection:
    """What is chosen for one architecture. faults has what the repository lacks, in words."""

    def __init__(self, packages: Iterable[Package], key: versions.Key, place: str) -> None:
        self.key, self.place = key, place
        self.named: dict[str, list[Package]] = defaultdict(list)
        self.providers: dict[str, list[tuple[Need, Package]]] = defaultdict(list)
        # The newest first, because that is what apt and dnf take.
        for one in sorted(packages, key=lambda package: key(package.version), reverse=True):
            self.named[one.name].append(one)
            for provided in one.provides:
                self.providers[provided.name].append((provided, one))
        self.chosen: dict[str, Package] = {}
        self.faults: list[str] = []

    def choose(self, wanted: dict[str, str]) -> None:
        """Choose the wanted packages (name to version or pattern) and all that they need."""
        for name, version in sorted(wanted.items()):
            fitting = [one for one in self.named.get(name, []) if matches(version, one.version)]
            if fitting:
                self.chosen[name] = fitting[0]
            else:
                what = f"{name} {version}".strip()
                self.faults.append(
                    f"{self.place} has no {what}. Its newest are: {self.newest(name)}. Choose one that it has, or"
                    " another source"
                )
        queue = deque(self.chosen.values())
        while queue:
            one = queue.popleft()
            for group in one.needs:
                more = self.needed(one, group)
                if more:
                    self.chosen[more.name] = more
                    queue.append(more)

    def needed(self, package: Package, group: tuple[Need, ...]) -> Package | None:
        """The package that has to be added for a group of needs; None if there is one, or if others have it."""
        fitting = [one for need in group for one in self.answers(need)]
        if any(self.chosen.get(one.name) == one for one in fitting):
            return None
        free = [one for one in fitting if one.name not in self.chosen]
        if free:
            return free[0]
        # What the repository does not know by name is the operating system's.
        if all(need.name in self.named for need in group):
            has = [f"{need.name} {self.chosen[need.name].version}" for need in group if need.name in self.chosen]
            reason = f"{', '.join(has)} is wanted" if has else f"the newest there are: {self.newest(group[0].name)}"
            self.faults.append(
                f"{package.name} {package.version} of {self.place} needs {' or '.join(map(str, group))}, but {reason}."
                " Choose versions that fit each other"
            )
        return None

    def answers(self, need: Need) -> Iterator[Package]:
        """The packages that satisfy a need."""
        for one in self.named.get(need.name, []):
            if versions.satisfies(one.version, need.operation, need.version, self.key):
                yield one
        for provided, one in self.providers.get(need.name, []):
            if not provided.version:
                # To rpm, a name without a version is all versions of it; to dpkg, none.
                fits = not need.operation or self.key is versions.rpm
            else:
                fits = versions.satisfies(provided.version, need.operation, need.version, self.key)
            if fits:
                yield one

    def newest(self, name: str) -> str:
        """The newest versions of a package, in words."""
        found = list(dict.fromkeys(one.version for one in self.named.get(name, [])))
        return ", ".join(found[:3]) or "none"
