"""Mail to a server that speaks TLS, of an authority of one's own: what reaches it, and what anybody on the way could read.

Part of notices.py. Between Frontdesk and aiosmtpd stands a relay that keeps what goes by before TLS begins. A server that
cannot show a certificate of an authority that is trusted, or one of its own name, is asked again and told nothing; and so is
one that offers no TLS where it is required.
"""

import base64
import datetime
import ipaddress
import json
import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading

import requests
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from programs import NO_LIMITS, Desk, running, wait

UNTRUSTED = "no trusted connection to the mail server"


class Authority:
    """Signs certificates of servers; its own is at `file`."""

    def __init__(self, scratch, name):
        self.scratch, self.key = pathlib.Path(scratch), ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._signed(self.name, self.key.public_key(), x509.BasicConstraints(ca=True, path_length=0))
        self.file = self.scratch / f"{name}.pem"
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def server(self, *names):
        """The context of a server of these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail server")])
        certificate = self._signed(subject, key.public_key(), x509.SubjectAlternativeName(names))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = pathlib.Path(tempfile.mkstemp(dir=self.scratch, suffix=".pem")[1])
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context

    def _signed(self, subject, key, extension):
        now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
        builder = x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number(), now - day, now + day)
        return builder.add_extension(extension, critical=False).sign(self.key, hashes.SHA256())


class Relay:
    """Passes everything on to a port, and keeps what the client said before TLS began."""

    def __init__(self, port):
        self.target, self.clear, self.calls, self.secured = port, bytearray(), 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.calls += 1
            server = socket.create_connection(("127.0.0.1", self.target))
            for pair in ((client, server, self._note()), (server, client, None)):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _note(self):
        """What one client says, until it greets by TLS: a record of a handshake begins with 22 and the version's 3."""
        secured = False

        def note(said):
            nonlocal secured
            if not secured and said[:2] == b"\x16\x03":
                secured = True
                self.secured += 1
            if not secured:
                self.clear += said

        return note

    @staticmethod
    def _pass(source, sink, note):
        try:
            while said := source.recv(65536):
                if note:
                    note(said)
                sink.sendall(said)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def greet(port):
    """Greets by TLS, whoever it is."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain) as secured:
        secured.recv(1)


def told(binary, scratch, mail, server, url, authority, credentials, event):
    """Has one notice sent to a server behind a relay, and answers the relay, and what became of the notice."""
    (user, password), (sender, to) = credentials
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mail, hostname="127.0.0.1", port=port, auth_required=True, **server)
    if "ssl_context" in server:
        # Its own look whether it is up greets with the server's context, which is none of a client.
        controller._trigger_server = lambda: greet(port)
    controller.start()
    relay = Relay(port)
    settings = {
        "SMTP_URL": url.format(user=user, password=password, port=relay.port),
        "NOTIFY_EMAIL_FROM": sender, "NOTIFY_EMAIL_TO": to,
        **({"SMTP_CA_FILE": str(authority)} if authority else {}),
    }
    directory = tempfile.mkdtemp(dir=scratch)
    try:
        with running(binary, directory, PORT="0", FRONTDESK_DIR=f"{directory}/desk", **NO_LIMITS, **settings) as program:
            desk = Desk(program, f"{directory}/desk")
            requests.post(f"{desk.url}/webhooks/ajd/chat-events", json=event, timeout=20).raise_for_status()

            def notice():
                listed = desk.call("ops-copilot", "frontdesk.ops.v1.NotifyService/ListNotices", {}).get("notices", [])
                mails = [one for one in listed if one["channel"] == "email"]
                done = [one for one in mails if one["state"] == "NOTICE_STATE_SENT" or int(one.get("tries", 0)) >= 3]
                return done and done[0]

            return relay, wait(notice, f"{url}: sent, or tried three times", 60, 0.3)
    finally:
        controller.stop()
        relay.listener.close()


def prove(binary, make_mail, authenticate, credentials, event, read):
    """Proves all of it."""
    with tempfile.TemporaryDirectory() as scratch:
        ours, others = Authority(scratch, "ours"), Authority(scratch, "others")
        here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        elsewhere = x509.DNSName("mail.elsewhere.example")
        starttls = "smtp://{user}:{password}@127.0.0.1:{port}?tls=required"
        at_once = "smtps://{user}:{password}@127.0.0.1:{port}"
        ways = {
            starttls: lambda context: {"tls_context": context, "require_starttls": True},
            at_once: lambda context: {"ssl_context": context, "auth_require_tls": False},
        }
        secrets = [*credentials[0], "operator?thread", "MAIL FROM", "AUTH"]
        secrets += [base64.b64encode(secret.encode()).decode().rstrip("=")[:-2] for secret in credentials[0]]

        def one(url, context, authority, server=None):
            mail = make_mail()
            mail.refused = 2  # it takes whatever comes
            server = {"authenticator": authenticate, **(server or ways[url](context))}
            relay, notice = told(binary, scratch, mail, server, url, authority, credentials, event)
            clear = relay.clear.decode(errors="replace")
            said = [secret for secret in secrets if secret in clear]
            assert not said, f"{url}: in clear, it said {said}: {clear}"
            return mail, relay, notice

        for url in ways:
            mail, relay, notice = one(url, ours.server(here), ours.file)
            assert notice["state"] == "NOTICE_STATE_SENT" and len(mail.kept) == 1 and relay.secured, notice
            assert "/operator?thread=" in read(mail.kept[0][2]).get_body(("plain",)).get_content()
            for context, authority, what in (
                (ours.server(here), None, "an authority that nobody has named"),
                (ours.server(here), others.file, "another authority than the one that is trusted"),
                (ours.server(elsewhere), ours.file, "another name"),
            ):
                mail, relay, notice = one(url, context, authority)
                assert not mail.kept and relay.secured >= 2, f"{what}: it is tried again, and nothing is told"
                assert notice["state"] == "NOTICE_STATE_WAITING" and notice["problem"] == UNTRUSTED, f"{what}: {notice}"
        without = {"auth_require_tls": False}
        mail, relay, notice = one(starttls, None, ours.file, without)
        assert not mail.kept and not relay.secured and notice["state"] != "NOTICE_STATE_SENT", notice
        for url in ("smtp://u:p@mail.agency.example", "smtp://u:p@mail.agency.example?tls=opportunistic"):
            refused(binary, scratch, url, credentials[1])
    print("notices: by STARTTLS and by TLS, to a server whose authority is named and to no other, and nothing in clear")


def refused(binary, scratch, url, people):
    """In clear to another machine: it does not start."""
    settings = {"SMTP_URL": url, "NOTIFY_EMAIL_FROM": people[0], "NOTIFY_EMAIL_TO": people[1], "PORT": "0"}
    directory = tempfile.mkdtemp(dir=scratch)
    ended = subprocess.run(
        [binary], cwd=directory, env={"FRONTDESK_DIR": f"{directory}/desk", **settings}, capture_output=True, timeout=60
    )
    said = (ended.stdout + ended.stderr).decode()
    assert ended.returncode == 64 and "SMTP_URL" in said and url not in said, json.dumps([ended.returncode, said])
