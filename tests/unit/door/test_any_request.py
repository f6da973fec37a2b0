"""Random requests, made from the OpenAPI document: no answer is a 500, or one that the document does not describe."""

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

#: They end the manager, sleep, or lock out all later requests.
APART = {"manager_stop", "manager_kill", "sleep", "lock"}
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
EXAMPLES = 6


def operations(document):
    """The operations that are tried: not the streams, whose answers do not end."""
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        operation = found.ok()
        definition = operation.definition.raw
        if definition["operationId"] not in APART and definition["tags"] != ["Streams"]:
            yield operation


def try_operation(operation, door):
    """Send requests until one has another answer than the document says."""

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=hypothesis.strategies.one_of([operation.as_strategy(generation_mode=m) for m in MODES]))
    def answers_as_described(case):
        response = case.call(base_url=door.url, headers={"Authorization": f"ApiKey {door.key}"}, timeout=30)
        case.validate_response(response, checks=CHECKS)

    answers_as_described()


async def test_no_request_gets_a_500_or_an_answer_that_is_not_described(door):
    await door.post("/environment/open")
    document = (await door.http.get("/openapi.json")).json()

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
    assert "manager_state" in await door.get("/status")
