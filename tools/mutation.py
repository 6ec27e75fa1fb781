# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mutation testing: change the code in one place at a time, and check whether a unit test fails.

See docs/mutation.md.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import fnmatch
import importlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[1]
# File below the copy with the output of the last run of the tests.
LOG = ".mutation.log"
# Memory limit of a run of the tests, in bytes.
MEMORY = 4 << 30
TESTS = "tests/unit/plugins"
ENGINE = (
    *(f"module_utils/_k8s/test_{name}.py" for name in ("apply", "apply_order", "apply_failures")),
    *(f"modules/test_{name}.py" for name in ("k8s", "k8s_notes", "k8s_patched", "k8s_wait")),
)
ARCHIVES = ("module_utils/_host/test_archive.py", "modules/test_release_archive.py")
SHIFT = [f"module_utils/_istio/shift/{name}.py" for name in ("gates", "prometheus", "routes", "run", "subsets")]
# Source file: the test files that cover it, the fastest first.
COVERED_BY: dict[str, tuple[str, ...]] = {
    "module_utils/_base/module.py": ("module_utils/_base/test_module.py",),
    "module_utils/_k8s/ownership.py": ("module_utils/_k8s/test_ownership.py", *ENGINE),
    "module_utils/_k8s/apply.py": (*ENGINE, "modules/test_kinds.py", "modules/test_istio_operator.py"),
    "module_utils/_k8s/reader.py": ENGINE,
    "module_utils/_k8s/client.py": ("module_utils/_k8s/test_client.py", "modules/test_k8s.py"),
    "module_utils/_k8s/module.py": ("module_utils/_k8s/test_module.py", "modules/test_k8s.py"),
    "module_utils/_k8s/diagnosis.py": ("module_utils/_k8s/test_diagnosis.py",),
    "module_utils/_k8s/waiter.py": (
        "module_utils/_k8s/test_waiter.py",
        "module_utils/_k8s/test_diagnosis.py",
        "module_utils/_k8s/test_apply_order.py",
        "modules/test_k8s_wait.py",
    ),
    "module_utils/_k8s/resource.py": ("module_utils/_k8s/test_resource.py", "modules/test_k8s.py"),
    "module_utils/_k8s/discovery.py": ("module_utils/_k8s/test_resource.py", *ENGINE),
    "module_utils/_k8s/diff.py": ("module_utils/_k8s/test_diff.py", "modules/test_k8s.py"),
    "module_utils/_k8s/argspec.py": ("module_utils/_k8s/test_argspec.py",),
    "module_utils/_host/archive.py": ARCHIVES,
    "module_utils/_host/fetch.py": (*ARCHIVES, "module_utils/_preflight/test_source.py"),
    "module_utils/_host/openpgp.py": ("module_utils/_host/test_openpgp.py",),
    "module_utils/_istio/istioctl.py": ("modules/test_istio_operator.py", "module_utils/_k8s/test_client.py"),
    "module_utils/_istio/workloads.py": ("modules/test_proxy_revision.py",),
    **dict.fromkeys(SHIFT, ("modules/test_traffic_shift.py",)),
    "action/kubeconfig.py": ("action/test_kubeconfig.py",),
    "modules/host_repositories.py": ("module_utils/_host/test_openpgp.py", "modules/test_host_repositories.py"),
    "action/kubeadm_join.py": ("action/test_kubeadm_join.py",),
    "filter/cluster_hosts.py": ("filter/test_cluster_hosts.py",),
    "module_utils/_k8s/bootstrap.py": ("module_utils/_k8s/test_bootstrap.py",),
    "modules/kubeadm_init.py": ("modules/test_kubeadm_init.py",),
    "modules/kubeadm_join.py": ("modules/test_kubeadm_join.py", "module_utils/_k8s/test_argspec.py"),
}
# In these files only the CHOSEN changes are made.
CHOSEN_ONLY = tuple(name for name in COVERED_BY if name.startswith("modules/"))
WRITTEN = "self.kinds.path(one), one, self.manager"
# Changes that no general rule makes and that must always be caught. File: text and replacement.
CHOSEN: dict[str, tuple[tuple[str, str], ...]] = {
    "module_utils/_k8s/apply.py": (
        ("delete(self.kinds.path(one), self.check,", "delete(self.kinds.path(one), False,"),
        (f"apply({WRITTEN}, self.check,", f"apply({WRITTEN}, False,"),
        (f"patch({WRITTEN}, self.check,", f"patch({WRITTEN}, False,"),
        ("wait_ready(self.client, self.kinds, fresh, {}, self.timeout, self.sleep)", "pass"),
        ("wait_ready(self.client, self.kinds, objects, known, self.timeout, self.sleep, self.condition)", "pass"),
        ("wait_gone(self.client, self.kinds, [one], self.timeout, self.sleep)", "pass"),
        ("wait_gone(self.client, self.kinds, gone, self.timeout, self.sleep)", "pass"),
        ("reversed(waves(objects))", "waves(objects)"),
    ),
    "module_utils/_k8s/resource.py": (('"CSafeLoader", yaml.SafeLoader', '"CUnsafeLoader", yaml.UnsafeLoader'),),
    "module_utils/_k8s/argspec.py": (
        ('"api_key": {"type": "str", "no_log": True,', '"api_key": {"type": "str", "no_log": False,'),
    ),
    "module_utils/_host/archive.py": (("!= os.path.realpath(staging):", "== None:"),),
    "action/kubeconfig.py": (("not copied and not self._task.check_mode", "not copied"),),
    "modules/host_repositories.py": (
        ("if found != [wanted]:", "if not found:"),
        ("if not data or not is_key(data, wanted):", "if not data:"),
    ),
    "modules/kubeadm_init.py": (("kubeadm.module.no_log_values.add(token)", "pass"),),
    "module_utils/_k8s/bootstrap.py": (('client.delete(f"{SECRETS}/bootstrap-token-{identity}")', "pass"),),
    "modules/kubeadm_join.py": (
        ('"token": {"type": "str", "no_log": True}', '"token": {"type": "str", "no_log": False}'),
    ),
}


