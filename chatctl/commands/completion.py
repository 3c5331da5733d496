"""``chatctl completion``: scripts made from the commands themselves."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from chatctl.input import event_types
from chatctl.shell import manual
from chatctl.shell.options import Options, arg, verb
from chatctl.show import stdout

Shell = Literal["bash", "zsh", "fish"]
Command = tuple[str, Any, Sequence[Any]]

_ASKED = "--quiet --timeout 1s --lock-timeout 0.1 2>/dev/null"
# By what a word is called. Of endpoints kinds and ids; one that was added has no kind that names
# it.
_LISTS = {
    "ROOM": f"chatctl rooms ls {_ASKED} | cut -f2",
    "ENDPOINT": f"chatctl callbacks ls {_ASKED} | cut -f1,2 | tr '\\t' '\\n' | grep -vx events",
    "KEY": f"chatctl keys ls {_ASKED} | cut -f1",
    "ACCOUNT": f"chatctl users ls {_ASKED} | cut -f3",
    "WORKSPACE": f"chatctl workspaces ls {_ASKED} | cut -f1",
    "CHAT": f"chatctl chats ls {_ASKED} | cut -f1",
    "CONVERSATION": f"chatctl conversations ls {_ASKED} | cut -f1",
    "SITE": f"chatctl sites ls {_ASKED} | cut -f2",
}
# For fish: its candidates hold no tabs, and what is escaped in a cell is another name there.
_PLAIN = r"grep -vF \\"
_ROOT = ("--help", "--version")
_FILES = ("FILE", "DIR")


@verb(
    "completion",
    "d=~/.local/share/bash-completion/completions; mkdir -p $d; "
    "chatctl completion bash >$d/chatctl",
    "d=~/.config/fish/completions; mkdir -p $d; chatctl completion fish >$d/chatctl.fish",
)
def completion(options: Options, shell: Annotated[Shell, arg("bash|zsh|fish")]) -> None:
    """Print a script that completes commands, options and rooms; for zsh: source <(…)."""
    # The commands' names stand with the command line, which imports this module.
    from chatctl.shell import registry

    commands = registry.commands()
    match shell:
        case "bash":
            stdout.write(f"{_bash(commands)}{_FOR_BASH}")
        case "zsh":
            begin = "autoload -U +X bashcompinit && bashcompinit\n"
            stdout.write(f"{begin}{_bash(commands)}{_FOR_ZSH}")
        case "fish":
            nouns = {f"chatctl {name}": found[0] for name, found in registry.NOUNS.items()}
            stdout.write("".join(f"{line}\n" for line in _fish(commands, nouns)))


# For bash and, by its emulation, zsh, where path and words are special names. What others have
# named does not go through compgen -W: it expands its words, and a room may be called $(reboot),
# or somebody sign up as $(reboot)@example.org.
_SCRIPT = """\
# chatctl completion bash
_chatctl_names() {
    local name plain=${cur//\\\\/}
    plain=${plain#[\\"\\']}
    while IFS= read -r name; do
        printf -v name '%b' "$name"
        [[ $name == "$plain"* ]] && COMPREPLY+=("$(printf %q "$name")")
    done
}
LISTS
_chatctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    local at=chatctl offered='' first='' count=0 skip='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ -n $skip ]]; then skip=''; continue; fi
        case "${COMP_WORDS[i]}" in
            VALUED) skip=1; continue ;;
            -*) continue ;;
        esac
        case "$at ${COMP_WORDS[i]}" in
            PATHS) at="$at ${COMP_WORDS[i]}" ;;
            *) count=$((count + 1)) ;;
        esac
    done
    case "$at" in
OFFERED
    esac
    case "$at $prev" in
