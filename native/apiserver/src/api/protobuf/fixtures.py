"""Makes `fixtures.json`: bodies as Go clients send them, written by Google's protobuf library from the published
messages of Kubernetes v0.36.0 and gnostic.

    pip install grpcio-tools
    git clone --branch v0.36.0 https://github.com/kubernetes/api              # and apimachinery, apiextensions-apiserver
    git clone https://github.com/google/gnostic-models                        # each below FOLDER/k8s.io
    python3 -m grpc_tools.protoc -I FOLDER --include_imports --descriptor_set_out=messages.desc FILES_OF_MESSAGES
    python3 fixtures.py messages.desc > fixtures.json

`FILES_OF_MESSAGES` are the `generated.proto` of core/v1, apps/v1, coordination/v1, apiextensions/v1, meta/v1 and
runtime, and gnostic's OpenAPIv2.proto. A message below has every field that Go writes: those that are not pointers, too
where they are empty.
"""

import json
import sys
from base64 import b64encode

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

pool = descriptor_pool.DescriptorPool()
for file in descriptor_pb2.FileDescriptorSet.FromString(open(sys.argv[1], "rb").read()).file:
    pool.Add(file)

META = "k8s.io.apimachinery.pkg.apis.meta.v1"
CORE = "k8s.io.api.core.v1"
CRD = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1"


def fill(message, fields):
    """Sets fields, empty ones too."""
    message.SetInParent()
    for name, value in fields.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.message_type and field.message_type.GetOptions().map_entry:
            for key, item in value.items():
                if isinstance(item, dict):
                    fill(getattr(message, name)[key], item)
                else:
                    getattr(message, name)[key] = item
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    fill(getattr(message, name).add(), item)
                else:
                    getattr(message, name).append(item)
        elif isinstance(value, dict):
            fill(getattr(message, name), value)
        else:
            setattr(message, name, value)
    return message


def write(name, fields):
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()
    return fill(message, fields).SerializeToString(deterministic=True)


def envelope(api_version, kind, raw):
    unknown = {
        "typeMeta": {"apiVersion": api_version, "kind": kind}, "raw": raw, "contentEncoding": "", "contentType": "",
    }
    return b"k8s\0" + write("k8s.io.apimachinery.pkg.runtime.Unknown", unknown)


def meta(**fields):
    of = {"name": "", "generateName": "", "namespace": "", "selfLink": "", "uid": "", "resourceVersion": "", "generation": 0}
    return {**of, "creationTimestamp": {}, **fields}


fixtures = []


def fixture(message, fields, of):
    body = envelope(of["apiVersion"], of["kind"], write(message, fields))
    fixtures.append({"json": of, "protobuf": b64encode(body).decode()})
    return body


def text(value):
    return {"type": 1, "intVal": 0, "strVal": value}


def number(value):
    return {"type": 0, "intVal": value, "strVal": ""}


