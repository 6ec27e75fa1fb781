# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a program of the controller: istioctl or helm."""

from __future__ import annotations

import os
import shutil
from typing import ClassVar

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

# Seconds that a program may take, and the code of the program timeout when they are over.
TIMEOUT = 120
TIMED_OUT = 124


class Program:
    """One binary. MISSING says what to do where there is none: it follows the path that was wanted."""

    MISSING = ""
    # Besides KUBECONFIG.
    ENVIRONMENT: ClassVar[dict[str, str]] = {}

    def __init__(self, module: AnsibleModule, program: str) -> None:
        self.module = module
        self.program = shutil.which(os.path.expanduser(program)) or ""
        self.wanted = program

    def run(self, arguments: list[str], config: str = os.devnull, text: str = "") -> str:
        """Run it with a kubeconfig and a text on standard input. Returns its output.

        Raises Failure if it is missing, fails or does not end within TIMEOUT seconds.
        """
        if not self.program:
            raise Failure(self.MISSING.format(self.wanted))
        # From coreutils, which the controller lacks if it runs macOS.
        timeout = self.module.get_bin_path("timeout")
        command = [*([timeout, str(TIMEOUT)] if timeout else []), self.program, *arguments]
        environment = {**self.ENVIRONMENT, "KUBECONFIG": config}
        code, out, err = self.module.run_command(command, data=text, environ_update=environment)
        if timeout and code == TIMED_OUT:
            raise Failure(f"{self.program} did not end within {TIMEOUT} seconds")
        if code:
            raise Failure(err.strip().removeprefix("Error: ") or f"{self.program} failed with code {code}")
        return out
