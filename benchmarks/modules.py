# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare istio_config with kubectl apply and with kubernetes.core.k8s, on the lab's mesh.

The same VirtualServices, each way in a namespace of its own, one way after the other. Each time is that of the whole
command, with the start of Ansible. Prints a table and writes benchmarks/results/modules.json.

kubernetes.core.k8s runs in two ways. By default it merges, and leaves fields that the manifests no longer have. With
server_side_apply it does what istio_config does: it removes them, and respects the fields of others.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.run import ROOT, table
from lab.paths import cache

LAB = ROOT / ".lab"
RESULTS = ROOT / "benchmarks/results/modules.json"
# The peer is in the package ansible, with which its users install it.
PEER = ("ansible", "kubernetes", "jmespath")
MANY, SOME, SIZES = 1000, 100, (100, 500, 1000, 2500, 5000)
# A Service of the lab's mesh, so that the routes have no fault. Users do not have a thousand warnings.
SERVER = "productpage.bookinfo.svc.cluster.local"
# Ratio -> the largest that is good enough.
GOALS = {
    "1000 new / kubectl": 0.55,
    "1000 unchanged / kubectl": 0.08,
    "10 of 1000 changed / kubectl": 0.1,
    "1000 new / kubernetes.core": 0.35,
    "1000 unchanged / kubernetes.core": 0.08,
    "1000 new / kubernetes.core applies": 0.35,
    "1000 unchanged / kubernetes.core applies": 0.08,
    "100 new / its loop": 1 / 30,
    "100 unchanged / its loop": 1 / 45,
    "1 new / kubernetes.core": 1.0,
    "MB for 5000": 300,
}


def routes(count: int, namespace: str, changed: int = 0) -> list[dict[str, Any]]:
    """VirtualServices that only their own namespace sees. The first ones have another timeout if they are changed."""
    return [
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": f"route-{number:04}", "namespace": namespace},
            "spec": {
                "exportTo": ["."],
                "hosts": [f"host-{number:04}.example.com"],
                "http": [
                    {
                        "match": [{"uri": {"prefix": f"/{number}"}}],
                        "route": [{"destination": {"host": SERVER}, "weight": 100}],
                        "timeout": "2s" if number < changed else "1s",
                    }
                ],
            },
        }
        for number in range(count)
    ]


def run(*command: str | Path, **environment: str) -> float:
    """Run a command. Returns its seconds; ends the benchmark if it fails."""
    began = time.monotonic()
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return round(time.monotonic() - began, 2)


class Ways:
    """The ways to write the objects of a file, each as a method that returns seconds."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.kubectl_program = work / "kubectl"
        login = ("-q", "-i", LAB / "ssh/id_ed25519", "-o", f"UserKnownHostsFile={LAB / 'ssh/known_hosts'}")
        run("scp", *login, "root@10.87.0.11:/usr/bin/kubectl", self.kubectl_program)
        self.peer = cache() / "peer"
        if not (self.peer / "complete").exists():
            shutil.rmtree(self.peer, ignore_errors=True)
            run(sys.executable, "-m", "venv", self.peer)
            run(self.peer / "bin/python", "-m", "pip", "install", "-q", *PEER)
            (self.peer / "complete").touch()

    def file(self, name: str, objects: list[dict[str, Any]]) -> Path:
        path = self.work / f"{name}.yml"
        path.write_text(yaml.safe_dump_all(objects))
        return path

    def kubectl(self, objects: Path) -> float:
        return run(self.kubectl_program, "--kubeconfig", LAB / "kubeconfig", "apply", "-f", objects)

    def namespace(self, name: str) -> None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.kubectl(self.file(f"namespace-{name}", [body]))

    def _playbook(self, program: Path, module: str, **arguments: Any) -> float:
        loop = {"loop": arguments.pop("loop")} if "loop" in arguments else {}
        task = {module: {"kubeconfig": str(LAB / "kubeconfig"), **arguments}, "name": "Write", **loop}
        book = self.work / "book.yml"
        book.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
        # Both run with Ansible's own settings, not with those of this checkout.
        settings = self.work / "ansible.cfg"
        settings.write_text("[defaults]\n")
        return run(program, book, ANSIBLE_CONFIG=str(settings), ANSIBLE_NOCOLOR="1")

    def ours(self, objects: Path) -> float:
        return self._playbook(
            Path(sys.executable).parent / "ansible-playbook", "bare.mesh.istio_config", src=[str(objects)]
        )

    def core(self, objects: Path) -> float:
        return self._playbook(self.peer / "bin/ansible-playbook", "kubernetes.core.k8s", src=str(objects))

    def core_applies(self, objects: Path) -> float:
        return self._playbook(
            self.peer / "bin/ansible-playbook", "kubernetes.core.k8s", src=str(objects), apply=True,
            server_side_apply={"field_manager": "benchmark"},
        )  # fmt: skip

    def core_loop(self, objects: Path) -> float:
        listed = f"{{{{ lookup('ansible.builtin.file', '{objects}') | from_yaml_all }}}}"
        return self._playbook(
            self.peer / "bin/ansible-playbook", "kubernetes.core.k8s", loop=listed, definition="{{ item }}"
        )


MEMORY = """
import resource, sys
from tests.istio_kinds import load
from tests.module_process import run_module
result = run_module(load("modules", "istio_config"), kubeconfig=sys.argv[1], src=[sys.argv[2]])
assert "failed" not in result, result
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def megabytes(objects: Path) -> int:
    """The largest memory of the module's process."""
    command = (sys.executable, "-c", MEMORY, LAB / "kubeconfig", objects)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


