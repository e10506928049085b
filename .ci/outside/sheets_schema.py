"""Holds every request to Google Sheets against the API's discovery document.

usage: sheets_schema.py BIN_DIR CONTRACTS_DIR

A recording proxy stands between a running Frontdesk and the stand-in for Sheets. The ledger is led through all it can
send: the set-up of the tabs (one of them there already), new rows of all seven, changed cells, rows that a person
sorted, renamed or deleted, cells and ids that a person overwrote, lines of others that are taken over, the spreadsheet
compared and shown, batches that are refused, lost or answered too late and have to be settled, and the
metadata that a later batch deletes. Each path, parameter, field mask and body must be what the document describes, and
so must the stand-in's answers.
"""

import contextlib
import copy
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

import requests
from discovery import Discovery
from programs import ACCESS_TOKEN, BUF, SPREADSHEET_ID, frontdesk, running, wait
from recorder import Exchange, Recorder

SERVICE = "/sheets"
BATCH = f"{SERVICE}/v4/spreadsheets/{SPREADSHEET_ID}:batchUpdate"
LONGEST = 50_000
# Batches whose metadata the ledger keeps, before a batch deletes what is older.
KEPT = 512
TABS = ["contacts", "leads", "engagements", "bookings", "subscriptions", "payments", "chat_events"]
LEDGER = "frontdesk.sheets.v1.LedgerService"
TIME = "2025-11-01T18:00:00.123Z"


def cells(tab, version):
    """A row of each tab that has every kind of cell the tab can have."""
    odd = ["=1+1", "+49 170 1234567", "'quoted", "12345678901234567890", "Zoë 🚀 \u202e", "\u0000\n\t", "x" * 60_000]
    text = odd[(version + TABS.index(tab)) % len(odd)]
    money = [
        {"minor": -123456789, "currency": "EUR"},
        {"minor": 1050, "currency": "JPY"},
        {"minor": 7, "currency": "KWD"},
    ]
    return {
        "contacts": {"created_at": TIME, "company": text, "phone": odd[1], "tags": ["a", text]},
        "leads": {"created_at": "1850-01-01T00:00:00Z", "notes": text, "score": 0.1 + 0.2 * version, "status": "new"},
        "engagements": {"occurred_at": TIME, "message": text, "page": f"/{version}"},
        "bookings": {"created_at": TIME, "event_start": TIME, "event_end": f"2025-11-0{1 + version}T19:00:00+02:00"},
        "subscriptions": {"product": text, "started_at": TIME, "mrr": money[version % 3]},
        "payments": {"amount": money[(version + 1) % 3], "currency": "EUR", "paid_at": TIME, "metadata": '{"a":"=1"}'},
        "chat_events": {"type": text[:100], "occurred_at": "9999-12-30T21:59:59Z", "payload_json": text},
    }[tab]