VALUES
    esac
    if [[ $cur == -* || ( -z $first && $count == 0 ) ]]; then
        COMPREPLY=($(compgen -W "$offered" -- "$cur"))
    elif [[ $count == 0 ]]; then
        case "$first" in
            LISTED) "_chatctl_$first" ;;
            FILE|DIR) _chatctl_files ;;
            *) COMPREPLY=($(compgen -W "$first" -- "$cur")) ;;
        esac
    fi
}
"""
# Files are the shell's own completion, which quotes them: asked for where a file is meant. In zsh
# what bash would offer comes from a process of its own, and a word that nobody has says so.
_FOR_BASH = """\
_chatctl_files() { compopt -o default 2>/dev/null; }
complete -F _chatctl chatctl
"""
_FOR_ZSH = """\
_chatctl_files() { COMPREPLY=(/files/); }
_chatctl_zsh() {
    local -a COMP_WORDS=("${words[@]}") COMPREPLY found
    local COMP_CWORD=$((CURRENT - 1))
    found=("${(@Qf)$(compgen -F _chatctl -- "${words[CURRENT]}")}")
    if [[ $found == /files/ ]]; then _files; else compadd -- "${(@)found:#}"; fi
}
compdef _chatctl_zsh chatctl
"""


# ``__chatctl_at`` is true behind exactly these words, ``__chatctl_in`` also further on. Where an
# option's value is to come, ``-`` is a word.
_FOR_FISH = """\
# chatctl completion fish
function __chatctl_words
    set -l skip
    for word in (commandline -opc)
        if set -q skip[1]
            set skip
            continue
        end
        switch $word
            case VALUED
                set skip -
            case '-*'
            case '*'
                echo $word
        end
    end
    string join \\n $skip
end
function __chatctl_at
    set -l words (__chatctl_words)
    test "$argv" = "$words"
end
function __chatctl_in
    set -l words (__chatctl_words)
    set -l wanted (count $argv)
    test "$argv" = "$words[1..$wanted]"
end
complete -c chatctl -f"""


def _bash(commands: Sequence[Command]) -> str:
    firsts = {path: _first(params) for path, _, params in commands}
    offered = "\n".join(
        f"        '{path}') offered='{' '.join(words)}' first='{firsts.get(path, '')}' ;;"
        for path, words in _words(commands)
    )
    return (
        _SCRIPT.replace("LISTS", "\n".join(map(_bash_list, _LISTS)))
        .replace("LISTED", "|".join(_LISTS))
        .replace("VALUED", "|".join(_valued(commands)))
        .replace("PATHS", "|".join(f"'{path}'" for path, _ in _words(commands)))
        .replace("OFFERED", offered)
        .replace("VALUES", "\n".join(_bash_values(commands)))
    )


def _bash_list(word: str) -> str:
    return f"_chatctl_{word}() {{ _chatctl_names < <({_LISTS[word]}); }}"


def _bash_values(commands: Sequence[Command]) -> Iterator[str]:
    """What follows an option that takes a value; by its name alone where all commands agree."""
    found: dict[str, dict[str, str]] = {}
    for path, option in _value_options(commands):
        for name in option.opts:
            found.setdefault(name, {})[path] = _bash_value(option)
    for name, values in sorted(found.items()):
        if len(set(values.values())) == 1:
            yield f"        *' {name}') {next(iter(values.values()))}return ;;"
            continue
        for path, value in values.items():
            yield f"        '{path} {name}') {value}return ;;"


def _bash_value(option: Any) -> str:
    """Its choices, something of ``_LISTS``, a file, or nothing."""
    words, metavar = _choices(option), option.metavar or ""
    if words:
        return f"COMPREPLY=($(compgen -W '{words}' -- \"$cur\")); "
    if metavar in _LISTS:
        return f"_chatctl_{metavar}; "
    return "_chatctl_files; " if metavar in _FILES else ""


def _value_options(commands: Sequence[Command]) -> list[tuple[str, Any]]:
    """Each with the path of its command."""
    return [
        (path, option)
        for path, _, params in commands
        for option in params
        if not _is_word(option) and not option.is_flag
    ]


def _valued(commands: Sequence[Command]) -> list[str]:
    return sorted({name for _, option in _value_options(commands) for name in option.opts})


def _words(commands: Sequence[Command]) -> list[tuple[str, list[str]]]:
    """What may follow each path: the commands below it, or a command's options."""
    below: dict[str, list[str]] = {"chatctl": list(_ROOT)}
    for path, _, params in commands:
        *_, parent, name = _prefixes(path)
        if parent not in below:
            below["chatctl"].append(parent.split()[-1])
            below[parent] = []
        below[parent].append(name.split()[-1])
        below[path] = sorted(name for each in params for name in each.opts if name[0] == "-")
    return list(below.items())