@dataclass
class Mutant:
    """One change of a source file."""

    line: int
    change: str
    text: str


@dataclass
class Score:
    """The result of the mutants of one source file."""

    name: str
    caught: int = 0
    survived: list[Mutant] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.caught + len(self.survived)

    def row(self) -> str:
        share = f"{100 * self.caught / self.total:.0f} %" if self.total else "-"
        return f"| {self.name} | {self.total} | {self.caught} | {len(self.survived)} | {share} |"


def operators() -> list[str]:
    """Cosmic Ray's operators. Only one operator is used per operation: a + b becomes a - b, not ten other variants."""
    pairs = "Add_Sub Sub_Add Mul_Add Div_Mul FloorDiv_Mul Mod_Mul Pow_Mul RShift_LShift LShift_RShift"
    comparisons = "Eq_NotEq NotEq_Eq Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Is_IsNot IsNot_Is"
    kept = {f"core/ReplaceBinaryOperator_{pair}" for pair in [*pairs.split(), "BitOr_BitAnd", "BitAnd_BitOr"]}
    kept |= {f"core/ReplaceComparisonOperator_{pair}" for pair in comparisons.split()}
    kept |= {"core/ReplaceUnaryOperator_Delete_Not", "core/ReplaceUnaryOperator_USub_UAdd"}
    others = ("core/Replace?*Operator_*", "core/Variable*")
    return [one for one in operator_names() if one in kept or not any(fnmatch.fnmatch(one, like) for like in others)]


