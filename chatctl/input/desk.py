"""CONVERSATION on the command line: an id, or the beginning of one."""

from chatctl.link import client
from chatctl.link.client import Client, Json
from chatctl.shell.failures import Failure

CONVERSATIONS = "/management/conversations"


def find(server: Client, conversation: str) -> Json:
    """In one question: the server knows beginnings. Raises Failure ``conversation_not_found`` or
    ``ambiguous``."""
    try:
        return server.get(conversation_path(conversation))
    except Failure as failure:
        if failure.code == "conversation_not_found":
            failure.hint = "chatctl conversations ls"
        raise


def conversation_path(conversation: str, *rest: str) -> str:
    return "/".join((CONVERSATIONS, client.segment(conversation, "CONVERSATION"), *rest))
