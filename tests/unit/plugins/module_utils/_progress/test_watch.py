# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nothing is forked in the middle of an import or a request."""

from __future__ import annotations

import os

from ansible_collections.bare.mesh.plugins.module_utils._progress import watch


def test_the_library_is_imported_behind_the_gate(tmp_path, monkeypatch):
    held = []

    class Gate:
        def __enter__(self):
            held.append(True)

        def __exit__(self, *_exception):
            held.pop()

    class Glance:
        def __init__(self, _kubeconfig, _namespace, _gate):
            assert held

        def states(self):
            return {"pod shop/web": ("Pending, 0/1 ready", False)}

    monkeypatch.setattr(watch, "Glance", Glance)
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text("{}")
    looked = watch.Watch("task", str(kubeconfig), "shop", Gate())
    assert looked.news() == ["pod shop/web: Pending, 0/1 ready"]
    assert looked.summary() == "0/1 pods ready" and not held


def test_a_fork_leaves_the_gate_usable_on_both_sides():
    gate = watch.the_gate()
    process = os.fork()
    if not process:
        with gate:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    with gate:
        pass
