"""Which words a parameter, or a field of the body, may be: a refusal of another names them."""

from collections.abc import Iterator

from litestar.handlers import BaseRouteHandler
from msgspec import inspect

from chatctl_server import errors

CLIENT_NAMES = {  # of parameters that the code calls something else
    "from_time": "from",
    "to_time": "to",
    "type_glob": "type",
    "list_scope": "scope",
    "workspace_id": "X-Workspace-Id",
}
_MET = "Invalid enum value"  # msgspec's words


def added(handler: BaseRouteHandler, refused: errors.InvalidInput) -> errors.InvalidInput:
    """To what msgspec says of a choice, what would have been right."""
    if refused.field is None or _MET not in refused.detail:
        return refused
    allowed = ", ".join(of(handler, refused.field))
    return errors.InvalidInput(f"{refused.detail}; allowed: {allowed}", field=refused.field)


def of(handler: BaseRouteHandler, name: str) -> list[str]:
    """``name``: of a query's parameter, or of a field of the body, as in ``kinds[0]``. Empty when
    it is no choice of words."""
    found = [*_parameters(handler, name), *_fields(handler, name.partition("[")[0])]
    return list(dict.fromkeys(word for each in found for word in _words(each)))


def _parameters(handler: BaseRouteHandler, name: str) -> Iterator[inspect.Type]:
    """Also those that a dependency asks for."""
    providers = handler.resolve_dependencies().values()
    asked = [each.parsed_fn_signature for each in providers]
    for signature in (handler.parsed_fn_signature, *asked):
        for own, parameter in signature.parameters.items():
            if name in (own, CLIENT_NAMES.get(own)):
                yield inspect.type_info(parameter.annotation)


def _fields(handler: BaseRouteHandler, name: str) -> Iterator[inspect.Type]:
    data = handler.parsed_data_field
    if data is not None:
        for struct in _parts(inspect.type_info(data.annotation)):
            if isinstance(struct, inspect.StructType):
                yield from (each.type for each in struct.fields if each.encode_name == name)


def _words(info: inspect.Type) -> Iterator[str]:
    for part in _parts(info):
        if isinstance(part, inspect.LiteralType):
            yield from map(str, part.values)


def _parts(info: inspect.Type) -> Iterator[inspect.Type]:
    """What a union or a list is of, else itself."""
    match info:
        case inspect.Metadata(type=inner):
            yield from _parts(inner)
        case inspect.UnionType(types=types):
            for each in types:
                yield from _parts(each)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            yield from _parts(item)
        case _:
            yield info
