"""The Kubernetes manifests: valid, confined, and of one mind; each rule is seen to fail."""

import pytest

from tests.deploy.kubernetes_rules import faults
from tests.deploy.shipped import DEPLOY, names_of, spoiled
from tests.linli_process import commands

FILES = {path.name: path.read_text() for path in sorted((DEPLOY / "k8s").glob("*.yaml"))}
COMMANDS = frozenset(commands())
CHOSEN, EVERY = "matchLabels:", "{app.kubernetes.io/name: linli}"
ASK = " " * 12 + "httpGet: {path: "
API, WORKER, MIGRATE = "api-deployment.yaml", "worker-deployment.yaml", "migrate-job.yaml"


def test_the_manifests_have_no_fault() -> None:
    assert faults(FILES, COMMANDS) == []


def test_what_is_needed_is_there() -> None:
    assert {text.partition("kind: ")[2].split("\n")[0] for text in FILES.values()} == {
        "Kustomization", "Namespace", "ServiceAccount", "ConfigMap", "Secret", "Job", "Deployment", "Service",
        "PodDisruptionBudget", "Ingress", "NetworkPolicy",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (API, "spec:\n", "spec: [\n", "not-yaml"),
        (API, "replicas: 2", "replicas: two", "schema"),
        (API, "readinessProbe:", "readynessProbe:", "schema"),
        (API, "apiVersion: apps/v1", "apiVersion: apps/v1beta1", "schema"),
        ("kustomization.yaml", "  - networkpolicy.yaml\n", "", "unlisted"),
        ("kustomization.yaml", "  - networkpolicy.yaml\n", "  - network.yaml\n", "missing-file"),
        ("kustomization.yaml", "resources:\n", "resources:\n  - secret.example.yaml\n", "example-applied"),
        ("kustomization.yaml", "newTag: 0.1.0", "newTag: latest", "unpinned-image"),
        ("kustomization.yaml", "- name: linli\n", "- name: other\n", "unpinned-image"),
        ("api-service.yaml", "  namespace: linli\n", "", "no-namespace"),
        ("configmap.yaml", "LINLI_PUBLIC_URL:", "LINLI_PUBLIC_ADDRESS:", "unknown-setting"),
        ("configmap.yaml", "LINLI_MODE:", "LINLI_MASTER_KEY: x\n  LINLI_MODE:", "secret-in-configmap"),
        ("configmap.yaml", "10.244.0.0/16", '"*"', "unbelieved-proxy"),
        ("secret.example.yaml", "LINLI_WECHAT_SECRET:", "LINLI_WX_SECRET:", "unknown-setting"),
        ("namespace.yaml", "enforce: restricted", "enforce: baseline", "unrestricted"),
        ("ingress.yaml", "path: /v1\n", "path: /\n", "open-path"),
        ("ingress.yaml", "{path: /wechat,", "{path: /metrics,", "open-path"),
        ("ingress.yaml", "{path: /wechat,", "{path: /admin,", "open-path"),
        ("ingress.yaml", "  tls:\n    - hosts: [linli.example.org]\n      secretName: linli-tls\n", "", "no-tls"),
        ("ingress.yaml", "port: {name: http}", "port: {name: web}", "unknown-backend"),
        ("api-service.yaml", "  name: linli-api\n", "  name: api\n", "unknown-backend"),
        (API, "runAsNonRoot: true", "runAsNonRoot: false", "root-user"),
        (WORKER, "runAsUser: 10001", "runAsUser: 0", "root-user"),
        (API, "type: RuntimeDefault", "type: Unconfined", "no-seccomp"),
        (API, "automountServiceAccountToken: false", "automountServiceAccountToken: true", "token-mounted"),
        (API, "enableServiceLinks: false", "hostNetwork: true", "privileged"),
        (API, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "privileged"),
        (MIGRATE, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "writable-root"),
        (API, "capabilities: {drop: [ALL]}", "capabilities: {drop: [NET_RAW]}", "capabilities"),
        (API, "limits: {memory: 384Mi}", "limits: {}", "no-limits"),
        (API, "args: [linli, api]", "args: [linli, apis]", "unknown-command"),
        (API, "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30", "cut-off"),
        (WORKER, "terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 10", "cut-off"),
        (API, "sleep: {seconds: 10}", "sleep: {seconds: 1}", "no-prestop"),
        (API, "path: /readyz", "path: /healthz", "probe"),
        (API, f"readinessProbe:\n{ASK}/healthz", f"readinessProbe:\n{ASK}/readyz", "probe"),
        (API, f"livenessProbe:\n{ASK}/healthz", f"livenessProbe:\n{ASK}/readyz", "probe"),
        (API, "replicas: 2", "replicas: 1", "single-process"),
        (API, "maxUnavailable: 0", "maxUnavailable: 1", "single-process"),
        (API, "matchLabels: *labels\n      containers", "matchLabels: {}\n      containers", "not-spread"),
        (API, "image: linli", "image: linli:latest", "unpinned-image"),
        (API, "serviceAccountName: linli", "serviceAccountName: default", "unknown-account"),
        (API, "secretRef: {name: linli}", "secretRef: {name: linli-secrets}", "unknown-source"),
        (API, "secretRef: {name: linli}", "secretRef: {name: linli-owner}", "owner"),
        (MIGRATE, "            - secretRef: {name: linli-owner}\n", "", "owner"),
        (API, "{name: tmp, mountPath: /tmp}", "{name: temp, mountPath: /tmp}", "unknown-volume"),
        ("api-pdb.yaml", "component: api", "component: web", "selects-nothing"),
        ("api-service.yaml", "  selector: *labels", "  selector: {app: web}", "selects-nothing"),
        ("networkpolicy.yaml", "component: api", "component: web", "selects-nothing"),
        (API, f"selector:\n    {CHOSEN} *labels", f"selector:\n    {CHOSEN} {EVERY}", "selects-others"),
        ("networkpolicy.yaml", "podSelector: {}\n", f"podSelector: {{{CHOSEN} {EVERY}}}\n", "open-network"),
        ("networkpolicy.yaml", "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]", "open-network"),
    ],
)  # fmt: skip
def test_a_spoiled_manifest_is_caught(file: str, old: str, new: str, fault: str) -> None:
    assert fault in names_of(faults({**FILES, file: spoiled(FILES[file], old, new)}, COMMANDS))
