"""All output on standard error is one JSON object per line."""

import json
import subprocess
import sys

PROGRAM = """
import asyncio, logging, sys, threading, traceback, warnings
import structlog
from holdfast.server.logs import configure_logging, log_everything, standard_error_as_log

configure_logging("debug")
log_everything()
structlog.get_logger().error("own", text="two\\nlines", odd=b"\\xff", lone="\\ud800")
warnings.warn("a warning\\nof two lines")
logging.getLogger("alembic.runtime").warning("of a %s", "library")
logging.getLogger("library").error("wrong %d arguments", "x", "y")
logging.getLogger("library").log(45, "a custom level")
logging.getLogger("httpx2").info("a request with its headers")

def fail():
    raise ValueError("in a\\nthread")

thread = threading.Thread(target=fail, name="worker")
thread.start()
thread.join()

class Unraisable:
    def __del__(self):
        raise ValueError("while it is deleted")

Unraisable()

async def forget():
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.wait([asyncio.get_running_loop().create_task(asyncio.to_thread(fail))])

asyncio.run(forget())
with standard_error_as_log():
    try:
        fail()
    except ValueError:
        traceback.print_exc()
    structlog.get_logger().error("of our own within")
try:
    fail()
except ValueError:
    structlog.get_logger().exception("caught")
raise ExceptionGroup("uncaught", [ValueError("one"), ValueError("two")])
"""


def test_output_of_libraries_threads_and_python_is_json_too():
    process = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (process.returncode, process.stdout) == (1, "")
    events = [json.loads(line) for line in process.stderr.splitlines()]
    count = sum(event["event"] == "written to standard error" for event in events)
    assert "ValueError: in a\nthread" in [event.get("text") for event in events]
    assert [event["event"].splitlines()[0].rpartition("/")[2] for event in events] == [
        "own",
        "<string>:9: UserWarning: a warning",
        "of a library",
        "wrong %d arguments",
        "a custom level",
        "thread ended by an unexpected error",
        "exception ignored in",
        "Exception in callback fail() at <string>:15",
        "Task exception was never retrieved",
        *["written to standard error"] * count,
        "of our own within",
        "caught",
        "process ended by an unexpected error",
    ]
    assert all(event["level"] and event["timestamp"] for event in events)
    assert {event["logger"] for event in events if "logger" in event} == {
        "py.warnings", "alembic.runtime", "library", "asyncio"
    }  # fmt: skip
    assert [event["event"] for event in events[5:] if not {"exception", "text"} & event.keys()] == ["of our own within"]
