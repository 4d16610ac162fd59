#!/usr/bin/env python3
"""delay.py PORT TO-PORT SECONDS: a relay on loopback that hands on what a client
sends after so long, so that every request costs it."""
import asyncio
import sys


async def pump(reader, writer, delay):
    try:
        while data := await reader.read(65536):
            if delay:
                await asyncio.sleep(delay)
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (ConnectionError, OSError):
        writer.close()


async def main():
    port, to, delay = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])

    async def connected(reader, writer):
        upstream = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(pump(reader, upstream[1], delay), pump(upstream[0], writer, 0))
        writer.close()
        upstream[1].close()

    server = await asyncio.start_server(connected, "127.0.0.1", port, backlog=256)
    async with server:
        await server.serve_forever()


asyncio.run(main())