def _prefixes(path: str) -> list[str]:
    words = path.split()
    return [" ".join(words[: end + 1]) for end in range(len(words))]


def _first(params: Sequence[Any]) -> str:
    """What a command's first word is: one of ``_LISTS``, FILE, DIR, its choices, or nothing."""
    metavar = next(((each.metavar or "") for each in params if _is_word(each)), "").strip("[]")
    if metavar == "TOPIC|COMMAND":
        return " ".join([*manual.TOPICS, *_every_name()])
    if _is_choice(metavar):
        return metavar.replace("|", " ")
    word = metavar.split(" ")[0].split("|")[0]
    return word if word in (*_LISTS, *_FILES) else ""


def _every_name() -> list[str]:
    from chatctl.shell import registry

    return [*(each.name for each in registry.VERBS), *registry.NOUNS]


def _is_word(param: Any) -> bool:
    return bool(param.param_type_name == "argument")


def _is_choice(metavar: str) -> bool:
    return "|" in metavar and metavar.islower()


def _choices(option: Any) -> str:
    """With spaces between them; of --type and the like, the types of events that there are."""
    if "--event" in option.opts:
        return " ".join((*event_types.events(), *event_types.CALLBACKS, event_types.SAMPLE))
    if {"--type", "--events"} & {*option.opts}:
        return " ".join(event_types.events())
    metavar = option.metavar or ""
    return metavar.replace("|", " ") if _is_choice(metavar) else ""


def _fish(commands: Sequence[Command], nouns: dict[str, str]) -> Iterator[str]:
    yield _FOR_FISH.replace("VALUED", " ".join(_valued(commands)))
    sentences = {**nouns, **{path: verb.sentence for path, verb, _ in commands}}
    for path, words in _words(commands):
        if path == "chatctl" or path in nouns:
            yield from _fish_below(path, words, sentences)
    for path, _, params in commands:
        yield from _fish_command(path, params)


def _fish_below(path: str, words: Sequence[str], sentences: dict[str, str]) -> Iterator[str]:
    for word in words:
        if word[0] == "-":
            yield f"complete -c chatctl -n '__chatctl_at {path}' -l {word[2:]}"
            continue
        told = _quoted(sentences[f"{path} {word}"])
        yield f"complete -c chatctl -n '__chatctl_at {path}' -a {word} -d {told}"


def _fish_command(path: str, params: Sequence[Any]) -> Iterator[str]:
    at, first = f"complete -c chatctl -n '__chatctl_at {path}'", _first(params)
    if first in _LISTS:
        yield f"{at} -a {_fish_list(first)}"
    elif first in _FILES:
        yield f"{at} -F"
    elif first:
        yield f"{at} -a '{first}'"
    for option in params:
        if not _is_word(option):
            yield f"complete -c chatctl -n '__chatctl_in {path}' {_fish_option(option)}"


def _fish_option(option: Any) -> str:
    names = [f"-l {name[2:]}" if name[:2] == "--" else f"-s {name[1:]}" for name in option.opts]
    told, metavar = f"-d {_quoted(option.help or '')}", option.metavar or ""
    if option.is_flag:
        return " ".join([*names, told])
    if words := _choices(option):
        return " ".join([*names, "-x", f"-a '{words}'", told])
    if metavar in _LISTS:
        return " ".join([*names, "-x", f"-a {_fish_list(metavar)}", told])
    return " ".join([*names, "-r -F" if metavar in _FILES else "-x", told])


def _fish_list(word: str) -> str:
    return _quoted(f"({_LISTS[word]} | {_PLAIN})")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
