# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""traffic_shift against the API server in memory, with JSON patches, and with Prometheus behind its proxy of Services.

The answers of Prometheus have the form of https://prometheus.io/docs/prometheus/latest/querying/api/, and those of the
API server to a patch whose test fails that of Kubernetes (apimachinery, NewGenericServerResponse).
"""

from __future__ import annotations

import copy
import re
from types import SimpleNamespace

import pytest
from ansible_collections.bare.mesh.plugins.filter.next_weights import next_weights
from ansible_collections.bare.mesh.plugins.module_utils._istio.shift import run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Unreachable
from ansible_collections.bare.mesh.plugins.modules import traffic_shift

BASE = "/apis/networking.istio.io/v1/namespaces/shop"
PATH = f"{BASE}/virtualservices/reviews"
RULE = f"{BASE}/destinationrules/reviews"
PROXY = "/api/v1/namespaces/istio-system/services/http:prometheus:9090/proxy/api/v1/query"
GATES = [{"success_rate": {"minimum": 99}}, {"latency": {"percentile": 95, "maximum_ms": 500}}]
QUERY = [{"name": "errors", "query": "sum(errors)", "maximum": 5}]
TASK = {"name": "reviews", "namespace": "shop", "host": "reviews", "to": "v3"}


def destination(subset, weight=None, host="reviews"):
    weighted = {} if weight is None else {"weight": weight}
    return {"destination": {"host": host, "subset": subset}, **weighted}


def route(*destinations, **more):
    return {**more, "route": list(destinations)}


def vector(*values):
    result = [{"metric": {}, "value": [1435781451.781, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


class Mesh:
    """A VirtualService, a DestinationRule, and what Prometheus says."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.now = 0
        self.queries = []
        self.patches = []
        # Part of a query -> what Prometheus answers: values, an answer, an error, or what gives one of these.
        self.answers = {"increase(": "200", "100 * ": "99.9", "histogram_quantile": "120", "sum(errors)": "2"}
        # Called before a patch is judged, by its number.
        self.meanwhile = {}
        # Called when a patch was written, by its number.
        self.afterwards = {}
        self.rule({"v1": {"version": "v1"}, "v2": {"version": "v2"}, "v3": {"version": "v3"}})
        self.routes(route(destination("v1", 100), destination("v3", 0)))

    def rule(self, subsets, host="reviews"):
        spec = {"host": host, "subsets": [{"name": name, "labels": labels} for name, labels in subsets.items()]}
        self.cluster.objects[RULE] = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": {"name": "reviews", "namespace": "shop"},
            "spec": spec,
        }

    def routes(self, *http, **more):
        self.cluster.objects[PATH] = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "reviews", "namespace": "shop", "resourceVersion": "1"},
            "spec": {"hosts": ["reviews"], **({"http": list(http)} if http else {}), **more},
        }

    @property
    def live(self):
        return self.cluster.objects[PATH]["spec"]

    def weights(self, index=0):
        return [one.get("weight") for one in self.live["http"][index]["route"]]

    def request(self, method, path, query=None, body=None, content_type=""):
        if method == "GET":
            assert path == PROXY
            self.queries.append((self.now, query["query"]))
            found = next((value for part, value in self.answers.items() if part in query["query"]), vector("1"))
            found = found() if callable(found) else found
            if isinstance(found, Exception):
                raise found
            return vector(found) if isinstance(found, str) else found
        assert (method, path, content_type) == ("PATCH", PATH, "application/json-patch+json")
        assert query["fieldManager"] == "bare-mesh"
        number = len(self.patches)
        self.patches.append(body)
        self.meanwhile.get(number, lambda: None)()
        if PATH not in self.cluster.objects:
            raise ApiError(404, "not found")
        after = patched(self.cluster.objects[PATH], body)
        if query.get("dryRun") != "All":
            self.cluster.objects[PATH] = after
            self.cluster.writes += 1
        self.afterwards.get(number, lambda: None)()
        return copy.deepcopy(after)