fixture(
    f"{META}.DeleteOptions",
    {"gracePeriodSeconds": 0, "preconditions": {"uid": "u"}, "propagationPolicy": "Background", "dryRun": ["All"]},
    {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": "u"},
     "propagationPolicy": "Background", "dryRun": ["All"]},
)
LEASE = {
    "metadata": meta(name="controller", namespace="kube-system"),
    "spec": {
        "holderIdentity": "a", "leaseDurationSeconds": 15, "acquireTime": {"seconds": 1767225600, "nanos": 0},
        "renewTime": {"seconds": 1767225661, "nanos": 123456000}, "leaseTransitions": 0,
    },
}
LEASE_JSON = {
    "metadata": {"name": "controller", "namespace": "kube-system"},
    "spec": {
        "holderIdentity": "a", "leaseDurationSeconds": 15, "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-01-01T00:01:01.123456Z", "leaseTransitions": 0,
    },
}
lease = fixture(
    "k8s.io.api.coordination.v1.Lease", LEASE, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **LEASE_JSON}
)
fixture(
    "k8s.io.api.coordination.v1.LeaseList",
    {"metadata": {"selfLink": "", "resourceVersion": "42", "continue": "", "remainingItemCount": 0}, "items": [LEASE]},
    {"apiVersion": "coordination.k8s.io/v1", "kind": "LeaseList",
     "metadata": {"resourceVersion": "42", "remainingItemCount": 0}, "items": [LEASE_JSON]},
)
FIELDS = {"f:data": {".": {}, "f:b": {}}}
fixture(
    f"{CORE}.ConfigMap",
    {
        "metadata": meta(
            name="c", labels={"b": "2", "a": "1"}, deletionGracePeriodSeconds=0, finalizers=["x/y"],
            ownerReferences=[{"kind": "Node", "name": "n", "uid": "u", "apiVersion": "v1", "controller": False}],
            managedFields=[{
                "manager": "m", "operation": "Apply", "apiVersion": "v1", "time": {"seconds": 1767225600, "nanos": 0},
                "fieldsType": "FieldsV1", "fieldsV1": {"Raw": json.dumps(FIELDS, separators=(",", ":")).encode()},
                "subresource": "",
            }],
        ),
        "data": {"b": "", "a": "ü"}, "binaryData": {"c": b"\xff\x00"}, "immutable": False,
    },
    {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "c", "labels": {"a": "1", "b": "2"}, "deletionGracePeriodSeconds": 0, "finalizers": ["x/y"],
            "ownerReferences": [{"kind": "Node", "name": "n", "uid": "u", "apiVersion": "v1", "controller": False}],
            "managedFields": [{
                "manager": "m", "operation": "Apply", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
                "fieldsType": "FieldsV1", "fieldsV1": FIELDS,
            }],
        },
        "data": {"a": "ü", "b": ""}, "binaryData": {"c": "/wA="}, "immutable": False,
    },
)
fixture(
    f"{CORE}.Secret",
    {"metadata": meta(generateName="s-"), "data": {"key": b"value"}, "type": "Opaque"},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"generateName": "s-"}, "data": {"key": "dmFsdWU="}, "type": "Opaque"},
)
fixture(
    f"{CORE}.Namespace",
    {"metadata": meta(name="n"), "spec": {}, "status": {"phase": ""}},
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}, "spec": {}, "status": {}},
)
fixture(
    f"{CORE}.Event",
    {
        "metadata": meta(name="e", namespace="default"),
        "involvedObject": {
            "kind": "Pod", "namespace": "default", "name": "p", "uid": "", "apiVersion": "v1", "resourceVersion": "",
            "fieldPath": "",
        },
        "reason": "Pulled", "message": "m", "source": {"component": "kubelet", "host": ""},
        "firstTimestamp": {"seconds": 1767225600, "nanos": 0}, "lastTimestamp": {"seconds": 1767225600, "nanos": 0},
        "count": 1, "type": "Normal", "eventTime": {}, "action": "", "reportingComponent": "", "reportingInstance": "",
    },
    {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p", "apiVersion": "v1"},
        "reason": "Pulled", "message": "m", "source": {"component": "kubelet"}, "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z", "count": 1, "type": "Normal", "eventTime": None, "reportingComponent": "",
        "reportingInstance": "",
    },
)
CONTAINER = {
    "name": "c", "image": "i", "workingDir": "", "terminationMessagePath": "", "terminationMessagePolicy": "",
    "imagePullPolicy": "", "stdin": False, "stdinOnce": False, "tty": False,
}
POD_SPEC = {
    "restartPolicy": "", "dnsPolicy": "", "serviceAccountName": "", "serviceAccount": "", "nodeName": "",
    "hostNetwork": False, "hostPID": False, "hostIPC": False, "hostname": "", "subdomain": "", "schedulerName": "",
    "priorityClassName": "",
}
CONTAINERS = [{
    **CONTAINER,
    "command": ["sh", "-c"],
    "ports": [{"name": "", "hostPort": 0, "containerPort": 80, "protocol": "TCP", "hostIP": ""}],
    "env": [
        {"name": "A", "value": ""},
        {"name": "B", "value": "", "valueFrom": {"secretKeyRef": {"localObjectReference": {"name": "s"}, "key": "k"}}},
    ],
    "resources": {"limits": {"memory": {"string": "1Gi"}, "cpu": {"string": "500m"}}},
    "volumeMounts": [
        {"name": "v", "readOnly": False, "mountPath": "/v", "subPath": "", "subPathExpr": ""},
    ],
    "livenessProbe": {
        "handler": {"httpGet": {"path": "/", "port": text("http"), "host": "", "scheme": ""}}, "initialDelaySeconds": 0,
        "timeoutSeconds": 1, "periodSeconds": 0, "successThreshold": 0, "failureThreshold": 0,
    },
    "securityContext": {"runAsUser": 0},
}]
CONTAINERS_JSON = [{
    "name": "c", "image": "i", "command": ["sh", "-c"], "ports": [{"containerPort": 80, "protocol": "TCP"}],
    "env": [{"name": "A"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
    "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}, "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "timeoutSeconds": 1},
    "securityContext": {"runAsUser": 0},
}]
fixture(
    f"{CORE}.Pod",
    {
        "metadata": meta(name="p"),
        "spec": {
            **POD_SPEC,
            "volumes": [
                {"name": "v", "volumeSource": {"emptyDir": {"medium": "Memory"}}},
                {"name": "w", "volumeSource": {"configMap": {"localObjectReference": {"name": "c"}, "defaultMode": -1}}},
            ],
            "containers": CONTAINERS, "automountServiceAccountToken": False,
            "tolerations": [{"key": "k", "operator": "Exists", "value": "", "effect": "", "tolerationSeconds": 0}],
        },
        "status": {
            "phase": "", "message": "", "reason": "", "hostIP": "", "podIP": "", "qosClass": "", "nominatedNodeName": "",
            "resize": "", "observedGeneration": 0,
        },
    },
    {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {
            "volumes": [
                {"name": "v", "emptyDir": {"medium": "Memory"}}, {"name": "w", "configMap": {"name": "c", "defaultMode": -1}},
            ],
            "containers": CONTAINERS_JSON, "automountServiceAccountToken": False,
            "tolerations": [{"key": "k", "operator": "Exists", "tolerationSeconds": 0}],
        },
        "status": {},
    },
)
fixture(
    "k8s.io.api.apps.v1.Deployment",
    {
        "metadata": meta(name="d"),
        "spec": {
            "replicas": 0, "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": meta(labels={"a": "b"}), "spec": {**POD_SPEC, "containers": [{**CONTAINER, "resources": {}}]}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": number(0), "maxSurge": text("25%")}},
            "minReadySeconds": 0, "paused": False,
        },
        "status": {
            "observedGeneration": 0, "replicas": 0, "updatedReplicas": 0, "unavailableReplicas": 0, "availableReplicas": 0,
            "readyReplicas": 0,
        },
    },
    {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {
            "replicas": 0, "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i", "resources": {}}]},
            },
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
        },
        "status": {},
    },
)