def measure(ways: Ways) -> dict[str, Any]:
    """All times in seconds, by way and step, and the memory."""
    results: dict[str, Any] = {}
    for name, way in (
        ("kubectl", ways.kubectl),
        ("kubernetes.core", ways.core),
        ("kubernetes.core applies", ways.core_applies),
        ("istio_config", ways.ours),
    ):
        namespace = f"bench-{re.sub('[._ ]', '-', name)}"
        ways.namespace(namespace)
        ways.namespace(f"{namespace}-one")
        whole = ways.file("whole", routes(MANY, namespace))
        results[name] = {
            "1000 new": way(whole),
            "1000 unchanged": way(whole),
            "10 of 1000 changed": way(ways.file("changed", routes(MANY, namespace, 10))),
            "1 new": way(ways.file("one", routes(1, f"{namespace}-one"))),
            "1 unchanged": way(ways.file("one", routes(1, f"{namespace}-one"))),
        }
    for name, way in (("its loop", ways.core_loop), ("100", ways.ours)):
        namespace = f"bench-hundred-{name.replace(' ', '-')}"
        ways.namespace(namespace)
        some = ways.file("some", routes(SOME, namespace))
        results[name] = {"100 new": way(some), "100 unchanged": way(some)}
    results["by size"] = {}
    for size in SIZES:
        ways.namespace(f"bench-size-{size}")
        file = ways.file("sized", routes(size, f"bench-size-{size}"))
        results["by size"][size] = {"new": ways.ours(file), "unchanged": ways.ours(file)}
    results["MB for 5000"] = megabytes(ways.file("sized", routes(5000, "bench-size-5000")))
    return results


def ratios(results: dict[str, Any]) -> dict[str, float]:
    """What GOALS is about."""
    ours, found = results["istio_config"], {"MB for 5000": float(results["MB for 5000"])}
    for goal in GOALS:
        step, _slash, peer = goal.partition(" / ")
        if peer == "its loop":
            found[goal] = round(results["100"][step] / results[peer][step], 3)
        elif peer:
            found[goal] = round(ours[step] / results[peer][step], 3)
    return found


def report(results: dict[str, Any]) -> str:
    """The text that is printed."""
    steps = list(results["istio_config"])
    names = ("kubectl", "kubernetes.core", "kubernetes.core applies", "istio_config")
    times = [("seconds", *names), *((step, *(str(results[name][step]) for name in names)) for step in steps)]
    hundred = [("seconds", "loop of kubernetes.core", "istio_config")]
    hundred += [(step, str(results["its loop"][step]), str(results["100"][step])) for step in results["100"]]
    widest = max(one["new"] for one in results["by size"].values())
    sizes = [("objects", "new: s", "unchanged: s", "ms an object", "")]
    for size, one in results["by size"].items():
        each = f"{1000 * one['new'] / int(size):.1f}"
        sizes.append((str(size), str(one["new"]), str(one["unchanged"]), each, "#" * round(40 * one["new"] / widest)))
    goals = [("ratio", "measured", "at most")]
    goals += [(name, f"{results['ratios'][name]:g}", f"{GOALS[name]:.3g}") for name in GOALS]
    return "\n\n".join([table(times), table(hundred), table(sizes), table(goals)])


def remove(ways: Ways) -> None:
    """Remove all that was written."""
    text = subprocess.run(
        (ways.kubectl_program, "--kubeconfig", LAB / "kubeconfig", "get", "namespaces", "-o", "name"),
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = [name.strip() for name in text.split() if "/bench-" in name]
    if names:
        run(ways.kubectl_program, "--kubeconfig", LAB / "kubeconfig", "delete", "--timeout=900s", *names)


def main() -> int:
    """Measure once, print and store the results. Returns 1 if a ratio is above its goal."""
    with tempfile.TemporaryDirectory() as folder:
        ways = Ways(Path(folder))
        remove(ways)
        try:
            results = {"date": datetime.date.today().isoformat(), "cores": os.cpu_count(), **measure(ways)}
        finally:
            remove(ways)
    results["ratios"] = ratios(results)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(report(results))
    missed = [name for name, most in GOALS.items() if results["ratios"][name] > most]
    for name in missed:
        print(f"MISSED: {name} is {results['ratios'][name]}, more than {GOALS[name]:.3g}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
