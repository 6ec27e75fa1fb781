# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.bare.mesh.plugins.plugin_utils.guard import guarded


class Plugin:
    def __init__(self):
        self.broken = False
        self.calls: list[int] = []
        self.errors: list[Exception] = []

    def give_up(self, error):
        assert self.broken
        self.errors.append(error)

    @guarded
    def inverted(self, number):
        """Divide."""
        self.calls.append(number)
        self.calls.append(1 // number)


def test_a_fault_ends_the_plugin_and_not_the_run():
    plugin = Plugin()
    plugin.inverted(1)
    assert plugin.calls == [1, 1]
    plugin.inverted(0)
    assert [type(error) for error in plugin.errors] == [ZeroDivisionError]
    plugin.inverted(1)
    assert plugin.calls == [1, 1, 0] and len(plugin.errors) == 1
    assert (Plugin.inverted.__name__, Plugin.inverted.__doc__) == ("inverted", "Divide.")