def patched(live, operations):
    """https://www.rfc-editor.org/rfc/rfc6902, for members of objects."""
    after = copy.deepcopy(live)
    for one in operations:
        *way, last = one["path"].split("/")[1:]
        inside = after
        for step in way:
            inside = inside[int(step)] if isinstance(inside, list) else inside[step]
        if one["op"] == "test":
            if inside.get(last) != one["value"]:
                raise ApiError(422, "the server rejected our request due to an error in our request", "Invalid")
        elif one["op"] == "remove":
            del inside[last]
        else:
            inside[last] = one["value"]
    return after


@pytest.fixture
def mesh(cluster, monkeypatch):
    made = Mesh(cluster)
    cluster.request = made.request

    def sleep(seconds):
        made.now += seconds

    monkeypatch.setattr(run, "time", SimpleNamespace(monotonic=lambda: made.now, sleep=sleep))
    return made


@pytest.fixture
def shift(run_module, mesh):
    def call(check=False, **options):
        return run_module(traffic_shift, check=check, **{**TASK, "gates": GATES, **options})

    return call


def test_all_steps_with_good_values(mesh, shift):
    predicted = shift(check=True)
    assert mesh.cluster.writes == 0 and mesh.weights() == [100, 0] and predicted["changed"]
    done = shift()
    assert "failed" not in done, done
    assert done["changed"] and not done["rolled_back"]
    assert done["weights"] == predicted["weights"] == [{"route": "http[0]", "weights": {"v1": 0, "v3": 100}}]
    title = "VirtualService shop/reviews"
    assert done["diff"] == predicted["diff"]
    assert done["diff"] == [
        {
            "before_header": title,
            "after_header": title,
            "before": "http[0] v1: 100\nhttp[0] v3: 0\n",
            "after": "http[0] v1: 0\nhttp[0] v3: 100\n",
        }
    ]
    assert [one["percent"] for one in done["steps"]] == [10, 25, 50, 100]
    assert [one["weights"] for one in done["steps"]] == [one["weights"] for one in predicted["steps"]]
    assert mesh.weights() == [0, 100] and mesh.now == 4 * 60 and mesh.cluster.writes == 4
    success, latency = done["steps"][0]["gates"]
    assert (success["gate"], success["value"], success["requests"], success["ok"]) == ("success_rate", 99.9, 200, True)
    assert (latency["gate"], latency["value"], latency["maximum"], latency["ok"]) == ("latency p95", 120, 500, True)


def test_the_second_run_asks_and_changes_nothing(mesh, shift):
    shift()
    asked = len(mesh.queries)
    mesh.answers["100 * "] = "1"
    for check in (False, True):
        again = shift(check=check)
        assert not again["changed"] and again["steps"] == [] and "diff" not in again
        assert again["weights"] == [{"route": "http[0]", "weights": {"v1": 0, "v3": 100}}]
    assert len(mesh.queries) == asked and mesh.cluster.writes == 4


def test_the_queries_measure_the_subset_alone_and_since_the_step(mesh, shift):
    shift(steps=[100], pause=90)
    chosen = '{reporter="destination",destination_service="reviews.shop.svc.cluster.local",destination_version="v3"'
    assert [query for now, query in mesh.queries if now == 90] == [
        f"sum(increase(istio_requests_total{chosen}}}[90s]))",
        f'100 * (sum(rate(istio_requests_total{chosen},response_code!~"5.."}}[90s])) or vector(0))'
        f" / sum(rate(istio_requests_total{chosen}}}[90s]))",
        f"histogram_quantile(0.95, sum by (le) (rate(istio_request_duration_milliseconds_bucket{chosen}}}[90s])))",
    ]


