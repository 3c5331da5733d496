"""Words of the documents of the server that chatctl takes the place of, as they stand there: its
README and its page on the sync. A test follows them as its users do."""

from pathlib import Path

from receivers import Receiver
from world import Server

ENVIRONMENT = """\
# 数据库配置（可选，默认使用内存数据库）
DATABASE_URL=sqlite::memory:

# 服务器配置
BIND_ADDRESS=0.0.0.0:3000
ADMIN_API_KEY=your_secret_api_key

# 可选配置
MAX_CONNECTIONS=100000

# 传统同步配置（保持向后兼容）
DATA_CALLBACK_URL=http://example.com/callback

# 拆分后的回调URL配置
ROOM_EVENT_CALLBACK_URL=http://example.com/api/room-events
CHAT_HISTORY_CALLBACK_URL=http://example.com/api/chat-history
SESSION_HISTORY_CALLBACK_URL=http://example.com/api/session-history
PERIODIC_SYNC_CALLBACK_URL=http://example.com/api/periodic-sync

# 回调配置
CHAT_HISTORY_BATCH_SIZE=1000
SESSION_HISTORY_BATCH_SIZE=500
CHAT_HISTORY_BATCH_INTERVAL_SECONDS=300
SESSION_HISTORY_BATCH_INTERVAL_SECONDS=600

# 回调重试配置
CALLBACK_MAX_RETRIES=3
CALLBACK_RETRY_DELAY_SECONDS=5
CALLBACK_TIMEOUT_SECONDS=30

# 数据同步配置
SYNC_INTERVAL_SECONDS=300  # 定时同步间隔（秒），默认5分钟
"""
CREATE_A_ROOM = """\
curl -X POST http://localhost:3000/management/rooms \\
  -H "Content-Type: application/json" \\
  -H "X-Api-Key: your_secret_api_key" \\
  -d '{
    "room_name": "测试房间",
    "admin_user_ids": ["admin1", "admin2"]
  }'"""
ALL_ROOMS = """\
curl -X GET http://localhost:3000/management/rooms \\
  -H "X-Api-Key: your_secret_api_key\""""
SYNC_DATA = """\
curl -X GET http://localhost:3000/management/sync \\
  -H "X-Api-Key: your_secret_api_key\""""
SYNC_NOW = """\
curl -X POST http://localhost:3000/management/sync \\
  -H "X-Api-Key: your_secret_api_key\""""
SYNC_ROOMS = """\
curl -X GET http://localhost:3000/management/sync/rooms \\
  -H "X-Api-Key: your_secret_api_key\""""
CHAT_HISTORY = """\
curl -X GET "http://localhost:3000/management/sync/chat-history/{room_id}?page=1&limit=1000&from=1640995200&to=1640998800" \\
  -H "X-Api-Key: your_secret_api_key\""""  # noqa: E501  as it stands there
SESSION_HISTORY = """\
curl -X GET "http://localhost:3000/management/sync/session-history/{room_id}?page=1&limit=500&from=1640995200&to=1640998800" \\
  -H "X-Api-Key: your_secret_api_key\""""  # noqa: E501  as it stands there
HEALTH = "curl http://localhost:3000/management/health"
KEY = "your_secret_api_key"


def server(directory: Path, hook: Receiver, **settings: str) -> Server:
    """One whose ``.env`` is the documents', with a port, a file and receivers of the test's own."""
    made = Server(directory, **settings)
    text = ENVIRONMENT.replace("http://example.com", hook.origin)
    (directory / ".env").write_text(text)
    for name in ("ADMIN_API_KEY", "INBOUND_FRAMES_PER_SECOND"):
        del made.environment[name]
    made.http.headers["X-Api-Key"] = KEY
    return made
