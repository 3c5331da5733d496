"""A YAML file, as the documents' server is configured by: some keys are nested, and settings here.

What else stands in one is another program's, or of a later version: it is warned of, by its name.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chatctl_server.errors import InvalidSetting
from chatctl_server.settings.files import FoundSetting, ReadFile, found_setting, read_text

if TYPE_CHECKING:
    import yaml

SUFFIXES = (".yaml", ".yml")
HOST, PORT = "server.host", "server.port"
NESTED = {"server.db_url": "DATABASE_URL", "server.base_dir": "UPLOAD_DIR"}
# Of search, and of the bus to other nodes.
NOT_USED_YET = frozenset(
    {
        "search.async_indexing.batch_size",
        "search.async_indexing.batch_timeout_ms",
        "search.meilisearch.url",
        "messaging.nats.url",
        "messaging.nats.jetstream.stream",
        "messaging.nats.jetstream.storage",
        "messaging.nats.jetstream.max_bytes",
        "messaging.nats.jetstream.max_age",
    }
)
_DEEPEST = 4  # keys in a name
_DEFAULT = {HOST: "127.0.0.1", PORT: "3000"}


class WrittenKey(NamedTuple):
    name: str  # with dots between the keys
    value: object
    origin: str


def read(path: Path, called: str, known: Collection[str]) -> ReadFile:
    """Raises InvalidSetting, also where the extra that reads such files is not installed."""
    found: dict[str, FoundSetting] = {}
    address: dict[str, FoundSetting] = {}
    unknown: dict[str, str] = {}
    warnings: list[str] = []
    for name, value, origin in _entries(read_text(path), called):
        setting = NESTED.get(name, name)
        if name in (HOST, PORT):
            address[name] = found_setting(name, value, origin)
        elif setting in known:
            found[setting] = found_setting(setting, value, origin)
        elif name.isupper() and "." not in name:
            unknown[name] = origin
        elif name in NOT_USED_YET:
            warnings.append(f"{origin}: {name} is not used by this version")
        else:
            warnings.append(f"{origin}: {name} is no setting, and not used")
    if address:
        found.setdefault("BIND_ADDRESS", _bind_address(address))
    return ReadFile(found, unknown, tuple(warnings))


def _bind_address(parts: dict[str, FoundSetting]) -> FoundSetting:
    host, port = (parts[each].text if each in parts else _DEFAULT[each] for each in (HOST, PORT))
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return FoundSetting(f"{host}:{port}", next(iter(parts.values())).origin)


def _entries(text: str, called: str) -> Iterator[WrittenKey]:
    try:
        import yaml  # 0.02 s, and most have no such file
    except ImportError:
        raise InvalidSetting(
            f"{called} is YAML, and what reads it is not installed",
            hint="pip install 'chatctl[yaml]', or write chatctl.toml: see config.example.toml",
        ) from None
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return
        if not isinstance(root, yaml.MappingNode):
            raise InvalidSetting(f"{called} holds no keys with values")
        yield from _flat(loader, root, called, ())
    except yaml.YAMLError as error:
        raise InvalidSetting(f"{called} is not valid YAML: {_problem(error)}") from None
    finally:
        loader.dispose()


def _flat(
    loader: "yaml.SafeLoader", node: "yaml.MappingNode", called: str, above: tuple[str, ...]
) -> Iterator[WrittenKey]:
    """What is nested deeper than any key of ours is told of as one, without its value."""
    import yaml

    for key, value in node.value:
        keys = (*above, str(key.value))
        if isinstance(value, yaml.MappingNode) and len(keys) < _DEEPEST:
            yield from _flat(loader, value, called, keys)
        else:
            is_scalar = isinstance(value, yaml.ScalarNode)
            plain = loader.construct_object(value) if is_scalar else value.value
            if plain is not None:  # unset, as an empty text
                yield WrittenKey(".".join(keys), plain, f"{called} line {key.start_mark.line + 1}")


def _problem(error: Any) -> str:
    """Without the lines themselves, in which a secret may stand."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be read"
    return f"{problem}, line {mark.line + 1}" if mark is not None else str(problem)
