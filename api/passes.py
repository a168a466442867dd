"""What a live connection showed at the door. It is asked again while the connection is open: tokens expire, keys and links are taken back,
and who has lost a right loses it here too."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from api.contract import PUBLIC, Context
from plant.errors import Forbidden, PlantError, Unauthorized
from services.access import Identity

CREDENTIALS = frozenset({"authorization", "cookie", "x-api-key", "x-kiosk-link", "sec-websocket-protocol"})
"""Headers that may say who is calling."""
RECHECK_S = 5.0
"""So long after a key or a kiosk link has ended, what it opened is closed [s]."""
RECHECK_USER_S = 30.0
"""The same for a person's token or session [s]."""


@dataclass(slots=True)
class Pass:
    """The credentials of one connection and who it is for them. `needs` are permissions of which the connection must have one."""

    context: Context
    needs: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    caller: Identity = field(default_factory=Identity)

    @classmethod
    def of_token(cls, context: Context, needs: tuple[str, ...], token: str, address: str) -> "Pass":
        """The pass that a token or key alone gives."""
        return cls(context, needs, {"authorization": f"Bearer {token}"}, address)

    async def renew(self) -> Identity:
        """Who the connection is for now, kept in `caller`. Raises Unauthorized, Forbidden, TooMany, Unavailable."""
        refused: Forbidden | None = None
        for need in self.needs:
            try:
                self.caller = await self.authorize(need)
                return self.caller
            except Forbidden as error:
                refused = refused or error
        raise refused or Unauthorized("Not authenticated")

    async def authorize(self, need: str, method: str = "GET") -> Identity:
        """Who is calling, if they may do what `need` says, by what the records say this moment. Raises as `renew`."""
        if CREDENTIALS.isdisjoint(self.headers):
            return self.context.authorize(self.headers, {}, need, method)
        call = self.context.authorize
        loop = asyncio.get_running_loop()  # on a thread, for looking up a token reads the store
        return await loop.run_in_executor(None, call, self.headers, cookies_of(self.headers), need, method, self.address)

    async def to_act(self, need: str) -> Identity:
        """The same for an action. A page of this very host may act by its session, as its Origin has been checked; whoever else comes with
        a cookie needs the CSRF token too, as for a write by HTTP."""
        return await self.authorize(need, "GET" if is_own(self.headers) else "POST")

    async def lapse(self, changed: Callable[[Identity], None]) -> PlantError:
        """Look again and again, telling `changed` who the caller is then. Why the pass is no longer good; never returns while it is."""
        if CREDENTIALS.isdisjoint(self.headers):
            await asyncio.get_running_loop().create_future()  # who showed nothing has nothing to lose
        while True:
            interval = RECHECK_S if self.caller.scopes is not None else RECHECK_USER_S
            await asyncio.sleep(interval * random.uniform(0.8, 1.0))  # not all at once
            before = self.caller
            try:
                if await self.renew() != before:
                    changed(self.caller)
            except (Unauthorized, Forbidden) as error:
                return error
            except PlantError:  # nobody can say now
                continue


def stranger(context: Context, address: str) -> Pass:
    """The pass of somebody who has not said who they are and may do nothing until they do."""
    return Pass(context, (PUBLIC,), address=address)


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Cookies by name; none where the header is broken."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def is_own(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of this host sends this."""
    try:
        host = urlsplit(headers.get("origin", "")).netloc.lower()
    except ValueError:  # no address at all
        return False
    return bool(host) and host == headers.get("host", "").lower()


def offered(headers: Mapping[str, str]) -> list[str]:
    """The subprotocols a WebSocket client offers."""
    return [text.strip() for text in headers.get("sec-websocket-protocol", "").split(",") if text.strip()]