def schema(**fields):
    of = {
        "id": "", "schema": "", "description": "", "type": "", "format": "", "title": "", "exclusiveMaximum": False,
        "exclusiveMinimum": False, "pattern": "", "uniqueItems": False, "nullable": False,
        "xKubernetesEmbeddedResource": False, "xKubernetesIntOrString": False,
    }
    return {**of, **fields}


fixture(
    f"{CRD}.CustomResourceDefinition",
    {
        "metadata": meta(name="widgets.example.com"),
        "spec": {
            "group": "example.com",
            "names": {"plural": "widgets", "singular": "", "shortNames": ["w"], "kind": "Widget", "listKind": ""},
            "scope": "Namespaced", "preserveUnknownFields": False,
            "versions": [{
                "name": "v1", "served": True, "storage": True, "deprecated": False,
                "schema": {"openAPIV3Schema": schema(type="object", properties={
                    "a": schema(type="array", items={"schema": schema(type="string", enum=[{"raw": b'"x"'}, {"raw": b'"y"'}])}),
                    "b": schema(xKubernetesIntOrString=True, default={"raw": b"5"}),
                    "c": schema(type="object", additionalProperties={"allows": True, "schema": schema(type="number", maximum=1.5)}),
                    "d": schema(type="object", additionalProperties={"allows": True}, xKubernetesPreserveUnknownFields=True),
                    "e": schema(type="string", xKubernetesValidations=[{
                        "rule": "self != ''", "message": "", "messageExpression": "", "fieldPath": "", "optionalOldSelf": False,
                    }], minLength=0),
                })},
                "subresources": {"status": {}},
                "additionalPrinterColumns": [{
                    "name": "A", "type": "string", "format": "", "description": "", "priority": 0, "jsonPath": ".a",
                }],
            }],
        },
        "status": {"acceptedNames": {"plural": "", "singular": "", "kind": "", "listKind": ""}, "observedGeneration": 0},
    },
    {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "names": {"plural": "widgets", "shortNames": ["w"], "kind": "Widget"},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": True, "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "a": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}},
                    "b": {"x-kubernetes-int-or-string": True, "default": 5},
                    "c": {"type": "object", "additionalProperties": {"type": "number", "maximum": 1.5}},
                    "d": {"type": "object", "additionalProperties": True, "x-kubernetes-preserve-unknown-fields": True},
                    "e": {"type": "string", "x-kubernetes-validations": [{"rule": "self != ''", "optionalOldSelf": False}], "minLength": 0},
                }}},
                "subresources": {"status": {}},
                "additionalPrinterColumns": [{"name": "A", "type": "string", "jsonPath": ".a"}],
            }],
        },
        "status": {
            "conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": None,
        },
    },
)
fixture(
    f"{META}.Status",
    {
        "metadata": {"selfLink": "", "resourceVersion": "", "continue": ""}, "status": "Failure", "message": "m",
        "reason": "Invalid",
        "details": {
            "name": "n", "group": "", "kind": "pods", "causes": [{"reason": "r", "message": "m", "field": "f"}],
            "retryAfterSeconds": 1, "uid": "",
        },
        "code": 422,
    },
    {
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "message": "m", "reason": "Invalid",
        "details": {
            "name": "n", "kind": "pods", "causes": [{"reason": "r", "message": "m", "field": "f"}], "retryAfterSeconds": 1,
        },
        "code": 422,
    },
)
fixture(
    f"{META}.PartialObjectMetadata",
    {"metadata": meta(name="p", uid="u")},
    {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "p", "uid": "u"}},
)

