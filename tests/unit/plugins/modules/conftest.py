# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that is played: its directories lie below tmp_path, and its programs answer from a table."""

from __future__ import annotations

import builtins
import functools
import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common import warnings
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm import node
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import SIGN_OF_LIFE
from ansible_collections.bare.mesh.plugins.modules import kubeadm_init, kubeadm_join

from tests.module_process import leave_controller, patch_module_args

# Whatever lies here is the played host's.
PLAYED = (
    *("/boot/", "/etc/", "/lib/modules/", "/opt/cni/", "/proc/", "/run/", "/sys/"),
    *("/lib/systemd/", "/usr/lib/firewalld/", "/usr/lib/systemd/", "/usr/local/", "/usr/sbin/", "/var/"),
)
# What takes a path, by the number of paths.
REDIRECTED = {
    1: (
        *("access", "chmod", "chown", "getxattr", "listdir", "listxattr", "lstat"),
        *("mkdir", "open", "readlink", "remove", "rmdir"),
        *("scandir", "setxattr", "stat", "unlink", "utime"),
    ),
    2: ("rename", "replace"),
}


class Machine:
    """The played host."""

    def __init__(self, root):
        self.root = root
        self.programs: set[str] = set()
        # Beginning of a command that only looks -> its answer, or what gives it.
        self.looks: dict = {}
        # Beginning of a command that changes the host -> its answer, or what gives it; others do nothing and succeed.
        self.acts: dict = {}
        self.ran: list[str] = []
        self.inputs: list[str] = []

    def path(self, path):
        return Path(self.root + path)

    def put(self, path, content="", mode=0o644):
        """A file of the host."""
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)
        return file

    def text(self, path):
        return self.path(path).read_text()

    def mode(self, path):
        return stat.S_IMODE(self.path(path).stat().st_mode)

    def everything(self):
        """All that is on the host's disk."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            for name in (*folders, *names):
                path = Path(folder, name)
                info = path.lstat()
                content = (
                    path.read_bytes() if stat.S_ISREG(info.st_mode) else os.readlink(path) if path.is_symlink() else ""
                )
                found[str(path)] = (info.st_mode, info.st_ino, content)
        return found

    def answer(self, arguments, **options):
        words = [arguments[0].rsplit("/", 1)[-1], *arguments[1:]]
        command = " ".join(words)
        begin = next((begin for begin in sorted(self.looks, key=len, reverse=True) if command.startswith(begin)), None)
        if begin is not None:
            found = self.looks[begin]
        else:
            self.ran.append(command)
            found = next(
                (self.acts[one] for one in sorted(self.acts, key=len, reverse=True) if command.startswith(one)), ""
            )
        if options.get("data"):
            self.inputs.append(options["data"])
        for number in options.get("pass_fds") or ():
            # kubeadm would read its configuration from there.
            if f"/proc/self/fd/{number}" in words:
                self.inputs.append(os.pread(number, 1 << 20, 0).decode())
        found = found(command) if callable(found) else found
        return found if isinstance(found, tuple) else (0, found or "", "")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    played = Machine(f"{tmp_path}/root")
    for folder in PLAYED:
        os.makedirs(played.root + folder)

    def moved(path):
        name = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        # Open files are the process's own.
        if not f"{name}/".startswith(PLAYED) or name.startswith(("/proc/self/fd", str(tmp_path))):
            return path
        return os.fsencode(played.root + name) if isinstance(path, bytes) else played.root + name

    def redirect(owner, name, count):
        real = getattr(owner, name)

        @functools.wraps(real)
        def wrapper(*paths, **options):
            return real(*map(moved, paths[:count]), *paths[count:], **options)

        # shutil.rmtree looks whether the function itself can work below an open directory.
        for known in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if real in known:
                known.add(wrapper)
        monkeypatch.setattr(owner, name, wrapper)

    redirect(builtins, "open", 1)
    for count, names in REDIRECTED.items():
        for name in names:
            redirect(os, name, count)
    redirect(shutil, "rmtree", 1)

    def run_command(module, arguments, check_rc=False, **options):
        code, out, err = played.answer(arguments, **options)
        if code and check_rc:
            module.fail_json(msg=err or out, rc=code, cmd=arguments)
        return code, out, err

    def get_bin_path(module, name, required=False, **_options):
        if name in played.programs:
            return f"/usr/bin/{name}"
        return module.fail_json(msg=f"Failed to find required executable {name}") if required else None

    monkeypatch.setattr(basic.AnsibleModule, "run_command", run_command)
    monkeypatch.setattr(basic.AnsibleModule, "get_bin_path", get_bin_path)
    # The lock goes with a module's process, and here all of them are one.
    monkeypatch.setattr(node.fcntl, "flock", lambda number, _how: None)
    # No process of the machine that runs the tests.
    monkeypatch.setattr(os, "kill", lambda number, _signal: played.ran.append(f"kill {number}"))
    return played


@pytest.fixture
def call(capsys, monkeypatch):
    """Run a module's main() and give its result; call.printed is all that it printed, as Ansible shows it with -vvv."""

    leave_controller(monkeypatch)

    def run(module, check=False, **params):
        # A module's process has given no warnings yet.
        warnings._global_warnings.clear()
        with (
            patch_module_args({**params, "_ansible_check_mode": check, "_ansible_diff": True}),
            pytest.raises(SystemExit) as end,
        ):
            module.main()
        printed = capsys.readouterr()
        run.printed = printed.out + printed.err
        result = json.loads(printed.out)
        assert "Traceback" not in run.printed and bool(result.get("failed")) is bool(end.value.code)
        return result

    return run


