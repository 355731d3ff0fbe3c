"""Several records of one contact that contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.acoustic_connect.oddities.addresses import BROKEN_PHONES
from sample_data.acoustic_connect.oddities.consents import FUTURE, NO_TIME, UNREADABLE_TIMES
from sample_data.acoustic_connect.oddities.oddity import NO, YES, at_minute, learns_phone, opts_out
from sample_data.acoustic_connect.stories import NEWSLETTERS
from sample_data.story import FOLDED, UNLISTED, UPDATED, Expected, Oddity, without

if TYPE_CHECKING:
    from sample_data.acoustic_connect.stories import Story

LAST_OF_TWO: Final = (FOLDED, UPDATED)
FIRST_OF_TWO: Final = (UPDATED, FOLDED)


def _twin(story: Story, *records: dict[str, str]) -> None:
    story.say(sms_opt_in="", promo_email="")
    story.twin(*records)


def opt_out_first(story: Story, number: int) -> None:
    _twin(story, NO | at_minute(2025, number), YES | at_minute(2021, number))
    opts_out(story)


def same_time(story: Story, number: int) -> None:
    _twin(story, YES | at_minute(2024, number), NO | at_minute(2024, number))
    opts_out(story)


def no_times(story: Story, _number: int) -> None:
    _twin(story, NO | NO_TIME, YES | NO_TIME)
    opts_out(story)


def silent(story: Story, number: int) -> None:
    _twin(story, NO | at_minute(2022, number), {"email_opt_in": "", "newsletter": ""} | at_minute(2024, number))
    opts_out(story)


def came_back(story: Story, number: int) -> None:
    _twin(story, NO | at_minute(2021, number), YES | at_minute(2024, number))
    story.stored.channels.clear()
    story.stored.groups.clear()
    story.then |= {"EMAIL": "OPT_IN", NEWSLETTERS: "OPT_IN"}


def future_twin(story: Story, number: int) -> None:
    _twin(story, NO | at_minute(2024, number), YES | FUTURE)
    opts_out(story)


def vague_twin(story: Story, number: int) -> None:
    word = UNREADABLE_TIMES[number % len(UNREADABLE_TIMES)]
    _twin(story, NO | at_minute(2023, number), YES | {"email_opt_in_at": word, "preferences_at": word})
    opts_out(story)


def unlisted_twin(story: Story, number: int) -> None:
    _twin(
        story, YES | at_minute(2024, number), {"email_opt_in": "maybe", "newsletter": "maybe"} | at_minute(2024, number)
    )
    story.then["EMAIL"] = "OPT_IN"


def phone_mended(story: Story, number: int) -> None:
    story.twin(
        {"mobile": BROKEN_PHONES[number % len(BROKEN_PHONES)]} | at_minute(2022, number),
        at_minute(2023, number),
    )
    learns_phone(story)


def triplet(story: Story, _number: int) -> None:
    story.twin({}, {"contact_id": f" {story.person.key}"}, {})
    story.then["Last Name"] = story.person.last


DUPLICATES: Final = (
    Oddity("twin_opt_out_first", "Newer opt-out, then older opt-in", 12, opt_out_first, *[FIRST_OF_TWO] * 2),
    Oddity("twin_same_time", "Opt-in and opt-out of the same time", 10, same_time, *[LAST_OF_TWO] * 2),
    Oddity("twin_no_times", "Opt-out and opt-in, both without a time", 10, no_times, *[LAST_OF_TWO] * 2),
    Oddity("twin_silent", "Opt-out, then a newer record without a word", 10, silent, *[LAST_OF_TWO] * 2),
    Oddity("twin_came_back", "Older opt-out, newer opt-in: the opt-in counts", 8, came_back, *[LAST_OF_TWO] * 2),
    Oddity("twin_future", "Opt-out, then an opt-in dated in the future", 6, future_twin, *[FIRST_OF_TWO] * 2),
    Oddity("twin_unreadable", "Opt-out, then an opt-in of unreadable time", 6, vague_twin, *[FIRST_OF_TWO] * 2),
    Oddity(
        "twin_unlisted",
        "Opt-in, and a value that is not listed, of the same time",
        5,
        unlisted_twin,
        (FOLDED, *without("EMAIL", reason=UNLISTED)),
        (FOLDED, *without(NEWSLETTERS, reason=UNLISTED)),
    ),
    Oddity(
        "twin_phone_mended",
        "A broken number, then the right one",
        8,
        phone_mended,
        (
            Expected("superseded", "folded", "SMS: phone_not_e164; Cell Phone: phone_not_e164"),
            UPDATED,
        ),
        (Expected("superseded", "folded", "Cell Phone: phone_not_e164"), UPDATED),
    ),
    Oddity("triplet", "The same record three times", 5, triplet, *[(FOLDED, FOLDED, UPDATED)] * 2),
)
