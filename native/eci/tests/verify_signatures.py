"""Derives the signature of every recorded request from the received bytes only, with Python's own hash functions.

usage: verify_signatures.py REQUESTS.jsonl     one request a line: method, path, headers (pairs), body
The secret is `testsecret`. Exit status 1 when one does not verify.
"""
import base64
import hashlib
import hmac
import json
import sys
from urllib.parse import parse_qsl, quote, urlsplit

SECRET = "testsecret"


def encode(text):
    return quote(text, safe="-_.~")


def canonical(pairs):
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(pairs))


def fields(text):
    return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))


def verify_v3(request, headers):
    algorithm, rest = headers["authorization"][0].split(" ", 1)
    parts = dict(part.split("=", 1) for part in rest.split(","))
    signed = parts["SignedHeaders"].split(";")
    target = urlsplit(request["path"])
    digest = hashlib.sha256(request["body"].encode()).hexdigest()
    lines = "".join(f"{name}:{','.join(sorted(headers[name]))}\n" for name in signed)
    whole = "\n".join([request["method"], target.path or "/", canonical(fields(target.query)), lines,
                       ";".join(signed), digest])
    text = algorithm + "\n" + hashlib.sha256(whole.encode()).hexdigest()
    signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return headers["x-acs-content-sha256"] == [digest] and signature == parts["Signature"]


def verify_v1(request):
    pairs = dict(fields(urlsplit(request["path"]).query) + fields(request["body"]))
    sent = pairs.pop("Signature")
    text = f"{request['method']}&%2F&{encode(canonical(pairs.items()))}"
    mac = hmac.new(f"{SECRET}&".encode(), text.encode(), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode() == sent


verified = failed = 0
for line in open(sys.argv[1], encoding="utf-8"):
    request = json.loads(line)
    headers = {}
    for name, value in request["headers"]:
        headers.setdefault(name.lower(), []).append(value.strip())
    good = verify_v3(request, headers) if "authorization" in headers else verify_v1(request)
    verified, failed = verified + good, failed + (not good)
    if not good:
        print("does not verify:", request["method"], request["path"])
print(f"{verified} verified, {failed} failed")
sys.exit(failed > 0)