def type_places(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The places of type annotations, which are not evaluated."""
    found: list[ast.expr] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation:
            found.append(node.annotation)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns:
            found.append(node.returns)
    return [((one.lineno, one.col_offset), (one.end_lineno or one.lineno, one.end_col_offset or 0)) for one in found]


def mutants(source: str, name: str) -> Iterator[Mutant]:
    """All mutants of a file, the chosen ones first."""
    for old, new in CHOSEN.get(name, ()):
        if source.count(old) != 1:
            raise SystemExit(f"{name} holds {source.count(old)} times {old!r}: correct CHOSEN in tools/mutation.py")
        yield mutant(source, source.replace(old, new))
    if name in CHOSEN_ONLY:
        return
    types, tree, seen = type_places(source), get_ast(source), set()
    for operator in operators():
        changing = get_operator(operator)()
        places = [where for node in ast_nodes(tree) for where, _end in changing.mutation_positions(node)]
        for number, where in enumerate(places):
            if any(start <= where < end for start, end in types):
                continue
            try:
                text = mutate_code(source, changing, number)
            except AttributeError:
                # Cosmic Ray cannot replace an exception with a dot in its name.
                continue
            if text and text != source and text not in seen:
                seen.add(text)
                yield mutant(source, text)


def mutant(source: str, text: str) -> Mutant:
    before, after = source.splitlines(), text.splitlines()
    pairs = enumerate(zip(before, after))
    first = next((number for number, pair in pairs if pair[0] != pair[1]), min(len(before), len(after)) - 1)
    return Mutant(first + 1, f"{before[first].strip()}  ->  {after[first].strip()}", text)


@contextlib.contextmanager
def tree(committed: bool = False) -> Iterator[Path]:
    """Copy the checkout, or its last commit, and import from the copy. The copy is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(folder).resolve() / "ansible_collections/bare/mesh"
        copy.mkdir(parents=True)
        listing = "git ls-files -z --cached --others --exclude-standard"
        content = "git archive HEAD" if committed else f"{listing} | tar c --null --ignore-failed-read -T -"
        subprocess.run(["bash", "-c", f'set -o pipefail; {content} | tar x -C "$0"', copy], cwd=ROOT, check=True)
        here = os.getcwd()
        os.chdir(copy)
        sys.path[:] = [folder, *(one for one in sys.path if Path(one).resolve() not in (ROOT, ROOT / "tools"))]
        # Plugins and the texts of failed assertions are not needed.
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        # Imported only once, before the child processes are forked.
        libraries = ("pytest", "yaml", "kubernetes.client", "openshift.dynamic")
        for name in (*libraries, "ansible.module_utils.basic", "ansible.plugins.action"):
            importlib.import_module(name)
        try:
            yield copy
        finally:
            os.chdir(here)


def passes(copy: Path, tests: list[str], patience: float) -> bool:
    """Run the tests in a child process. Returns whether all of them pass in time."""
    child = os.fork()
    if child == 0:
        status = 3
        try:
            os.setsid()
            # A changed loop can fill the memory before the time limit.
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            log = os.open(copy / LOG, os.O_CREAT | os.O_TRUNC | os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(log, stream)
            module = importlib.import_module("ansible_collections.bare.mesh.plugins.module_utils._k8s.errors")
            if Path(str(module.__file__)).is_relative_to(copy):
                pytest = importlib.import_module("pytest")
                status = pytest.main(["-q", "-x", "--assert=plain", "-p", "no:logging", *tests])
        finally:
            os._exit(int(status))
    deadline = time.monotonic() + patience
    try:
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                child = 0
                return status == 0
            time.sleep(0.01)
        return False
    finally:
        if child:
            # The process group exists only after the child has created it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)


def score(copy: Path, name: str, verbose: bool = False, step: int = 1) -> Score:
    """Test every mutant of one file, or one in step of them. With step 0, only the chosen ones."""
    path, result = copy / "plugins" / name, Score(f"plugins/{name}")
    tests = [f"{TESTS}/{one}" for one in COVERED_BY[name] if (copy / TESTS / one).exists()]
    source, started = path.read_text(encoding="utf-8"), time.monotonic()
    if not passes(copy, tests, 300):
        print((copy / LOG).read_text(errors="replace")[-3000:], file=sys.stderr)
        raise SystemExit(f"the tests of plugins/{name} fail without any change: {' '.join(tests)}")
    patience = 5 + 5 * (time.monotonic() - started)
    chosen = len(CHOSEN.get(name, ()))
    try:
        for number, one in enumerate(mutants(source, name)):
            if number >= chosen and (not step or (number - chosen) % step):
                continue
            put(path, one.text, number + 1)
            if passes(copy, tests, patience):
                result.survived.append(one)
                if verbose:
                    print(f"{result.name}:{one.line}: {one.change}", flush=True)
            else:
                result.caught += 1
    finally:
        put(path, source, 0)
    return result


def put(path: Path, text: str, moment: int) -> None:
    """Write a source file with a new modification time, so that Python does not use the old bytecode."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, (moment, moment))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help="part of a path; default: all files")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="test one mutant in N, for a quick estimate")
    parser.add_argument("--chosen", action="store_true", help="only the chosen changes")
    parser.add_argument("--committed", action="store_true", help="test the last commit, not the uncommitted files")
    options = parser.parse_args(arguments)
    names = [
        name for name in COVERED_BY if not options.files or any(part in f"plugins/{name}" for part in options.files)
    ]
    if options.chosen:
        names = [name for name in names if name in CHOSEN]
    if not names:
        parser.error(f"none of these: {', '.join(COVERED_BY)}")
    # Also clean up after SIGTERM.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    os.nice(10)
    scores: list[Score] = []
    try:
        with tree(options.committed) as copy:
            for name in names:
                scores.append(score(copy, name, verbose=True, step=0 if options.chosen else options.every))
                print(scores[-1].row(), flush=True)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    print("\n| File | Mutants | Caught | Survived | Score |\n| --- | ---: | ---: | ---: | ---: |")
    for one in scores:
        print(one.row())
    everything = Score("all", sum(one.caught for one in scores), [gone for one in scores for gone in one.survived])
    print(everything.row())
    return 0 if len(scores) == len(names) else 130


if __name__ == "__main__":
    sys.exit(main())