def test_callers_can_report_and_the_revision_can_be_the_label(mesh, shift):
    mesh.rule(
        {"v1": {"version": "v1"}, "v3": {"service.istio.io/canonical-revision": 'r"3'}},
        "reviews.shop.svc.cluster.local",
    )
    assert "failed" not in shift(reporter="source")
    last = mesh.queries[-1][1]
    assert 'reporter="source"' in last and 'destination_canonical_revision="r\\"3"' in last


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("100 * ", "91.25", "gate success_rate: measured 91.25, at least 99 is needed"),
        ("histogram_quantile", "800", "gate latency p95: measured 800, at most 500 is allowed"),
    ],
)
def test_a_failed_gate_brings_the_weights_of_before_back(mesh, shift, part, value, said):
    before = [destination("v1", 80), destination("v2", 20), destination("v3")]
    mesh.routes(route(*before))
    whole = copy.deepcopy(mesh.live)
    good = mesh.answers[part]
    mesh.answers[part] = lambda: value if mesh.weights()[2] == 25 else good
    done = shift()
    assert done["failed"] and done["rolled_back"] and done["changed"]
    assert done["msg"].startswith("VirtualService shop/reviews, step to 25 percent: ") and said in done["msg"]
    assert "The weights of before are back: http[0]: v1=80, v2=20, v3=0" in done["msg"]
    assert mesh.live == whole and "weight" not in mesh.live["http"][0]["route"][2]
    assert [one["percent"] for one in done["steps"]] == [10, 25]
    assert [one["ok"] for one in done["steps"][1]["gates"]].count(False) == 1
    assert done["weights"] == [{"route": "http[0]", "weights": {"v1": 80, "v2": 20, "v3": 0}}]


def test_the_others_shrink_by_the_rule_of_the_filter(mesh, shift):
    mesh.routes(route(destination("v1", 71), destination("v2", 29), destination("v3", 0)))
    given = copy.deepcopy(mesh.live["http"][0]["route"])
    shift(steps=[33])
    assert mesh.live["http"][0]["route"] == next_weights(given, "v3", 33)


def test_one_subset_gives_alone(mesh, shift):
    mesh.routes(route(destination("v1", 60), destination("v2", 30), destination("v3", 10)))
    shift(**{"from": "v1"}, steps=[25, 70])
    assert mesh.weights() == [0, 30, 70]
    wrong = shift(**{"from": "v1"}, steps=[100])
    assert "v1 and v3 have 70 percent of http[0]: end steps with 70, or leave out from" in wrong["msg"]
    assert "http[0] has no destination with the subset v9" in shift(**{"from": "v9"})["msg"]


def test_other_hosts_give_as_well(mesh, shift):
    mesh.routes(route(destination("v3", 60, "old"), destination("v3", 40)))
    done = shift(steps=[70])
    assert done["weights"] == [{"route": "http[0]", "weights": {"old/v3": 30, "reviews/v3": 70}}]


def test_destinations_of_the_same_subset_count_together(mesh, shift):
    other = {"destination": {"host": "reviews", "subset": "v1", "port": {"number": 81}}, "weight": 50}
    mesh.routes(route(destination("v1", 50), other, destination("v3", 0)))
    (listed,) = shift(steps=[33])["weights"]
    assert listed["weights"] == {"reviews/v1": 67, "reviews/v3": 33} and mesh.weights() == [34, 33, 33]


def test_an_interrupted_run_goes_on(mesh, shift):
    mesh.routes(route(destination("v1", 75), destination("v3", 25)))
    done = shift()
    assert [one["percent"] for one in done["steps"]] == [50, 100]
    mesh.routes(route(destination("v1", 70), destination("v3", 30)))
    mesh.answers["100 * "] = "0"
    done = shift()
    assert [one["percent"] for one in done["steps"]] == [50] and mesh.weights() == [70, 30] and done["rolled_back"]


