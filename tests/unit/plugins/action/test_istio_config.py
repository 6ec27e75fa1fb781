# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files, folders and templates become texts on the controller, by Ansible's own lookups."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.plugins import loader
from ansible.template import Templar
from ansible_collections.bare.mesh.plugins.action import istio_config


@pytest.fixture
def act(tmp_path, monkeypatch, make_action):
    """Run the action; what it gives to the module."""
    (tmp_path / "templates/mesh/deep").mkdir(parents=True)
    (tmp_path / "templates/routes.yml.j2").write_text("weight: {{ weight }}\n")
    (tmp_path / "templates/mesh/b.yaml").write_text("b: '{{ not a template }}'\n")
    (tmp_path / "templates/mesh/a.json").write_text("{}")
    (tmp_path / "templates/mesh/deep/c.j2").write_text("c: {{ weight }}")
    (tmp_path / "templates/mesh/README.md").write_text("not a manifest")
    (tmp_path / "templates/empty").mkdir()

    def run(**arguments):
        variables = {"weight": 10, "ansible_search_path": [str(tmp_path)]}
        data = DataLoader()
        templar = Templar(loader=data, variables=variables)
        action = make_action(istio_config, arguments, loader=data, templar=templar, shared=loader)
        given = {}

        def execute(name, module_args, task_vars):
            assert name == "bare.mesh.istio_config" and task_vars is variables
            given.update(module_args)
            return {"changed": True}

        monkeypatch.setattr(action, "_execute_module", execute)
        assert action.run(task_vars=variables) == {"changed": True}
        return given

    return run


def test_a_template_is_rendered(act, tmp_path):
    content = {"path": str(tmp_path / "templates/routes.yml.j2"), "content": "weight: 10\n"}
    assert act(src=["routes.yml.j2"], owner="x") == {"src": [content], "owner": "x"}
    assert act(src="routes.yml.j2")["src"] == [content]


def test_all_files_of_a_folder_in_order(act, tmp_path):
    found = [
        (one["path"].removeprefix(f"{tmp_path}/templates/mesh/"), one["content"]) for one in act(src=["mesh"])["src"]
    ]
    assert found == [("a.json", "{}"), ("b.yaml", "b: '{{ not a template }}'"), ("deep/c.j2", "c: 10")]


def test_what_is_no_path_is_the_module_s(act):
    assert act(src=[{"path": "x", "content": ""}])["src"] == [{"path": "x", "content": ""}]
    assert act(resources=[]) == {"resources": []}


@pytest.mark.parametrize(("name", "message"), [("none.yml", "none.yml"), ("empty", "has no file that ends in .yml")])
def test_what_is_not_there(act, name, message):
    with pytest.raises(AnsibleActionFail, match=message):
        act(src=[name])
