"""What one can do with tenants and their keys."""

from collections.abc import Callable, Collection
from typing import Any

import msgspec
from msgspec import Struct

from largesse.kernel.clock import Clock, TenantClocks
from largesse.kernel.command import Command, Done
from largesse.kernel.errors import NotFoundError, StartError
from largesse.kernel.fact import AuditEntry
from largesse.kernel.ids import Ids
from largesse.tenants import decide
from largesse.tenants.keyring import KeyRing
from largesse.tenants.model import ApiKey, NewKey, Onboarded, Principal, Scope, Step, Tenant
from largesse.tenants.ports import TenantRecords, TenantStore
from largesse.tenants.tokens import Claims, CustomerToken, CustomerTokens

DEFAULT_TENANT = "default"
SECRET_BYTES = 32
_SYSTEM = "system"
_TENANTS_AT_A_TIME = 1_000


class TenantInput(Struct, frozen=True, kw_only=True):
    """What somebody says of a new tenant. A tenant in test mode lives by a clock of its own."""

    name: str
    time_zone: str = "UTC"
    test_mode: bool = False


class KeyInput(Struct, frozen=True, kw_only=True):
    """What somebody says of a new key. It never expires where `expires_at_ms` is None."""

    name: str
    scopes: tuple[Scope, ...]
    expires_at_ms: int | None = None


class Origins(Struct, frozen=True):
    """Where new ids, secrets and customer tokens come from."""

    ids: Ids
    tokens: CustomerTokens
    secret_text: Callable[[], str]
    secret_bytes: Callable[[int], bytes]


