"""Random requests, made from the OpenAPI document: no answer is a 500, or one that the document does not describe.

`test_any_request` runs these tests.
"""

import asyncio

import hypothesis
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bluesky_qs.door.openapi import OF_INSTRUMENT

#: They lock out all later requests, or end the manager: they are tried last, in this order.
LAST = ("lock", "manager_stop")
#: They freeze the manager, or sleep as long as they are told.
LEFT_OUT = {"manager_kill", "sleep"}
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
EXAMPLES = 5
#: The same handlers answer for each instrument, so fewer are enough there.
EXAMPLES_OF_INSTRUMENT = 1
#: Characters of a query. The HTTP server itself refuses a longer address, before the door sees the request.
LONGEST_QUERY = 20_000


def operations(document):
    """The operations that are tried: not the streams, whose answers do not end."""
    schema = schemathesis.openapi.from_dict(document)
    found = {each.ok().definition.raw["operationId"]: each.ok() for each in schema.get_all_operations()}
    tried = [name for name in found if of_default(name) not in LEFT_OUT and not name.endswith("_stream")]
    return [found[name] for name in sorted(tried, key=when)]


def of_default(name):
    """The name of the same operation of the default instrument."""
    return name.removeprefix(OF_INSTRUMENT)


def when(name):
    """Where the operation comes: most are first."""
    return LAST.index(of_default(name)) if of_default(name) in LAST else -1


def try_operation(operation, door):
    """Send requests until one has another answer than the document says."""

    is_of_instrument = operation.definition.raw["tags"] == ["Instruments"]

    @hypothesis.settings(
        max_examples=EXAMPLES_OF_INSTRUMENT if is_of_instrument else EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=hypothesis.strategies.one_of([operation.as_strategy(generation_mode=m) for m in MODES]))
    def answers_as_described(case):
        hypothesis.assume(len(str(case.query)) <= LONGEST_QUERY)
        response = case.call(base_url=door.url, headers={"Authorization": f"ApiKey {door.key}"}, timeout=30)
        case.validate_response(response, checks=CHECKS)

    answers_as_described()


async def test_no_request_gets_a_500_or_an_answer_that_is_not_described(door):
    await door.post("/environment/open")
    document = (await door.http.get("/openapi.json")).json()
    document["components"]["parameters"]["instrument"]["schema"] = {"enum": [door.door.default.name]}

    def try_all():
        faults = []
        for operation in operations(document):
            try:
                try_operation(operation, door)
            except (Failure, FailureGroup) as error:
                faults.append(f"{operation.label}: {error}")
        return faults

    faults = await asyncio.to_thread(try_all)
    assert not faults, "\n\n".join(faults)
    assert (await door.http.get("/healthz")).status_code == 200
