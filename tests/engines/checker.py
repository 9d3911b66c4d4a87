"""Type-checks one CEL expression as an API server does.

The checker is Google's own. Kubernetes adds two rules that it has not: the elements of a list or map literal have one
type, and a regular expression that is written as a literal compiles.
"""
import pathlib

from cel_expr_python import cel
from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet

FUNCTIONS = pathlib.Path(__file__).with_name("functions.yaml").read_text()
PRIMITIVES = {1: "bool", 2: "int", 3: "uint", 4: "double", 5: "string", 6: "bytes"}
WELL_KNOWN = {1: "any", 2: "timestamp", 3: "duration"}


class Refused(Exception):
    """An expression that an API server would refuse."""


class Environment:
    """Variables and functions that expressions may use."""

    def __init__(self, pool, variables):
        """`pool` holds the messages among the types; `variables` the type of each variable by its name, which may have
        dots in it."""
        self.env = cel.NewEnv(
            descriptor_pool=pool, config=cel.NewEnvConfigFromYaml(FUNCTIONS), variables=variables
        )

    def check(self, text, result=None):
        """Returns the type of an expression. Raises `Refused` if it is ill-typed, or has another type than `result`."""
        try:
            expression = self.env.compile(text)
        except RuntimeError as error:
            raise Refused(str(error)) from None
        tree = Tree(expression.serialize())
        for node in tree.nodes():
            tree.check_literal(text, node)
            tree.check_regex(node)
        found = tree.type_of(tree.root)
        if result is not None and found != result:
            raise Refused(f"must evaluate to {result}, not {found}")
        return expression.return_type()


def fields(message):
    """Returns the numbers and values of the fields of a protobuf message that was read from bytes."""
    empty = Empty()
    empty.ParseFromString(message)
    return [(field.field_number, field.data) for field in UnknownFieldSet(empty)]


def first(message, number, default=None):
    """Returns the value of a field."""
    return next((value for found, value in fields(message) if found == number), default)


class Tree:
    """A checked expression: the message `cel.expr.CheckedExpr`, by the numbers of its fields."""

    def __init__(self, serialized):
        checked = first(serialized, 2)
        self.root = first(checked, 4)
        types = [value for number, value in fields(checked) if number == 3]
        self.types = {first(entry, 1): first(entry, 2) for entry in types}
        places = [value for number, value in fields(first(checked, 5)) if number == 4]
        self.places = {first(entry, 1): first(entry, 2, 0) for entry in places}

    def nodes(self):
        """Yields every node, the root first."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            yield node
            for number, part in fields(node):
                if number in (5, 6, 9):  # select, call, comprehension
                    waiting += [child for at, child in fields(part) if at in CHILDREN[number]]
                elif number == 7:  # list
                    waiting += elements(part)
                elif number == 8:  # map or message
                    waiting += [child for pair in entries(part) for child in pair if child is not None]

    def type_of(self, node):
        """Returns the type of a node, as CEL writes it."""
        return type_name(self.types.get(first(node, 2)))

    def check_literal(self, text, node):
        """Raises `Refused` if the elements, keys or values of a literal are of several types."""
        for number, part in fields(node):
            if number == 7:
                self._one_type(text, elements(part))
            elif number == 8 and not first(part, 1):
                keys, values = zip(*entries(part)) if entries(part) else ((), ())
                self._one_type(text, keys)
                self._one_type(text, values)

    def _one_type(self, text, nodes):
        for node in nodes[1:]:
            wanted, found = self.type_of(nodes[0]), self.type_of(node)
            if wanted != found:
                near = text[self.places.get(first(node, 2), 0) :][:40]
                raise Refused(f"expected type '{wanted}' but found '{found}', near: {near}")

    def check_regex(self, node):
        """Raises `Refused` if the node matches a literal that is not a regular expression."""
        call = first(node, 6)
        if call is None or first(call, 2) not in (b"matches", b"find", b"findAll"):
            return
        arguments = [value for number, value in fields(call) if number == 3]
        constant = first(arguments[0 if first(call, 1) else 1], 3)
        pattern = first(constant, 6) if constant else None
        if pattern is not None:
            result = MATCHES.eval(data={"pattern": pattern.decode()})
            if result.type() == cel.Type.ERROR:
                raise Refused(str(result.value()))


# Which fields of a node's parts are nodes.
CHILDREN = {5: (1,), 6: (1, 3), 9: (2, 4, 5, 6, 7)}
MATCHES = cel.NewEnv(variables={"pattern": cel.Type.STRING}).compile("''.matches(pattern)")


def elements(part):
    """Returns the elements of a list literal."""
    return [value for number, value in fields(part) if number == 1]


def entries(part):
    """Returns the keys and values of a map literal; a message has fields for keys, which are no nodes."""
    return [(first(entry, 3), first(entry, 4)) for number, entry in fields(part) if number == 2]


def type_name(message):
    """Returns how CEL writes the type in a message `cel.expr.Type`; a type that is absent is `dyn`."""
    for number, value in fields(message or b""):
        if number == 3:
            return PRIMITIVES[value]
        if number == 5:
            return WELL_KNOWN[value]
        if number == 6:
            return f"list({type_name(first(value, 1))})"
        if number == 7:
            return f"map({type_name(first(value, 1))}, {type_name(first(value, 2))})"
        if number == 9:
            return value.decode()
        if number != 1:
            return f"{number}:{value}"
    return "dyn"