class Story:
    def __init__(self, stand_in, program):
        self.stand_in = stand_in
        self.program = program

    def person(self, **action):
        requests.post(f"{self.stand_in}/sandbox/person", json=action, timeout=10).raise_for_status()

    def fault(self, *kinds):
        faults = [{"provider": "sheets", "path": ":batchUpdate", "kind": kind} for kind in kinds]
        requests.put(f"{self.stand_in}/sandbox/faults", json={"faults": faults}, timeout=10).raise_for_status()

    def met(self):
        """Waits until the faults are used up."""
        wait(
            lambda: not requests.get(f"{self.stand_in}/sandbox/faults", timeout=10).json()["faults"],
            "the faults are met",
        )

    def upsert(self, desk, version, tabs=TABS, number=1):
        rows = [
            {
                "tab": f"TAB_{tab.upper()}",
                "rowId": f"{tab}-{number}",
                "version": str(version),
                "occurTime": TIME,
                "cells": cells(tab, version),
            }
            for tab in tabs
        ]
        answer = desk.call(
            "sheets-writer", "frontdesk.sheets.v1.LedgerService/UpsertRows", {"requestId": "r", "rows": rows}
        )
        assert answer.get("accepted") == len(rows), f"{answer} of {len(rows)} rows were accepted"

    def first_life(self, desk):
        """Set-up, new rows, changed rows, and a person in between."""
        events = [
            {
                "type": "chat.turn",
                "session_id": "ck_1",
                "message": '=HYPERLINK("x")',
                "email": "Ann@Example.com",
                "score": 0.7,
            },
            {
                "type": "calendar.booked",
                "contact_id": "c_1",
                "event_start": TIME,
                "meeting_type": "Consult 30",
                "cal_provider": "cal.com",
            },
        ]
        desk.post("/webhooks/ajd/chat-events", events, expected=202)
        for number in (1, 2):
            self.upsert(desk, 1, number=number)
        desk.settled()
        self.upsert(desk, 2)
        desk.settled()
        self.person(do="sort", tab="engagements", column=0, descending=True)
        self.person(do="delete_row", tab="bookings", row=1)
        self.person(do="rename_tab", tab="leads", title="Ann's leads")
        self.upsert(desk, 3)
        desk.settled()

    def hands(self, desk):
        """Cells of ours and ids are overwritten, others add a line; all of it is looked at, shown and mended."""
        self.person(do="set_cell", tab="engagements", row=1, column=5, value="overwritten")
        self.person(do="set_cell", tab="engagements", row=2, column=0, value="oops")
        self.person(do="set_cell", tab="subscriptions", row=3, column=3, value="theirs")
        self.ledger(desk, "ReadEdits")
        wait(lambda: int(self.ledger(desk, "GetLedgerStatus").get("restored", 0)) >= 2, "both are restored")
        desk.settled()
        adopted = self.ledger(desk, "AdoptRows", tab="TAB_SUBSCRIPTIONS", requestId="r")
        [row] = adopted["rows"]
        wait(lambda: row["rowId"] in self.ids(desk), "the line has its id")
        desk.settled()
        assert not self.ledger(desk, "AdoptLedger", requestId="r").get("foreignLedgerIds"), "the spreadsheet is ours"
        compared = subprocess.run(
            [self.program, "ledger", "verify", "--json"],
            env={"SHEETS_WRITER_ADDR": desk.services["sheets-writer"]},
            capture_output=True,
            timeout=60,
        )
        assert compared.returncode == 1, f"a row was deleted: {compared.stdout[:600]} {compared.stderr[:300]}"
        faults = [one for one in json.loads(compared.stdout)["differences"] if one["fault"]]
        told = [(one["tab"], one["kind"]) for one in faults]
        assert told == [("bookings", "missing")], f"the spreadsheet differs: {faults[:3]}"

    def ids(self, desk):
        return [row.get("rowId") for row in self.ledger(desk, "ReadSheet", tab="TAB_SUBSCRIPTIONS").get("rows", [])]

    def ledger(self, desk, rpc, **request):
        return desk.call("sheets-writer", f"{LEDGER}/{rpc}", request)

    def troubles(self, desk):
        """A batch that lands unseen, one that never lands, one refused for its quota, one refused for good."""
        for version, kinds in enumerate(
            [
                [{"type": "applied_no_answer"}],
                [{"type": "status", "status": 503}],
                [{"type": "rate_limited", "retry_after_s": 1}],
                [{"type": "status", "status": 400}],
            ],
            4,
        ):
            self.fault(*kinds)
            self.upsert(desk, version)
            self.met()
            desk.settled()

    def second_life(self, desk):
        """Rows are looked up anew, and old metadata goes."""
        self.upsert(desk, 8)
        self.upsert(desk, 1, number=3)
        desk.settled()


def grow_old(directory):
    """Lets the ledger's next batch be the first to delete metadata."""
    with contextlib.closing(sqlite3.connect(directory / "sheets-writer.db")) as store:
        [(body,)] = store.execute("SELECT body FROM doc_ledger WHERE id = 'head'").fetchall()
        head = json.loads(body)
        assert head["open"] is None and head["next"] < KEPT, "the ledger was stopped in order and is young"
        store.execute("UPDATE doc_ledger SET body = ? WHERE id = 'head'", [json.dumps({**head, "next": KEPT + 3})])
        store.commit()


# === what was sent ===


def path_of(exchange):
    assert exchange.path.startswith(SERVICE), f"{exchange} is not for Sheets"
    return exchange.path[len(SERVICE) :]


def judge(document, exchange):
    wrong = document.judge(exchange, path_of(exchange))
    if exchange.header("authorization") != [f"Bearer {ACCESS_TOKEN}"]:
        wrong.append(f"{len(exchange.header('authorization'))} authorizations, or another")
    if not wrong and exchange.sent:
        wrong += [
            f"a cell of {len(text)} characters"
            for text in texts(exchange.body)
            if len(text.encode("utf-16-le")) > 2 * LONGEST
        ]
    return wrong


def texts(value):
    if isinstance(value, dict):
        yield from [value["stringValue"]] if "stringValue" in value else []
        value = list(value.values())
    for part in value if isinstance(value, list) else []:
        yield from texts(part)