class Tenants:
    """Onboarding, keys, test clocks, and who a key speaks for."""

    def __init__(
        self, store: TenantStore, clock: Clock, clocks: TenantClocks, origins: Origins
    ) -> None:
        self._store = store
        self._clock = clock
        self._clocks = clocks
        self._origins = origins
        self._ring = KeyRing(clock)

    async def open(self, admin_key: str | None) -> str | None:
        """Read all keys and clocks. The first time, make the tenant `default`.

        Returns its admin key when it was made up now: the one time that it can be shown. An
        `admin_key` given from outside is known from then on, at each start.
        """
        if admin_key is not None:
            decide.check_secret(admin_key)
        secret = admin_key or self._origins.secret_text()
        command = self._command("first_start")
        tenants = await self._store.read(lambda records: records.tenants(0, 1))
        if not tenants or admin_key is not None:
            await self._store.write(
                command, lambda records: self._first_start(records, command, secret), Onboarded
            )
        await self.learn(None)
        return None if tenants or admin_key else secret

    async def learn(self, numbers: Collection[int] | None) -> None:
        """Know some tenants, their keys and clocks as the ledger has them now; all where None."""
        for tenant, keys in await self._store.read(lambda records: _tenants(records, numbers)):
            self._know(tenant, *keys)

    def authenticate(self, secret: bytes) -> Principal | None:
        """Who calls with this secret, or None where it opens nothing (now). Costs a look-up.

        It is an API key's, or a customer token.
        """
        return self._ring.principal(decide.digest(secret)) or self._of_token(secret)

    def customer_token(self, principal: Principal, customer: str, for_s: int) -> CustomerToken:
        """A token by which a customer speaks for himself; it ends with the caller's key."""
        now_s = self._clock.now_ms() // 1000
        claims = Claims(sub=customer, key=principal.key.id, iat=now_s, exp=now_s + for_s)
        return CustomerToken(self._origins.tokens.make(claims), claims.exp * 1000)

    @property
    def key_changes(self) -> int:
        """Another number whenever `authenticate` may have another answer, but for expiry."""
        return self._ring.changes

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of all tenants, from memory."""
        return self._ring.numbers

    def tenant_of(self, number: int) -> Tenant:
        """A tenant by its number, from memory."""
        return self._ring.tenant(number)

    def command_of(self, principal: Principal, operation: str) -> Command:
        """The envelope of what a caller wants to do, at his tenant's present moment."""
        return self.command_by(principal.key.id, principal.tenant.number, operation)

    def command_by(self, actor: str, tenant: int, operation: str) -> Command:
        """The same for somebody without a key, whom the operator has let in by another way."""
        return Command(
            tenant=tenant,
            actor=actor,
            operation=operation,
            now_ms=self._clocks.now_ms(tenant),
            machine_ms=self._clock.now_ms(),
        )

    async def onboard(self, command: Command, wish: TenantInput) -> Done[Onboarded]:
        """Make a tenant and its first admin key, whose secret is in the answer this once."""
        decide.check_name(wish.name)
        decide.check_zone(wish.time_zone)
        secret = self._origins.secret_text()
        key = KeyInput(name="admin", scopes=(Scope.ADMIN,))
        machine_ms = self._clock.now_ms()

        def work(records: TenantRecords) -> Onboarded:
            tenant = records.add_tenant(self._new_tenant(wish, machine_ms))
            admin = self._new_key(tenant, key, secret, machine_ms)
            records.add_key(admin)
            records.audit(AuditEntry.of(command, tenant.id, None, _shown_tenant(tenant)))
            return Onboarded(tenant, NewKey(admin, None))

        done = await self._store.write(command, work, Onboarded)
        if done.replayed:
            return done
        self._know(done.answer.tenant, done.answer.admin.key)
        shown = NewKey(done.answer.admin.key, secret)
        return Done(Onboarded(done.answer.tenant, shown))

    async def tenant(self, principal: Principal, tenant_id: str) -> Tenant:
        """The caller's own tenant; an operator may read any. Others' are not found."""
        found = await self._store.read(lambda records: records.tenant_by_id(tenant_id))
        own = found is not None and found.number == principal.tenant.number
        if found is None or not (own or principal.may(Scope.OPERATOR)):
            raise NotFoundError(f"there is no tenant {tenant_id!r} here")
        return found

    async def tenant_called(self, name: str) -> Tenant:
        """The tenant with this id, or the only one with this name.

        `StartError` where there is none or there are several: an operator's settings name it.
        """

        def find(records: TenantRecords) -> list[Tenant]:
            by_id = records.tenant_by_id(name)
            if by_id is not None:
                return [by_id]
            found: list[Tenant] = []
            after = 0
            while some := records.tenants(after, _TENANTS_AT_A_TIME):
                found += [tenant for tenant in some if tenant.name == name]
                after = some[-1].number
            return found

        found = await self._store.read(find)
        if len(found) > 1:
            raise StartError(f"{len(found)} tenants are called {name!r}: name one by its id, ten_…")
        if not found:
            message = f"there is no tenant {name!r}: name one by its id, ten_…, or by its name"
            raise StartError(message)
        return found[0]

    async def add_key(self, command: Command, wish: KeyInput) -> Done[NewKey]:
        """Make a key for the caller's tenant; its secret is in the answer this once."""
        machine_ms = self._clock.now_ms()
        decide.check_name(wish.name)
        decide.check_scopes(wish.scopes)
        decide.check_expiry(wish.expires_at_ms, machine_ms)
        secret = self._origins.secret_text()
        tenant = self.tenant_of(command.tenant)

        def work(records: TenantRecords) -> NewKey:
            key = self._new_key(tenant, wish, secret, machine_ms)
            records.add_key(key)
            records.audit(AuditEntry.of(command, key.id, None, _shown_key(key)))
            return NewKey(key, None)

        done = await self._store.write(command, work, NewKey)
        if done.replayed or command.dry_run:
            return done
        self._ring.add_key(done.answer.key)
        return Done(NewKey(done.answer.key, secret))

    async def keys(self, tenant: int) -> list[ApiKey]:
        """A tenant's keys, revoked ones included, in the order of their creation."""
        return await self._store.read(lambda records: records.keys(tenant))

    async def revoke_key(self, command: Command, key_id: str) -> Done[ApiKey]:
        """Make a key useless at once and for ever. Revoking it again changes nothing."""
        machine_ms = self._clock.now_ms()

        def work(records: TenantRecords) -> ApiKey:
            key = records.key(command.tenant, key_id)
            if key is None:
                raise NotFoundError(f"there is no key {key_id!r} here")
            if key.revoked_at_ms is not None:
                return key
            revoked = msgspec.structs.replace(key, revoked_at_ms=machine_ms)
            records.set_key_revoked(key_id, machine_ms)
            records.audit(AuditEntry.of(command, key_id, _shown_key(key), _shown_key(revoked)))
            return revoked

        done = await self._store.write(command, work, ApiKey)
        if not command.dry_run:
            self._ring.remove_key(done.answer)
        return done

    async def advance(self, command: Command, step: Step) -> Done[Tenant]:
        """Move the test clock of the caller's tenant forward; steps at the same time all count."""

        def work(records: TenantRecords) -> Tenant:
            tenant = records.tenant(command.tenant)
            assert tenant is not None
            to_ms = decide.advance(tenant, step)
            moved = msgspec.structs.replace(tenant, clock_ms=to_ms)
            records.set_clock(command.tenant, to_ms)
            records.audit(
                AuditEntry.of(command, tenant.id, _shown_tenant(tenant), _shown_tenant(moved))
            )
            return moved

        done = await self._store.write(command, work, Tenant)
        if not command.dry_run:
            self._know(done.answer)
        return done

    async def audit_entries(
        self, tenant: int, before: int | None, limit: int
    ) -> list[tuple[int, AuditEntry]]:
        """Who changed what, newest first, each with its position."""
        return await self._store.read(lambda records: records.audit_entries(tenant, before, limit))

    def _of_token(self, text: bytes) -> Principal | None:
        """The customer whom a token speaks for, while it and the key that asked for it last."""
        claims = self._origins.tokens.read(text)
        if claims is None or self._clock.now_ms() >= claims.exp * 1000:
            return None
        by = self._ring.principal_of(claims.key)
        return None if by is None else Principal(by.tenant, by.key, (), claims.sub)

    def _first_start(self, records: TenantRecords, command: Command, secret: str) -> Onboarded:
        now_ms = command.now_ms
        first = records.tenants(0, 1)
        tenant = first[0] if first else None
        if tenant is None:
            wish = TenantInput(name=DEFAULT_TENANT)
            tenant = records.add_tenant(self._new_tenant(wish, now_ms))
        known = records.key_by_digest(decide.digest(secret.encode()))
        if known is not None:
            return Onboarded(tenant, NewKey(known, None))
        wish_key = KeyInput(name="admin", scopes=(Scope.OPERATOR, Scope.ADMIN))
        admin = self._new_key(tenant, wish_key, secret, now_ms)
        records.add_key(admin)
        envelope = msgspec.structs.replace(command, tenant=tenant.number)
        records.audit(AuditEntry.of(envelope, admin.id, None, _shown_key(admin)))
        return Onboarded(tenant, NewKey(admin, None))

    def _know(self, tenant: Tenant, *keys: ApiKey) -> None:
        self._ring.add_tenant(tenant)
        for key in keys:
            self._ring.add_key(key)
        if tenant.clock_ms is not None:
            self._clocks.set(tenant.number, tenant.clock_ms)

    def _new_tenant(self, wish: TenantInput, now_ms: int) -> Tenant:
        return Tenant(
            number=0,
            id=self._origins.ids.new("ten"),
            name=wish.name,
            time_zone=wish.time_zone,
            created_at_ms=now_ms,
            secret=self._origins.secret_bytes(SECRET_BYTES),
            clock_ms=now_ms if wish.test_mode else None,
        )

    def _new_key(self, tenant: Tenant, wish: KeyInput, secret: str, now_ms: int) -> ApiKey:
        return ApiKey(
            id=self._origins.ids.new("key"),
            tenant=tenant.number,
            name=wish.name,
            prefix=secret[: decide.PREFIX_CHARACTERS],
            digest=decide.digest(secret.encode()),
            scopes=wish.scopes,
            created_at_ms=now_ms,
            expires_at_ms=wish.expires_at_ms,
        )

    def _command(self, operation: str) -> Command:
        now_ms = self._clock.now_ms()
        return Command(
            tenant=0, actor=_SYSTEM, operation=operation, now_ms=now_ms, machine_ms=now_ms
        )


def _tenants(
    records: TenantRecords, numbers: Collection[int] | None
) -> list[tuple[Tenant, list[ApiKey]]]:
    """Tenants by their numbers, with their keys; all that have a key where None."""
    wanted = {key.tenant for key in records.keys(None)} if numbers is None else set(numbers)
    found = [(records.tenant(number), records.keys(number)) for number in sorted(wanted)]
    return [(tenant, keys) for tenant, keys in found if tenant is not None]


def _shown_tenant(tenant: Tenant) -> dict[str, Any]:
    return {
        "name": tenant.name,
        "time_zone": tenant.time_zone,
        "test_mode": tenant.test_mode,
        "clock_ms": tenant.clock_ms,
    }


def _shown_key(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "expires_at_ms": key.expires_at_ms,
        "revoked_at_ms": key.revoked_at_ms,
    }
