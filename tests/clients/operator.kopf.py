"""A small operator of ImageCaches that writes down what its handlers see."""
import os

import kopf

GROUP = ("eci.alibabacloud.com", "v1", "imagecaches")


def note(what, name):
    with open(os.environ["NOTES"], "a", encoding="utf-8") as notes:
        notes.write(f"{what} {name}\n")


@kopf.on.startup()
def configure(settings, **_):
    settings.persistence.finalizer = "example.com/kopf"


@kopf.on.create(*GROUP)
def created(name, body, patch, **_):
    note("create", name)
    kopf.info(body, reason="Made", message="the operator has seen it")
    patch.metadata.annotations["example.com/seen"] = "yes"
    return {"made": True}


@kopf.on.update(*GROUP, field="spec.images")
def updated(name, old, new, **_):
    note(f"update {old}->{new}", name)


@kopf.on.delete(*GROUP)
def deleted(name, **_):
    note("delete", name)


@kopf.timer(*GROUP, interval=0.5)
def tick(name, **_):
    note("timer", name)


@kopf.on.event("v1", "configmaps")
def event(name, **_):
    note("event", name)
