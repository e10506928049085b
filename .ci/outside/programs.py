"""Starts programs of Frontdesk for a check, talks to them and stops them.

What is started ends with the `with` block that started it, whatever happened in between; when something went wrong,
the last lines of its log are shown.
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import requests

API_KEY = "sk-sandbox"
ACCESS_TOKEN = "ya29.sandbox"
SPREADSHEET_ID = "1sandboxFrontdeskLedgerOfSevenTabs0000000000"
BUF = pathlib.Path(sys.executable).parent / "buf"
PATIENCE = 60
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
LIMITS = ("LIMIT_CHAT", "LIMIT_VISITOR", "LIMIT_IP", "LIMIT_SITE", "LIMIT_MEMBER_ACTIONS", "LIMIT_MEMBER_READS")
NO_LIMITS = {name: "off" for name in LIMITS}


def wait(condition, what, patience=PATIENCE, pause=0.02):
    """The first answer of `condition` that is not false."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(pause)
    raise AssertionError(f"{what}: not within {patience} s")


class Program:
    """One process, at `url`."""

    def __init__(self, path, scratch, settings):
        self.log = pathlib.Path(tempfile.mkstemp(dir=scratch, suffix=".log", prefix=path.name)[1])
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        # A working directory of its own, so that no .env is read.
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(path)], cwd=scratch, env={**inherited, **settings}, stdout=log, stderr=log
            )
        try:
            self.url = wait(self._address, f"{path.name} says where it is")
        except BaseException:
            self.stop()
            raise

    def _address(self):
        assert self.process.poll() is None, f"{self.process.args[0]} ended: {self.tail()}"
        found = ADDRESS.search(self.log.read_text())
        return found and found[0]

    def tail(self):
        return "\n".join(self.log.read_text().splitlines()[-15:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(path, scratch, **settings):
    """A program while the block runs."""
    program = Program(pathlib.Path(path), scratch, {"RUST_LOG": "warn", **settings})
    try:
        yield program
    except BaseException:
        print(f"--- {program.log.name}\n{program.tail()}", file=sys.stderr)
        raise
    finally:
        program.stop()


class Desk:
    """A running `frontdesk`: its public door and the gRPC services behind it."""

    def __init__(self, program, directory):
        self.url = program.url
        addresses = pathlib.Path(directory) / "addresses.json"
        self.services = json.loads(wait(lambda: addresses.exists() and addresses.read_text(), "addresses.json"))

    def post(self, path, body, expected=200, **options):
        answer = requests.post(self.url + path, json=body, timeout=PATIENCE, **options)
        assert answer.status_code == expected, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def call(self, service, method, request, refused=None):
        """A gRPC call, its messages as JSON; `refused` is the code that it must be refused with."""
        asked = subprocess.run(
            [
                BUF,
                "curl",
                "--protocol",
                "grpc",
                "--http2-prior-knowledge",
                "-d",
                "@-",
                f"{self.services[service]}/{method}",
            ],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=PATIENCE,
        )
        if refused:
            assert f'"code": "{refused}"' in asked.stderr.decode(), f"{method}: {asked.stderr.decode()[:300]}"
            return None
        assert asked.returncode == 0, f"{method}: {asked.stderr.decode()[:300]}"
        return json.loads(asked.stdout or "{}")

    def ledger(self):
        return self.call("sheets-writer", "frontdesk.sheets.v1.LedgerService/GetLedgerStatus", {})

    def settled(self):
        """Waits until no row waits for the spreadsheet."""

        def done():
            status = self.ledger()
            return status if not int(status.get("pending", 0)) and not status.get("batchOpen") else None

        return wait(done, "every row is in the spreadsheet", pause=0.15)


@contextlib.contextmanager
def frontdesk(bin_dir, directory, openai, sheets, **settings):
    """The whole system over stand-ins at `openai` and `sheets` (their addresses, without a path)."""
    providers = {
        "OPENAI_API_KEY": API_KEY,
        "OPENAI_BASE_URL": f"{openai}/openai/v1",
        "GOOGLE_SHEETS_ID": SPREADSHEET_ID,
        "GOOGLE_ACCESS_TOKEN": ACCESS_TOKEN,
        "SHEETS_BASE_URL": f"{sheets}/sheets",
    }
    own = {"PORT": "0", "FRONTDESK_DIR": str(directory), **NO_LIMITS}
    with running(pathlib.Path(bin_dir) / "frontdesk", directory, **own, **providers, **settings) as program:
        yield Desk(program, directory)
