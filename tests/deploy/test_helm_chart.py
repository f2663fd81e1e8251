"""The Helm chart: accepted by Helm and Kubernetes, confined, and true about what Holdfast has."""

import subprocess
import sys
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.containers import Container
from deploy.kubernetes_schemas import Schemas
from holdfast.server.middleware.health import LIVE, READY

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/holdfast"
DATABASE = "controlPlane.database=postgresql://holdfast@db.example/holdfast"
# Arguments of --set for `helm template`.
VALUES = {
    "default": (),
    "DaemonSet": ("gateway.kind=DaemonSet", "gateway.hostPorts=true", "gateway.tls=callers", "gateway.namePrefix=eu-"),
    "everything": (
        "gateway.tls=callers",
        "secrets.databaseCa=database-ca",
        "trustedProxies={10.0.0.0/8,fd00::/8}",
        "host=[::]",
        "controlPlane.settings.LOG_LEVEL=info",
        "controlPlane.settings.REQUESTS_PER_SECOND=50",
        "gateway.settings.LOG_LEVEL=info",
        "controlPlane.oidc.issuer=https://id.example",
        "controlPlane.oidc.clientId=holdfast",
        r"controlPlane.oidc.roles=platform=admin; *=viewer",
        "controlPlane.service.type=LoadBalancer",
        "gateway.service.type=LoadBalancer",
        "gateway.persistence.storageClass=fast",
        "image.pullSecrets[0].name=registry",
        "podDisruptionBudget.maxUnavailable=25%",
        "networkPolicy.discoveryFrom[0].ipBlock.cidr=192.0.2.0/24",
        "networkPolicy.publisherFrom[0].namespaceSelector.matchLabels.name=ingress",
        "networkPolicy.databaseTo[0].ipBlock.cidr=198.51.100.5/32",
        "controlPlane.nodeSelector.disk=ssd",
        "controlPlane.tolerations[0].operator=Exists",
        "gateway.podAnnotations.team=edge",
    ),
    "gateways only": ("controlPlane.enabled=false", "gateway.joinUrl=https://publisher.example:9443"),
    "public CA": ("secrets.tlsFromPublicCa=true", "gateway.joinUrl=https://publisher.example"),
    "control planes only": ("gateway.enabled=false", "controlPlane.replicas=3"),
    "without policies": ("networkPolicy.enabled=false", "podDisruptionBudget.enabled=false"),
    "without disks": ("gateway.persistence.enabled=false",),
}
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet"}


