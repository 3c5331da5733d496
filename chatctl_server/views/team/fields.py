"""What the names in the team's paths, queries, bodies and answers mean."""

from typing import Annotated

from chatctl_server.views.fields import means

CODE = "q3T9vXn2LwYs6KpRj8BdFh5ZcGm1aEoUu4iWx7yNtJQ"  # of an invite, or of a reset link
ChatId = Annotated[int, means("The chat", 1)]
MessageId = Annotated[int, means("The message", 1)]
AccountId = Annotated[int, means("The user", 1)]
