# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Templates become contents on the controller, by Ansible's own lookup."""

from __future__ import annotations

import copy

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins import loader
from ansible.template import Templar
from ansible_collections.bare.mesh.plugins.action import host_service


@pytest.fixture
def act(tmp_path, monkeypatch, make_action):
    """Run the action; what it gives to the module."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/hosts.j2").write_text('# {{ name }}\n{% if value %}\nserver = "{{ value }}"\n{% endif %}\n')

    def run(**arguments):
        variables = {"name": r"back\\1slash", "ansible_search_path": [str(tmp_path)]}
        data = DataLoader()
        action = make_action(
            host_service, arguments, loader=data, templar=Templar(loader=data, variables=variables), shared=loader
        )
        given, before = {}, copy.deepcopy(arguments)

        def execute(name, module_args, task_vars):
            assert name == "bare.mesh.host_service" and task_vars is variables
            given.update(module_args)
            return {"changed": True}

        monkeypatch.setattr(action, "_execute_module", execute)
        assert action.run(task_vars=variables) == {"changed": True}
        assert arguments == before
        return given

    return run


def test_templates_are_rendered_one_by_one(act):
    files = [
        {"dest": "/a", "src": "hosts.j2", "value": "https://a", "mode": "0600"},
        {"dest": "/b", "src": "hosts.j2"},
        {"dest": "/c", "content": "{{ name }} is not a template here"},
    ]
    given = act(files=files, absent=["/d"])
    assert given["absent"] == ["/d"]
    assert given["files"] == [
        {"dest": "/a", "mode": "0600", "content": '# back\\\\1slash\nserver = "https://a"\n'},
        {"dest": "/b", "content": "# back\\\\1slash\n"},
        files[2],
    ]


def test_no_files(act):
    assert act(absent=["/d"]) == {"absent": ["/d"], "files": []}


def test_bad_input_is_a_message(act):
    for files in ({"/a": "x"}, ["/a"], "/a"):
        with pytest.raises(AnsibleActionFail, match="files is not a list of files"):
            act(files=files)
    with pytest.raises(AnsibleError, match=r"none\.j2 could not be found"):
        act(files=[{"dest": "/a", "src": "none.j2"}])