@pytest.fixture(scope="session")
def tools() -> Path:
    """The directory with Helm and the schemas."""
    command = ["sh", "tools/kubernetes.sh", Path(sys.executable).parents[1]]
    return Path(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


@pytest.fixture(scope="session")
def helm(tools):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([tools / "helm", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def render(helm):
    """Render the chart with a set of VALUES; return the documents."""

    @cache
    def render(name: str) -> list[dict[str, Any]]:
        settings = [f"--set={value}" for value in (DATABASE, *VALUES[name])]
        result = helm("template", "holdfast", str(CHART), "--namespace=gateways", *settings)
        assert result.returncode == 0, result.stderr
        return [document for document in yaml.safe_load_all(result.stdout) if document]

    return render


@pytest.fixture(scope="session", params=VALUES)
def documents(request, render):
    return render(request.param)


@pytest.fixture(scope="session")
def schemas(tools):
    (wheel,) = tools.glob("*.whl")
    # The oldest version that the chart accepts, and the newest that there is.
    return [Schemas(wheel, version) for version in ("1.28", "1.37")]


def workloads(documents):
    return [document for document in documents if document["kind"] in WORKLOADS]


def pod_of(workload):
    return workload["spec"]["template"]["spec"]


def container_of(workload) -> Container:
    """Return what the container of *workload* runs; a field of the pod becomes its path."""
    (container,) = pod_of(workload)["containers"]
    environment = {variable["name"]: variable.get("value", "of-the-pod") for variable in container["env"]}
    return Container(tuple(container["args"]), environment)


def index_by_name(documents, kind):
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def test_helm_lint_finds_nothing(helm):
    result = helm("lint", "--strict", str(CHART), f"--set={DATABASE}")
    assert result.returncode == 0, result.stdout + result.stderr


def test_kubernetes_accepts_every_document(documents, schemas):
    for schema in schemas:
        for document in documents:
            schema.check(document)


def test_the_schemas_reject_unknown_fields(render, schemas):
    document = index_by_name(render("default"), "Service")["holdfast"]
    with pytest.raises(jsonschema.ValidationError, match="Additional properties"):
        schemas[-1].check(document | {"spec": document["spec"] | {"tyqe": "ClusterIP"}})


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("controlPlane.replica=2", "replica"),
        ("controlPlane.database=postgresql://holdfast:secret@db.example/holdfast", "controlPlane/database"),
        ("controlPlane.replicas=0", "controlPlane/replicas"),
        ("gateway.kind=Deployment", "gateway/kind"),
        ("gateway.joinUrl=http://publisher.example", "gateway/joinUrl"),
        ("controlPlane.settings.log-level=info", "log-level"),
        ("controlPlane.database=", "Set controlPlane.database"),
        ("secrets.tlsFromPublicCa=true", "Set gateway.joinUrl"),
    ],
)
def test_wrong_values_are_rejected(helm, value, why):
    result = helm("template", "holdfast", str(CHART), f"--set={DATABASE}", f"--set={value}")
    assert result.returncode != 0
    assert why in result.stderr


def test_commands_variables_and_files_exist(documents):
    for workload in workloads(documents):
        container = container_of(workload)
        container.check()
        (spec,) = pod_of(workload)["containers"]
        mounts = [Path(mount["mountPath"]) for mount in spec["volumeMounts"]]
        for path in container.files().values():
            assert path.parent in mounts, path


def test_ports_and_probes_are_those_of_the_product(documents):
    for workload in workloads(documents):
        (spec,) = pod_of(workload)["containers"]
        ports = {port["name"]: port["containerPort"] for port in spec["ports"]}
        assert set(ports.values()) == container_of(workload).ports()
        probes = {name: probe for name, probe in spec.items() if name.endswith("Probe")}
        for probe in probes.values():
            assert (probe.get("httpGet") or probe["tcpSocket"])["port"] in ports
        if workload["kind"] == "Deployment":
            paths = {name: probe["httpGet"]["path"] for name, probe in probes.items()}
            assert paths == {"startupProbe": LIVE, "readinessProbe": READY, "livenessProbe": LIVE}


def test_services_and_policies_lead_to_pods_and_ports_that_exist(documents):
    pods = [workload["spec"]["template"] for workload in workloads(documents)]

    def ports_of(selector):
        matches = [pod for pod in pods if selector.items() <= pod["metadata"]["labels"].items()]
        assert len(matches) == 1, selector
        (container,) = matches[0]["spec"]["containers"]
        return {port["name"]: port["containerPort"] for port in container["ports"]}

    for service in index_by_name(documents, "Service").values():
        ports = ports_of(service["spec"]["selector"])
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(ports)
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        for document in index_by_name(documents, kind).values():
            spec = document["spec"]
            ports = ports_of(spec.get("podSelector", spec.get("selector"))["matchLabels"])
            assert {port["port"] for rule in spec.get("ingress", ()) for port in rule["ports"]} <= set(ports)
            blocks = [
                peer["ipBlock"] for rule in spec.get("egress", ()) for peer in rule.get("to", ()) if "ipBlock" in peer
            ]
            for block in blocks:
                assert all(
                    ip_network(network).subnet_of(ip_network(block["cidr"])) for network in block.get("except", ())
                )
    for workload in workloads(documents):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_gateways_join_at_names_and_ports_of_a_service(render):
    documents = render("default")
    (gateway,) = index_by_name(documents, "StatefulSet").values()
    service = index_by_name(documents, "Service")["holdfast-control-planes"]
    container = container_of(gateway)
    assert container.ours["HOLDFAST_JOIN_URL"] == f"https://{service['metadata']['name']}:9443"
    (control_plane,) = index_by_name(documents, "Deployment").values()
    ours = container_of(control_plane).ours
    # The address of the discovery port stands for all addresses, so gateways use the host in the URL.
    assert {ours["HOLDFAST_PUBLISHER"], ours["HOLDFAST_DISCOVERY"]} == {
        f"0.0.0.0:{port['port']}" for port in service["spec"]["ports"]
    }
    # Ready means that a gateway is connected, or can mean it: a gateway must reach a control plane that isn't.
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"]


def test_pods_are_restricted(documents):
    """The profile "restricted" of the Pod Security Standards, and more."""
    for workload in workloads(documents):
        pod = pod_of(workload)
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "secret", "projected"}
        assert pod["automountServiceAccountToken"] is False
        assert {"requests", "limits"} == container["resources"].keys()


def test_gateways_see_only_the_enrollment_key(documents):
    for workload in workloads(documents):
        if container_of(workload).arguments == ("gateway", "run"):
            volumes = {volume["name"]: volume for volume in pod_of(workload)["volumes"]}
            sources = volumes["secrets"]["projected"]["sources"]
            keys = [item["key"] for source in sources for item in source["secret"]["items"]]
            assert keys in (["enrollment-key", "ca.crt"], ["enrollment-key"])


def test_pods_have_time_to_leave_services_and_to_drain(documents):
    for workload in workloads(documents):
        pod = pod_of(workload)
        (container,) = pod["containers"]
        pause = float(container["lifecycle"]["preStop"]["exec"]["command"][1])
        assert pod["terminationGracePeriodSeconds"] >= pause + container_of(workload).drain + 10


def test_a_rolling_update_starts_a_control_plane_before_it_stops_one(render):
    (deployment,) = index_by_name(render("default"), "Deployment").values()
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert deployment["spec"]["replicas"] == 2


def test_everything_is_denied_that_is_not_needed(render):
    policies = index_by_name(render("default"), "NetworkPolicy")
    assert set(policies) == {"holdfast", "holdfast-gateway"}
    for policy in policies.values():
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    discovery = policies["holdfast"]["spec"]["ingress"][1]
    (peer,) = discovery["from"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
    assert [[port["port"] for port in rule["ports"]] for rule in policies["holdfast"]["spec"]["egress"]] == [
        [53, 53],
        [5432],
    ]
    backends = policies["holdfast-gateway"]["spec"]["egress"][-1]["to"]
    assert any("169.254.0.0/16" in backend["ipBlock"]["except"] for backend in backends)
