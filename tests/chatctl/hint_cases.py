"""What is typed, the hint that it prints, and what is typed when one does what the hint says.

``{}`` in a hint is anything, ``{dir}`` the directory, ``{id}`` the one that was named, and
other names are what the fault knows. ``shows``: what is said in the end. Where nothing stands behind the hint, it is typed itself, up
to its first comma, and then, unless it is a command of ours, the first line again.
"""

from typing import NamedTuple

import hint_faults as faults

HOOK = "http://127.0.0.1:9/hook"
ADD = "callbacks add http://127.0.0.1:9/x --events"
CHECK = "chatctl config check"
NOBODY = "DATA_CALLBACK_URL=http://127.0.0.1:9/data"
FORMS = "2026-01-31, 2026-01-31T09:00:00Z, Unix seconds, or an age such as 15m, 2h, 7d"
SECRET = "correct-horse-battery-staple-0123456789"
JWT = f"{'e' * 20}.{'a' * 20}.{'b' * 43}"
TOKENS = f"ROOM_IDENTITY=token ROOM_TOKEN_SECRET={SECRET} chatctl token"
BASE64 = "openssl rand -base64 32"
OR_MORE = "a secret a line: openssl rand -base64 32 writes one"
KEY = "--api-key-file with a file that holds the key alone; the server writes its own when empty"
TO_FILE = "umask 077; openssl rand {} 32 > FILE, and FILE as {}_FILE"


BACK = "mv {dir}/away/chat.db {dir}/chat.db, mv {dir}/away/chat.db-wal {dir}/chat.db-wal"
GONE = "timeout 20 tail --pid={pid} -f /dev/null"
SERVE = "STOPPED=1 chatctl serve --bind 127.0.0.1:0"
PROGRAMS = ("timeout", "mkdir", "rm", "cp", "chmod", "mv", "kill", "echo", "openssl")


class Tried(NamedTuple):
    typed: str
    hint: str
    follow: tuple[str, ...] = ()
    ends: tuple[int, ...] = (0,)
    under: faults.Fault = faults.nothing
    shows: str = ""


def _line(typed: str) -> str:
    is_whole = (
        typed[0].isupper() or typed[0] == "{" or typed.partition(" ")[0] in ("chatctl", *PROGRAMS)
    )
    return typed if is_whole else f"chatctl {typed}"


def _tried(
    typed: str,
    hint: str,
    *follow: str,
    ends: tuple[int, ...] = (0,),
    under: faults.Fault = faults.nothing,
    shows: str = "",
) -> Tried:
    if not follow:
        first = hint.partition(", ")[0]
        follow = (first,) if first.startswith("chatctl ") else (first, _line(typed))
    return Tried(_line(typed), hint, tuple(_line(each) for each in follow), ends, under, shows)


