"""The file of a city: what it may say, what is named where it is wrong, and who is on duty when."""

from datetime import datetime

import pytest

from processors.alerts.notify.channels.services import Service
from processors.alerts.notify.config import Directory, NotifyError, address_of, load_directory, token_of
from processors.alerts.notify.roster import next_due, rung_at
from sensors.instants import to_millis
from tests.processors.world import ZONE
from tests.programs import ROOT

HEAD = """
[[channel]]
name = "group"
url = "dingtalk://${TOKEN}"

[[person]]
name = "Li"
channels = ["group"]
"""
DUTY = '[[role]]\nnames = ["duty"]\n'


def role(*steps: str) -> str:
    return HEAD + DUTY + "".join(f"[[role.step]]\n{step}\n" for step in steps)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "x: Extra inputs"),
        ("[[channel]", "notify.toml: "),
        (HEAD, "there are channels and no role"),
        ('[[channel]]\nname = "a"\n', "channel 'a' has exactly one of url, mqtt and grafana"),
        ('[[channel]]\nname = "a"\nurl = "x://y"\nmqtt = "t"\n', "exactly one of url, mqtt and grafana"),
        ('[[channel]]\nname = "a"\ngrafana = "http://g"\n', "grafana and token go together"),
        ('[[channel]]\nname = "a"\nmqtt = "a/#"\n', "channel.0.mqtt"),
        ('[[channel]]\nname = "a"\nmqtt = "a"\nwhat = ["open"]\n', "'open' is no news; there are opened"),
        ('[[channel]]\nname = "a"\nmqtt = "a"\nleast = "bad"\n', "channel.0.least"),
        (role('tell = ["group"]') + HEAD, "channel 'group' is there twice"),
        (role('tell = ["grp"]'), "role 'duty': 'grp' is not there; there are group, Li"),
        (role('tell = ["group"]').replace('["group"]', '["mail"]', 1), "person 'Li': 'mail' is not there"),
        (role('tell = ["group"]') + DUTY + '[[role.step]]\ntell = ["Li"]', "role 'duty' is there twice"),
        (role('after_min = 5\ntell = ["group"]'), "its first step is told at once"),
        (role('tell = ["group"]', 'tell = ["Li"]'), "step 2 needs after_min"),
        (role('tell = ["group"]\nshifts = []'), "`tell` or `shifts`, not both"),
        (role('shifts = [{ tell = ["Li"], from = "08:00", to = "20:00" }]'), "nobody is told on mon at 00:00"),
        (role('shifts = [{ tell = ["Li"], days = ["mon"] }]'), "nobody is told on tue at 00:00"),
        (role('tell = ["group"]') + "[delivery]\ntimeout_s = 60\n", "lease_s is longer than timeout_s"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(NotifyError) as raised:
        load_directory(text, "notify.toml")
    assert str(raised.value).startswith("notify.toml: ")
    assert said in str(raised.value)


def test_a_wrong_file_does_not_show_what_it_holds() -> None:
    with pytest.raises(NotifyError) as raised:
        load_directory('[[channel]]\nname = "a"\nurl = "dingtalk://sesame-4711"\nmqtt = "t"\n', "notify.toml")
    assert "sesame" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_secrets_are_named_with_their_channel() -> None:
    channel = load_directory(role('tell = ["group"]'), "notify.toml").channels["group"]
    with pytest.raises(NotifyError, match=r"notify\.toml: channel 'group': \$\{TOKEN\} is not in the environment"):
        address_of(channel, "notify.toml", {})
    assert address_of(channel, "notify.toml", {"TOKEN": "abc"}).url == "dingtalk://abc"
    with pytest.raises(NotifyError, match="channel 'group'"):
        token_of(channel.model_copy(update={"token": "${GRAFANA}"}), "notify.toml", {})


SHIFTS = role(
    """shifts = [
        { tell = ["group"], days = ["mon", "tue", "wed", "thu", "fri"], from = "08:00", to = "20:00" },
        { tell = ["Li"], days = ["fri"], from = "20:00", to = "08:00" },
    ]""",
    'after_min = 2.5\ntell = ["Li"]',
)


@pytest.mark.parametrize(
    ("moment", "step", "reached"),
    [
        # 5 March 2026 is a Thursday.
        ("2026-03-05T08:00", 0, [("group", "")]),
        ("2026-03-05T19:59", 0, [("group", "")]),
        ("2026-03-05T20:00", 1, [("group", "Li")]),
        ("2026-03-06T07:59", 1, [("group", "Li")]),
        ("2026-03-06T20:00", 0, [("group", "Li")]),
        # Friday's night ends on Saturday morning.
        ("2026-03-07T07:59", 0, [("group", "Li")]),
        ("2026-03-07T08:00", 1, [("group", "Li")]),
        ("2026-03-08T12:00", 1, [("group", "Li")]),
    ],
)
def test_who_is_on_duty_follows_days_and_hours_of_the_city(
    moment: str, step: int, reached: list[tuple[str, str]]
) -> None:
    directory = load_directory(SHIFTS, "notify.toml")
    now = to_millis(datetime.fromisoformat(moment).replace(tzinfo=ZONE))
    rung = rung_at(directory, directory.role_of("duty"), 0, now, ZONE)
    assert rung is not None
    assert (rung.step, list(rung.reached)) == (step, reached)


def test_the_next_step_is_due_its_minutes_later_and_the_last_has_none() -> None:
    duty = load_directory(SHIFTS, "notify.toml").role_of("duty")
    assert next_due(duty, 0, 1_000) == 151_000
    assert next_due(duty, 1, 1_000) is None


def test_a_role_that_is_not_named_is_told_as_the_first() -> None:
    directory = load_directory(
        SHIFTS + '\n[[role]]\nnames = ["air", "leader"]\nstep = [{ tell = ["Li"] }]', "notify.toml"
    )
    assert [directory.role_of(name).names[0] for name in ("leader", "water", "duty")] == ["air", "duty", "duty"]


def test_the_file_of_the_documentation_is_right() -> None:
    page = (ROOT / "docs" / "ALERTS.md").read_text("utf-8").partition("### The file")[2].partition("###")[0]
    directory = load_directory(page[page.index("    runbooks") : page.index("The city's time")], "docs/ALERTS.md")
    names = ("DING_SECRET", "DING_TOKEN", "MAIL_PASSWORD", "SMS_TOKEN")
    environment = {name: f"{name.lower()}0123456789".replace("_", "") for name in names}
    shown = {
        name: address_of(channel, "docs/ALERTS.md", environment).shown
        for name, channel in directory.channels.items()
        if not channel.mqtt
    }
    assert shown == {
        "duty-group": "dingtalk://***",
        "leader": "mailtos://example.org",
        "li-sms": "jsons://sms.example.org",
        "dashboards": "https://grafana.example.org",
    }
    for name in ("duty-group", "leader", "li-sms"):
        Service(address_of(directory.channels[name], "docs/ALERTS.md", environment), lambda: 0)


def test_nothing_is_a_file_too() -> None:
    assert load_directory("", "notify.toml") == Directory()
