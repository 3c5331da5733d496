"""What the names in the desk's paths, queries, bodies and answers mean."""

from typing import Annotated, Literal

from chatctl_server.views.fields import means

CONVERSATION = "conv_3xk9v2m7q1w5e8r4t6y0p2a5sd"
MESSAGE = "msg_7h2j4k6n8p0q3r5t7v9x1z2b4c"
CUSTOMER = "cus_9z8x7w6v5t4s3r2q1p0n9m8k7j"
ConversationId = Annotated[str, means("The conversation", CONVERSATION)]
MessageId = Annotated[str, means("The message", MESSAGE)]
CustomerId = Annotated[str, means("The customer", CUSTOMER)]
SiteId = Annotated[str, means("The site", "default")]
ShopId = Annotated[str, means("The same as `site_id`", "default")]
Status = Annotated[
    Literal["open", "snoozed", "closed"],
    means("Its state; to visitors a snoozed one is open", "open"),
]