def coverage(document, exchanges):
    """What the story made the ledger send, so that nothing goes unjudged because it was never sent."""
    seen = set()
    for exchange in exchanges:
        method, _ = document.method(exchange.method, path_of(exchange))
        seen.add(method["id"])
        for name, _ in exchange.query:
            seen.add(f"{method['id']}?{name}")
        body = exchange.body or {}
        for wanted in body.get("dataFilters", []):
            area = wanted["gridRange"]
            lines = "endRowIndex" in area and "endColumnIndex" not in area and area["startRowIndex"] > 0
            seen.add("lines" if lines else "range" if "endRowIndex" in area else "column")
        if "dateTimeRenderOption" in body:
            seen.add("dates as people see them")
        for request in body.get("requests", []):
            [(kind, inner)] = request.items()
            seen.add(kind)
            if kind == "updateCells" and inner["start"]["columnIndex"] == 0 and inner["start"]["rowIndex"] > 0:
                seen.add("an id written into a line")
            if kind == "appendCells":
                seen.add(f"append to {inner['sheetId']}")
            if kind == "createDeveloperMetadata":
                seen.add(inner["developerMetadata"]["metadataValue"].rsplit(":")[-1])
            seen.update(kinds_of_cells(inner))
        seen.add(f"answer {exchange.status}")
    return seen


def kinds_of_cells(request):
    for row in request.get("rows", []):
        for cell in row["values"]:
            yield from cell.get("userEnteredValue", {"empty cell": None})
            if form := cell.get("userEnteredFormat", {}).get("numberFormat"):
                yield form["type"]


NEEDED = {
    "sheets.spreadsheets.get",
    "sheets.spreadsheets.get?fields",
    "sheets.spreadsheets.batchUpdate",
    "sheets.spreadsheets.batchUpdate?fields",
    "sheets.spreadsheets.values.batchGetByDataFilter",
    "sheets.spreadsheets.developerMetadata.get",
    "addSheet",
    "appendCells",
    "updateCells",
    "createDeveloperMetadata",
    "deleteDeveloperMetadata",
    "rows",
    "void",
    "range",
    "column",
    "lines",
    "an id written into a line",
    "dates as people see them",
    "stringValue",
    "numberValue",
    "empty cell",
    "DATE_TIME",
    "CURRENCY",
    "answer None",
    "answer 400",
    "answer 429",
    "answer 503",
}


# === the check checked ===


