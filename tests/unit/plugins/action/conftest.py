# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an action plugin is given to work with."""

from __future__ import annotations

import types

import pytest


@pytest.fixture
def make_action():
    """Make an action: (its plugin, its task's arguments)."""

    def make(plugin, arguments, check=False, loader=None, templar=None, shared=None):
        name = f"bare.mesh.{plugin.__name__.rpartition('.')[2]}"
        task = types.SimpleNamespace(
            args=arguments, check_mode=check, async_val=0, diff=False, action=name, environment=None
        )
        play = types.SimpleNamespace(no_log=False)
        connection = types.SimpleNamespace(transport="ssh", _play_context=play, _shell=types.SimpleNamespace(tmpdir=""))
        return plugin.ActionModule(task, connection, play, loader, templar, shared)

    return make
