"""Sign in with PAM in a process of its own: a request a line on standard input, an answer a line on standard output."""

import asyncio
import json
import logging
import sys

import msgspec

from bluesky_qs.door.signin.provider import Identity, ProviderUnavailable
from bluesky_qs.door.signin.providers.pam import pam_provider


async def main() -> None:
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    for line in sys.stdin:
        request = json.loads(line)
        provider = pam_provider("facility", {"service": request.get("service", "bluesky")})
        try:
            if "current" in request:
                answer = await provider.current(msgspec.convert(request["current"], Identity))
            else:
                answer = await provider.authenticate(request["username"], request["password"])
        except ProviderUnavailable as error:
            answer = {"unavailable": error.message}
        print(msgspec.json.encode(answer).decode(), flush=True)
        await provider.close()


if __name__ == "__main__":
    asyncio.run(main())
