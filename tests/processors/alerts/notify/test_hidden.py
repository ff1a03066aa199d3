"""Addresses: secrets come from elsewhere, and nothing of them is shown."""

from pathlib import Path

import pytest

from processors.alerts.notify.hidden import SecretError, address

TOKEN = "sesame-4711-open"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dingtalk://${T}", "dingtalk://***"),
        ("dingtalk://abcdef0123456789", "dingtalk://***"),
        ("wecombot://${T}/", "wecombot://***"),
        ("jsons://user:${T}@alerts.example.org/hook/${T}", "jsons://alerts.example.org"),
        ("json://${T}.example.org/hook", "json://***"),
        ("mailtos://duty:${T}@example.org?to=a@example.org", "mailtos://example.org"),
        ("mailto://127.0.0.1:2525?from=a@example.org&pass=${T}", "mailto://127.0.0.1:2525"),
        ("https://grafana.example.org/sub", "https://grafana.example.org"),
    ],
)
def test_scheme_and_host_are_shown_where_the_host_is_no_secret(text: str, shown: str) -> None:
    found = address(text, {"T": TOKEN})
    assert (found.shown, str(found), repr(found)) == (shown, shown, f"Address({shown})")
    assert "${" not in found.url


@pytest.mark.parametrize(
    "text",
    [
        "json://h.example.org/in/${T}",
        "json://u:${T}@h.example.org/",
        "json://h.example.org/?key=${T}",
        "dingtalk://${T}",
    ],
)
def test_a_secret_is_masked_in_whatever_is_said_of_it(text: str) -> None:
    found = address(text, {"T": TOKEN})
    said = found.masked(f"HTTPConnectionPool: /in/{TOKEN}?key={TOKEN} {found.url} {TOKEN} failed")
    assert TOKEN not in said
    assert "failed" in said


def test_a_secret_written_into_the_file_is_masked_too() -> None:
    assert TOKEN not in address(f"json://h.example.org/in/{TOKEN}", {}).masked(f"POST /in/{TOKEN}")


def test_secrets_come_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert address(f"dingtalk://${{file:{tmp_path / 'token'}}}", {}).url == f"dingtalk://{TOKEN}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dingtalk://${NOWHERE}", r"\$\{NOWHERE\} is not in the environment; set it"),
        ("dingtalk://${EMPTY}", r"\$\{EMPTY\} is empty"),
        ("dingtalk://${file:/no/such}", r"No such file or directory.*point it at a readable file"),
    ],
)
def test_a_secret_that_is_not_there_is_named(text: str, said: str) -> None:
    with pytest.raises(SecretError, match=said):
        address(text, {"EMPTY": ""})
