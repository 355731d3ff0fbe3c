"""A contact's external URLs: set by `ref`, removed by null (G19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.sandbox.ivvy.parameters import items, mapping, text
from pipeline.sandbox.ivvy.refusals import invalid
from pipeline.sandbox.ivvy.values import is_https

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pipeline.sandbox.ivvy.parameters import Params
    from pipeline.sandbox.ivvy.settings import Settings

    Urls = dict[str, dict[str, JsonValue]]

NAME: Final = "externalUrls"
MOST: Final = 3


def external_urls_after(params: Params, stored: Urls, settings: Settings) -> Urls:
    """The entries that a write leads to. Absent leaves them all, null removes them all, a list changes those it names.

    At most three may be sent, and be there afterwards. An entry that exists may leave out `url` to change its label.
    """
    if NAME not in params:
        return stored
    if params[NAME] is None:
        return {}
    entries = items(params[NAME], NAME, mapping)
    if len(entries) > MOST:
        raise invalid(NAME, f"More than {MOST} entries")
    urls = dict(stored)
    for entry in entries:
        ref = entry.get("ref")
        if not isinstance(ref, str) or not ref:
            raise invalid(NAME, "An entry has no ref")
        if "url" in entry and entry["url"] is None:
            urls.pop(ref, None)
        else:
            urls[ref] = _entry(ref, entry, urls.get(ref), settings)
    if len(urls) > MOST:
        raise invalid(NAME, f"More than {MOST} entries")
    return urls


def _entry(ref: str, entry: Params, stored: Params | None, settings: Settings) -> dict[str, JsonValue]:
    merged = {"ref": ref, "url": None, "label": None, **(stored or {})}
    merged |= {name: entry[name] for name in ("url", "label") if name in entry}
    if not is_https(text(merged["url"], NAME, settings)):
        raise invalid(NAME, f"{ref}: url is not https")
    if merged["label"] is not None:
        text(merged["label"], "label", settings)
    return merged
