"""The page's own words in its two languages. What describes the routes stays English."""

from typing import Final, NamedTuple

from chatctl_server.api.openapi.languages import Language


class PageWords(NamedTuple):
    title: str
    skip: str
    contents: str
    intro: str
    key: str
    no_key: str
    metrics_key: str
    for_account: str
    for_desk: str
    parameters: str
    body: str
    example: str
    answer: str
    problems: str
    fix: str
    objects: str
    all_problems: str
    required: str
    optional: str
    default: str
    such_as: str
    or_null: str
    array_of: str
    places: dict[str, str]
    tags: dict[str, str]


ENGLISH: Final = PageWords(
    title="HTTP API",
    skip="Skip to the content",
    contents="Contents",
    intro="""\
Rooms for another product to embed: the host product manages them over HTTP, its users talk over
WebSocket. The protocol in full is in `docs/rooms.md`. The same as here, for programs, in
OpenAPI 3.1: """,
    key="Needs the header `X-Api-Key` with the value of the setting `ADMIN_API_KEY`.",
    no_key="Needs no key.",
    for_account="Needs an access token: `Authorization: Bearer …`, the `token` of a sign-in.",
    for_desk="Needs an agent's `Authorization: Bearer …` or named key in `X-Api-Key`, or a "
    "visitor's `X-Site-Key` and `X-Visitor-Token`; with `SUPPORT_ACCESS=open` nothing, here.",
    metrics_key="With the setting `METRICS_KEY`: needs `Authorization: Bearer METRICS_KEY`.",
    parameters="Parameters",
    body="Body",
    example="Example",
    answer="Answer",
    problems="Problems",
    fix="What to do:",
    objects="Objects",
    all_problems="Problem codes",
    required="required",
    optional="optional",
    default="default",
    such_as="such as",
    or_null="or null",
    array_of="array of",
    places={"path": "path", "query": "query", "header": "header"},
    tags={
        "rooms": "Rooms",
        "messages": "Messages",
        "chats": "Chats",
        "chat-messages": "Messages of chats",
        "desk": "Support desk",
        "desk-operator": "Support desk, for operators",
        "sites": "Sites and their visitors",
        "moderation": "Moderation",
        "sync": "Histories and sync",
        "team-operator": "Team chat, for operators",
        "keys": "Named keys",
        "callbacks": "Callbacks",
        "events": "The log",
        "accounts": "Accounts of team chat",
        "workspaces": "Workspaces",
        "live": "Live events of team chat",
        "files": "Files of team chat",
        "server": "The server itself",
        "websocket": "WebSocket",
    },
)
CHINESE: Final = PageWords(
    title="HTTP 接口",
    skip="跳到正文",
    contents="目录",
    intro="""\
供其他产品嵌入的聊天房间：宿主产品通过 HTTP 管理房间，其用户通过 WebSocket 交谈。
完整协议见 `docs/rooms.md`；各接口的说明为英文。供程序读取的 OpenAPI 3.1 描述：""",
    key="需要请求头 `X-Api-Key`，其值为配置项 `ADMIN_API_KEY`。",
    no_key="不需要密钥。",
    for_account="需要访问令牌：`Authorization: Bearer …`，即登录返回的 `token`。",
    for_desk="需要客服的 `Authorization: Bearer …` 或 `X-Api-Key` 中的命名密钥，"
    "或访客的 `X-Site-Key` 与 `X-Visitor-Token`；`SUPPORT_ACCESS=open` 时本机无需凭据。",
    metrics_key="设置了 `METRICS_KEY` 时，需要 `Authorization: Bearer METRICS_KEY`。",
    parameters="参数",
    body="请求体",
    example="示例",
    answer="响应",
    problems="错误码",
    fix="处理办法：",
    objects="对象",
    all_problems="全部错误码",
    required="必填",
    optional="可选",
    default="默认",
    such_as="例如",
    or_null="或 null",
    array_of="数组，元素为",
    places={"path": "路径", "query": "查询", "header": "请求头"},
    tags={
        "rooms": "房间",
        "messages": "消息",
        "chats": "聊天",
        "chat-messages": "聊天消息",
        "desk": "客服",
        "desk-operator": "客服：运维",
        "sites": "站点与访客",
        "moderation": "管理成员",
        "sync": "历史与同步",
        "team-operator": "团队聊天：运维",
        "keys": "命名密钥",
        "callbacks": "回调",
        "events": "事件日志",
        "accounts": "团队聊天的账号",
        "workspaces": "工作区",
        "live": "团队聊天的实时事件",
        "files": "团队聊天的文件",
        "server": "服务器",
        "websocket": "WebSocket",
    },
)
WORDS: Final[dict[Language, PageWords]] = {"en": ENGLISH, "zh": CHINESE}
LANGUAGE_TAGS: Final[dict[Language, str]] = {"en": "en", "zh": "zh-Hans"}