event = write(f"{META}.WatchEvent", {"type": "ADDED", "object": {"raw": lease}})


def extension(name, yaml):
    return {"name": name, "value": {"yaml": yaml}}


parameter = {"name": "dryRun", "in": "query", "description": "d", "type": "string", "unique_items": True}
document = write("openapi.v2.Document", {
    "swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1"},
    "paths": {"path": [{"name": "/api/v1/widgets/{name}", "value": {
        "patch": {
            "tags": ["core_v1"], "operation_id": "patch", "consumes": ["application/merge-patch+json"],
            "produces": ["application/json"],
            "parameters": [
                {"parameter": {"body_parameter": {"name": "body", "in": "body", "required": True, "schema": {"_ref": "#/definitions/W"}}}},
                {"parameter": {"non_body_parameter": {"query_parameter_sub_schema": parameter}}},
            ],
            "responses": {"response_code": [
                {"name": "200", "value": {"response": {"description": "OK", "schema": {"schema": {"_ref": "#/definitions/W"}}}}},
            ]},
            "vendor_extension": [extension("x-kubernetes-action", "patch\n")],
        },
        "parameters": [{"parameter": {"non_body_parameter": {"path_parameter_sub_schema": {
            "name": "name", "in": "path", "required": True, "type": "string"}}}}],
    }}]},
    "definitions": {"additional_properties": [{"name": "W", "value": {
        "description": "A widget.", "type": {"value": ["object"]}, "required": ["a"],
        "properties": {"additional_properties": [
            {"name": "a", "value": {"type": {"value": ["array"]}, "items": {"schema": [{"type": {"value": ["string"]}}]}}},
            {"name": "b", "value": {"type": {"value": ["integer"]}, "minimum": 1.5, "max_length": 3, "default": {"yaml": "5\n"},
                                    "enum": [{"yaml": "5\n"}, {"yaml": "6\n"}]}},
            {"name": "c", "value": {"additional_properties": {"schema": {"type": {"value": ["string"]}}}}},
            {"name": "d", "value": {"additional_properties": {"boolean": True}}},
        ]},
        "vendor_extension": [extension("x-kubernetes-group-version-kind", "- group: \"\"\n  kind: W\n  version: v1\n")],
    }}]},
})
document_json = {
    "swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1"},
    "paths": {"/api/v1/widgets/{name}": {
        "patch": {
            "tags": ["core_v1"], "operationId": "patch", "consumes": ["application/merge-patch+json"],
            "produces": ["application/json"],
            "parameters": [
                {"name": "body", "in": "body", "required": True, "schema": {"$ref": "#/definitions/W"}},
                {"name": "dryRun", "in": "query", "description": "d", "type": "string", "uniqueItems": True},
            ],
            "responses": {"200": {"description": "OK", "schema": {"$ref": "#/definitions/W"}}},
            "x-kubernetes-action": "patch",
        },
        "parameters": [{"name": "name", "in": "path", "required": True, "type": "string"}],
    }},
    "definitions": {"W": {
        "description": "A widget.", "type": "object", "required": ["a"],
        "properties": {
            "a": {"type": "array", "items": {"type": "string"}},
            "b": {"type": "integer", "minimum": 1.5, "maxLength": 3, "default": 5, "enum": [5, 6]},
            "c": {"additionalProperties": {"type": "string"}},
            "d": {"additionalProperties": True},
        },
        "x-kubernetes-group-version-kind": [{"group": "", "kind": "W", "version": "v1"}],
    }},
}
json.dump(
    {
        "objects": fixtures,
        "frame": {"object": b64encode(lease).decode(), "protobuf": b64encode(len(event).to_bytes(4, "big") + event).decode()},
        "openapi": {"json": document_json, "protobuf": b64encode(document).decode()},
    },
    sys.stdout, indent=1, ensure_ascii=False,
)
print()