def test_all_routes_with_the_subset_or_the_named_one(mesh, shift):
    tester = route(destination("v3"), name="testers", match=[{"headers": {"x": {"exact": "y"}}}])
    other = route(destination("v1"), name="old", match=[{"uri": {"prefix": "/old"}}])
    public = route(destination("v1", 100), destination("v3", 0), name="public", timeout="5s")
    rest = route(destination("v1", 90), destination("v3", 10))
    mesh.routes(tester, other, public, rest)
    done = shift(route="public", steps=[40])
    assert done["weights"] == [{"route": "http[2] (public)", "weights": {"v1": 60, "v3": 40}}]
    assert mesh.live["http"] == [
        tester,
        other,
        {**public, "route": [destination("v1", 60), destination("v3", 40)]},
        rest,
    ]
    done = shift(steps=[20, 60])
    assert [one["percent"] for one in done["steps"]] == [20, 60]
    # The second route has more than the first step already.
    assert [mesh.weights(2), mesh.weights(3)] == [[40, 60], [40, 60]]
    assert mesh.live["http"][:2] == [tester, other]
    assert done["steps"][0]["weights"][1:] == [
        {"route": "http[2] (public)", "weights": {"v1": 60, "v3": 40}},
        {"route": "http[3]", "weights": {"v1": 80, "v3": 20}},
    ]


def test_tcp_routes_by_a_query(mesh, shift):
    mesh.routes(tcp=[route(destination("v1", 100), destination("v3", 0))])
    assert "no http route is shifted: write gates with a query" in shift()["msg"]
    assert "failed" not in shift(gates=QUERY)
    assert [one["weight"] for one in mesh.live["tcp"][0]["route"]] == [0, 100]


def test_a_query_of_one_s_own(mesh, shift):
    done = shift(gates=QUERY, steps=[50])
    assert done["steps"][0]["gates"] == [
        {
            "gate": "errors",
            "value": 2,
            "requests": None,
            "minimum": None,
            "maximum": 5,
            "ok": True,
            "message": "measured 2",
        }
    ]
    # A scalar is a value, too.
    scalar = {"status": "success", "data": {"resultType": "scalar", "result": [1435781451.781, "7"]}}
    mesh.answers["sum(errors)"] = scalar
    done = shift(gates=QUERY, steps=[60])
    assert "gate errors: measured 7, at most 5 is allowed" in done["msg"] and mesh.weights() == [50, 50]


@pytest.mark.parametrize("answer", [vector(), vector("NaN"), vector("+Inf")])
def test_no_value_is_a_failed_gate_unless_it_may_pass(mesh, shift, answer):
    mesh.answers["sum(errors)"] = answer
    done = shift(gates=QUERY)
    assert done["rolled_back"] and "gate errors: there is no value" in done["msg"] and mesh.weights() == [100, 0]
    assert [one["ok"] for one in done["steps"][0]["gates"]] == [False]
    done = shift(gates=QUERY, no_data="pass")
    assert "failed" not in done and mesh.weights() == [0, 100]
    assert done["steps"][0]["gates"][0]["value"] is None


def test_too_few_requests_are_a_failed_gate(mesh, shift):
    mesh.answers["increase("] = "19.6"
    done = shift(minimum_requests=21, steps=[50])
    assert "20 requests were measured, at least 21 are needed (minimum_requests)" in done["msg"] and done["rolled_back"]
    assert "failed" not in shift(minimum_requests=20, steps=[50])


def test_missing_requests_are_waited_for(mesh, shift):
    mesh.answers["increase("] = lambda: "3" if mesh.now < 100 else "30"
    done = shift(steps=[50], no_data="wait")
    assert "failed" not in done and mesh.now == 100
    # The window grows, so that all requests since the step count.
    assert "[100s]" in mesh.queries[-1][1]
    mesh.answers["increase("] = "3"
    done = shift(steps=[60], no_data="wait", wait_timeout=20)
    assert mesh.now == 100 + 60 + 20 and "3 requests were measured" in done["msg"] and mesh.weights() == [50, 50]


