"""The blocking client (`sync`) and the asyncio client (`aio`): methods, waits, monitors, and the transport."""
