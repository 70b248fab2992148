"""The types of the client are those that the fleet describes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

import pytest

import tellers
from tellers import Client
from tellers.answers import AcceptedLine
from tellers.jobs import KINDS


@pytest.fixture
def schemas(client: Client) -> dict[str, Any]:
    found = client.request("GET", "/api/openapi.json")["components"]["schemas"]
    assert isinstance(found, dict)
    return found


def names(form: Any) -> set[str]:
    return {field.name.rstrip("_") for field in fields(form)}


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every description of an object within a description."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


def test_every_kind_of_job_has_the_members_that_the_fleet_takes(schemas: dict[str, Any]) -> None:
    beside = names(tellers.JobBody)
    taken: dict[str, set[str]] = {}
    for schema in objects(schemas):
        kind = schema["properties"].get("kind", {})
        (name,) = kind.get("enum", []) if len(kind.get("enum", [])) == 1 else [kind.get("const")]
        if name in KINDS:
            taken[name] = schema["properties"].keys() - beside - {"kind"}
    assert taken == {name: names(kind) - beside for name, kind in KINDS.items()}


@pytest.mark.parametrize(
    ("schema", "form", "left_out"),
    [
        ("Account", tellers.Account, set()),
        ("Entry", tellers.Entry, set()),
        ("Job", tellers.Job, {"analysis"}),
        ("Statement", tellers.Statement, set()),
        ("StatementEntry", tellers.StatementEntry, set()),
        ("ImportDocument", tellers.Import, {"refused_rows"}),
        ("RefusalDocument", tellers.RefusedRow, set()),
        ("ShareDocument", tellers.SharedRows, set()),
        ("ConflictsOfJob", tellers.Conflicts, set()),
        ("StandingOrder", tellers.StandingOrder, set()),
        ("StandingOrderPayment", tellers.StandingOrderPayment, set()),
        ("StandingRule", tellers.StandingRule, set()),
        ("Payment", tellers.PaymentNames, set()),
        ("Counterparty", tellers.Counterparty, set()),
        ("Queued", AcceptedLine, {"lane", "accepted_at"}),
    ],
)
def test_an_answer_is_read_whole_and_needs_no_more_than_is_promised(
    schemas: dict[str, Any], schema: str, form: Any, left_out: set[str]
) -> None:
    described = list(objects(schemas[schema]))
    parts = schemas[schema].get("allOf", [])
    described += [schemas[part["$ref"].rsplit("/", 1)[1]] for part in parts if "$ref" in part]
    given = {name for part in described for name in part["properties"]}
    promised = {name for part in described for name in part.get("required", [])}
    needed = {field.name.rstrip("_") for field in fields(form) if field.default is MISSING}
    assert needed <= promised
    assert given - names(form) == left_out