def test_a_bad_value_does_not_wait_for_others(mesh, shift):
    mesh.answers.update({"sum(errors)": "9", "increase(": "0"})
    done = shift(gates=[*GATES, *QUERY], no_data="wait")
    assert done["rolled_back"] and mesh.now == 60 and "gate errors: measured 9" in done["msg"]


def test_prometheus_that_stops_answering_is_a_failed_gate(mesh, shift):
    gone = ApiError(503, 'no endpoints available for service "http:prometheus:9090"', "ServiceUnavailable")
    mesh.answers["increase("] = lambda: gone if mesh.weights() == [75, 25] else "200"
    done = shift()
    assert done["rolled_back"] and mesh.weights() == [100, 0]
    assert "Prometheus at istio-system/prometheus:9090 does not answer: no endpoints available" in done["msg"]


def test_faults_are_found_together_before_any_write(mesh, shift):
    mesh.answers["sum(errors)"] = ApiError(400, "1:4: parse error: unclosed left parenthesis")
    for check in (True, False):
        done = shift(check=check, to="v9", gates=[*GATES, *QUERY])
        assert done["failed"] and mesh.cluster.writes == 0 and mesh.patches == []
        for said in (
            "VirtualService shop/reviews: no route has the destination reviews with the subset v9",
            "no DestinationRule of reviews has the subset v9 (there are: v1, v2, v3): correct to, or add it",
            "gate errors: Prometheus refuses the query sum(errors): 1:4: parse error: unclosed left parenthesis",
            "Nothing was written.",
        ):
            assert said in done["msg"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "nobody"}, "VirtualService shop/nobody: it does not exist"),
        ({"host": "ratings"}, "it has no route to the host ratings (there are: reviews)"),
        ({"route": "public"}, "it has no http route named public (there are: none)"),
        ({"route": "public"}, "it has no http route named public"),
    ],
)
def test_what_is_not_there(mesh, shift, options, said):
    for check in (True, False):
        done = shift(check=check, **options)
        assert done["failed"] and said in done["msg"] and mesh.cluster.writes == 0


def test_routes_and_subsets_that_cannot_be_shifted(mesh, shift):
    mesh.routes(route(destination("v1", 50), destination("v3", 20), destination("v3", 20)))
    said = shift()["msg"]
    assert "http[0] has 2 destinations with the subset v3" in said and "sum to 90, not to 100" in said
    mesh.routes(route(destination("v1", 100), destination("v3", 0)))
    mesh.rule({"v1": {"version": "v3"}, "v3": {"version": "v3"}})
    assert "the subsets v3 and v1 have the same label version=v3" in shift()["msg"]
    mesh.rule({"v1": {"track": "stable"}, "v3": {"track": "canary"}})
    assert "the subset v3 has none of the labels version, service.istio.io/canonical-revision" in shift()["msg"]
    assert mesh.cluster.writes == 0
    assert "failed" not in shift(gates=QUERY)


def test_wrong_options_are_told_together(mesh, shift):
    gates = [
        {"success_rate": {"minimum": 101}, "minimum": 1},
        {"latency": {"percentile": 100, "maximum_ms": 0}},
        {"query": " "},
        {"query": "x", "minimum": 2, "maximum": 1},
        {"query": "x", "maximum": "nan"},
        {"latency": {"maximum_ms": "inf"}},
        {"success_rate": {"minimum": 0.99}},
        {"latency": {"percentile": 0, "maximum_ms": 1}},
        {"success_rate": {"minimum": -1}},
    ]
    prometheus = {"namespace": "", "service": " ", "port": 0}
    options = {
        "steps": [50, 20],
        "pause": 0,
        "minimum_requests": 0,
        "from": "v3",
        "route": "",
        "prometheus": prometheus,
    }
    said = shift(gates=gates, **options)["msg"]
    for part in (
        "steps is [50, 20]: give percentages",
        "from and to are both v3",
        "pause is 0: give at least 1",
        "minimum_requests is 0",
        "prometheus.port is 0",
        "route is empty",
        "prometheus.namespace is empty",
        "prometheus.service is empty",
        "gates[0].success_rate.minimum is 101",
        "gates[0]: minimum and maximum are limits of a query",
        "gates[1].latency.percentile is 100",
        "gates[1].latency.maximum_ms is 0",
        "gates[2].query is empty",
        "gates[2] has a query and no limit",
        "gates[3]: no value is at least 2 and at most 1",
        "gates[4] has a limit that is no finite number",
        "gates[5] has a limit that is no finite number",
        "gates[6].success_rate.minimum is 0.99: it is a percentage, so give 99 for that share",
        "gates[7].latency.percentile is 0",
        "gates[8].success_rate.minimum is -1: give 0 to 100 percent",
    ):
        assert part in said
    assert "gates is empty" in shift(gates=[])["msg"]
    assert mesh.cluster.requests == [] and mesh.queries == []


