"""The clients: each 0MQ method as a method of an object, blocking (`sync`) or for asyncio (`aio`)."""