TRIED = [
    # At a server.
    _tried(f"SERVED=1 chatctl callbacks test {HOOK}", "chatctl callbacks enable {}", f"SERVED=1 chatctl callbacks enable {HOOK}"),
    _tried("SERVED=1 ADMIN_API_KEY=wrong chatctl rooms ls", "--api-key-file FILE, or ADMIN_API_KEY in the environment", "SERVED=1 chatctl rooms ls --api-key-file key"),
    _tried("SERVED=1 chatctl watch lobby --since 999 --count 1", "--since {}", "SERVED=1 chatctl watch lobby --since 0 --count 1"),
    _tried("SERVED=1 chatctl callbacks rm http://127.0.0.1:9/data", "DATA_CALLBACK_URL, which switches it off when it is not set; CALLBACK_SIGNING_SECRET", "SERVED=1 chatctl callbacks ls"),
    _tried("SERVED=1 chatctl watch gone", "chatctl watch {} --since 0, for what did", "SERVED=1 chatctl watch {id} --since 0 --count 1"),
    # Over HTTP, what the command line refuses before it asks a server, or says in its own words.
    _tried("POST /management/callbacks/{data}/test '{\"event\":\"room.closed\"}'", "data_sync", "POST /management/callbacks/{data}/test '{\"event\":\"data_sync\"}'", under=faults.of_the_server),
    _tried("POST /management/callbacks '{\"url\":\"http://8.8.8.8/\",\"events\":[\"Room\"]}'", "such as message.posted, room.* or *", "POST /management/callbacks '{\"url\":\"http://8.8.8.8/\",\"events\":[\"room.*\"]}'"),
    _tried("POST /management/callbacks '{\"url\":\"http://8.8.8.8/\",\"events\":[\"q*\"]}'", "such as message.*", "POST /management/callbacks '{\"url\":\"http://8.8.8.8/\",\"events\":[\"message.*\"]}'"),
    _tried("POST /management/sync '{\"from\":2,\"to\":1}'", "from is the earlier of the two times", "POST /management/sync '{\"from\":1,\"to\":2}'"),
    _tried("DELETE /management/workspaces/1", "force=true", "DELETE /management/workspaces/1?force=true"),
    _tried("GET /management/events/stream?room={lobby}&after_seq=99", "after_seq=1", "GET /management/events/stream?room={lobby}&after_seq=1", under=faults.of_the_server),
    _tried("VERSION=99.1.0 GET /management/rooms", "the chatctl of the server: pip install chatctl=={version}", "VERSION={version} GET /management/rooms"),
    _tried("SERVED=1 VERSION=99.1.0 chatctl rooms ls", "the chatctl of the server: pip install chatctl=={version}", "SERVED=1 VERSION={version} chatctl rooms ls"),
    # Of a receiver, whose port a server has: it would listen until it is stopped.
    _tried("callbacks listen --fail 700", "--fail 500,500,200", "callbacks listen --port {port} --fail 500,500,200", ends=(5,)),
    _tried("callbacks listen --port {port}", "chatctl callbacks listen --port 0, which takes a free one", "STOPPED=1 chatctl callbacks listen --port 0", ends=(0, 143)),
    _tried("callbacks listen --delay 2h", "--delay 2s", "callbacks listen --port {port} --delay 2s", ends=(5,)),
    # Callbacks that nobody takes.
    _tried(f"{NOBODY} CALLBACK_MAX_RETRIES=0 chatctl sync push --kind data", "chatctl callbacks deliveries --status failed", f"{NOBODY} chatctl callbacks deliveries --status failed"),
    _tried(f"{NOBODY} chatctl sync push --kind data --timeout 1s", "chatctl callbacks deliveries --status pending, or a longer --timeout", f"{NOBODY} chatctl callbacks deliveries --status pending"),
    # What is typed wrongly.
    _tried("rooms ls --nothing", "chatctl rooms ls --help"),
    _tried("-q rooms ls", "options behind the verb, as in: chatctl rooms ls --json", "chatctl rooms ls --json"),
    _tried("rooms lss", "chatctl rooms ls"),
    _tried("version", "chatctl --version"),
    _tried("rooms list", "chatctl rooms ls", "chatctl rooms ls"),
    _tried("rooms delete gone", "chatctl rooms rm", "chatctl rooms rm gone --yes"),
    _tried("users delete 2", "chatctl users erase", "chatctl users erase 2 --yes"),
    _tried("users add Dora dora@example.org", "chatctl users create", "chatctl users create Dora dora@example.org"),
    _tried("serv", "chatctl serve", SERVE),
    _tried("rooms ls --statu open", "chatctl rooms ls … --status", "rooms ls --status open"),
    _tried("rooms ls --match", "--match GLOB", "rooms ls --match lob*"),
    _tried("rooms show", "as in: chatctl rooms show lobby", "rooms show lobby"),
    _tried("rooms create", "as in: chatctl rooms create lobby --admin alice --json", "rooms create lobby --admin alice --json"),
    _tried("rooms create x --admin --quiet", "--admin=--quiet, if it is the value", "rooms create x --admin=--quiet", ends=(0, 2)),
    _tried("help nothing", "chatctl help"),
    _tried("help rooms lss", "chatctl help rooms ls"),
    _tried("events -f", "chatctl events tail -f", "events tail"),
    # Two that exclude each other.
    *(
        _tried(f"{words} {one} {other}", "one of the two", *more)
        for words, one, other, *more in (
            ("callbacks deliveries", "--all", "--limit 3", "callbacks deliveries --all"),
            ("db prune --older-than 90d", "--compact", "--dry-run", "db prune --older-than 90d --dry-run"),
            ("events tail", "--since 1", "--limit 3", "events tail --since 1"),
            ("events", "--all", "--limit 3", "events --limit 3"),
            ("export", "--all", "lobby", "export lobby"),
            ("rooms history lobby", "--all", "--limit 3", "rooms history lobby --all"),
            ("messages rm", "--user anna", "--from empty", "messages rm --user anna --yes"),
            ("events replay --since 0", "--to http://127.0.0.1:9", "--to-file x", "events replay --since 0 --to-file x"),
            ("callbacks test", "--all", HOOK, "callbacks test --all --help"),
        )
    ),
    _tried("rooms ls --server http://127.0.0.1:9 --db sqlite:./chat.db", "one of the two; CHATCTL_SERVER counts as --server", "rooms ls --db sqlite:./chat.db", "rooms ls --server http://127.0.0.1:9", ends=(0, 6)),
    _tried("rooms admins lobby --set a --add b", "either --set, or --add and --remove", "rooms admins lobby --set a"),
    _tried("rooms admins lobby --set a,,b", "--remove USER takes one away", "rooms admins lobby --remove boss"),
    _tried("bans lobby --all-rooms", "chatctl bans --all-rooms"),
    _tried("ban lobby anna --all-rooms", "--from FILE, with a user a line", "ban --all-rooms --from users"),
    _tried("messages rm lobby --since 1h", "--user USER", "messages rm --user anna --since 1h --yes"),
    _tried("messages rm --user anna", "the same with --yes", "messages rm --user anna --yes"),
    _tried("db info --server http://a", "--db URL", "db info --db sqlite:./chat.db"),
    _tried("events tail -f --until 3", "without -f", "events tail --until 3"),
    _tried("init --config x", "chatctl init", "mkdir sub", "init sub"),
    # Of rooms, users and messages.
    _tried("export", "chatctl export ROOM, or --all for all", "export --all"),
    _tried("export lobby -o good.db", "another name for -o", "export lobby -o new"),
    _tried("export lobby --format csv -o good.db", "another name for -o", "export lobby --format csv -o new"),
    _tried("sync pull -o no/x", "mkdir -p no"),
    _tried("say lobby", "- reads the text from stdin", "say lobby - < users"),
    _tried("ban lobby", "--from - reads the users from stdin", "ban lobby --from - < users"),
    _tried("ban lobby --from .", "--from FILE", "ban lobby --from users"),
    _tried("messages rm lobby abc", "chatctl rooms history ROOM, or chatctl watch chat:CHAT --since 0, which show the ids", "rooms history lobby"),
    _tried("rooms rename lobby the hall", "'the hall', in quotes", "rooms rename lobby 'the hall'"),
    _tried("rooms rename lobby", "chatctl rooms rename ROOM NAME", "rooms rename lobby hall"),
    _tried("rooms close 'open one'", "chatctl rooms close 'open one' --yes"),
    _tried("rooms rm gone", "chatctl rooms rm gone --yes"),
    _tried("rooms rm lobby --yes", "chatctl rooms close {}", "chatctl rooms close {id} --yes", "rooms rm {id} --yes"),
    _tried("rooms create 'lob by '", "'lob by'", "rooms create 'lob by'"),
    _tried("rooms show nowhere", "chatctl rooms ls"),
    _tried("rooms show twin", "the whole id of one of them", "rooms show {id}"),
    _tried("sync push --kind periodic --full", "--kind chat_history or --kind session_history", "sync push --kind chat_history --full"),
    # Times and numbers.
    _tried("ban lobby anna --for 5", "--for 5s, 5h or 5d", "ban lobby anna --for 5d"),
    _tried("ban lobby anna --for soon", "--for 30s, 15m, 2h or 7d", "ban lobby anna --for 2h"),
    _tried("ban lobby anna --for 9000w", "no --for, which is for ever", "ban lobby anna"),
    _tried("rooms history lobby --since soon", f"--since {FORMS}", "rooms history lobby --since 2026-01-31", "rooms history lobby --since 2h"),
    _tried("rooms history lobby --since 1969-01-01", "--since 1970-01-01", "rooms history lobby --since 1970-01-01"),
    _tried("rooms history lobby --since 2026-01-02 --until 2026-01-01", "--since with the earlier of the two", "rooms history lobby --since 2026-01-01 --until 2026-01-02"),
    _tried("users show nobody", "chatctl users ls"),
    _tried("users show Twin", "the number of one of them", "users show 1"),
    _tried("users set-password 1", "--password-file FILE", "echo a long password > FILE", "users set-password 1 --password-file FILE"),
    _tried("users erase 2", "chatctl users erase 2 --yes"),
    _tried("workspaces show nowhere", "chatctl workspaces ls"),
    _tried("workspaces rm Acme", "--force", "workspaces rm Acme --force"),
    _tried("chats show nothing", "chatctl chats ls"),
    _tried("conversations show conv_00000000", "chatctl conversations ls"),
    *(
        _tried(typed, "chatctl conversations reopen {closed}", "chatctl conversations reopen {closed}", typed, under=faults.closed_conversation)
        for typed in ("conversations say {closed} hello", "conversations snooze {closed} --for 2h")
    ),
    _tried("sites show nowhere", "chatctl sites ls"),
    _tried("sites show Twin", "the id of one of them", "sites show default"),
    _tried("sites set default", "chatctl sites set --help"),
    _tried("sites set default --hours users", "--hours FILE, or --hours always", "sites set default --hours always"),
    _tried("sites rm Twin", "chatctl sites rm Twin --yes", "chatctl sites create Lone", "sites rm Lone --yes"),
    _tried("keys rm nothing", "chatctl keys ls"),
    _tried("keys create reports --scope ,", "--scope rooms, or rooms:read", "keys create reports --scope rooms"),
    _tried("keys create reports --scope all", "rooms, team, support or metrics, each also with :read", "keys create reports --scope rooms"),
    _tried("keys create reports --scope rooms --workspace 0", "leave it out", "keys create reports --scope rooms"),
    _tried("token mint --user anna --ttl 99999d", "--ttl 1h", f"{TOKENS} mint --user anna --ttl 1h"),
    _tried("events --since soon", f"--since 1200, {FORMS}", "events --since 1", "events --since 2026-01-31"),
    _tried("events --type nothing.*", "--type 'endpoint.*' or {}", "events --type 'endpoint.*'"),
    _tried("events --type ''", "--type 'room.*'", "events --type 'room.*'"),
    _tried("events replay --since 0", "--to URL, --to-file FILE, or --dry-run", "events replay --since 0 --dry-run"),
    _tried("events replay --to-file x", "--since 0 for all there is", "events replay --since 0 --to-file x"),
    _tried("events replay --since 0 --to-file good.db", "another name", "events replay --since 0 --to-file new"),
    _tried("events replay --since 0 --to-file x --rate fast", "--rate 50/s, 600/m or 1000/h", "events replay --since 0 --to-file x --rate 600/m"),
    _tried("events replay --to-file x --cursor list", "remove it to begin anew", "rm list", "events replay --since 0 --to-file x --cursor list"),
    _tried("events replay --to-file x --cursor empty", "another file, or remove it to begin anew", "rm empty", "events replay --since 0 --to-file x --cursor empty"),
    _tried("events replay --to-file x --cursor ahead", "rm ahead, and --since 0", "rm ahead", "events replay --since 0 --to-file x --cursor ahead"),
    _tried("events replay --since 0 --to nothing", "--to http://localhost:8080", "events replay --since 0 --dry-run --to http://localhost:8080"),
    _tried("events replay --since 0 --to http://127.0.0.1:9 --secret-file empty", OR_MORE, f"{BASE64} > empty", "events replay --since 0 --to http://127.0.0.1:9 --secret-file empty", ends=(0, 6)),
    _tried("events replay --since 0 --to http://127.0.0.1:9 --secret-file list", OR_MORE, f"{BASE64} > list", "events replay --since 0 --to http://127.0.0.1:9 --secret-file list", ends=(0, 6)),
    _tried("events replay --since 0 --to http://a:b", "--to http://localhost:8080/hook", "events replay --since 0 --dry-run --to http://localhost:8080/hook"),
    _tried("sync pull -o out", "rm out.part out.part.cursor"),
    _tried("rooms history lobby --since 999999999999", "--since 9999-12-31", "rooms history lobby --since 9999-12-31"),
    # Callbacks.
    _tried(f"callbacks add {HOOK} --events custom.* --secret-file signing", "chatctl callbacks rotate-secret {}, or PATCH /management/callbacks/{}, changes it", f"callbacks rotate-secret {HOOK} --secret-file signing"),
    _tried("callbacks add - --events * --secret-file -", "--secret-file FILE", f"{BASE64} > key", f"{ADD} * --secret-file key"),
    _tried(f"{ADD} * --scope nothing", "--scope rooms, all, workspace:7 or site:default", f"{ADD} * --scope rooms"),
    _tried(f"{ADD} * --scope site:7", "rooms or all, or a workspace:NUMBER or site:ID that there is", f"{ADD} * --scope all"),
    _tried("callbacks add nothing --events *", "such as http://localhost:8080/hook", "callbacks add http://localhost:8080/hook --events *"),
    _tried("callbacks add http://u:p@127.0.0.1:9/x --events *", "chatctl callbacks add - --events … < url.txt", "echo http://127.0.0.1:9/x > url.txt", "chatctl callbacks add - --events * < url.txt"),
    _tried(f"{ADD} mesage.posted", "--events 'message.posted' or {}", f"{ADD} message.posted"),
    _tried(f"callbacks rotate-secret {HOOK}", "--out FILE, which makes a secret and puts it there", f"callbacks rotate-secret {HOOK} --out new"),
    _tried(f"callbacks rotate-secret {HOOK} --out list", "--out with a new name", f"callbacks rotate-secret {HOOK} --out new"),
    _tried("callbacks test", "chatctl callbacks test --all", "chatctl callbacks test --all", ends=(6,)),
    _tried("callbacks show nothing", "chatctl callbacks ls, or chatctl callbacks deliveries"),
    _tried("callbacks rm nothing", "chatctl callbacks ls"),
    _tried("callbacks retry abc", "chatctl callbacks deliveries, which shows the ids"),
    _tried("callbacks add http://127.0.0.1:9/x --events *", "remove one that is not needed any more", f"callbacks rm {HOOK}", f"{ADD} *", under=faults.as_many_endpoints_as_may_be),
    _tried("watch lobby", "chatctl serve, and then the same again", SERVE),
    # Servers and files.
    _tried("rooms ls --server a:1", "--server http://a:1", "rooms ls --server http://a:1", ends=(6,)),
    _tried("rooms ls --server http://u:p@a", "--api-key-file FILE", "rooms ls --api-key-file list"),
    _tried("serve --bind 127.0.0.1:{port}", "choose another address with --bind HOST:PORT", "STOPPED=1 chatctl serve --bind 127.0.0.1:0"),
    _tried("XDG_RUNTIME_DIR={runtime} DATABASE_URL= chatctl rooms ls", "--server {first}, or --db with the database of one", "XDG_RUNTIME_DIR={runtime} DATABASE_URL= chatctl rooms ls --server {first}", "rooms ls --db sqlite:./chat.db", under=faults.two_servers),
    _tried("rooms ls", "chmod 600 {dir}/chat.db.admin-key", under=faults.key_for_others),
    _tried("rooms ls --lock-timeout 0.1", "wait longer with --lock-timeout SECONDS", "rooms ls --lock-timeout 10", under=faults.held_for_a_while),
    _tried("rooms ls --api-key-file empty", KEY, "rooms ls --api-key-file list"),
    _tried("rooms ls --api-key-file large", KEY, "rooms ls --api-key-file list"),
    _tried("rooms ls --api-key-file latin", KEY, "rooms ls --api-key-file list"),
    _tried("DATABASE_URL= chatctl rooms ls", "chatctl serve, or name a database: --db sqlite:./chat.db", "rooms ls --db sqlite:./chat.db"),
    _tried("DATABASE_URL=sqlite::memory: chatctl rooms ls", "chatctl serve, or name a file: --db sqlite:./chat.db", "rooms ls --db sqlite:./chat.db"),
    _tried("DATABASE_URL= chatctl db info", "--db sqlite:./chat.db", "db info --db sqlite:./chat.db"),
    _tried("rooms ls --db sqlite:./no/x.db", "mkdir -p {dir}/no", "mkdir -p no", "chatctl db migrate --db sqlite:./no/x.db", "rooms ls --db sqlite:./no/x.db"),
    _tried("rooms ls --db 'sqlite:./no ne.db'", "chatctl serve --db 'sqlite://{dir}/no ne.db', which creates it, or chatctl db migrate --db 'sqlite://{dir}/no ne.db'", "chatctl db migrate --db 'sqlite://{dir}/no ne.db'", "rooms ls --db 'sqlite:./no ne.db'"),
    _tried("init new --db sqlite::memory:", "--db sqlite:///var/lib/chat.db", "init new --db sqlite://{dir}/new.db"),
    _tried("init new --db 'sqlite:./n o/chat.db'", "mkdir -p '{dir}/n o'"),
    _tried("init", "another directory: chatctl init DIR", "init sub"),
    _tried("db migrate --db 'sqlite:./n o/x.db'", "mkdir -p '{dir}/n o'"),
    _tried("db restore good.db", "chatctl db restore good.db --yes"),
    _tried("db restore text.db --yes", "choose another backup", "db restore good.db --yes"),
    _tried("db restore empty --yes", "choose another backup", "db restore good.db --yes"),
    _tried("db check --db sqlite:./text.db", "chatctl db restore FILE, with the newest good backup", "db restore good.db --yes --db sqlite:./text.db", "db check --db sqlite:./text.db"),
    _tried("db info --db sqlite:./text.db", "another file, or: chatctl db restore FILE, with the newest good backup", "db restore good.db --yes --db sqlite:./text.db", "db info --db sqlite:./text.db"),
    _tried("db backup -", "chatctl db backup FILE", "db backup new"),
    _tried("db backup 'n o/'", "mkdir -m 700 'n o/'"),
    _tried("db backup good.db --keep 3", "chatctl db backup DIRECTORY --keep 3", "mkdir sub", "db backup sub --keep 3"),
    _tried("db backup x.db --db sqlite:./wrong.db", "chatctl db check", "db check --db sqlite:./wrong.db", ends=(10,)),
    _tried("db backup good.db", "choose another name", "db backup new"),
    _tried("db backup x.db --db sqlite:./empty", "chatctl db migrate", "db migrate --db sqlite:./empty", "db backup x.db --db sqlite:./empty"),
    _tried("rooms ls --db sqlite:./empty", "chatctl db migrate", "db migrate --db sqlite:./empty", "rooms ls --db sqlite:./empty"),
    _tried("rooms ls --db sqlite:./others.db", "choose another file", "rooms ls --db sqlite:./chat.db"),
    _tried("db prune --older-than 90d", "chatctl db prune --older-than 90d --yes"),
    _tried("db seed", "chatctl db seed --demo", "db migrate --db sqlite:./n.db", "db seed --demo --db sqlite:./n.db"),
    _tried("db seed --demo", "chatctl db migrate --db sqlite:./NEW.db, and then the same with it", "chatctl db migrate --db sqlite:./NEW.db", "db seed --demo --db sqlite:./NEW.db"),
    _tried("rooms ls --db sqlite:./damaged.db", "chatctl db check, and then chatctl db restore FILE, with the newest good backup", "db restore good.db --yes --db sqlite:./damaged.db", "rooms ls --db sqlite:./damaged.db"),
    _tried("rooms ls --db sqlite:./newer.db", "install the newer chatctl, or restore the backup made before its upgrade", "db restore good.db --yes --db sqlite:./newer.db", "rooms ls --db sqlite:./newer.db"),
    _tried("rooms ls --db sqlite:./early.db", "use a new file", "db migrate --db sqlite:./new.db", "rooms ls --db sqlite:./new.db"),
    _tried("db restore changed.db --yes", "choose another backup, or remove the manifest when the change was intended", "rm changed.db.json", "db restore changed.db --yes"),
    _tried("init part", "rm {dir}/part/chatctl.toml, and chatctl init again", "rm part/chatctl.toml", "chatctl init part"),
    # Of servers that answer badly, or late.
    _tried("rooms create x --server {other}", "the same with CHATCTL_DEBUG=1 in the environment, and report what it prints", "CHATCTL_DEBUG=1 chatctl rooms create x --server {other}", ends=(1,), under=faults.of_another_kind, shows="Traceback"),
    _tried("rooms ls --server {other}", "--server {url}", "rooms ls --server {url} --api-key-file key", under=faults.redirecting),
    _tried("rooms ls --server {other} --timeout 0.2", "--timeout 2m", "rooms ls --server {other} --timeout 2m", under=faults.late),
    _tried("{at} chatctl ban lobby anna", "the same command again: what is done already stays as it is", "SERVED=1 chatctl ban lobby anna --json", under=faults.losing_answers, shows='"changed":false'),
    _tried("{at} chatctl rooms create lost", "look whether it is done, before the same command again", "SERVED=1 chatctl rooms show lost", under=faults.losing_answers, shows="lost"),
    _tried("callbacks recover --since 2026-01-01 --server {other}", "chatctl callbacks recover --since 2026-01-01T00:00:00Z --only failed --rate {} --after here", "callbacks recover --since 2026-01-01T00:00:00Z --after here --server {other}", under=faults.busy_behind_a_page),
    _tried("DATA_CALLBACK_URL={hook} chatctl sync push --kind data --timeout 0.5", "the same command with a longer --timeout", "DATA_CALLBACK_URL={hook} chatctl sync push --kind data --timeout 20", under=faults.no_time),
    _tried("{at} chatctl sync push --kind data --wait --timeout 2", "chatctl sync status, or a longer --timeout", "{at} chatctl sync status", "{at} chatctl sync push --kind data --wait --timeout 20", under=faults.late_plans),
    _tried("SERVED=1 chatctl callbacks test http://127.0.0.1:9/data", "chatctl callbacks show DELIVERY, which has the whole answer", "SERVED=1 chatctl callbacks show {id}", shows="refused"),
    # Of what is stopped on its way.
    _tried("callbacks test --all --server {other}", "chatctl callbacks deliveries, which has the answers", "callbacks deliveries --server {other}", under=faults.stopped_in_samples),
    _tried("{at} chatctl sync pull -o -", "-o FILE, with which the same command goes on from there", "SERVED=1 chatctl sync pull -o new", under=faults.stopped_in_sessions),
    _tried("{at} chatctl sync pull -o new", "the same command, which goes on from there", "SERVED=1 chatctl sync pull -o new", under=faults.stopped_in_sessions),
    _tried("{at} chatctl sync push --wait", "chatctl sync status", "SERVED=1 chatctl sync status", under=faults.stopped_in_waiting),
    _tried("DATA_CALLBACK_URL={hook} chatctl sync push --kind data", "the same command, which goes on with it", "DATA_CALLBACK_URL={hook} chatctl sync push --kind data", under=faults.stopped_in_planning),
    _tried("SERVED=1 chatctl callbacks forward --to {hook} --since 0", "the same with --since 1", "SERVED=1 chatctl callbacks forward --to {hook} --since 1 --count 1", under=faults.stopped_at_the_second),
    _tried("SERVED=1 chatctl callbacks forward --to {hook} --since 0 --cursor place", "the same command, which goes on behind them", "SERVED=1 chatctl callbacks forward --to {hook} --since 0 --cursor place --count 1", under=faults.stopped_at_the_second),
    # Files without room, of others, or in use. What was put right is typed again.
    _tried("SERVED=1 chatctl export --all --format csv -o out", "make room on its disk", "SERVED=1 chatctl export --all --format csv -o out", under=faults.no_room),
    _tried("SERVED=1 chatctl sync pull -o new", "make room on its disk, then the same command, which goes on from there", "SERVED=1 chatctl sync pull -o new", under=faults.no_room),
    _tried("SERVED=1 chatctl events replay --since 0 --to-file new", "make room on its disk, then the same with --since {}, and with another FILE", "SERVED=1 chatctl events replay --since 1 --to-file other", under=faults.room_for_a_line),
    _tried("rooms create x", "make room on the database's disk; the server goes on by itself", "rooms create x", under=faults.no_room_for_a_change),
    _tried("db info --db sqlite:./copied/chat.db", "make room or copy {dir}/copied/chat.db and {dir}/copied/chat.db-wal to another directory", "mkdir other", "cp {dir}/copied/chat.db {dir}/copied/chat.db-wal other", "db info --db sqlite:./other/chat.db", under=faults.log_that_cannot_be_read),
    _tried("db restore good.db --yes", "end what reads it, then repeat this", "db restore good.db --yes", under=faults.reader),
    _tried("db migrate --db sqlite:./new.db", "another directory, or run this as the owner of that one", "db migrate --db sqlite:./new.db", under=faults.of_somebody_else),
    _tried("rooms ls", "sudo -u '#0' chatctl …, or --server URL with --api-key-file FILE", "chatctl rooms ls", "rooms ls --server {url} --api-key-file key", under=faults.of_somebody_else),
    _tried(f"ADMIN_API_KEY_FILE=key {CHECK}", "run this as the owner of {dir}/key", f"ADMIN_API_KEY_FILE=key {CHECK}", under=faults.of_somebody_else),
    _tried("db migrate --db sqlite:./new.db", "run this as the user who owns the database", "db migrate --db sqlite:./new.db", under=faults.lock_of_somebody_else),
    _tried("db restore good.db --yes", "stop that server first: kill {pid}", "kill {pid}", GONE, "db restore good.db --yes", under=faults.served),
    _tried("rooms ls", f"{BACK}, then kill {{pid}} and start the server again", *BACK.split(", "), "kill {pid}", GONE, SERVE, "rooms ls", under=faults.moved, shows="acknowledged"),
    _tried("{at} chatctl status", f"its log; {BACK}, then kill {{pid}} and start the server again", *BACK.split(", "), "kill {pid}", GONE, SERVE, "rooms ls", under=faults.moved, shows="acknowledged"),
    _tried("{at} chatctl status", "its log, and chatctl db check beside the database", "db check", ends=(10,), under=faults.served_and_damaged),
    # Settings and secrets.
    _tried("config check", "look for a quote that is not closed, or text behind the closing one", "echo 'LOG_LEVEL=\"info\"' > .env", "config check", under=faults.open_quote),
    _tried("config check --config app.yaml", "pip install 'chatctl[yaml]', or write chatctl.toml: see config.example.toml", "echo 'BIND_ADDRESS = \"127.0.0.1:6688\"' > chatctl.toml", "rm app.yaml", "config check", under=faults.no_yaml),
    _tried("config check --config table.toml", 'write every setting at the top as NAME = "value"', "echo 'MAX_CONNECTIONS = \"5\"' > table.toml", "config check --config table.toml"),
    _tried("config check --config list.toml", 'write TRUSTED_PROXIES = "…", several values with commas between them', "echo 'TRUSTED_PROXIES = \"10.0.0.0/8,fd00::/8\"' > list.toml", "config check --config list.toml"),
    _tried(f"CREDENTIALS_DIRECTORY=credentials {CHECK}", "leave out one of them", "rm credentials/ADMIN_API_KEY", f"CREDENTIALS_DIRECTORY=credentials {CHECK}"),
    _tried(f"{TOKENS} inspect - < jwt", "chatctl token mint --user USER makes a good one", f"{TOKENS} mint --user anna > token.txt", f"{TOKENS} inspect - < token.txt"),
    _tried("token mint --user anna", "the server's own configuration: --config FILE or CHAT_CONFIG; chatctl init writes one", "chatctl init sub", "token mint --user anna --config sub/chatctl.toml"),
    _tried(f"ROOM_TOKEN_SECRET={SECRET} chatctl token inspect {JWT}", "the token on stdin: chatctl token inspect - < token.txt", f"{TOKENS} mint --user anna > token.txt", f"{TOKENS} inspect - < token.txt"),
    *(
        _tried(f"{wrong} {CHECK}", hint, *(f"{each} {CHECK}" for each in right))
        for wrong, hint, *right in (
            ("ROOM_IDENTITY=token", "openssl rand -hex 32 writes a good one", f"ROOM_IDENTITY=token ROOM_TOKEN_SECRET={SECRET}"),
            ("ROOM_IDENTITY=tokn", "did you mean token?", f"ROOM_IDENTITY=token ROOM_TOKEN_SECRET={SECRET}"),
            ("LOG_LEVEL=debag", "did you mean debug?", "LOG_LEVEL=debug"),
            ("LOG_LEVEL=info,romms=debug", "did you mean rooms?", "LOG_LEVEL=info,rooms=debug"),
            ("ROOM_TOKEN_SECRET=short", "openssl rand -hex 32 writes a good one", f"ROOM_TOKEN_SECRET={SECRET}"),
            ("CALLBACK_SIGNING_SECRET=?", "openssl rand -base64 32 writes a good one", f"CALLBACK_SIGNING_SECRET={'A' * 43}="),
            ("CALLBACK_SIGNING_SECRET=c2hvcnQ=", "openssl rand -base64 32 writes a good one", f"CALLBACK_SIGNING_SECRET={'A' * 43}="),
            ("DATA_CALLBACK_URL=localhost:80", "write it whole, as in http://127.0.0.1:8000/hook", "DATA_CALLBACK_URL=http://127.0.0.1:8000/hook"),
            ("CORS_ORIGINS=*,http://a", "leave out either", "CORS_ORIGINS=*"),
            ("CORS_ORIGINS=a", "an origin looks like https://chat.example.com", "CORS_ORIGINS=https://chat.example.com"),
            ("CORS_ORIGINS=http://a/b", "write http://a", "CORS_ORIGINS=http://a"),
            ("OPEN_SIGNUP=no", "write true or false", "OPEN_SIGNUP=false"),
            ("PUBLIC_URL=a", "write it whole, as in https://chat.example.com", "PUBLIC_URL=https://chat.example.com"),
            ("TRUSTED_PROXIES=10.0.0.1/8", "write 10.0.0.0/8", "TRUSTED_PROXIES=10.0.0.0/8"),
            ("BIND_ADDRESS=localhost", "write localhost:3000", "BIND_ADDRESS=localhost:3000"),
            ("BIND_ADDRESS=3000", "write 127.0.0.1:3000", "BIND_ADDRESS=127.0.0.1:3000"),
            ("BIND_ADDRESS=::1:3000", "write it as in [::1]:3000", "BIND_ADDRESS=[::1]:3000"),
            ("BIND_ADDRESS=localhost:x", "a port is 0 (any free one) to 65535", "BIND_ADDRESS=localhost:0"),
            ("BIND_ADDRESS=_:3000", "write host:port, as in 127.0.0.1:3000", "BIND_ADDRESS=127.0.0.1:3000"),
            ("DATABASE_URL=postgres://a", "use a file, as in sqlite:./chat.db", "DATABASE_URL=sqlite:./chat.db"),
            ("DATABASE_URL=chat.db", "write sqlite:chat.db", "DATABASE_URL=sqlite:chat.db"),
            ("DATABASE_URL=sqlite:./chat.db?a=b", "leave them out", "DATABASE_URL=sqlite:./chat.db"),
            ("DATABASE_URL=sqlite:", "write sqlite:./chat.db", "DATABASE_URL=sqlite:./chat.db"),
            ("DATABASE_URL=sqlite://chat.db", "write sqlite:./chat.db (this directory) or sqlite:///chat.db (from the root)", "DATABASE_URL=sqlite:./chat.db", "DATABASE_URL=sqlite:///chat.db"),
            ("ADMIN_API_KEY=a ADMIN_API_KEY_FILE=list", "leave out one of them; ADMIN_API_KEY_FILE keeps the secret out of sight", "ADMIN_API_KEY_FILE=list"),
        )
    ),
    *(
        _tried(f"{name}_FILE={file} {CHECK}", TO_FILE.replace("{}", "-hex", 1), "openssl rand -hex 32 > FILE", f"{name}_FILE=FILE {CHECK}")
        for name, file in (("ADMIN_API_KEY", "nowhere"), ("ROOM_TOKEN_SECRET", "empty"), ("METRICS_KEY", "latin"), ("METRICS_KEY", "large"))
    ),
]  # fmt: skip
# What functions and names of other modules put together: a pattern of it.
SPOKEN = {
    "elsewhere": "chatctl events tail -f",
    "without_asking": "chatctl rooms close .+ --yes",
    "rest": "the same command, which goes on from there",
    "f'{option} {_meant(glob, names)}'": r"--\w+ '.+' or .+",
    "f'{word} {values[word]}'": r"--\w+ .+",
    "f\"{command} … {', '.join(near)}\"": r"chatctl \w.+ … --\w+",
    "self._rest()": "chatctl callbacks recover .+",
    "', then '.join((each for each in (failure.hint, rest) if each))": ".+, then .+",
    "moved.hint(holder.pid, Path(database))": ".+, then kill .+",
    "', '.join(possible)": "data_sync",
    "_serve(self._options)": "chatctl serve.*, and then the same again",
    "self.example": "as in: chatctl .+",
    "_how_to_write(name)": "umask 077; openssl rand .+ 32 > FILE, and FILE as .+_FILE",
    "', '.join((f'{command} {each}' for each in near))": r"chatctl \w.*",
    "did_you_mean(text.lower(), words)": r"did you mean \w+\?",
    "did_you_mean(level, LEVELS)": r"did you mean \w+\?",
    "did_you_mean(area, AREAS)": r"did you mean \w+\?",
    "failure.hint.replace('after_seq=', '--since ')": "--since .+",
    "signatures.FIX": "openssl rand -base64 32 writes a good one",
    "files.CHECK": "chatctl db check, and then .+",
    "shlex.quote(name.strip())": "'lob by'",
}
