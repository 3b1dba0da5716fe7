"""Ads as `multipart/form-data`: pictures as files, beside the fields that JSON has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from adjudicate.documents import AD_FIELDS
from adjudicate.errors import Code, RequestError
from executors.gateway.operations.bodies import Body, parse_json
from executors.gateway.protocols.requests import bounded
from executors.gateway.routing.rooms import too_many_ads

AD_PARTS = tuple(name for name in AD_FIELDS if name != "image")
MARK = "@"
"""Before the name of the file part that is an ad's image; base64 has no such character."""
_PARSED = {"context"}
_OWN = {"id", "idempotency_key"}
"""Of one ad alone: never for several pictures."""
_FLAGS = {"true": True, "1": True, "false": False, "0": False}

Texts = dict[str, list[str]]
Files = dict[str, list[UploadFile]]


class _Parser(MultiPartParser):
    # The pictures are needed in memory, and the body as a whole is bounded: no detour by the disk.
    spool_max_size = 0
    ended = False

    def on_end(self) -> None:
        self.ended = True


async def form_body(
    request: Request, max_bytes: int, max_ads: int, options: Sequence[str] = ()
) -> Body:
    """The form as the JSON body that says the same, its pictures as bytes.

    Either files named `image`, each an ad, with the fields of an ad for all of them or one for each
    in turn; or a part `ads` of JSON, whose images name other file parts: `"image": "@front"`.
    `options` are fields of the request as a whole. Raises `RequestError`: `malformed_request`,
    `too_many_ads`, `request_too_large`.
    """
    form = await _parsed(request, max_bytes, max_ads)
    try:
        texts, files = await _parts(form)
        body: Body = {name: _option(name, texts.pop(name)) for name in options if name in texts}
        if "ads" in texts:
            return {**body, "ads": await _named(texts, files)}
        return {**body, "ads": await _shared(texts, files, max_ads)}
    finally:
        await form.close()


async def _parsed(request: Request, max_bytes: int, max_ads: int) -> FormData:
    parser = _Parser(
        request.headers,
        bounded(request, max_bytes),  # type: ignore[arg-type]
        max_files=max_ads + 1,
        max_fields=(max_ads + 1) * len(AD_FIELDS),
        max_part_size=max_bytes,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if "Too many files" in error.message:
            raise too_many_ads(max_ads + 1, max_ads) from None
        raise RequestError(Code.MALFORMED, f"the form cannot be read: {error.message}") from None
    if not parser.ended:  # what came after the last whole part is not among its items
        raise RequestError(Code.MALFORMED, "the form ends before its closing boundary")
    return form


async def _parts(form: FormData) -> tuple[Texts, Files]:
    texts: Texts = defaultdict(list)
    files: Files = defaultdict(list)
    for name, part in form.multi_items():
        if isinstance(part, str):
            texts[name].append(part)
        elif name == "ads":
            texts[name].append((await part.read()).decode("utf-8", "replace"))
        elif part.filename or part.size:  # a browser sends an empty one where none was chosen
            files[name].append(part)
    return texts, files


def _option(name: str, given: list[str]) -> Any:
    if len(given) > 1:
        raise RequestError(Code.MALFORMED, f"{name} is given {len(given)} times")
    return _FLAGS.get(given[0].lower(), given[0]) if name == "per_category" else given[0]


async def _named(texts: Texts, files: Files) -> list[Any]:
    """The ads of the part `ads`, their pictures put in."""
    ads = parse_json("".join(texts.pop("ads")), 'the part "ads"')
    if isinstance(ads, dict):
        ads = ads.get("ads")
    if not isinstance(ads, list):
        raise RequestError(Code.MALFORMED, 'the part "ads" must be a JSON list of ads')
    _refuse_unknown(texts, 'beside "ads"')
    pictures = {name: await parts[0].read() for name, parts in files.items()}
    used: set[str] = set()
    for ad in ads:
        image = ad.get("image") if isinstance(ad, dict) else None
        if isinstance(image, str) and image.startswith(MARK):
            name = image.removeprefix(MARK)
            used.add(name)
            ad["image"] = pictures.get(name, image)
    if unused := sorted(set(pictures) - used):
        raise RequestError(Code.MALFORMED, f'no ad\'s image is "{MARK}{unused[0][:50]}"')
    return ads


async def _shared(texts: Texts, files: Files, max_ads: int) -> list[Body]:
    """An ad per file named `image`, or one without a picture."""
    if "image" in texts:
        raise RequestError(Code.MALFORMED, "image must be a file, with a filename")
    images = files.pop("image", [])
    _refuse_unknown(files, "as a file")
    given = {name: texts.pop(name) for name in AD_PARTS if name in texts}
    _refuse_unknown(texts, "in a form")
    count = max(1, len(images))
    if count > max_ads:
        raise too_many_ads(count, max_ads)
    for name, values in given.items():
        if len(values) not in (1, count) or (name in _OWN and len(values) != count):
            raise RequestError(
                Code.MALFORMED, f"{len(images)} images and {len(values)} times {name[:50]}"
            )
    ads: list[Body] = []
    for at in range(count):
        ad = {name: _value(name, values[at % len(values)]) for name, values in given.items()}
        if images:
            ad["image"] = await images[at].read()
        if images and "id" not in ad and 0 < len(images[at].filename or "") <= 200:
            ad["id"] = images[at].filename
        ads.append(ad)
    return ads


def _value(name: str, text: str) -> Any:
    if name not in _PARSED:
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise RequestError(Code.MALFORMED, f"{name} must be a JSON object") from None


def _refuse_unknown(parts: dict[str, Any], where: str) -> None:
    if parts:
        name = sorted(parts)[0][:50]
        raise RequestError(
            Code.MALFORMED,
            f"{name!r} is not known {where}; known: ads, image, {', '.join(AD_PARTS)}",
        )
