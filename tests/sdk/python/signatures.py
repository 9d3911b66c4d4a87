"""Both signatures of the vendor, derived again from nothing but the bytes of a request: written from the documents and
apart from the project's own code, so that the two judge each other."""
import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, quote, urlsplit


def encode(text):
    return quote(text, safe="-_.~")


def canonical(pairs):
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(pairs))


def parameters(text):
    return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))


def v3(request, secret):
    """The signature of the header, and the one that it should be."""
    headers = {}
    for name, value in request["headers"]:
        headers.setdefault(name.lower(), []).append(value.strip())
    algorithm, rest = headers["authorization"][0].split(" ", 1)
    assert algorithm == "ACS3-HMAC-SHA256", algorithm
    parts = dict(part.split("=", 1) for part in rest.split(","))
    signed = parts["SignedHeaders"].split(";")
    assert signed == sorted(signed), signed
    for name in headers:
        assert name in signed or not (name == "host" or name.startswith("x-acs-")), f"{name} is not signed"
    digest = hashlib.sha256(request["body"]).hexdigest()
    assert headers["x-acs-content-sha256"] == [digest]
    url = urlsplit(request["target"])
    lines = "".join(f"{name}:{','.join(sorted(headers[name]))}\n" for name in signed)
    text = "\n".join([request["method"], url.path or "/", canonical(parameters(url.query)), lines,
                      ";".join(signed), digest])
    text = f"{algorithm}\n{hashlib.sha256(text.encode()).hexdigest()}"
    return parts["Signature"], hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def v1(request, secret):
    """The signature among the parameters, and the one that it should be."""
    pairs = parameters(urlsplit(request["target"]).query) + parameters(request["body"].decode())
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), "a parameter is there twice"
    given = dict(pairs).pop("Signature")
    text = canonical(pair for pair in pairs if pair[0] != "Signature")
    text = f"{request['method']}&{encode('/')}&{encode(text)}"
    made = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return given, base64.b64encode(made).decode()


def action(request):
    headers = {name.lower(): value for name, value in request["headers"]}
    return headers.get("x-acs-action")


def nonce(request):
    headers = {name.lower(): value for name, value in request["headers"]}
    in_form = dict(parameters(request["body"].decode())).get("SignatureNonce")
    return headers.get("x-acs-signature-nonce") or in_form
