"""A client of the stand-in."""

import pytest

from bluesky_qs.client.sync import REManagerAPI


@pytest.fixture
def RM(fake, clean_environment):
    with REManagerAPI(fake.control, zmq_info_addr=fake.info, timeout_recv=5) as manager:
        yield manager
