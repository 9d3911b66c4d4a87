"""The two Python SDKs of the vendor behind one small face: a call's name and its parameters as the wire has them."""
import json

import aliyunsdkcore.acs_exception.exceptions as legacy_errors
from aliyunsdkcore.client import AcsClient
from aliyunsdkeci.request import v20180808
from alibabacloud_eci20180808 import models
from alibabacloud_eci20180808.client import Client
from alibabacloud_tea_openapi import exceptions as new_errors
from alibabacloud_tea_openapi.models import Config
from importlib import import_module

from simulator import KEY, REGION, SECRET


class Refused(Exception):
    """The code, the HTTP status and the kind of an SDK's error."""

    def __init__(self, code, status, kind):
        super().__init__(f"{code} ({status}, {kind})")
        self.code, self.status, self.kind = code, status, kind


def snake(name):
    """`VSwitchId` as the new SDK writes it: `v_switch_id`."""
    out = ""
    for at, letter in enumerate(name):
        if letter.isupper() and at:
            out += "_"
        out += letter.lower()
    return out


class New:
    """`alibabacloud-eci20180808`: signature V3, POST, all in the query."""

    def __init__(self, port, key=KEY, secret=SECRET, scheme=False):
        host = f"127.0.0.1:{port}"
        endpoint = f"http://{host}" if scheme else host
        self.client = Client(Config(access_key_id=key, access_key_secret=secret, region_id=REGION,
                                    endpoint=endpoint, protocol="http"))

    def call(self, action, **parameters):
        prefix = f"{action}Request"
        arguments = {"region_id": REGION}
        for name, value in parameters.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                item = getattr(models, prefix + name)
                value = [item(**{snake(key): one for key, one in entry.items()}) for entry in value]
            arguments[snake(name)] = value
        request = getattr(models, prefix)(**arguments)
        try:
            return getattr(self.client, snake(action))(request).body.to_map()
        except Exception as error:
            code = getattr(error, "code", None)
            if code is None:
                raise
            raise Refused(code, getattr(error, "status_code", None), type(error).__name__) from error

    wrong_secret = "SignatureDoesNotMatch"
    throttled = new_errors.ThrottlingException.__name__


class Legacy:
    """`aliyun-python-sdk-eci`: signature V1, GET, all in the query."""

    def __init__(self, port, key=KEY, secret=SECRET):
        self.client = AcsClient(key, secret, REGION, port=port, auto_retry=False)

    def call(self, action, **parameters):
        module = import_module(f"{v20180808.__name__}.{action}Request")
        request = getattr(module, f"{action}Request")()
        request.set_endpoint("127.0.0.1")
        request.set_protocol_type("http")
        request.set_accept_format("json")
        plural = {"Image": "Images", "Tag": "Tags", "ImageRegistryCredential": "ImageRegistryCredentials",
                  "AcrRegistryInfo": "AcrRegistryInfos", "Container": "Containers"}
        for name, value in parameters.items():
            setter = getattr(request, f"set_{plural[name]}" if isinstance(value, list) and name in plural
                             else f"set_{name}", None)
            if name == "AcrRegistryInfo":
                value = [{("Domains" if key == "Domain" else key): one for key, one in entry.items()} for entry in value]
            if setter is None:  # newer than this SDK
                request.add_query_param(name, value)
            else:
                setter(value)
        try:
            return json.loads(self.client.do_action_with_exception(request))
        except legacy_errors.ServerException as error:
            raise Refused(error.get_error_code(), error.get_http_status(), type(error).__name__) from error

    # This SDK compares the text that the server signed with its own.
    wrong_secret = "InvalidAccessKeySecret"
    throttled = legacy_errors.ServerException.__name__
