# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_trust against a played store of certificates."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.modules import host_trust


def test_certificates_are_compared_by_their_bodies():
    pem = "x\n-----BEGIN CERTIFICATE-----\nab\ncd\n-----END CERTIFICATE-----\n"
    assert host_trust.bodies(pem + pem.replace("ab", "ef")) == {"abcd", "efcd"}
    assert host_trust.bodies("-----BEGIN CERTIFICATE-----\nab") == set()


PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
NOT_PEM = "a is not a certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----"


@pytest.fixture(params=host_trust.STORES)
def store(request, machine):
    """The program of one family, which makes a bundle of the folder's certificates."""
    folder, bundle = host_trust.STORES[request.param]
    machine.programs = {request.param}
    machine.put(bundle, PEM.format("known"))

    def update(_command):
        own = [path.read_text() for path in sorted(machine.path(folder).glob("*.crt"))]
        machine.put(bundle, PEM.format("known") + "".join(own))

    machine.acts = {request.param: update}
    return request.param, folder, bundle


def test_check_mode_predicts_the_run(store, machine, predicted):
    program, folder, bundle = store
    done = predicted(host_trust, certificates={"a": PEM.format("aa"), "known": PEM.format("known")})
    assert done["trusted"] == ["a"] and machine.ran == [program]
    assert [diff["after_header"] for diff in done["diff"]] == [
        f"{folder}/bare-mesh-a.crt",
        f"{folder}/bare-mesh-known.crt",
    ]
    assert machine.text(f"{folder}/bare-mesh-a.crt") == PEM.format("aa") and "aa" in machine.text(bundle)


def test_a_bundle_that_was_not_made_is_made(store, machine, predicted):
    program, folder, _bundle = store
    machine.put(f"{folder}/bare-mesh-a.crt", PEM.format("aa"))
    done = predicted(host_trust, certificates={"a": PEM.format("aa")})
    assert done["trusted"] == ["a"] and done["diff"] == [] and machine.ran == [program]


def test_failures_are_messages(store, machine, call):
    program, _folder, bundle = store
    before = machine.everything()
    assert call(host_trust, certificates={"a": "aa"})["msg"] == NOT_PEM
    assert machine.everything() == before and machine.ran == []
    machine.acts = {}
    assert f"{program} ran, but {bundle} lacks" in call(host_trust, certificates={"a": PEM.format("aa")})["msg"]
    machine.acts = {program: (1, "", "no space left")}
    assert call(host_trust, certificates={"a": PEM.format("bb")})["msg"] == "no space left"


def test_a_host_without_a_store(machine, call):
    assert "install the package ca-certificates" in call(host_trust, certificates={})["msg"]


def test_a_certificate_that_is_no_text(store, machine, call):
    assert call(host_trust, certificates={"a": None})["msg"] == NOT_PEM