@pytest.mark.parametrize(
    "gate",
    [
        *({"success_rate": {"minimum": minimum}} for minimum in (0, 1, 100)),
        *({"latency": {"percentile": percentile, "maximum_ms": 0.5}} for percentile in (0.5, 99.5)),
        {"query": "x", "minimum": 2, "maximum": 2},
    ],
)
def test_limits_at_their_limits(mesh, shift, gate):
    assert "failed" not in shift(check=True, gates=[gate])


def test_a_virtual_service_that_goes_meanwhile(mesh, shift):
    mesh.meanwhile[2] = lambda: mesh.cluster.objects.pop(PATH)
    failed = shift()
    assert failed["failed"] and "somebody else has changed the routes" in failed["msg"]
    assert failed["changed"] and not failed["rolled_back"] and PATH not in mesh.cluster.objects


def test_prometheus_that_is_not_there(mesh, shift, monkeypatch):
    warned = []
    monkeypatch.setattr(traffic_shift.AnsibleModule, "warn", lambda self, text, **more: warned.append(text))
    mesh.answers["100 * "] = ApiError(404, 'services "prometheus" not found', "NotFound")
    done = shift()
    assert 'services "prometheus" not found' in done["msg"] and done["msg"].count("does not answer") == 1
    assert mesh.cluster.writes == 0 and warned == []
    done = shift(check=True)
    assert done["changed"] and "The gates cannot be measured: Prometheus at" in warned[0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (vector("1", "2"), "gives 2 values: aggregate them"),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, "gives a matrix"),
        (
            {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "histogram": []}]}},
            "gives a histogram",
        ),
    ],
)
def test_a_query_without_a_single_value_is_refused(mesh, shift, answer, said):
    mesh.answers["sum(errors)"] = answer
    assert said in shift(gates=QUERY)["msg"] and mesh.cluster.writes == 0


NO_PROMETHEUS = [
    {"kind": "Status"},
    {"data": "x"},
    {"data": {"resultType": "vector", "result": [5]}},
    {"data": {"resultType": "scalar", "result": [1]}},
    vector("much"),
]


@pytest.mark.parametrize("answer", NO_PROMETHEUS)
def test_what_is_not_prometheus(mesh, shift, answer):
    mesh.answers["sum(errors)"] = answer
    done = shift(gates=QUERY)
    assert "what answers at istio-system/prometheus:9090 is not Prometheus" in done["msg"] and mesh.cluster.writes == 0
    # Also in the middle, the weights of before come back.
    mesh.answers["sum(errors)"] = lambda: answer if mesh.weights()[1] else "2"
    done = shift(gates=QUERY)
    assert "is not Prometheus" in done["msg"] and done["rolled_back"] and mesh.weights() == [100, 0]


