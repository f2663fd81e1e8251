"""
A backend that decodes paths before it evaluates them, as many do: a real nginx.

    with decoding_backend(tmp_path) as url:
        assert httpx2.get(f"{url}/base/..%2fint").text == "/int"
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import free_addresses
from running import wait_until

# The first server passes on the decoded path, and the second decodes it again.
_CONFIGURATION = """
daemon off; master_process off; error_log stderr emerg; pid {directory}/nginx.pid;
events {{ }}
http {{
    access_log off; default_type text/plain;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{ listen {first}; location /twice {{ proxy_pass http://{second}$uri; }} location / {{ return 200 $uri; }} }}
    server {{ listen {second}; location / {{ return 200 $uri; }} }}
}}
"""


@contextmanager
def decoding_backend(directory: Path) -> Iterator[str]:
    """Run an nginx that answers with the path that it understood, below /twice after decoding twice; give its URL."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    first, second = free_addresses(2)
    file = directory / "nginx.conf"
    file.write_text(_CONFIGURATION.format(directory=directory, first=first, second=second))
    process = subprocess.Popen([program, "-c", str(file), "-p", str(directory), "-e", "stderr"])
    try:
        wait_until(lambda: (directory / "nginx.pid").exists() or process.poll() is not None)
        yield f"http://{first}"
    finally:
        process.terminate()
        process.wait(60)
