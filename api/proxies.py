"""Who really called, when proxies stand in front."""

import ipaddress
from collections.abc import Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SCHEMES = {("http", b"https"): "https", ("websocket", b"https"): "wss"}


class Proxies:
    """The proxies that are believed: what others say of whom they speak for counts for nothing."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """`trusted`: addresses and networks."""
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in trusted)

    def seen_through(self, scope: Scope) -> Scope:
        """The scope as it would be without the proxies: `client` is the caller and `scheme` what the caller used. The caller is the last
        address of X-Forwarded-For that is no trusted proxy: what stands before it the caller may have written."""
        if not self._networks or not self._trusts((scope.get("client") or ("",))[0]):
            return scope
        named = [part for name, value in scope["headers"] if name == b"x-forwarded-for" for part in value.decode("latin-1").split(",")]
        caller = next((address for part in reversed(named) if not self._trusts(address := part.strip())), None)
        scheme = next((value.strip().lower() for name, value in scope["headers"] if name == b"x-forwarded-proto"), b"")
        seen = dict(scope)
        if caller is not None and _is_address(caller):
            seen["client"] = (caller, 0)
        seen["scheme"] = _SCHEMES.get((scope["type"], scheme), scope.get("scheme", "http"))
        return seen

    def _trusts(self, address: str) -> bool:
        if not _is_address(address):
            return False
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self._networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
