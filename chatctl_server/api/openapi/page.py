"""The documentation page: the OpenAPI document as one HTML page, without any script."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

from chatctl_server.api.openapi import examples, page_words, problem_words, type_words
from chatctl_server.api.openapi.html import Html, element, line, prose, together
from chatctl_server.api.openapi.languages import Language
from chatctl_server.api.problems import MEDIA_TYPE

Schema = dict[str, Any]  # free JSON

FORM = "multipart/form-data"  # what its example names are files
KEY = "YOUR_ADMIN_KEY"
TOKEN = "YOUR_ACCESS_TOKEN"  # noqa: S105  a place for it


def render(document: Schema, language: Language, address: str) -> bytes:
    """``address``: of the server, in the examples."""
    page = _ReferencePage(document, language, address)
    return b"<!doctype html>\n" + page.whole().encode()


class _ReferencePage:
    def __init__(self, document: Schema, language: Language, address: str) -> None:
        self._document = document
        self._address = address
        self._schemas: Schema = document["components"]["schemas"]
        self._language = language
        self._words = page_words.WORDS[language]
        self._problem_words = problem_words.WORDS[language]
        # English within a page of another language says so.
        self._english = None if language == "en" else "en"

    def whole(self) -> Html:
        words, info = self._words, self._document["info"]
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("title", f"{info['title']} {info['version']}: {words.title}"),
            element("link", rel="icon", type="image/svg+xml", href="/docs/icon.svg"),
            element("link", rel="stylesheet", href="/docs/style.css"),
        )
        body = element(
            "body",
            element("a", words.skip, class_="skip", href="#content"),
            self._banner(),
            self._contents(),
            element("main", *self._main(), id="content", tabindex="-1"),
        )
        return element("html", head, body, lang=page_words.LANGUAGE_TAGS[self._language])

    def _banner(self) -> Html:
        info = self._document["info"]
        tags = page_words.LANGUAGE_TAGS
        return element(
            "header",
            element("h1", f"{info['title']} {info['version']}: {self._words.title}"),
            element(
                "p",
                element("a", "English", href="?lang=en", hreflang="en", lang="en"),
                " · ",
                element("a", "中文", href="?lang=zh", hreflang=tags["zh"], lang=tags["zh"]),
            ),
        )

    def _contents(self) -> Html:
        words = self._words
        parts = [
            element(
                "li",
                element("a", words.tags[tag["name"]], href=f"#part-{tag['name']}"),
                self._links(tag["name"]),
            )
            for tag in self._document["tags"]
        ]
        parts.append(element("li", element("a", words.objects, href="#objects")))
        parts.append(element("li", element("a", words.all_problems, href="#problems")))
        return element(
            "nav",
            element("h2", words.contents, id="contents"),
            element("ul", *parts),
            aria_labelledby="contents",
        )

    def _links(self, tag: str) -> Html:
        links = [
            element("li", element("a", operation["summary"], href=f"#{operation['operationId']}"))
            for _, _, operation in self._operations(tag)
        ]
        return element("ul", *links, lang=self._english) if links else together()

    def _operations(self, tag: str) -> Iterator[tuple[str, str, Schema]]:
        """Path, method, operation."""
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if operation["tags"] == [tag]:
                    yield path, method.upper(), operation

    def _main(self) -> Iterator[Html]:
        schema = element("a", element("code", "/schema"), href="/schema")
        yield element("p", line(self._words.intro), schema)
        for tag in self._document["tags"]:
            yield self._part(tag["name"], tag["description"])
        yield self._objects()
        yield self._all_problems()

    def _part(self, tag: str, text: str) -> Html:
        operations = [self._operation(*each) for each in self._operations(tag)]
        return element(
            "section",
            element("h2", self._words.tags[tag], id=f"part-{tag}"),
            prose(text, lang=self._english),
            element("div", self._links(tag), class_="here"),
            *operations,
        )

    def _operation(self, path: str, method: str, operation: Schema) -> Html:
        heading = element(
            "h3",
            element("span", method, class_=f"method {method.lower()}"),
            " ",
            element("code", path),
        )
        return element(
            "article",
            heading,
            element("p", operation["summary"], class_="summary", lang=self._english),
            prose(operation["description"], lang=self._english),
            element("p", line(self._key(operation)), class_="key"),
            *self._asked(operation),
            element("h4", self._words.example),
            element("pre", element("code", curl(path, method, operation, self._address))),
            *self._answers(operation),
            self._problems(operation),
            id=operation["operationId"],
        )

    def _key(self, operation: Schema) -> str:
        match operation.get("security"):
            case None:
                return self._words.no_key
            case [{"ApiKey": _}]:
                return self._words.key
            case [{"AccessToken": _}]:
                return self._words.for_account
            case [{"AccessToken": _}, *_]:
                return self._words.for_desk
            case _:
                return self._words.metrics_key

    def _asked(self, operation: Schema) -> Iterator[Html]:
        words = self._words
        if parameters := operation.get("parameters"):
            yield element("h4", words.parameters)
            yield element("dl", *(self._parameter(each) for each in parameters))
        for content in operation.get("requestBody", {}).get("content", {}).values():
            is_needed = operation["requestBody"].get("required", False)
            need = words.required if is_needed else words.optional
            yield element("h4", f"{words.body} ({need})")
            for name in sorted(type_words.objects_in(content["schema"])):
                yield self._fields(self._schemas[name], with_need=True)

    def _parameter(self, parameter: Schema) -> Html:
        words = self._words
        need = words.required if parameter["required"] else words.optional
        example = parameter["example"]
        shown = example if isinstance(example, str) else json.dumps(example)
        kind = type_words.of(parameter["schema"], words)
        return self._entry(
            parameter["name"],
            together(kind, f", {words.places[parameter['in']]}, {need}"),
            together(
                self._meaning(parameter["description"]),
                f"; {words.such_as} ",
                element("code", shown),
            ),
        )

    def _fields(self, schema: Schema, *, with_need: bool) -> Html:
        words, entries = self._words, []
        for name, each in schema["properties"].items():
            kind = type_words.of(each, words)
            if with_need:
                is_needed = name in schema.get("required", ())
                kind = together(kind, f", {words.required if is_needed else words.optional}")
            entries.append(self._entry(name, kind, self._meaning(each["description"])))
        return element("dl", *entries)

    def _entry(self, name: str, kind: Html, meaning: Html) -> Html:
        return together(
            element("dt", element("code", name), " ", element("span", kind, class_="type")),
            element("dd", meaning),
        )

    def _meaning(self, text: str) -> Html:
        return element("span", line(text), lang=self._english)

    def _answers(self, operation: Schema) -> Iterator[Html]:
        for status, answer in operation["responses"].items():
            contents = answer.get("content", {})
            if MEDIA_TYPE in contents:
                continue
            yield element("h4", f"{self._words.answer} {status}")
            yield element("p", line(answer["description"]), lang=self._english)
            for media_type, content in contents.items():
                kind = type_words.of(content["schema"], self._words)
                yield element("p", element("code", media_type), " ", kind, class_="type")
                if "example" in content:
                    yield element("pre", element("code", _shown(media_type, content["example"])))

    def _problems(self, operation: Schema) -> Html:
        codes = [
            (status, code)
            for status, answer in operation["responses"].items()
            for code in answer.get("content", {}).get(MEDIA_TYPE, {}).get("examples", ())
        ]
        return element(
            "details",
            element("summary", f"{self._words.problems} ({len(codes)})"),
            element("dl", *(self._problem(status, code) for status, code in codes)),
        )

    def _problem(self, status: str, code: str, *, anchor: str | None = None) -> Html:
        meaning, fix = self._problem_words[code]
        return together(
            element("dt", f"{status} ", element("code", code), id=anchor),
            element("dd", line(meaning), " ", element("b", self._words.fix), " ", line(fix)),
        )

    def _all_problems(self) -> Html:
        examples = self._document["components"]["examples"]
        found = sorted((str(each["value"]["status"]), code) for code, each in examples.items())
        return element(
            "section",
            element("h2", self._words.all_problems, id="problems"),
            element("dl", *(self._problem(*each, anchor=f"problem-{each[1]}") for each in found)),
        )

    def _objects(self) -> Html:
        parts = [
            element(
                "article",
                element("h3", element("code", name), id=f"object-{name}"),
                self._fields(schema, with_need=False),
            )
            for name, schema in self._schemas.items()
        ]
        return element("section", element("h2", self._words.objects, id="objects"), *parts)


def curl(path: str, method: str, operation: Schema, server: str) -> str:
    """The operation's example as a command for a shell. ``server``: its address."""
    action = "" if method == "GET" else f"-X {method} "
    lines = [f"curl {action}{shlex.quote(server + examples.address(path, operation))}"]
    if operation.get("security") == [{"ApiKey": []}]:
        lines.append(f"-H {shlex.quote(f'X-Api-Key: {KEY}')}")
    elif {"AccessToken": []} in operation.get("security", ()):
        lines.append(f"-H {shlex.quote(f'Authorization: Bearer {TOKEN}')}")
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if media_type == FORM:
            lines += [f"-F {name}=@{file}" for name, file in content["example"].items()]
            continue
        lines.append(f"-H {shlex.quote(f'Content-Type: {media_type}')}")
        lines.append(f"-d {shlex.quote(json.dumps(content['example'], ensure_ascii=False))}")
    return " \\\n  ".join(lines)


def _shown(media_type: str, example: Any) -> str:
    if isinstance(example, str):
        return example
    if media_type == "application/json":
        indented = json.dumps(example, indent=2, ensure_ascii=False)
        return re.sub(r"\[\s+([^][{}]*?)\s+\]", _on_one_line, indented)
    return json.dumps(example, ensure_ascii=False)


def _on_one_line(array: re.Match[str]) -> str:
    return "[" + re.sub(r",\s+", ", ", array[1]) + "]"
