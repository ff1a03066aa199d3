"""InfluxDB made ready: organisation, buckets with retention, mappings of databases for InfluxQL, tokens with the least rights.

Idempotent: what is there as it should be is left alone; what a person made otherwise (a longer or shorter retention, a mapping
elsewhere) is left or refused, never turned. Secrets are written durably before the server is told of them where that can be, for
a server since 2.9 keeps only their hash and shows none of them again.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol

from sensors.instants import DAY_MS
from store.influx_http import InfluxHttp
from store.measurements import Policy
from store.port import StoreMisconfigured

ADMIN: Final = "influx-admin-token"
"""The secret with every right: set-up alone needs it."""

_PASSWORD: Final = "influx-admin-password"  # noqa: S105 - the name of a secret, not one
_USER: Final = "cityflux"
_DAY_S = DAY_MS // 1000

Right = Literal["read", "write"]


class Secrets(Protocol):
    """Where secrets are kept, durably and readable by us alone."""

    def read(self, name: str) -> str | None:
        """The secret, None where there is none."""
        ...

    def write(self, name: str, secret: str) -> None:
        """Keep it, in place of the one there was."""
        ...


class Step(NamedTuple):
    """One thing, and what was done about it: `made`, `there` (as it should be), `changed`, `left` (otherwise, by a person)."""

    what: str
    name: str
    how: Literal["made", "there", "changed", "left"]
    note: str = ""


@dataclass(frozen=True)
class Access:
    """A token: whose it is, and what it may do in the buckets of each policy."""

    name: str
    rights: Mapping[Policy, Sequence[Right]]

    @property
    def secret(self) -> str:
        """The name of its secret."""
        return f"influx-{self.name}-token"

    @property
    def description(self) -> str:
        """How the server shows it; by this we know it again."""
        return f"cityflux {self.name}"


_BOTH: Sequence[Right] = ("read", "write")
TOKENS: Final[Sequence[Access]] = (
    Access("ingest", {"autogen": _BOTH}),
    # Writes what it derives, and the projection, which it also reads: line protocol cannot take a value away.
    Access("process", {"autogen": _BOTH, "books": _BOTH, "samples": _BOTH}),
    Access("read", {"autogen": ("read",)}),
    Access("grafana", {"autogen": ("read",), "books": ("read",), "samples": ("read",)}),
)
"""The tokens: of ingest, of process (and `cityflux project`), of what only asks (watch, wall, commands), of Grafana."""


def bucket_of(readings_bucket: str, policy: Policy) -> str:
    """The bucket of a policy beside the one of readings, which may itself be named database/retention-policy."""
    return readings_bucket if policy == "autogen" else f"{database_of(readings_bucket)}/{policy}"


def database_of(readings_bucket: str) -> str:
    """The database that InfluxQL names."""
    return readings_bucket.partition("/")[0]


class Setup:
    """Makes one server ready for `bucket` of `org`."""

    def __init__(self, url: str, org: str, bucket: str, keeps: Secrets) -> None:
        self._url = url
        self._org = org
        self._bucket = bucket
        self._secrets = keeps

    def run(self, keep_days: Mapping[Policy, int | None], usual_days: Mapping[Policy, int]) -> list[Step]:
        """All of it; `keep_days` is how long points of a policy are kept (0: for ever; None: as it is, of a new one the usual).
        Raises StoreMisconfigured, StoreUnavailable; what was done until then stands, and running again goes on."""
        steps = [self._first()]
        admin = InfluxHttp(self._url, self._secrets.read(ADMIN))
        try:
            org, step = self._organisation(admin)
            steps.append(step)
            buckets: dict[Policy, str] = {}
            # The readings' mapping first: the first one of a database becomes its default.
            for policy, usual in usual_days.items():
                buckets[policy], step = self._make_bucket(admin, org, policy, keep_days[policy], usual)
                steps += [step, self._map(admin, org, policy, buckets[policy])]
            steps += [self._token(admin, org, buckets, access) for access in TOKENS]
        finally:
            admin.close()
        return steps

    def _first(self) -> Step:
        """A server that nobody has set up gets its first user and our admin token."""
        anybody = InfluxHttp(self._url, None)
        try:
            if not anybody.api("GET", "/api/v2/setup").get("allowed"):
                if self._secrets.read(ADMIN) is None:
                    raise StoreMisconfigured(
                        f"{self._url} is set up already, and there is no {ADMIN} among the secrets: put a token with all "
                        "rights there (`influx auth create --operator`), or begin with an empty server"
                    )
                return Step("server", self._url, "there")
            token = self._secrets.read(ADMIN) or secrets.token_urlsafe(48)
            password = self._secrets.read(_PASSWORD) or secrets.token_urlsafe(24)
            self._secrets.write(ADMIN, token)
            self._secrets.write(_PASSWORD, password)
            given = {"username": _USER, "password": password, "org": self._org, "bucket": self._bucket, "token": token}
            anybody.api("POST", "/api/v2/setup", body=given)
            return Step("server", self._url, "made", f"user {_USER}")
        finally:
            anybody.close()

    def _organisation(self, admin: InfluxHttp) -> tuple[str, Step]:
        for one in _all(admin, "/api/v2/orgs", "orgs", {}):
            if one["name"] == self._org:
                return one["id"], Step("organisation", self._org, "there")
        made = admin.api("POST", "/api/v2/orgs", body={"name": self._org})
        return made["id"], Step("organisation", self._org, "made")

    def _make_bucket(
        self, admin: InfluxHttp, org: str, policy: Policy, keep_days: int | None, usual_days: int
    ) -> tuple[str, Step]:
        name = bucket_of(self._bucket, policy)
        wanted = (usual_days if keep_days is None else keep_days) * _DAY_S
        for one in _all(admin, "/api/v2/buckets", "buckets", {"orgID": org}):
            if one["name"] != name:
                continue
            there = next((rule["everySeconds"] for rule in one["retentionRules"]), 0)
            if there == wanted or keep_days is None:
                how: Literal["there", "left"] = "there" if there == wanted else "left"
                return one["id"], Step("bucket", name, how, _kept(there))
            admin.api("PATCH", f"/api/v2/buckets/{one['id']}", body={"retentionRules": _rules(wanted)})
            return one["id"], Step("bucket", name, "changed", f"{_kept(wanted)}, before {_kept(there)}")
        made = admin.api("POST", "/api/v2/buckets", body={"orgID": org, "name": name, "retentionRules": _rules(wanted)})
        return made["id"], Step("bucket", name, "made", _kept(wanted))

    def _map(self, admin: InfluxHttp, org: str, policy: Policy, bucket: str) -> Step:
        database, _, given = self._bucket.partition("/")
        # A readings bucket of the form database/retention-policy has its own name for its policy.
        named = given if policy == "autogen" and given else policy
        name, default = f"{database}.{named}", policy == "autogen"
        asked = {"orgID": org, "db": database, "rp": named}
        for one in admin.api("GET", "/api/v2/dbrps", asked)["content"]:
            # A mapping that the server itself makes of a bucket's name is none to rely on: it goes with the name.
            if one.get("virtual") or (one["database"], one["retention_policy"]) != (database, named):
                continue
            if one["bucketID"] != bucket:
                raise StoreMisconfigured(
                    f"{self._url}: {name} is mapped to another bucket ({one['bucketID']}): delete that mapping "
                    f"(`influx v1 dbrp delete --id {one['id']}`), or choose another influx_bucket"
                )
            if one["default"] == default:
                return Step("mapping", name, "there")
            admin.api("PATCH", f"/api/v2/dbrps/{one['id']}", {"orgID": org}, {"default": default})
            return Step("mapping", name, "changed", "the default" if default else "no longer the default")
        body = {
            "orgID": org,
            "bucketID": bucket,
            "database": database,
            "retention_policy": named,
            "default": default,
        }
        admin.api("POST", "/api/v2/dbrps", body=body)
        return Step("mapping", name, "made")

    def _token(self, admin: InfluxHttp, org: str, buckets: Mapping[Policy, str], access: Access) -> Step:
        """A token is as it should be where the server has one of its name with just these rights, and takes the one we keep."""
        wanted = {(right, buckets[policy]) for policy, rights in access.rights.items() for right in rights}
        ours = [
            one
            for one in _all(admin, "/api/v2/authorizations", "authorizations", {"orgID": org})
            if one.get("description") == access.description
        ]
        rights = [{(p["action"], p["resource"].get("id")) for p in one["permissions"]} for one in ours]
        kept = self._secrets.read(access.secret)
        if rights == [wanted] and kept is not None and self._taken(kept):
            return Step("token", access.name, "there")
        permissions = [
            {"action": right, "resource": {"type": "buckets", "id": bucket, "orgID": org}}
            for right, bucket in sorted(wanted)
        ]
        made = admin.api(
            "POST",
            "/api/v2/authorizations",
            body={"orgID": org, "description": access.description, "permissions": permissions},
        )
        self._secrets.write(access.secret, made["token"])
        # The ones before, among them one that a crash left without its secret kept.
        for one in ours:
            admin.api("DELETE", f"/api/v2/authorizations/{one['id']}")
        return Step("token", access.name, "changed" if ours else "made")

    def _taken(self, token: str) -> bool:
        tried = InfluxHttp(self._url, token)
        try:
            return tried.status("GET", "/api/v2/buckets", {"limit": "1"}) < 300
        finally:
            tried.close()


def _all(admin: InfluxHttp, path: str, key: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every item of a listing, whatever the server's page; of one that has no pages it comes back the same, and is done."""
    found: dict[str, dict[str, Any]] = {}
    while True:
        page = admin.api("GET", path, {**parameters, "limit": "100", "offset": str(len(found))})[key]
        before = len(found)
        found |= {one["id"]: one for one in page}
        if len(found) == before:
            return list(found.values())


def _rules(keep_s: int) -> list[dict[str, object]]:
    return [{"type": "expire", "everySeconds": keep_s}] if keep_s else []


def _kept(keep_s: int) -> str:
    return f"keeps {keep_s / _DAY_S:g} days" if keep_s else "keeps for ever"
