"""A gateway answers health checks even while others hold many connections."""

import asyncio
import socket

from holdfast.gateway.agent.monitoring import MAX_CONNECTIONS, Monitoring

CHECK = b"GET /livez HTTP/1.1\r\nHost: gateway\r\n\r\n"


def test_a_health_check_takes_the_place_of_the_connection_that_was_opened_first():
    async def check():
        monitoring = Monitoring(None, None, None, None)  # which /livez doesn't need
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = listening.getsockname()
            async with monitoring.serve([listening]), asyncio.timeout(3):
                slow = [await asyncio.open_connection(*address) for _ in range(MAX_CONNECTIONS)]
                for _, writer in slow:
                    writer.write(CHECK[:-2])
                reader, writer = await asyncio.open_connection(*address)
                writer.write(CHECK)
                assert (await reader.read()).startswith(b"HTTP/1.1 200")
                assert await slow[0][0].read() == b""
                slow[-1][1].write(CHECK[-2:])
                assert (await slow[-1][0].read()).startswith(b"HTTP/1.1 200")
                for _, each in [*slow, (reader, writer)]:
                    each.close()

    asyncio.run(check())
