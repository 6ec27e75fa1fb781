#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_service
short_description: Enables and starts a systemd unit, and restarts it when its configuration is newer
version_added: 0.1.0
description:
  - Unlike M(ansible.builtin.systemd_service), it predicts the start of a unit whose package is not installed yet.
  - A run that was interrupted between a new configuration and the restart is made good by the next one,
    since the age of O(files) is compared with the start of the unit.
options:
  name:
    description: Unit name.
    type: str
    required: true
  state:
    description: Whether the unit runs and is enabled at boot (V(started)), or neither (V(stopped)).
    type: str
    choices: [started, stopped]
    default: started
  restart:
    description: Restart the unit if it runs already. Pass whether an earlier task changed what the unit reads.
    type: bool
    default: false
  files:
    description: Files that the unit reads at its start. It is restarted if one of them changed after that.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    support: full
    description: A missing unit counts as one that the run installs.
  diff_mode:
    support: full
    description: Shows the unit's state before and after.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Run containerd
  bare.mesh.host_service:
    name: containerd
    restart: "{{ config is changed }}"
    files: [/etc/containerd/config.toml]
"""

RETURN = r"""
actions:
  description: What was, or in check mode would be, done to the unit.
  returned: always
  type: list
  elements: str
  sample: [enable, start]
"""

import calendar
import os
import time

from ansible.module_utils.basic import AnsibleModule

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


def plan(unit: dict[str, str], state: str, restart: bool, newest: float) -> list[str]:
    """The verbs of systemctl that lead to the wanted state; newest is when the unit's files last changed."""
    # Of a unit that is not there, nothing is enabled and nothing runs.
    running = unit.get("ActiveState") in ("active", "activating", "reloading")
    file_state = unit.get("UnitFileState", "")
    if state == "stopped":
        return (["disable"] if file_state.startswith("enabled") else []) + (["stop"] if running else [])
    actions = [] if file_state in ("enabled", "static", "generated") else ["enable"]
    if not running:
        actions.append("start")
    elif restart or int(newest) > started_at(unit):
        actions.append("restart")
    return actions


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
            "restart": {"type": "bool", "default": False},
            "files": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    name, state = module.params["name"], module.params["state"]
    systemctl = module.get_bin_path("systemctl", required=True)
    environment = {"LC_ALL": "C", "TZ": "UTC"}
    unit = parse(module.run_command([systemctl, "show", name, "-p", PROPERTIES], environ_update=environment, check_rc=True)[1])
    load = unit.get("LoadState")
    if load == "masked" and state == "started":
        module.fail_json(msg=f"the unit {name} is masked on this host; unmask it: systemctl unmask {name}")
    absent = load == "not-found"
    if absent and state == "started" and not module.check_mode:
        module.fail_json(msg=f"the host has no unit {name}; is the package that brings it installed?")
    # ctime, since a package's files carry the time at which they were built as mtime.
    newest = max((os.stat(path).st_ctime for path in module.params["files"] if os.path.exists(path)), default=0)
    actions = plan(unit, state, module.params["restart"], newest)
    if not module.check_mode and actions:
        # systemd's own NeedDaemonReload misses a drop-in folder that has just been made.
        module.run_command([systemctl, "daemon-reload"], check_rc=True)
        for action in actions:
            code, out, err = module.run_command([systemctl, action, unit["Id"]], environ_update=environment)
            if code:
                journal = module.run_command(["journalctl", "-u", unit["Id"], "-n", "15", "--no-pager", "-o", "cat"])[1]
                module.fail_json(msg=f"systemctl {action} {name} failed: {(err or out).strip()}\nlast lines of its log:\n{journal}")
    running = unit.get("ActiveState", "inactive")
    after = {"start": "active", "restart": "active, restarted", "stop": "inactive"}.get(actions[-1] if actions else "", running)
    module.exit_json(
        changed=bool(actions),
        actions=actions,
        diff={"before": f"{name}: {running}\n", "after": f"{name}: {after}\n"},
    )


if __name__ == "__main__":
    main()