@pytest.mark.parametrize("share", [10, 100])
def test_what_others_change_in_a_pause_is_told(mesh, shift, share):
    """What was measured is not of the weights of the step then, and after the last one nothing more is written."""

    def edit():
        if mesh.weights()[1] == share:
            mesh.live["http"][0]["route"] = [destination("v1", 77), destination("v3", 23)]
        return "2"

    mesh.answers["sum(errors)"] = edit
    done = shift(gates=QUERY)
    assert f"in the step to {share}: somebody else has changed the routes" in done["msg"] and done["changed"]
    assert mesh.weights() == [77, 23]


def test_changes_of_other_fields_do_not_hinder_the_way_back(mesh, shift):
    def edit():
        if mesh.weights()[1]:
            mesh.live["http"][0]["timeout"] = "3s"
        return "9" if mesh.weights()[1] else "2"

    mesh.answers["sum(errors)"] = edit
    done = shift(gates=QUERY)
    assert done["rolled_back"] and mesh.weights() == [100, 0] and mesh.live["http"][0]["timeout"] == "3s"


@pytest.mark.parametrize("number", [0, 1])
def test_what_others_change_meanwhile_is_kept(mesh, shift, number):
    def edit():
        mesh.live["http"][0]["route"] = [destination("v1", 40), destination("v2", 60), destination("v3", 0)]

    mesh.meanwhile[number] = edit
    done = shift()
    assert done["failed"] and not done["rolled_back"] and done["changed"] == bool(number)
    assert (
        "somebody else has changed the routes of VirtualService shop/reviews meanwhile; their change stays"
        in done["msg"]
    )
    assert mesh.weights() == [40, 60, 0]


def test_a_route_that_has_moved_is_not_written(mesh, shift):
    """The destinations at this place are the same, but the requests are others."""
    match = [{"uri": {"prefix": "/a"}}]
    mesh.routes(route(destination("v1", 100), destination("v3", 0), match=match))

    def edit():
        mesh.live["http"].insert(
            0, route(destination("v1", 100), destination("v3", 0), match=[{"uri": {"prefix": "/b"}}])
        )

    mesh.meanwhile[0] = edit
    assert "somebody else" in shift()["msg"] and mesh.cluster.writes == 0


def test_changes_of_other_fields_do_not_disturb(mesh, shift):
    mesh.meanwhile[1] = lambda: mesh.live["http"][0].update(timeout="3s")
    assert "failed" not in shift()
    assert mesh.live["http"][0]["timeout"] == "3s" and mesh.weights() == [0, 100]


def test_others_win_over_the_way_back(mesh, shift):
    mesh.answers["100 * "] = lambda: "1" if mesh.weights()[1] else "99.9"

    def edit():
        mesh.live["http"][0]["route"][0]["weight"], mesh.live["http"][0]["route"][1]["weight"] = 95, 5

    mesh.meanwhile[1] = edit
    done = shift()
    assert "could NOT be written: somebody else has changed" in done["msg"] and not done["rolled_back"]
    assert mesh.weights() == [95, 5]


def test_a_write_whose_answer_is_lost_is_no_failure(mesh, shift):
    """The client repeats the patch, whose tests then fail."""
    sent = mesh.request

    def request(method, *rest):
        answer = sent(method, *rest)
        return sent(method, *rest) if method == "PATCH" else answer

    mesh.cluster.request = request
    assert "failed" not in shift() and mesh.weights() == [0, 100]


def test_a_write_that_may_have_happened_is_taken_back(mesh, shift):
    def lose():
        raise Unreachable("the API server does not answer")

    mesh.afterwards[1] = lose
    done = shift()
    assert done["rolled_back"] and mesh.weights() == [100, 0] and "does not answer" in done["msg"]
    mesh.patches.clear()
    mesh.afterwards = {0: lose}
    assert shift()["rolled_back"] and mesh.weights() == [100, 0]


