"""Rules for deploy/k8s: the schema of the release, and what must agree between the files."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import kubernetes_validate
import yaml

from tests.deploy import drain
from tests.deploy.shipped import OUTSIDE_SETTINGS, setting_names

RELEASE = "1.33"
"""The oldest Kubernetes release the manifests are written for."""
KUSTOMIZATION, EXAMPLE = "kustomization.yaml", "secret.example.yaml"
OWNER = "linli-owner"
PUBLIC_PATHS = {"/v1", "/wechat", "/problems", "/openapi.json"}
STAFF_PATHS = {"/admin", "/console", "/problems"}
Document = dict[str, Any]


def faults(files: Mapping[str, str], commands: frozenset[str]) -> list[str]:
    """Every fault of the manifests (file name → text), by name."""
    documents: dict[str, list[Document]] = {}
    for name, text in files.items():
        try:
            documents[name] = [d for d in yaml.load_all(text, yaml.CSafeLoader) if d is not None]
        except yaml.YAMLError as error:
            return [f"not-yaml: {name} {error}"]
    kustomization = documents.pop(KUSTOMIZATION)[0]
    everything = [d for found in documents.values() for d in found]
    broken = [f for d in everything for f in _schema(d)]
    if broken:
        return broken
    found = list(_listed(kustomization, documents))
    for document in everything:
        found += [f"{fault}: {document['kind']} {about}".rstrip() for fault, about in _each(document)]
    for workload in (d for d in everything if _pods(d) is not None):
        name = workload["metadata"]["name"]
        checks = (_pod(workload, commands), _image(workload, kustomization), _sources(workload, everything))
        found += [f"{fault}: {name} {about}".rstrip() for check in checks for fault, about in check]
    return found + list(_between(everything))


def _schema(document: Document) -> Iterator[str]:
    try:
        kubernetes_validate.validate(document, RELEASE, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"schema: {document.get('kind')} {error.message[:200]}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"schema: no {document.get('kind')} of {document.get('apiVersion')} in {RELEASE}"


def _listed(kustomization: Document, documents: Mapping[str, Any]) -> Iterator[str]:
    resources = kustomization["resources"]
    for name in sorted(documents.keys() - set(resources) - {EXAMPLE}):
        yield f"unlisted: {name} is not in kustomization.yaml"
    for name in sorted(set(resources) - documents.keys()):
        yield f"missing-file: {name}"
    if EXAMPLE in resources:
        yield "example-applied: the example secret would overwrite the real one"
    for image in kustomization.get("images", []):
        if not re.fullmatch(r"\d+\.\d+\.\d+", str(image.get("newTag", ""))):
            yield f"unpinned-image: {image}"


def _each(document: Document) -> Iterator[tuple[str, str]]:
    kind = document["kind"]
    if kind != "Namespace" and document["metadata"].get("namespace") != "linli":
        yield "no-namespace", document["metadata"]["name"]
    if kind == "ConfigMap":
        for name in document["data"]:
            if name not in setting_names() | OUTSIDE_SETTINGS:
                yield "unknown-setting", name
            if re.search("KEY|SECRET|TOKEN|PASSWORD|_URL$", name) and name != "LINLI_PUBLIC_URL":
                yield "secret-in-configmap", name
        if "*" in document["data"].get("FORWARDED_ALLOW_IPS", "*"):
            yield "unbelieved-proxy", "FORWARDED_ALLOW_IPS"
    if kind == "Secret":
        for name in document["stringData"].keys() - setting_names():
            yield "unknown-setting", name
    if kind == "Ingress":
        paths = {p["path"] for rule in document["spec"]["rules"] for p in rule["http"]["paths"]}
        staff = document["spec"]["ingressClassName"] == "internal"
        if surplus := paths - (STAFF_PATHS if staff else PUBLIC_PATHS):
            yield "open-path", str(sorted(surplus))
        if not document["spec"].get("tls"):
            yield "no-tls", document["metadata"]["name"]
    if kind == "Namespace":
        labels = document["metadata"].get("labels", {})
        if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "unrestricted", document["metadata"]["name"]


def _pods(document: Document) -> Document | None:
    """The pod template of a Deployment or Job."""
    if document["kind"] not in ("Deployment", "Job"):
        return None
    template: Document = document["spec"]["template"]
    return template


Found = Iterator[tuple[str, str]]


def _pod(workload: Document, commands: frozenset[str]) -> Found:
    template = _pods(workload)
    assert template is not None
    spec = template["spec"]
    security = spec.get("securityContext", {})
    if not (security.get("runAsNonRoot") is True and security.get("runAsUser", 0) > 0):
        yield "root-user", ""
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "no-seccomp", ""
    if spec.get("automountServiceAccountToken") is not False:
        yield "token-mounted", ""
    if any(spec.get(k) for k in ("hostNetwork", "hostPID", "hostIPC")):
        yield "privileged", ""
    for container in spec["containers"]:
        yield from _container(container)
        if container["args"][0] != "linli" or container["args"][1] not in commands:
            yield "unknown-command", str(container["args"])
    if workload["kind"] == "Job":
        return
    api = template["metadata"]["labels"]["app.kubernetes.io/component"] == "api"
    pause = sum(
        c.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        for c in spec["containers"]
    )
    if spec.get("terminationGracePeriodSeconds", 30) <= pause + (drain.API_S if api else drain.WORKER_S):
        yield "cut-off", "terminationGracePeriodSeconds is shorter than the drain"
    if api:
        yield from _api(workload, spec, pause)


def _container(container: Document) -> Found:
    security = container.get("securityContext", {})
    if security.get("readOnlyRootFilesystem") is not True:
        yield "writable-root", ""
    if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
        yield "privileged", ""
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield "capabilities", ""
    resources = container.get("resources", {})
    if not {"cpu", "memory"} <= resources.get("requests", {}).keys() or "memory" not in resources.get(
        "limits", {}
    ):
        yield "no-limits", ""


def _api(workload: Document, spec: Document, pause: int) -> Found:
    (container,) = spec["containers"]
    wanted = {"startupProbe": "/readyz", "readinessProbe": "/healthz", "livenessProbe": "/healthz"}
    for probe, path in wanted.items():
        asked = container.get(probe, {}).get("httpGet", {})
        if asked.get("path") != path or asked.get("port") not in {p["name"] for p in container["ports"]}:
            yield "probe", probe
    if pause < 5:
        yield "no-prestop", "proxies still send requests while the pod ends"
    rolling = workload["spec"].get("strategy", {}).get("rollingUpdate", {})
    if workload["spec"].get("replicas", 1) < 2 or rolling.get("maxUnavailable") != 0:
        yield "single-process", "a restart must leave another pod serving"
    own = workload["spec"]["template"]["metadata"]["labels"]
    spread = [c["labelSelector"].get("matchLabels", {}) for c in spec.get("topologySpreadConstraints", [])]
    if not any(chosen and chosen.items() <= own.items() for chosen in spread):
        yield "not-spread", ""


def _image(workload: Document, kustomization: Document) -> Found:
    template = _pods(workload)
    assert template is not None
    known = {image["name"] for image in kustomization.get("images", [])}
    for container in template["spec"]["containers"]:
        if container["image"] not in known and not re.search(r":\d+\.\d+\.\d+", container["image"]):
            yield "unpinned-image", container["image"]


def _sources(workload: Document, everything: list[Document]) -> Found:
    template = _pods(workload)
    assert template is not None
    names = {(d["kind"], d["metadata"]["name"]) for d in everything}
    spec = template["spec"]
    if ("ServiceAccount", spec.get("serviceAccountName")) not in names:
        yield "unknown-account", str(spec.get("serviceAccountName"))
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    for container in spec["containers"]:
        known = {"secretRef": {"name": OWNER}} in container["envFrom"]
        if known != (workload["kind"] == "Job"):
            yield "owner", "the migrations alone are told how to become the owner of the tables"
        for source in container["envFrom"]:
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if key in source and (kind, source[key]["name"]) not in names:
                    yield "unknown-source", f"{kind} {source[key]['name']}"
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield "unknown-volume", mount["name"]


def _between(everything: list[Document]) -> Iterator[str]:
    labels = [t["metadata"]["labels"] for d in everything if (t := _pods(d)) is not None]
    services = {d["metadata"]["name"]: d for d in everything if d["kind"] == "Service"}
    for document in everything:
        kind, spec = document["kind"], document.get("spec", {})
        about = f"{kind} {document['metadata']['name']}"
        selector: Mapping[str, str] = {}
        if kind == "Service":
            selector = spec["selector"]
        elif kind in ("Deployment", "PodDisruptionBudget"):
            selector = spec["selector"]["matchLabels"]
        elif kind == "NetworkPolicy":
            selector = spec["podSelector"].get("matchLabels", {})
        if not any(selector.items() <= each.items() for each in labels):
            yield f"selects-nothing: {about}"
        if kind == "Deployment":
            own = spec["template"]["metadata"]["labels"]
            if not selector.items() <= own.items():
                yield f"selects-nothing: {about}"
            if sum(selector.items() <= each.items() for each in labels) > 1:
                yield f"selects-others: {about}"
        if kind == "Ingress":
            yield from _backends(document, services)
    if not any(_denies_all(d) for d in everything):
        yield "open-network: no policy denies what the others do not name"


def _backends(ingress: Document, services: Mapping[str, Document]) -> Iterator[str]:
    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            wanted = path["backend"]["service"]
            service = services.get(wanted["name"])
            ports = {p["name"] for p in service["spec"]["ports"]} if service else set()
            if wanted["port"]["name"] not in ports:
                yield f"unknown-backend: {ingress['metadata']['name']} {wanted}"


def _denies_all(document: Document) -> bool:
    spec = document.get("spec", {})
    return (
        document["kind"] == "NetworkPolicy"
        and spec["podSelector"] == {}
        and set(spec["policyTypes"]) == {"Ingress", "Egress"}
        and not spec.get("ingress")
        and not spec.get("egress")
    )
