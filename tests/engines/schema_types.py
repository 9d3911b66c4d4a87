"""Turns OpenAPI schemas into CEL types, as Kubernetes does before it compiles an expression.

CEL knows objects with declared fields only as protobuf messages, so each object of a schema becomes a message. What a
schema leaves open (any value, integer or string) becomes `dyn`.
"""
import re

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, struct_pb2, timestamp_pb2

FIELD = descriptor_pb2.FieldDescriptorProto
IMPORTS = (struct_pb2, timestamp_pb2, duration_pb2)

# How each scalar is called in CEL, and how in protobuf.
SCALARS = {
    "string": (cel.Type.STRING, FIELD.TYPE_STRING, None),
    "integer": (cel.Type.INT, FIELD.TYPE_INT64, None),
    "number": (cel.Type.DOUBLE, FIELD.TYPE_DOUBLE, None),
    "boolean": (cel.Type.BOOL, FIELD.TYPE_BOOL, None),
    "byte": (cel.Type.BYTES, FIELD.TYPE_BYTES, None),
    "date-time": (cel.Type.TIMESTAMP, FIELD.TYPE_MESSAGE, ".google.protobuf.Timestamp"),
    "date": (cel.Type.TIMESTAMP, FIELD.TYPE_MESSAGE, ".google.protobuf.Timestamp"),
    "duration": (cel.Type.DURATION, FIELD.TYPE_MESSAGE, ".google.protobuf.Duration"),
}
DYN = (FIELD.TYPE_MESSAGE, ".google.protobuf.Value")
LIST_OF_DYN = (FIELD.TYPE_MESSAGE, ".google.protobuf.ListValue")
MAP_OF_DYN = (FIELD.TYPE_MESSAGE, ".google.protobuf.Struct")

# Words of CEL that a field is not called by; Kubernetes writes them between underscores.
RESERVED = set(
    "true false null in as break const continue else for function if import let loop package namespace return var void"
    " while".split()
)


def escaped(name):
    """Returns the name of a field as CEL expressions write it, or None if they cannot."""
    if name in RESERVED:
        return f"__{name}__"
    for text, word in (("__", "underscores"), (".", "dot"), ("-", "dash"), ("/", "slash")):
        name = name.replace(text, f"__{word}__")
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else None


class Types:
    """The messages of several schemas. `declare` all of them, then use `pool`."""

    def __init__(self, definitions):
        """`definitions` holds the schemas that a `$ref` names, by the last part of the reference."""
        self.definitions = definitions
        self.file = descriptor_pb2.FileDescriptorProto(name="schemas.proto", syntax="proto3")
        self.file.dependency.extend(module.DESCRIPTOR.name for module in IMPORTS)
        self.declared = {}

    def declare(self, name, schema):
        """Returns the CEL type of a schema. Objects in it are called by `name` and their path."""
        if name not in self.declared:
            self.declared[name] = self._type(name, schema)[0]
        return self.declared[name]

    def pool(self):
        """Returns the descriptors of everything that was declared."""
        pool = descriptor_pool.DescriptorPool()
        for module in IMPORTS:
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        pool.AddSerializedFile(self.file.SerializeToString())
        return pool

    def _type(self, name, schema):
        """Returns the CEL type and the protobuf type of a schema; the latter is a scalar, a message, or a list or map
        of one of them."""
        if "$ref" in schema:
            schema = self.definitions[schema["$ref"].rsplit("/", 1)[1]]
        kinds = schema.get("type")
        kind = next((one for one in kinds if one != "null"), None) if isinstance(kinds, list) else kinds
        if kind in ("string", "integer", "number", "boolean") and not schema.get("x-kubernetes-int-or-string"):
            special = schema.get("format") if kind == "string" else None
            cel_type, number, message = SCALARS[special if special in SCALARS else kind]
            return cel_type, ("one", number, message)
        if kind == "array":
            return self._collection(name, schema.get("items", {}), "list")
        if kind == "object" and "properties" in schema:
            return self._message(name, schema["properties"])
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return self._collection(name, schema["additionalProperties"], "map")
        return cel.Type.DYN, ("one", *DYN)

    def _collection(self, name, schema, kind):
        item, (shape, number, message) = self._type(name, schema)
        if kind == "list":
            whole, of_dyn = cel.Type.List(item), LIST_OF_DYN
        else:
            whole, of_dyn = cel.Type.Map(cel.Type.STRING, item), MAP_OF_DYN
        # Protobuf has no lists of lists and no lists of any value: as fields these have items of type `dyn`.
        if shape != "one" or (number, message) == DYN:
            return whole, ("one", *of_dyn)
        return whole, (kind, number, message)

    def _message(self, name, properties):
        fields = {escaped(field): self._type(f"{name}__{field}", schema) for field, schema in properties.items()}
        message = self.file.message_type.add(name=name)
        for number, (field, (_, shape)) in enumerate(fields.items(), 1):
            if field is not None:
                self._field(message, field, number, *shape)
        return cel.Type(name), ("one", FIELD.TYPE_MESSAGE, f".{name}")

    def _field(self, message, name, number, shape, kind, type_name):
        if shape == "map":
            # `map<string, T>` is a list of messages with a key and a value, called after the field.
            camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
            entry = message.nested_type.add(name=f"{camel}Entry")
            entry.options.map_entry = True
            self._field(entry, "key", 1, "one", FIELD.TYPE_STRING, None)
            self._field(entry, "value", 2, "one", kind, type_name)
            shape, kind, type_name = "list", FIELD.TYPE_MESSAGE, f".{message.name}.{entry.name}"
        label = FIELD.LABEL_REPEATED if shape == "list" else FIELD.LABEL_OPTIONAL
        message.field.add(name=name, json_name=name, number=number, label=label, type=kind, type_name=type_name)
