# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a playbook of the mesh half against an API server of a test's own."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
# Path and query of a request -> the status and the text of its answer.
Answer = Callable[[str, str], tuple[int, str]]
# Playbook, options and the directory in which the user stands -> exit code and output.
Play = Callable[..., tuple[int, str]]


@contextmanager
def served(answer: Answer, folder: Path) -> Iterator[Play]:
    """What runs a playbook while the server answers. The kubeconfig is written to the folder."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _mark, query = self.path.partition("?")
            status, text = answer(path, query)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        # Check mode removes in a dry run.
        do_DELETE = do_GET

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
            "users": [{"name": "u", "user": {}}],
        }
        kubeconfig = folder / "config"
        kubeconfig.write_text(yaml.safe_dump(config))
        here = {
            "bare_mesh_kubeconfig": str(kubeconfig),
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
        }

        def play(playbook: str, *options: str, cwd: Path = ROOT) -> tuple[int, str]:
            command = ["ansible-playbook", "-i", "localhost,", "-e", json.dumps(here), *options, str(ROOT / playbook)]
            done = subprocess.run(
                command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
                env={**os.environ, "ANSIBLE_NOCOLOR": "1", "no_proxy": "*", "PWD": str(cwd)},
            )  # fmt: skip
            return done.returncode, done.stdout + done.stderr

        yield play
        server.shutdown()