def test_a_way_back_that_fails_is_said(mesh, shift):
    def fail(message):
        raise Unreachable(message)

    mesh.afterwards[0] = lambda: fail("the answer is lost")
    mesh.meanwhile[1] = lambda: fail("the API server is gone")
    done = shift(steps=[10])
    assert done["changed"] and not done["rolled_back"] and mesh.weights() == [90, 10]
    assert "the answer is lost. The weights of before could NOT be written: the API server is gone" in done["msg"]
    assert done["weights"] == [{"route": "http[0]", "weights": {"v1": 90, "v3": 10}}]


def test_a_refused_first_write_is_no_change(mesh, shift):
    def refuse():
        raise ApiError(403, "virtualservices is forbidden", "Forbidden")

    mesh.meanwhile[0] = refuse
    done = shift()
    assert "forbidden. Nothing was written." in done["msg"] and not done["changed"] and not done["rolled_back"]


def test_check_mode_without_a_cluster(mesh, shift):
    mesh.cluster.unreachable = [Unreachable("the API server does not answer")]
    done = shift(check=True)
    assert done["changed"] and [one["percent"] for one in done["steps"]] == [10, 25, 50, 100]
    assert "does not answer" in shift()["msg"]


def test_the_patch_touches_weights_alone(mesh, shift):
    shift(steps=[50])
    written = [one["path"] for one in mesh.patches[0] if one["op"] != "test"]
    assert written and all(re.fullmatch(r"/spec/http/0/route/\d/weight", path) for path in written)


def test_values_at_the_limits_pass(mesh, shift):
    mesh.answers.update({"100 * ": "99", "histogram_quantile": "500", "sum(errors)": "5"})
    assert "failed" not in shift(gates=[*GATES, *QUERY])


def test_what_has_no_weight_and_needs_none_stays_without(mesh, shift):
    mesh.routes(route(destination("v1", 100), destination("v2"), destination("v3")))
    shift(steps=[50])
    assert mesh.weights() == [50, None, 50]


def test_a_query_that_cannot_be_computed(mesh, shift):
    """Status 422, of which Prometheus is sure: that is no missing answer."""
    mesh.answers["sum(errors)"] = ApiError(422, "found duplicate series for the match group")
    assert "Prometheus refuses the query sum(errors): found duplicate series" in shift(check=True, gates=QUERY)["msg"]


def test_a_rule_for_the_whole_mesh_holds_where_there_is_no_nearer_one(mesh, shift):
    mesh.rule({"v1": {"version": "v1"}, "v3": {"version": "mesh"}}, "reviews.shop.svc.cluster.local")
    rule = mesh.cluster.objects.pop(RULE)
    rule["metadata"]["namespace"] = "istio-system"
    mesh.cluster.objects[RULE.replace("/shop/", "/istio-system/")] = rule
    assert "failed" not in shift(steps=[20])
    assert 'destination_version="mesh"' in mesh.queries[-1][1]
    mesh.rule({"v1": {"version": "v1"}})
    assert "no DestinationRule of reviews has the subset v3 (there are: v1)" in shift()["msg"]


def test_a_rule_with_a_wildcard_holds_where_none_names_the_host(mesh, shift):
    mesh.rule({"v1": {"version": "v1"}, "v3": {"version": "all"}}, "*.shop.svc.cluster.local")
    assert "failed" not in shift(steps=[20]) and 'destination_version="all"' in mesh.queries[-1][1]
    wild = mesh.cluster.objects[RULE]
    mesh.rule({"v1": {"version": "v1"}, "v3": {"version": "own"}})
    mesh.cluster.objects[f"{RULE}-all"] = wild
    assert "failed" not in shift(steps=[30]) and 'destination_version="own"' in mesh.queries[-1][1]


def test_roundings_do_not_add_up(mesh, shift):
    """A step from the weights of the step before would end with 3 and 47."""
    mesh.routes(route(destination("v1", 7), destination("v2", 93), destination("v3", 0)))
    given = copy.deepcopy(mesh.live["http"][0]["route"])
    shift(steps=[10, 25, 50])
    assert mesh.live["http"][0]["route"] == next_weights(given, "v3", 50) and mesh.weights() == [4, 46, 50]
