# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook plaintext_callers, against an API server of two pods: its table, and when it fails."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
# Written after Istio's documented default text format, not recorded.
LINE = (
    '[2026-01-31T12:00:00.123Z] "GET / HTTP/1.1" 200 - via_upstream - "-" 0 358 9 8 "-" "curl/8.5.0" "1d" "web"'
    ' "10.244.1.4:8000" inbound|8000|| 127.0.0.6:1 10.244.1.4:8000 {} default\n'
)


def pod(name, ip, *containers):
    return {
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
        "spec": {"containers": list(containers)},
        "status": {"phase": "Running", "startTime": "2026-01-31T10:00:00Z", "podIPs": [{"ip": ip}]},
    }


PROXY = {"name": "istio-proxy", "args": ["proxy", "sidecar"]}
LISTS = {
    "/api/v1/pods": [pod("web", "10.244.1.4", PROXY), pod("silent", "10.244.1.5", PROXY), pod("old", "10.244.1.7")],
    "/api/v1/nodes": [],
}


@pytest.fixture
def play(tmp_path):
    """Run the playbook while web's sidecar has this log. Returns the exit code and the output."""
    logs = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.partition("?")[0]
            content = {"kind": "List", "metadata": {}, "items": LISTS.get(path, [])}
            said = logs.get(path, "") if path.endswith("/log") else json.dumps(content)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))

    def run(log, *options):
        logs["/api/v1/namespaces/shop/pods/web/log"] = log
        here = {
            "bare_mesh_kubeconfig": str(tmp_path / "config"),
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
        }
        command = ["ansible-playbook", "-i", "localhost,", "-e", json.dumps(here), *options]
        done = subprocess.run(
            [*command, "playbooks/plaintext_callers.yml"], cwd=ROOT, capture_output=True, text=True, timeout=120,
            check=False, env={**os.environ, "ANSIBLE_NOCOLOR": "1", "no_proxy": "*"},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    yield run
    server.shutdown()
    server.server_close()


def rows(output):
    return [" ".join(line.strip(' ",-').split()) for line in output.splitlines() if " plaintext " in line]


def test_the_table_and_the_failure(play):
    log = LINE.format("10.244.1.7:1 -") + LINE.format("203.0.113.9:0 -")
    code, said = play(log)
    assert code == 0, said
    assert rows(said) == [
        "shop/web 8000 plaintext pod shop/old 1 2026-01-31T12:00:00.123Z",
        "shop/web 8000 plaintext outside 203.0.113.9 (by its header) 1 2026-01-31T12:00:00.123Z",
    ]
    assert "By the logs of 1 sidecars." in said and "These sidecars say nothing: shop/silent" in said
    code, said = play(log, "-e", "plaintext_fail=true", "-e", "plaintext_since=86400", "--check")
    assert code != 0 and "2 callers would be refused by STRICT" in said


def test_nobody_and_nothing(play):
    log = LINE.format("10.244.1.7:1 outbound_.8000_._.web.shop.svc.cluster.local")
    code, said = play(log, "-e", "plaintext_fail=true", "-e", '{"plaintext_namespaces": ["shop"]}')
    assert code == 0 and "Nobody has called without mutual TLS." in said and rows(said) == []
    code, said = play("")
    assert code != 0 and "none of the 2 sidecars of the cluster has written an access log" in said
