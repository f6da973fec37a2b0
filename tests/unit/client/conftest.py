"""A client of a manager in this process."""

import pytest

from bluesky_qs.client.sync import REManagerAPI


@pytest.fixture
def RM(qs_manager, clean_environment):
    with REManagerAPI(qs_manager.control, zmq_info_addr=qs_manager.info, timeout_recv=5) as manager:
        yield manager
