"""Customers over HTTP."""

import pytest
from rest_stage import CAMPAIGN, NOW, ON_ONE_LOOP, Json, Town

ANN: Json = {"customer_id": "ann", "phone": "+821012345678", "attributes": {"tier": "gold"}}


async def test_a_customer_s_life(town: Town) -> None:
    """Registered, read, replaced, removed; a retry of the registration is answered as before."""
    shown = {**ANN, "verified": False, "registered_at": NOW}

    made = await town.acme.post("/customers", ANN, "k")
    again = await town.acme.post("/customers", ANN, "k")

    assert (made.status_code, made.json()) == (201, shown)
    assert (again.status_code, again.content) == (201, made.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await town.acme.get("/customers/ann")).json() == shown
    replaced = await town.acme.ask("PUT", "/customers/ann", {"verified": True})
    assert replaced.status_code == 200
    assert replaced.json() == {**shown, "phone": None, "verified": True, "attributes": {}}
    assert (await town.acme.ask("DELETE", "/customers/ann")).status_code == 204
    for method in ("GET", "DELETE"):
        gone = await town.acme.ask(method, "/customers/ann")
        assert (gone.status_code, gone.json()["code"]) == (404, "UNKNOWN_CUSTOMER")


async def test_an_id_and_a_phone_belong_to_one(town: Town) -> None:
    """409 for both, and nothing has changed; another tenant has his own."""
    await town.acme.post("/customers", ANN)

    same_id = await town.acme.post("/customers", {"customer_id": "ann"})
    same_phone = await town.acme.post("/customers", {**ANN, "customer_id": "bob"})
    unknown = await town.acme.ask("PUT", "/customers/bob", {})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "UNKNOWN_CUSTOMER")
    await town.acme.post("/customers", {"customer_id": "bob"})
    put = await town.acme.ask("PUT", "/customers/bob", {"phone": ANN["phone"]})

    assert (same_id.status_code, same_id.json()["code"]) == (409, "CUSTOMER_EXISTS")
    assert (same_phone.status_code, same_phone.json()["code"]) == (409, "PHONE_TAKEN")
    assert (put.status_code, put.json()["code"]) == (409, "PHONE_TAKEN")
    listed = (await town.acme.get("/customers")).json()
    assert [one["customer_id"] for one in listed["items"]] == ["ann", "bob"]
    assert (await town.rival.post("/customers", ANN)).status_code == 201


async def test_customers_are_listed_in_pieces(town: Town) -> None:
    """Each once; a cursor is of its list and filter only; whatever an id looks like it is found."""
    wanted = ["a/b", "c:token", "u 1", "é"]
    for number, customer_id in enumerate(wanted):
        body = {"customer_id": customer_id, "phone": f"+4912345{number:04}"}
        assert (await town.acme.post("/customers", body)).status_code == 201

    first = (await town.acme.get("/customers?limit=3")).json()
    rest = (await town.acme.get(f"/customers?limit=3&cursor={first['next']}")).json()
    misused = await town.acme.get(f"/customers?customer_id=x&cursor={first['next']}")

    found = [one["customer_id"] for one in first["items"] + rest["items"]]
    assert (found, rest["next"]) == (wanted, None)
    assert misused.status_code == 422
    for customer_id in wanted:
        page = await town.acme.http.get("/api/v1/customers", params={"customer_id": customer_id})
        assert [one["customer_id"] for one in page.json()["items"]] == [customer_id]
    by_phone = await town.acme.http.get("/api/v1/customers", params={"phone": "+49123450002"})
    assert [one["customer_id"] for one in by_phone.json()["items"]] == ["u 1"]


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"customers": "REGISTERED"}, 404, "UNKNOWN_CUSTOMER"),
        ({"requires": ["phone"]}, 422, "PHONE_REQUIRED"),
        ({"requires": ["phone", "verified"]}, 422, "PHONE_REQUIRED"),
        ({"requires": ["verified"]}, 403, "NOT_ELIGIBLE"),
    ],
)
async def test_campaigns_that_ask_who_a_customer_is(
    town: Town, asked: Json, status: int, code: str
) -> None:
    """Refused with what to do; once it is done the same key wins."""
    campaign = await town.acme.campaign(**asked)
    path = f"/campaigns/{campaign['id']}/claims"

    refused = await town.acme.post(path, {"customer_id": "ann"}, "k")
    tried = await town.acme.post(f"{path}?dry_run=true", {"customer_id": "ann"})
    await town.acme.post("/customers", {**ANN, "verified": True})
    given = await town.acme.post(path, {"customer_id": "ann"}, "k")

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert tried.json() == {"accepted": False, "outcome": code, "transient": False}
    assert given.status_code == 201
    assert {name: campaign[name] for name in asked} == asked


async def test_a_requirement_that_is_none(town: Town) -> None:
    """Unknown, or said twice: 422."""
    for wrong, pointer in ((["email"], "/requires/0"), (["phone", "phone"], "/requires")):
        answer = await town.acme.post("/campaigns", {**CAMPAIGN, "requires": wrong})
        assert (answer.status_code, answer.json()["pointer"]) == (422, pointer)


@ON_ONE_LOOP
@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"customer_id": ""}, "/customer_id"),
        ({"customer_id": "a\nb"}, "/customer_id"),
        ({"customer_id": "é" * 128}, "/customer_id"),
        ({}, "/customer_id"),
        ({"customer_id": "a", "phone": "010-1234-5678"}, "/phone"),
        ({"customer_id": "a", "phone": "+0123456789"}, "/phone"),
        ({"customer_id": "a", "phone": "+1234567890123456"}, "/phone"),
        ({"customer_id": "a", "phone": ""}, "/phone"),
        ({"customer_id": "a", "verified": "yes"}, "/verified"),
        ({"customer_id": "a", "attributes": {"n": 2**64}}, "/attributes/n"),
        ({"customer_id": "a", "attributes": {"n": "x" * 16_384}}, "/attributes"),
        ({"customer_id": "a", "name": "Ann"}, "/name"),
    ],
)
async def test_what_makes_no_sense(still_town: Town, said: Json, pointer: str) -> None:
    """422, pointing at it; nobody is registered."""
    answer = await still_town.acme.post("/customers", said)

    assert (answer.status_code, answer.json()["pointer"]) == (422, pointer)
    assert (await still_town.acme.get("/customers")).json()["items"] == []


async def test_the_audit_remembers_no_phone(town: Town) -> None:
    """It is kept for ever, and a removed customer is to be forgotten."""
    await town.acme.post("/customers", ANN)
    await town.acme.ask("DELETE", "/customers/ann")

    audit = await town.acme.get("/audit/entries")

    operations = [entry["operation"] for entry in audit.json()["items"]]
    assert operations[:2] == ["remove_customer", "register_customer"]
    assert ANN["phone"] not in audit.text
    assert "gold" not in audit.text