def broken(exchanges):
    """Requests that the judge must refuse, each made of one that it took."""

    def first(kind):
        found = [e for e in exchanges if e.path == BATCH and any(kind in request for request in e.body["requests"])]
        return found[0]

    def changed(exchange, **fields):
        return Exchange(**{**vars(exchange), **fields})

    def request(kind, change):
        exchange = first(kind)
        body = copy.deepcopy(exchange.body)
        change(next(request for request in body["requests"] if kind in request), body)
        return changed(exchange, sent=json.dumps(body).encode())

    def inside(kind, change):
        return request(kind, lambda request, _: change(request[kind]))

    def cell(change):
        return inside("updateCells", lambda update: change(update["rows"][0]["values"][0]))

    get = next(e for e in exchanges if e.method == "GET" and e.path.endswith(SPREADSHEET_ID))
    mark = next(e for e in exchanges if "/developerMetadata/" in e.path)
    batch = first("appendCells")
    yield "two kinds in one request", request("appendCells", lambda r, _: r.update(deleteSheet={"sheetId": 1}))
    yield "no kind in a request", request("appendCells", lambda r, _: r.clear())
    yield "a kind that is not there", request("appendCells", lambda r, _: r.update(addRow=r.pop("appendCells")))
    yield "an unknown field of the batch", request("appendCells", lambda _, body: body.update(atomic=True))
    yield "no requests", request("appendCells", lambda _, body: body.update(requests=[]))
    yield "ranges as one text", request("appendCells", lambda _, body: body.update(responseRanges="A1"))
    yield "a flag as text", request("appendCells", lambda _, body: body.update(includeSpreadsheetInResponse="true"))
    yield "an id beyond 32 bits", inside("appendCells", lambda r: r.update(sheetId=2**31))
    yield "an id as text", inside("appendCells", lambda r: r.update(sheetId="7"))
    yield "an id with a fraction", inside("appendCells", lambda r: r.update(sheetId=7.5))
    yield "no mask", inside("appendCells", lambda r: r.pop("fields"))
    yield "a mask of a field that is not there", inside("appendCells", lambda r: r.update(fields="userEnteredValues"))
    yield "a mask from another root", inside("appendCells", lambda r: r.update(fields="rows.values.userEnteredValue"))
    yield "a mask of what cannot be written", inside("appendCells", lambda r: r.update(fields="effectiveValue"))
    yield (
        "a mask with an open bracket",
        inside("appendCells", lambda r: r.update(fields="userEnteredFormat(numberFormat")),
    )
    yield "rows as an object", inside("appendCells", lambda r: r.update(rows={"values": []}))
    yield "no area to update", inside("updateCells", lambda r: r.pop("start"))
    yield "two areas to update", inside("updateCells", lambda r: r.update(range={"sheetId": 1}))
    yield "two values in a cell", cell(lambda c: c["userEnteredValue"].update(boolValue=True, stringValue="x"))
    yield "an empty value", cell(lambda c: c.update(userEnteredValue={}))
    yield "a number as text", cell(lambda c: c.update(userEnteredValue={"numberValue": "1"}))
    yield "infinity", cell(lambda c: c.update(userEnteredValue={"numberValue": float("inf")}))
    yield "a text as number", cell(lambda c: c.update(userEnteredValue={"stringValue": 1}))
    yield "a value that is read-only", cell(lambda c: c.update(effectiveValue={"stringValue": "x"}))
    yield "a colour of old", cell(lambda c: c.update(userEnteredFormat={"backgroundColor": {"red": 1}}))
    yield "a format of no type", cell(lambda c: c.update(userEnteredFormat={"numberFormat": {"pattern": "0"}}))
    yield (
        "a format of a type that is not there",
        cell(lambda c: c.update(userEnteredFormat={"numberFormat": {"type": "MONEY"}})),
    )
    yield "too long a text", cell(lambda c: c.update(userEnteredValue={"stringValue": "x" * (LONGEST + 1)}))
    yield (
        "metadata without visibility",
        inside("createDeveloperMetadata", lambda r: r["developerMetadata"].pop("visibility")),
    )
    yield "metadata nowhere", inside("createDeveloperMetadata", lambda r: r["developerMetadata"].update(location={}))
    yield (
        "metadata of a read-only kind",
        inside(
            "createDeveloperMetadata", lambda r: r["developerMetadata"]["location"].update(locationType="SPREADSHEET")
        ),
    )
    yield "deleting by two filters", inside("deleteDeveloperMetadata", lambda r: r["dataFilter"].update(a1Range="A1"))
    yield "a snake-case name", inside("addSheet", lambda r: r["properties"].update(sheet_id=1))
    yield "an unknown parameter", changed(batch, target=batch.target + "&include=1")
    yield "a parameter twice", changed(batch, target=batch.target + "&fields=spreadsheetId")
    yield "an answer's mask that leads nowhere", changed(get, target=get.path + "?fields=sheets.properties(id)")
    yield "a mask of a part of a text", changed(get, target=get.path + "?fields=spreadsheetId.length")
    yield "a flag that is none", changed(get, target=get.path + "?includeGridData=1")
    yield "an enum that is none", changed(get, target=get.path + "?commentsViewMode=ALL")
    yield "an id of metadata that is no number", changed(mark, target=mark.path + "x")
    yield "a path that is not there", changed(get, target=get.path + "/tabs")
    yield "a method that is not there", changed(get, method="PUT")
    yield "a body with a reading", changed(get, sent=b"{}")
    yield "no content type", changed(batch, headers=[h for h in batch.headers if h[0].lower() != "content-type"])
    yield "no token", changed(get, headers=[h for h in get.headers if h[0].lower() != "authorization"])
    yield "a name twice", changed(batch, sent=b'{"requests":[],' + batch.sent[1:])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    assert BUF.exists(), f"{BUF} is missing"
    document = Discovery(pathlib.Path(sys.argv[2]) / "google-sheets.v4.discovery.json")
    bins = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch, running(bins / "examples" / "alone", scratch) as stand_in:
        directory = pathlib.Path(scratch) / "desk"
        directory.mkdir()
        story = Story(stand_in.url, bins / "frontdesk")
        story.person(do="rename_tab", tab="Sheet1", title="contacts")
        with Recorder(stand_in.url) as recorder:
            with frontdesk(bins, directory, stand_in.url, recorder.url) as desk:
                story.first_life(desk)
                story.hands(desk)
                story.troubles(desk)
            grow_old(directory)
            with frontdesk(bins, directory, stand_in.url, recorder.url) as desk:
                story.second_life(desk)
        report(document, recorder.exchanges)


def report(document, exchanges):
    answers = 0
    for exchange in exchanges:
        wrong = judge(document, exchange)
        assert not wrong, f"{exchange}: {wrong[:5]}"
        if exchange.status == 200:
            wrong = document.judge_answer(exchange, path_of(exchange))
            assert not wrong, f"the stand-in's answer to {exchange}: {wrong[:5]}"
            answers += 1
    seen = coverage(document, exchanges)
    assert NEEDED <= seen, f"the ledger was never made to send {sorted(NEEDED - seen)}"
    appended = {what for what in seen if what.startswith("append to ")}
    assert len(appended) == len(TABS), f"rows were appended to {sorted(appended)}"
    cases = list(broken(exchanges))
    for name, exchange in cases:
        assert judge(document, exchange), f"the check itself takes a broken request: {name}"
    kinds = sum(len((exchange.body or {}).get("requests", [])) for exchange in exchanges)
    sent = f"{len(exchanges)} requests with {kinds} sub-requests"
    print(f"google sheets: {sent} are what the API describes, {answers} answers of the stand-in too")
    print(f"google sheets: {len(cases)} broken ones are refused by the same check")


main()