@pytest.fixture
def predicted(machine, call):
    """Run a module in check mode, for real, and again; give the real run's result."""

    def run(module, **params):
        before, ran = machine.everything(), list(machine.ran)
        prediction = call(module, check=True, **params)
        assert machine.everything() == before and machine.ran == ran
        done = call(module, **params)
        assert "failed" not in done, done["msg"]
        assert prediction["changed"] is done["changed"] is True
        assert prediction["diff"] == done["diff"]
        assert {name: value for name, value in done.items() if name in prediction} == prediction
        after, ran = machine.everything(), list(machine.ran)
        for check in (False, True):
            assert call(module, check=check, **params)["changed"] is False
        assert machine.everything() == after and machine.ran == ran
        return done

    return run


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A node's directories; names of the kubeadm modules' constants lead there."""
    kubernetes = tmp_path / "kubernetes"
    (kubernetes / "manifests").mkdir(parents=True)
    paths = {
        "KUBERNETES": kubernetes,
        "ADMIN_CONF": kubernetes / "admin.conf",
        "KUBELET_CONF": kubernetes / "kubelet.conf",
        "BOOTSTRAP_CONF": kubernetes / "bootstrap-kubelet.conf",
        "API_SERVER_MANIFEST": kubernetes / "manifests/kube-apiserver.yaml",
        "UNFINISHED": kubernetes / ".unfinished",
        "CA": kubernetes / "ca.crt",
        "ETCD": tmp_path / "etcd/member/snap/db",
    }
    paths["ETCD"].parent.mkdir(parents=True)
    for module in (kubeadm_init, kubeadm_join):
        for name, path in paths.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, str(path))
    return paths


@pytest.fixture
def touch(host):
    """Make files of the node."""

    def make(names, content=b""):
        for name in names:
            host[name].write_bytes(SIGN_OF_LIFE if name == "ETCD" else content)

    return make


class Server:
    """An API server that gives one answer, or raises it."""

    url = "https://192.0.2.10:6443"

    def __init__(self, answer):
        self.given = answer
        self.seen = []

    def request(self, path, method="GET"):
        self.seen.append((method, path))
        if isinstance(self.given, Exception):
            raise self.given
        return self.given


@pytest.fixture
def answering():
    """Makes an API server that gives one answer, or raises it."""
    return Server


@pytest.fixture
def ca_cert_hash():
    return "sha256:" + "0123456789abcdef" * 4


class Cluster:
    """An API server by its answers, and how kubeadm, systemctl and the kubelet of the played host come to it."""

    def __init__(self, machine):
        self.machine = machine
        self.url = "https://192.0.2.10:6443"
        self.ready_now = True
        self.unit = {"ActiveState": "active", "UnitFileState": "enabled"}
        self.objects: dict[str, object] = {}
        self.deleted: list[str] = []
        machine.programs = {"kubeadm", "systemctl"}
        machine.looks = {
            "systemctl show kubelet": lambda _command: "".join(f"{key}={value}\n" for key, value in self.unit.items())
        }
        machine.acts = {
            "systemctl enable": lambda command: self.unit.update(
                UnitFileState="enabled", **({"ActiveState": "active"} if "--now" in command else {})
            ),
            "systemctl disable": lambda _command: self.unit.update(UnitFileState="disabled", ActiveState="inactive"),
            "systemctl restart": lambda _command: self.unit.update(ActiveState="active"),
        }
        machine.put("/proc/self/mounts")
        machine.path("/sys/class/net").mkdir(parents=True)

    def ready(self):
        return self.ready_now

    def request(self, path, method="GET"):
        if method == "DELETE":
            self.deleted.append(path)
            self.objects.pop(path, None)
            return 200, "{}"
        found = self.objects.get(path.split("?")[0], (404, "{}"))
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def member(machine, monkeypatch):
    """A host that can be a node, with a cluster to be a node of."""
    found = Cluster(machine)
    monkeypatch.setattr(node.ApiServer, "of", lambda *arguments: found)
    monkeypatch.setattr(node.time, "sleep", lambda seconds: None)
    return found
