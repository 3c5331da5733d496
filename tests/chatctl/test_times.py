import pytest
from prepared_server import Answer, Prepared
from same_process import Here

from chatctl.input import times
from chatctl.shell.failures import Failure

NOW = 1_800_000_000.0
DURATIONS = {
    "30": 30, "1.5": 1.5, "90s": 90, "15m": 900, "2h": 7200, "7d": 604800, "1w": 604800,
    "1h30m": 5400,
}  # fmt: skip
NO_DURATIONS = ("", "0", "0s", "-5", "5 minutes", "1H", "nan", "1e9", "٣")
POINTS = {
    "15m": NOW - 900,
    "7d": NOW - 604800,
    "1700000000": 1_700_000_000,
    "2026-01-02T03:04:05Z": 1_767_323_045,
    "2026-01-02T05:04:05+02:00": 1_767_323_045,
    "2026-01-02T03:04:05.5Z": 1_767_323_045.5,
    "2026-01-02": 1_767_312_000,
}
NO_POINTS = (
    "", "yesterday", "2026-01-02T03:04:05", "2026-13-01T00:00:00Z", "2026-02-30", "2026-W01-5",
    "2026-1-2", " 2026-01-02",
)  # fmt: skip
# What no server knows: where it lies, and what is proposed instead.
BEYOND = {
    "999999d": ("before 1970", "1970-01-01"),
    "1969-12-31T23:59:59.5Z": ("before 1970", "1970-01-01"),
    "253402300800": ("behind the year 9999", "9999-12-31"),
}


def test_durations() -> None:
    assert {text: times.duration(text, "--for") for text in DURATIONS} == DURATIONS
    for text in NO_DURATIONS:
        with pytest.raises(Failure, match=r"--for: .* is not a duration"):
            times.duration(text, "--for")


def test_points_in_time() -> None:
    """Every form that is offered is taken, and a time without its zone is refused."""
    assert {text: times.point(text, NOW, "--since") for text in POINTS} == POINTS
    for form in times.FORMS.replace("or an age such as ", "").split(", "):
        assert times.point(form.replace("Unix seconds", f"{NOW:.0f}"), NOW, "--since") <= NOW
    for text in NO_POINTS:
        with pytest.raises(Failure, match=r"--since: .* is not a time") as refused:
            times.point(text, NOW, "--since")
        assert refused.value.hint == f"--since {times.FORMS}"
    for text, (where, hint) in BEYOND.items():
        with pytest.raises(Failure) as refused:
            times.point(text, NOW, "--since")
        assert refused.value.message == f"--since: {text} lies {where}"
        assert refused.value.hint == f"--since {hint}"
        assert times.point(hint, NOW, "--since") >= 0


def test_it_is_the_option_that_is_told(here: Here, server: Prepared) -> None:
    server.answers["GET /management/status"] = Answer({"last_offset": 9})
    for command, option in (
        ("callbacks recover", "--since"), ("callbacks deliveries", "--since"),
        ("callbacks deliveries", "--until"), ("rooms history lobby", "--since"),
        ("events", "--since"), ("events tail", "--since"), ("sync", "--from"),
        ("sync pull -o all", "--from"), ("callbacks forward --to http://127.0.0.1:1", "--since"),
        ("events replay --to-file - --since 0", "--until"),
    ):  # fmt: skip
        done = here(*command.split(), option, "999999d", "--server", server.url)
        said = f"chatctl: {option}: 999999d lies before 1970\n  try: {option} 1970-01-01\n"
        assert done == ("", said, 2), command


def test_nine_digits_are_an_offset_and_ten_a_time() -> None:
    assert times.looks_like_offset("999999999")
    assert not times.looks_like_offset("1000000000")
    assert not times.looks_like_offset("15m")
    assert not times.looks_like_offset("9" * 5000)


def test_times_are_shown_by_their_distance_and_in_utc() -> None:
    distances = {NOW: "now", NOW - 59: "59s ago", NOW - 3600: "1h ago", NOW + 90_000: "in 1d"}
    assert {each: times.relative(each, NOW) for each in distances} == distances
    assert times.rfc3339(1_767_323_045) == "2026-01-02T03:04:05Z"
