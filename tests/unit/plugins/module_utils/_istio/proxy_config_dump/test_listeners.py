# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.listeners import listeners

TYPES = "type.googleapis.com/envoy.extensions"


def test_listeners_of_a_sidecar(sidecar):
    found = {one["name"]: one for one in listeners(sidecar)}
    assert list(found) == sorted(found) and len(found) == 4
    assert {name: (one["address"], one["port"], one["direction"]) for name, one in found.items()} == {
        "0.0.0.0_15090": ("0.0.0.0", 15090, ""),
        "0.0.0.0_9080": ("0.0.0.0", 9080, "OUTBOUND"),
        "198.51.100.11_53": ("198.51.100.11", 53, "OUTBOUND"),
        "virtualInbound": ("0.0.0.0", 15006, "INBOUND"),
    }
    (dns,) = found["198.51.100.11_53"]["filter_chains"]
    assert (dns["protocol"], dns["route"], dns["server_names"], dns["destinations"]) == ("tcp", "", [], [])
    assert [one["name"] for one in dns["clusters"]] == ["outbound|53||kube-dns.kube-system.svc.cluster.local"]


def test_http_leads_to_a_route_configuration_and_the_rest_passes(sidecar):
    found = next(one for one in listeners(sidecar) if one["name"] == "0.0.0.0_9080")
    http, others = found["filter_chains"]
    assert (http["protocol"], http["route"], http["clusters"]) == ("http", "9080", [])
    assert (http["transport_protocol"], http["application_protocols"]) == ("raw_buffer", ["http/1.1", "h2c"])
    assert (others["name"], others["protocol"], others["route"]) == ("PassthroughFilterChain", "tcp", "")
    assert [one["name"] for one in others["clusters"]] == ["PassthroughCluster"]


def test_permissive_tls(sidecar):
    found = next(one for one in listeners(sidecar) if one["name"] == "virtualInbound")
    chains = [one for one in found["filter_chains"] if one["destination_port"] == 9080]
    assert [(one["transport_protocol"], one["tls"], one["client_certificate"]) for one in chains] == [
        ("tls", True, True),
        ("raw_buffer", False, False),
    ]
    assert {one["route"] for one in chains} == {"inbound|9080||"}


def test_a_gateway(gateway):
    found = {one["name"]: one for one in listeners(gateway)}
    (chain,) = found["0.0.0.0_8080"]["filter_chains"]
    assert (chain["protocol"], chain["route"], chain["tls"]) == ("http", "http.8080", False)


def test_server_names_ranges_and_the_default_chain(with_one):
    tls = {"@type": f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext"}
    weighted = {"clusters": [{"name": "outbound|443|v1|a.b", "weight": 3}, {"name": "c", "weight": 1}]}
    proxy = {"@type": f"{TYPES}.filters.network.tcp_proxy.v3.TcpProxy", "weighted_clusters": weighted}
    match = {
        "server_names": ["shop.example.org"],
        "prefix_ranges": [{"address_prefix": "192.0.2.0", "prefix_len": 24}, {"address_prefix": "::"}],
    }
    listener = {
        "name": "0.0.0.0_8443",
        "filter_chains": [
            {
                "filter_chain_match": match,
                "transport_socket": {"typed_config": tls},
                "filters": [{"name": "first"}, {"typed_config": proxy}],
            }
        ],
        "default_filter_chain": {"name": "rest", "filters": [{"name": "odd"}]},
    }
    entry = {"name": "0.0.0.0_8443", "active_state": {"listener": listener}}
    (found,) = listeners(with_one("ListenersConfigDump", "dynamic_listeners", entry))
    secured, rest = found["filter_chains"]
    assert secured["server_names"] == ["shop.example.org"] and secured["destinations"] == ["192.0.2.0/24", "::/0"]
    assert secured["tls"] and not secured["client_certificate"]
    assert [(one["subset"], one["percent"]) for one in secured["clusters"]] == [("v1", 75.0), ("", 25.0)]
    assert (rest["name"], rest["protocol"], rest["clusters"]) == ("rest", "", [])


def test_quic(with_one):
    context = {"require_client_certificate": True}
    config = {"@type": f"{TYPES}.transport_sockets.quic.v3.QuicDownstreamTransport", "downstream_tls_context": context}
    listener = {"name": "udp", "filter_chains": [{"transport_socket": {"typed_config": config}}]}
    (found,) = listeners(with_one("ListenersConfigDump", "static_listeners", {"listener": listener}))
    assert found["filter_chains"][0]["tls"] and found["filter_chains"][0]["client_certificate"]


def test_what_takes_no_connections_yet_is_left_out(with_one):
    entry = {"name": "new", "warming_state": {"listener": {"name": "new"}}}
    assert listeners(with_one("ListenersConfigDump", "dynamic_listeners", entry)) == []
