"""Feeds of changes, Atom and JSON. All times come from the records and the verifications, none from a clock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mobench.board.layout import Board, State
from mobench.board.site.addresses import method_page, store_page, submission_page
from mobench.board.site.board_content import BoardContent
from mobench.board.site.site_rows import StoreRows

MAX_ENTRIES = 200
UNKNOWN = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class BoardChange:
    """An entry of the feed. time: as in RFC 3339. page: its address, relative to the root of the site."""

    time: str
    title: str
    page: str
    text: str = ""

    @property
    def date(self) -> str:
        return self.time[:10]


def changes(content: BoardContent, stores: Sequence[StoreRows]) -> list[BoardChange]:
    """Return what changed, last first: submissions, verifications, and methods with new records in a store."""
    entries = [*_of_submissions(content), *(change for store in stores for change in _of_store(store))]
    return sorted(entries, key=lambda entry: (entry.time, entry.title), reverse=True)[:MAX_ENTRIES]


def _of_submissions(content: BoardContent) -> Iterable[BoardChange]:
    for submission in content.submissions:
        page, standing = submission_page(submission.id), submission.standing
        time = max((utc(record.finished) for record in submission.records), default=UNKNOWN)
        yield BoardChange(
            time, f"Submission {submission.id} to {submission.submission.store}", page,
            f"{len(submission.records)} records",
        )  # fmt: skip
        if standing.verification is not None:
            time = utc(standing.verification.finished)
            yield BoardChange(time, f"Submission {submission.id}: {standing.state}", page, standing.reason)
        elif standing.state is State.REJECTED:
            yield BoardChange(time, f"Submission {submission.id}: {standing.state}", page, standing.reason)


def _of_store(store: StoreRows) -> Iterable[BoardChange]:
    times: dict[str, list[str]] = {}
    for row in store.rows.values():
        times.setdefault(row.method, []).extend(record.finished for record in store.records_of(row))
    for method, finished in times.items():
        yield BoardChange(
            max(map(utc, finished)), f"{method} in {store.name}", method_page(method), f"{len(finished)} records"
        )
    if times:
        last = max(utc(time) for group in times.values() for time in group)
        yield BoardChange(last, f"Store {store.name}", store_page(store.name), f"{len(times)} methods")


def utc(text: str) -> str:
    """Return a time of ISO 8601 as in RFC 3339, in seconds of UTC; `UNKNOWN` for any other text."""
    try:
        time = datetime.fromisoformat(text)
        time = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
        return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return UNKNOWN


def json_feed(board: Board, entries: Sequence[BoardChange]) -> str:
    """Return the feed in the format of jsonfeed.org, version 1.1."""
    items = [
        {
            "id": _id(entry), "url": entry.page, "title": entry.title, "content_text": entry.text or entry.title,
            "date_published": entry.time,
        }
        for entry in entries
    ]  # fmt: skip
    feed = {
        "version": "https://jsonfeed.org/version/1.1", "title": board.title, "description": board.description,
        "items": items,
    }  # fmt: skip
    if board.url:
        feed["home_page_url"] = board.url
    return json.dumps(feed, indent=1, ensure_ascii=False) + "\n"


def _id(entry: BoardChange) -> str:
    return f"tag:mobench,{entry.time[:10]}:{entry.page}#{entry.time}"
