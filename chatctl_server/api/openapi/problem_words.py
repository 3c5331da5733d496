"""What each problem code means to a caller, and what to do about it, in the page's languages."""

from typing import Final, NamedTuple

from chatctl_server.api.openapi.languages import Language


class Words(NamedTuple):
    meaning: str
    fix: str


ENGLISH: Final = {
    "invalid_input": Words(
        "A parameter or the body is wrong.", "Change the input that `field` names."
    ),
    "bad_text": Words(
        "Text with U+0000, or that is no valid Unicode.",
        "Send valid UTF-8 without U+0000 in what `field` names.",
    ),
    "unauthorized": Words(
        "The key or the token is missing, wrong or over.",
        "Send a good one in the header that `WWW-Authenticate` and `detail` name.",
    ),
    "forbidden": Words(
        "The `Origin` is not one of `CORS_ORIGINS`.", "Add it there, or call from another page."
    ),
    "banned": Words("The user is banned from the room.", "Lift the ban first."),
    "muted": Words("The user is muted here.", "Wait for its end, or lift it."),
    "not_a_participant": Words("Not a member of the chat.", "Join it, or be added to it."),
    "conversation_not_found": Words(
        "There is no such chat, or it is in a workspace that the caller is not in.",
        "Take the id from the list of chats.",
    ),
    "owner_must_transfer": Words(
        "It would be left without its owner.", "Make another member the owner first."
    ),
    "not_found": Words("There is no such path.", "Compare the path with this description."),
    "room_not_found": Words("There is no such room.", "Take the id from the list of rooms."),
    "room_closed": Words(
        "The room was closed, which is for good.", "Create another room. Its history can be read."
    ),
    "message_not_found": Words(
        "The room has no such message.", "Take `message_id` from the room's messages."
    ),
    "key_not_found": Words(
        "There is no such named key, or not any more.", "Take the id from the list of keys."
    ),
    "endpoint_not_found": Words(
        "There is no such endpoint, or not any more.", "Take the id from the list of endpoints."
    ),
    "delivery_not_found": Words(
        "There is no such delivery.", "Take the id from the list of deliveries."
    ),
    "invalid_transition": Words(
        "The conversation's state does not allow it.",
        "Read its `status`: open may be snoozed or closed, closed reopened.",
    ),
    "conversation_closed": Words(
        "The conversation is closed.", "Reopen it first; a customer's message does that itself."
    ),
    "site_not_found": Words(
        "There is no such site, or it is in a workspace that the caller is not in.",
        "Take the id from the list of sites.",
    ),
    "customer_not_found": Words(
        "The site has no such customer, or not any more.", "Take the id from a conversation."
    ),
    "canned_response_not_found": Words(
        "The workspace has no such canned response.", "Take the id from the list of them."
    ),
    "ambiguous": Words("More than one id begins so.", "Send the whole id: `detail` names some."),
    "conflict": Words(
        "It cannot be done in the state that the thing is in.", "See `detail`, and `hint`."
    ),
    "method_not_allowed": Words(
        "The path has other methods.", "Take one that the header `Allow` names."
    ),
    "version_mismatch": Words(
        "The header `X-Chatctl-Version` names another major version than the server's.",
        "Use the version that `hint` names, or leave the header out.",
    ),
    "resync_required": Words(
        "The room has no message with that `seq` yet.", "Take the `seq` that `hint` names."
    ),
    "too_large": Words(
        "The body, or a text in it, is too large.",
        "Send less, or raise `MAX_BODY_BYTES` or `MAX_MESSAGE_BYTES`.",
    ),
    "throttled": Words(
        "Too many wrong keys or passwords came from this address, or too many requests.",
        "Wait for `retry_after` seconds. The right key always passes.",
    ),
    "internal": Words("Something unexpected.", "Look for `request_id` in the server's log."),
    "busy": Words("Too many calls are waiting.", "Repeat after `retry_after` seconds."),
    "query_timeout": Words(
        "The database took too long to answer.",
        "Ask for less: a later start, a shorter time, one room, or fewer at once.",
    ),
    "not_stored": Words(
        "The database failed; nothing was stored.", "Repeat after `retry_after` seconds."
    ),
    "unknown": Words(
        "The commit itself failed: it is stored, or it is not.",
        "Look what is stored. Repeat a message with the same `client_msg_id`.",
    ),
    "storage_unavailable": Words(
        "The database cannot be used now, or the server stops.",
        "Repeat later. When it stays, see `/health` and the server's log.",
    ),
    "storage_full": Words("The disk is full; nothing was stored.", "Make room, then repeat."),
    "address_unavailable": Words("An address cannot be listened on.", "Choose another one."),
    "connection_limit": Words(
        "One of the limits of connections is reached.",
        "Repeat later, or raise the setting that `detail` names.",
    ),
    "token_revoked": Words(
        "The session of the access token has ended, or its account is suspended.", "Sign in again."
    ),
    "invalid_credentials": Words(
        "The password is wrong, or nobody has that e-mail.",
        "Compare both, or ask for a reset link.",
    ),
    "account_suspended": Words("The account is suspended.", "Ask the operator of the server."),
    "invite_required": Words(
        "The workspace, or the whole server, takes members by invite.",
        "Ask a member of it for an invite, and send its code as `invite_code`.",
    ),
    "no_workspace": Words("The user is in no workspace.", "Accept an invite, or make a workspace."),
    "not_allowed": Words(
        "The caller is known, and may not do this.",
        "Ask somebody with the role that `detail` names.",
    ),
    "session_not_found": Words(
        "The user has no such session, or not any more.",
        "Take the `sid` from the list of sessions.",
    ),
    "code_not_found": Words(
        "The code is unknown, or was used up, revoked or is over.", "Ask for another one."
    ),
    "user_not_found": Words(
        "Nobody has that id, in the caller's workspaces.", "Take the id from `/api/users`."
    ),
    "workspace_not_found": Words(
        "There is no such workspace, or the caller is not in it.",
        "Take the id from `/api/workspaces`.",
    ),
    "email_taken": Words("An account has that e-mail.", "Sign in, or take another e-mail."),
    "name_taken": Words("The name is taken.", "Take another name."),
    "last_owner": Words(
        "The workspace would be without an owner.", "Make another member owner first."
    ),
    "stored_file_not_found": Words(
        "There is no such file, or it is of a workspace that the caller is not in.",
        "Take the address as an upload or a message has it.",
    ),
    "range_not_satisfiable": Words(
        "The file has none of the bytes that `Range` asks for.",
        "Take its length from `Content-Range`.",
    ),
}
CHINESE: Final = {
    "invalid_input": Words("参数或请求体有误。", "修改 `field` 指出的输入。"),
    "bad_text": Words(
        "文本含 U+0000，或不是有效的 Unicode。", "`field` 所指的文本须为有效 UTF-8，且不含 U+0000。"
    ),
    "unauthorized": Words(
        "缺少密钥或令牌，或其有误、已过期。",
        "按 `WWW-Authenticate` 与 `detail` 的说明在请求头中发送。",
    ),
    "forbidden": Words("`Origin` 不在 `CORS_ORIGINS` 之中。", "将其加入，或从其他页面调用。"),
    "banned": Words("该用户已被此房间封禁。", "先解除封禁。"),
    "muted": Words("该用户在此被禁言。", "等待禁言结束，或解除禁言。"),
    "not_a_participant": Words("不是该聊天的成员。", "加入聊天，或由他人添加。"),
    "conversation_not_found": Words(
        "没有这个聊天，或它属于调用者不在其中的工作区。", "从聊天列表中取得 id。"
    ),
    "owner_must_transfer": Words("它将没有所有者。", "先让另一个成员成为所有者。"),
    "not_found": Words("没有这个路径。", "对照本说明检查路径。"),
    "room_not_found": Words("没有这个房间。", "从房间列表中取得 id。"),
    "room_closed": Words("房间已关闭，不可恢复。", "新建房间；原房间的历史仍可读取。"),
    "message_not_found": Words("房间里没有这条消息。", "从房间的消息列表中取得 `message_id`。"),
    "key_not_found": Words("没有这个命名密钥，或已被移除。", "从密钥列表中取得 id。"),
    "endpoint_not_found": Words("没有这个端点，或已被移除。", "从端点列表中取得 id。"),
    "delivery_not_found": Words("没有这个投递。", "从投递列表中取得 id。"),
    "invalid_transition": Words(
        "会话的状态不允许这样做。", "查看其 `status`：open 可暂缓或关闭，closed 可重新打开。"
    ),
    "conversation_closed": Words("会话已关闭。", "先重新打开；客户的消息会自动重新打开。"),
    "site_not_found": Words("没有该站点，或其属于调用者不在的工作区。", "从站点列表中取其 id。"),
    "customer_not_found": Words("该站点没有该客户，或其已被删除。", "从会话中取其 id。"),
    "canned_response_not_found": Words("该工作区没有该快捷回复。", "从其列表中取 id。"),
    "ambiguous": Words("以此开头的 id 不止一个。", "发送完整的 id，`detail` 列出了其中几个。"),
    "conflict": Words("当前状态不允许此操作。", "查看 `detail` 与 `hint`。"),
    "method_not_allowed": Words("该路径不支持此方法。", "使用响应头 `Allow` 列出的方法。"),
    "version_mismatch": Words(
        "请求头 `X-Chatctl-Version` 的主版本与服务器不同。",
        "使用 `hint` 指出的版本，或不发送该请求头。",
    ),
    "resync_required": Words("房间里还没有该 `seq` 的消息。", "使用 `hint` 指出的 `seq`。"),
    "too_large": Words(
        "请求体或其中的文本过大。", "减小内容，或调高 `MAX_BODY_BYTES`、`MAX_MESSAGE_BYTES`。"
    ),
    "throttled": Words(
        "该地址的错误密钥、错误密码或请求过多。", "等待 `retry_after` 秒；正确的密钥始终有效。"
    ),
    "internal": Words("意外错误。", "在服务器日志中查找 `request_id`。"),
    "busy": Words("等待处理的调用过多。", "`retry_after` 秒后重试。"),
    "query_timeout": Words(
        "数据库查询耗时过长，已中止。",
        "缩小查询范围：更晚的起点、更短的时间、单个房间或更小的数量。",
    ),
    "not_stored": Words("数据库出错，未保存任何内容。", "`retry_after` 秒后重试。"),
    "unknown": Words(
        "提交本身失败：可能已保存，也可能没有。",
        "先查看已保存的内容；消息请用相同的 `client_msg_id` 重发。",
    ),
    "storage_unavailable": Words(
        "数据库暂时不可用，或服务器正在停止。",
        "稍后重试；若持续出现，查看 `/health` 与服务器日志。",
    ),
    "storage_full": Words("磁盘已满，未保存任何内容。", "腾出空间后重试。"),
    "address_unavailable": Words("无法监听该地址。", "换一个地址。"),
    "connection_limit": Words("已达到某项连接数上限。", "稍后重试，或调高 `detail` 指出的配置项。"),
    "token_revoked": Words("访问令牌的会话已结束，或其账号被停用。", "重新登录。"),
    "invalid_credentials": Words("密码错误，或没有此邮箱的账号。", "核对两者，或索取重置链接。"),
    "account_suspended": Words("账号已被停用。", "联系服务器的管理员。"),
    "invite_required": Words(
        "该工作区或整个服务器仅接受受邀者。", "向其成员索取邀请，并以 `invite_code` 发送邀请码。"
    ),
    "no_workspace": Words("该用户不在任何工作区中。", "接受邀请，或新建工作区。"),
    "not_allowed": Words("调用者身份明确，但无此权限。", "请具有 `detail` 所述角色的人操作。"),
    "session_not_found": Words("该用户没有这个会话，或会话已结束。", "从会话列表中取得 `sid`。"),
    "code_not_found": Words("代码不存在、已用完、已撤销或已过期。", "索取新的代码。"),
    "user_not_found": Words("调用者的工作区中没有此用户。", "从 `/api/users` 取得 id。"),
    "workspace_not_found": Words(
        "没有这个工作区，或调用者不在其中。", "从 `/api/workspaces` 取得 id。"
    ),
    "email_taken": Words("此邮箱已有账号。", "直接登录，或换一个邮箱。"),
    "name_taken": Words("名称已被占用。", "换一个名称。"),
    "last_owner": Words("工作区将没有所有者。", "先将另一名成员设为所有者。"),
    "stored_file_not_found": Words(
        "没有这个文件，或它属于调用者不在其中的工作区。", "使用上传或消息给出的地址。"
    ),
    "range_not_satisfiable": Words(
        "文件中没有 `Range` 所请求的字节。", "从 `Content-Range` 取得文件长度。"
    ),
}
WORDS: Final[dict[Language, dict[str, Words]]] = {"en": ENGLISH, "zh": CHINESE}
