#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_service
short_description: Writes the files of a systemd unit, and enables, starts and restarts it
version_added: 0.1.0
description:
  - Writes the unit's files, and restarts it when something is newer than its start. So the next run
    restarts a unit whose run was interrupted between a new configuration and the restart.
  - Unlike M(ansible.builtin.systemd_service), it predicts the start of a unit whose package is not installed yet.
  - Templates are rendered on the controller, so one round trip to the host does it all, where
    M(ansible.builtin.template), M(ansible.builtin.copy) and M(ansible.builtin.systemd_service) take several for each
    file and unit.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  name:
    description: Unit name.
    type: str
    required: true
  state:
    description:
      - Whether the unit runs and is enabled at boot (V(started)), or neither (V(stopped)).
      - V(as_is) leaves that to the host. If the unit runs, it takes the files. A host without the unit gets no files.
    type: str
    choices: [started, stopped, as_is]
    default: started
  files:
    description:
      - Files to write, with their folders. Each has either O(files[].src) or O(files[].content).
      - The unit itself may be one of them.
    type: list
    elements: dict
    default: []
    suboptions:
      dest:
        description: Absolute path on the host.
        type: str
        required: true
      src:
        description: A template on the controller, found as M(ansible.builtin.template) finds its own.
        type: str
      value:
        description: What the template sees as C(value), besides the variables that all templates see.
        type: raw
      content:
        description: The text itself.
        type: str
      mode:
        description: Mode of the file, in octal notation.
        type: str
        default: "0644"
      restart:
        description: Whether the unit reads the file only when it starts, so that a change of the file needs a restart.
        type: bool
        default: true
      reload:
        description: Whether the running unit takes a change of the file by C(systemctl reload), instead of a restart.
        type: bool
        default: false
        version_added: 0.2.0
      keep_original:
        description:
          - Whether the host's own file, such as that of a package, is kept beside it before it is replaced, with
            C(.bare-mesh-saved) at the end of its name. O(restore) puts it back.
          - The first line of the new content must name C(bare.mesh), by which it is known later on.
        type: bool
        default: false
        version_added: 0.2.0
  restore:
    description:
      - Files that an earlier task has replaced with O(files[].keep_original), and that are to be the host's own again.
      - A file that is the host's own already stays as it is. One without a kept original stays as well, with a warning,
        unless it is also in O(absent).
    type: list
    elements: path
    default: []
    version_added: 0.2.0
  absent:
    description:
      - Files to remove, if they were written by this collection, which their first line says.
      - A file of the user's own at that path stays.
      - A V(*) in a path stands for any names, except those of O(files).
    type: list
    elements: path
    default: []
  watch:
    description: Other files that the unit reads at its start, such as its program.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    support: full
    details: A missing unit counts as one that the run installs.
  diff_mode:
    support: full
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Run containerd
  bare.mesh.host_service:
    name: containerd
    files:
      - src: config.toml.j2
        dest: /etc/containerd/config.toml
      - src: hosts.toml.j2
        dest: /etc/containerd/certs.d/docker.io/hosts.toml
        value: https://mirror.example.com/v2/docker.io
        restart: false
      - content: "HTTPS_PROXY={{ proxy }}\n"
        dest: /etc/containerd/proxy.env
        mode: "0600"
    # Those of other registries, which an earlier run has written.
    absent: [/etc/containerd/certs.d/*/hosts.toml]
    watch: [/usr/bin/containerd]

- name: Keep NetworkManager, where the host has it, away from the interfaces of pods
  bare.mesh.host_service:
    name: NetworkManager
    state: as_is
    files:
      - content: |
          # bare.mesh
          [keyfile]
          unmanaged-devices+=interface-name:veth*
        dest: /etc/NetworkManager/conf.d/pods.conf
        reload: true

- name: Use our time servers instead of the distribution's
  bare.mesh.host_service:
    name: chronyd
    files:
      - src: chrony.conf.j2
        dest: /etc/chrony.conf
        keep_original: true

- name: Use the distribution's time servers again
  bare.mesh.host_service:
    name: chronyd
    restore: [/etc/chrony.conf]
"""

RETURN = r"""
files:
  description: The files that were, or in check mode would be, written or removed, with those that keep an original.
  returned: always
  type: list
  elements: str
actions:
  description: What was, or in check mode would be, done to the unit.
  returned: always
  type: list
  elements: str
  sample: [enable, start]
"""

import calendar
import glob
import os
import re
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host.files import MARK, SAVED, Files

PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,ActiveEnterTimestamp"


def parse(text: str) -> dict[str, str]:
    """The unit's properties as `systemctl show` prints them."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def started_at(unit: dict[str, str]) -> int:
    """The start of the unit in seconds since 1970; 0 if it never ran."""
    try:
        return calendar.timegm(time.strptime(unit.get("ActiveEnterTimestamp", ""), "%a %Y-%m-%d %H:%M:%S UTC"))
    except ValueError:
        return 0


def plan(unit: dict[str, str], state: str, restart: bool, newest: float, reload: bool = False) -> list[str]:
    """The verbs of systemctl that lead to the wanted state; newest is when the unit's files last changed."""
    # A unit that does not exist is neither enabled nor running.
    running = unit.get("ActiveState") in ("active", "activating", "reloading")
    file_state = unit.get("UnitFileState", "")
    if state == "stopped":
        return (["disable"] if file_state.startswith("enabled") else []) + (["stop"] if running else [])
    keep = state == "as_is" or file_state in ("enabled", "static", "generated")
    actions = [] if keep else ["enable"]
    if not running:
        return actions if state == "as_is" else [*actions, "start"]
    if restart or int(newest) > started_at(unit):
        return [*actions, "restart"]
    return [*actions, "reload"] if reload else actions


FILE = {
    "dest": {"type": "str", "required": True},
    "src": {"type": "str"},
    "value": {"type": "raw"},
    "content": {"type": "str"},
    "mode": {"type": "str", "default": "0644"},
    "restart": {"type": "bool", "default": True},
    "reload": {"type": "bool", "default": False},
    "keep_original": {"type": "bool", "default": False},
}


def compare(module: AnsibleModule) -> Files:
    """The files as the task wants them, compared with the host's.

    The action plugin has put contents in place of templates.
    """
    files = Files(module)
    for one in module.params["files"]:
        path, mode = one["dest"], one["mode"]
        if not path.startswith("/"):
            raise Failure(f"dest: {path} is not an absolute path")
        if not re.fullmatch("0?[0-7]{3}", mode):
            raise Failure(f"mode of {path}: {mode} is not an octal mode such as 0644")
        if one["keep_original"]:
            keep_original(files, path, one["content"])
        files.want(path, one["content"], int(mode, 8))
    wanted = {one["dest"] for one in module.params["files"]}
    for pattern in module.params["absent"]:
        for path in sorted(glob.glob(pattern)) if "*" in pattern else [pattern]:
            if path not in wanted or "*" not in pattern:
                files.unwant(path)
    restore(module, files)
    return files


def keep_original(files: Files, path: str, content: str) -> None:
    # Without the mark, the next run would take our file for the host's own and keep it in place of the original.
    if MARK.decode() not in content.split("\n", 1)[0]:
        raise Failure(f"keep_original of {path}: the first line of the content does not name {MARK.decode()}")
    files.keep(path)


def restore(module: AnsibleModule, files: Files) -> None:
    wanted = {one["dest"] for one in module.params["files"]}
    for path in module.params["restore"]:
        if path in wanted:
            raise Failure(f"restore: {path} is also one of files; leave it out of one of the two")
        if not files.restore(path) and path not in module.params["absent"]:
            module.warn(
                f"{path} stays as bare.mesh has written it, because there is no original at {path}{SAVED};"
                " remove the file and install its package again, or write your own in its place"
            )


def find_unit(module: AnsibleModule, systemctl: str) -> dict[str, str]:
    """The unit's properties; fails where it cannot become what the task wants."""
    name, state = module.params["name"], module.params["state"]
    environment = {"LC_ALL": "C", "TZ": "UTC"}
    unit = parse(
        module.run_command([systemctl, "show", name, "-p", PROPERTIES], environ_update=environment, check_rc=True)[1]
    )
    load = unit.get("LoadState")
    if load == "masked" and state == "started":
        raise Failure(f"the unit {name} is masked on this host; unmask it: systemctl unmask {name}")
    brings = {one["dest"].rsplit("/", 1)[-1] for one in module.params["files"]} & {name, f"{name}.service"}
    if load == "not-found" and state == "started" and not module.check_mode and not brings:
        raise Failure(f"the host has no unit {name}; install the package that brings it")
    return unit


def act(module: AnsibleModule, systemctl: str, unit: str, actions: list[str]) -> None:
    # systemd's own NeedDaemonReload misses a drop-in folder that has just been made.
    module.run_command([systemctl, "daemon-reload"], check_rc=True)
    for action in actions:
        code, out, err = module.run_command([systemctl, action, unit], environ_update={"LC_ALL": "C"})
        if code:
            journal = module.run_command(["journalctl", "-u", unit, "-n", "15", "--no-pager", "-o", "cat"])[1]
            what = f"systemctl {action} {module.params['name']} failed"
            raise Failure(f"{what}: {(err or out).strip()}\nlast lines of its log:\n{journal}")


def work(module: AnsibleModule) -> dict[str, Any]:
    name = module.params["name"]
    systemctl = module.get_bin_path("systemctl", required=True)
    unit = find_unit(module, systemctl)
    if module.params["state"] == "as_is" and unit.get("LoadState") == "not-found":
        return {"changed": False, "files": [], "actions": [], "diff": []}
    files = compare(module)
    # A change of these needs no restart: the unit reads them whenever it needs them, or when it is told to.
    unread = {one["dest"] for one in module.params["files"] if one["reload"] or not one["restart"]}
    told = {one["dest"] for one in module.params["files"] if one["reload"]}
    read_at_start = [one["dest"] for one in module.params["files"] if one["dest"] not in unread]
    read_at_start += module.params["watch"] + module.params["restore"]
    read = {path for path in files.todo if path not in unread and not path.endswith(SAVED)}
    if not module.check_mode:
        try:
            files.write()
        except OSError as error:
            raise Failure(f"{error.filename}: {error.strerror}; nothing more was written") from error
    # ctime, since a package's files carry the time at which they were built as mtime.
    newest = max((os.stat(path).st_ctime for path in read_at_start if os.path.exists(path)), default=0)
    actions = plan(unit, module.params["state"], bool(read), newest, not told.isdisjoint(files.todo))
    if actions and not module.check_mode:
        act(module, systemctl, unit["Id"], actions)
    running = unit.get("ActiveState", "inactive")
    states = {"start": "active", "restart": "active, restarted", "reload": "active, reloaded", "stop": "inactive"}
    after = states[actions[-1]] if actions and actions[-1] in states else running
    state: dict[str, Any] = {"before": f"{running}\n", "after": f"{after}\n"}
    state |= {"before_header": name, "after_header": name}
    return {
        "changed": bool(files.todo or actions),
        "files": sorted(files.todo),
        "actions": actions,
        "diff": [*files.diff, state] if actions else files.diff,
    }


def main() -> None:
    run(
        work,
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped", "as_is"], "default": "started"},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": FILE,
                "required_one_of": [("src", "content")],
                "mutually_exclusive": [("src", "content")],
            },
            "restore": {"type": "list", "elements": "path", "default": []},
            "absent": {"type": "list", "elements": "path", "default": []},
            "watch": {"type": "list", "elements": "path", "default": []},
        },
    )


if __name__ == "__main__":
    main()
