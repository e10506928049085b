"""Has Frontdesk tell people by real servers: mail to aiosmtpd, which checks the password, and Slack's webhook to a receiver
that answers as Slack does.

usage: notices.py FRONTDESK_BINARY

Each notice arrives once on each way, although both servers refuse at first; what arrives is one well-formed mail and one
message in Slack's own shape; and neither says more of a visitor than is set. mail_tls.py has what concerns TLS.
"""

import collections
import email
import email.policy
import http.server
import json
import logging
import socket
import sys
import tempfile
import threading
import warnings

import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

import mail_tls
from programs import NO_LIMITS, running, wait

USER, PASSWORD = "desk", "a-password-of-the-mail-server"
FROM, TO = "Frontdesk <desk@agency.example>", "owner@agency.example, second@agency.example"
HOOK = "/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"
# Who is public on the web takes no event without one.
SECRET = "a-secret-of-the-events-door-0123456789"
HEADERS = {"X-Frontdesk-Secret": SECRET}
PERSONAL = ("canary@example.com", "Canary", "+4930123456", "my order of pills")
# In Slack's words: what it answers before it takes a message.
SLACK_FIRST = [(429, "rate_limited", {"Retry-After": "1"}), (500, "server_error", {})]


class Mail:
    """A mail server's hand: the first two mails are put off, the rest is kept."""

    def __init__(self):
        self.refused, self.kept = 0, []

    async def handle_DATA(self, server, session, envelope):
        if self.refused < 2:
            self.refused += 1
            return "451 4.3.0 try again later"
        self.kept.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=True)


class Slack(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Hand)
        self.kept, self.first = [], list(SLACK_FIRST)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Hand(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Nothing."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status, word, headers = 200, "ok", {}
        if self.path != HOOK:
            status, word = 404, "no_service"
        elif self.server.first:
            status, word, headers = self.server.first.pop(0)
        else:
            assert self.headers["content-type"].startswith("application/json"), self.headers["content-type"]
            self.server.kept.append(json.loads(body))
        self.send_response(status)
        for name, value in {"content-length": str(len(word)), "content-type": "text/html", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(word.encode())


def event(number, outcome="needs_human"):
    return {
        "id": f"evt_notice_{number}", "type": "chat.outcome", "session_id": "ck_1", "visitor_id": "vis_1",
        "thread_id": f"thr_{number}", "outcome": outcome, "page": "/services",
        "message": "Canary & <b>sons</b> @channel: my order of pills", "email": "canary@example.com",
        "phone": "+4930123456", "first_name": "Canary",
    }


def read(raw):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert not message.defects and not [part.defects for part in message.walk() if part.defects], message.defects
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        assert message[name] and len(message.get_all(name)) == 1, f"{name}: {message.get_all(name)}"
    return message


def tell(binary, personal):
    mail, slack = Mail(), Slack()
    # The controller knows no port that it has to find out.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        mail, hostname="127.0.0.1", port=port, auth_required=True, auth_require_tls=False, authenticator=authenticate
    )
    controller.start()
    settings = {
        "SLACK_WEBHOOK_URL": f"http://127.0.0.1:{slack.server_port}{HOOK}",
        "SMTP_URL": f"smtp://{USER}:{PASSWORD}@127.0.0.1:{port}",
        "NOTIFY_EMAIL_FROM": FROM, "NOTIFY_EMAIL_TO": TO, "NOTIFY_PERSONAL": "1" if personal else "0",
        "PUBLIC_BASE_URL": "https://chat.agency.example", "EVENTS_WEBHOOK_SECRET": SECRET,
    }
    try:
        with tempfile.TemporaryDirectory() as scratch:
            with running(binary, scratch, PORT="0", FRONTDESK_DIR=f"{scratch}/desk", **NO_LIMITS, **settings) as desk:
                for number in (1, 2, 1):
                    answer = requests.post(f"{desk.url}/webhooks/ajd/chat-events", json=event(number), headers=HEADERS, timeout=20)
                    assert answer.status_code == 202, answer.text
                wait(lambda: len(mail.kept) >= 2 and len(slack.kept) >= 2, "both notices by both ways", 120, 0.2)
                # Time for a second copy of any.
                requests.post(f"{desk.url}/webhooks/ajd/chat-events", json=event(3), headers=HEADERS, timeout=20).raise_for_status()
                wait(lambda: len(mail.kept) >= 3 and len(slack.kept) >= 3, "the third", 60, 0.2)
    finally:
        controller.stop()
        slack.shutdown()
    return mail, slack


def links(texts):
    return collections.Counter(
        number for text in texts for number in (1, 2, 3) if f"/operator?thread=thr_{number}" in text
    )


def judge(mail, slack, personal):
    assert mail.refused == 2 and not slack.first, "both servers refused at first"
    mails = [read(raw) for _, _, raw in mail.kept]
    texts = [message.get_body(("plain",)).get_content() for message in mails]
    posts = [post["text"] for post in slack.kept]
    for found in (texts, posts):
        assert links(found) == {1: 1, 2: 1, 3: 1}, f"each once: {links(found)}"
    for sender, recipients, _ in mail.kept:
        assert sender == "desk@agency.example" and recipients == ["owner@agency.example", "second@agency.example"], recipients
    assert len({message["Message-ID"] for message in mails}) == 3, "each mail has an id of its own"
    for post in slack.kept:
        assert set(post) <= {"text", "unfurl_links", "unfurl_media"}, post
        assert "<b>" not in post["text"] and "<!channel" not in post["text"], "text from outside is escaped"
    everything = "\n".join([*texts, *posts, *(str(message) for message in mails)])
    said = [word for word in PERSONAL if word in everything]
    assert bool(said) == personal, f"personal is {personal}, and it says {said}"
    assert PASSWORD not in everything


def main():
    # It says each time that it speaks without TLS, on loopback, and that a client hangs up on its certificate.
    warnings.filterwarnings("ignore", module="aiosmtpd")
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    binary = sys.argv[1]
    for personal in (False, True):
        judge(*tell(binary, personal), personal)
    print("notices: by aiosmtpd and by Slack's webhook each once, after refusals, and nothing personal beyond what is set")
    mail_tls.prove(binary, Mail, authenticate, ((USER, PASSWORD), (FROM, TO)), event(1), read)


if __name__ == "__main__":
    main()
