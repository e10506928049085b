"""Reads the seven tabs back with Google's own Python client and with gspread.

usage: google_clients.py BIN_DIR

The quota of the stand-in is Google's, 60 reads a minute, so tabs are read together where a client can.

A running Frontdesk writes rows whose texts look like formulas, numbers, dates, truth values and phone numbers, and
whose times and money are just that. Both clients must find what was written, cell by cell: as values, as a person sees
them, as formulas (there is none), and as typed cells with their formats.
"""

import datetime
import decimal
import itertools
import pathlib
import sys
import tempfile
import urllib.parse
import zoneinfo

import gspread
import requests
from google.auth.credentials import AnonymousCredentials
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from programs import ACCESS_TOKEN, BUF, SPREADSHEET_ID, frontdesk, running
from requests.adapters import HTTPAdapter

ZONE = zoneinfo.ZoneInfo("Europe/Berlin")
DIGITS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
ODD = [
    "=1+1",
    '=HYPERLINK("https://example.com";"x")',
    "+49 170 1234567",
    "'quoted",
    "''",
    "-1",
    "@SUM(A1)",
    "12345678901234567890",
    "007",
    "1e5",
    "2025-11-01",
    "1/2",
    "TRUE",
    "12 %",
    "€ 5,00",
    "#NAME?",
    "Zoë Müller 李雷 🚀",
    "\u202eright to left",
    "two\nlines\tand a tab",
    " spaces around ",
    'a,b;c|"d"',
    "x" * 49_900,
]


class Time(str):
    """RFC 3339, shown as the wall clock of the spreadsheet's zone."""

    def wall(self):
        return datetime.datetime.fromisoformat(self).astimezone(ZONE).replace(tzinfo=None)

    def serial(self):
        return (self.wall() - datetime.datetime(1899, 12, 30)) / datetime.timedelta(days=1)

    def shown(self):
        # To the nearest second, as a spreadsheet does.
        return str((self.wall() + datetime.timedelta(milliseconds=500)).replace(microsecond=0))

    format = {"type": "DATE_TIME", "pattern": "yyyy-mm-dd hh:mm:ss"}


class Money:
    def __init__(self, minor, currency):
        self.minor, self.currency = minor, currency

    def serial(self):
        return float(decimal.Decimal(self.minor).scaleb(-DIGITS[self.currency]))

    def shown(self):
        amount = decimal.Decimal(self.minor).scaleb(-DIGITS[self.currency])
        return f"{amount:,.{DIGITS[self.currency]}f} {self.currency}"

    @property
    def format(self):
        fraction = "." + "0" * DIGITS[self.currency] if DIGITS[self.currency] else ""
        return {"type": "CURRENCY", "pattern": f'#,##0{fraction} "{self.currency}"'}


SUMMER, WINTER, OLD = Time("2025-07-01T22:30:00Z"), Time("2025-11-01T18:00:00.700Z"), Time("1969-12-31T23:59:59Z")
COLUMNS = {
    "contacts": "id created_at email phone first_name last_name company source utm_source utm_medium utm_campaign tags",
    "leads": "id contact_id created_at intent budget_range timeframe notes score owner status last_touch",
    "engagements": "id contact_id occurred_at channel page message outcome workflow_id session_id",
    "bookings": "id contact_id created_at event_start event_end cal_provider cal_event_id meeting_type status",
    "subscriptions": "id contact_id provider product plan status started_at renews_at canceled_at mrr",
    "payments": "id contact_id provider amount currency paid_at method status invoice_id metadata",
    "chat_events": "id session_id occurred_at type payload_json",
}
COLUMNS = {tab: columns.split() for tab, columns in COLUMNS.items()}
ROWS = {
    "contacts": [
        {"created_at": SUMMER, "email": "ann@example.com", "phone": ODD[2], "company": ODD[0], "last_name": ODD[3]}
    ],
    "leads": [
        {"created_at": WINTER, "score": 0.1 + 0.2, "budget_range": ODD[7], "timeframe": ODD[10], "last_touch": OLD},
        {"created_at": WINTER, "score": 1, "notes": ODD[1]},
        {"created_at": WINTER, "score": 0, "notes": ODD[16]},
    ],
    "engagements": [{"occurred_at": WINTER, "message": text, "session_id": text[:40]} for text in ODD],
    "bookings": [{"event_start": SUMMER, "event_end": WINTER, "meeting_type": ODD[11], "cal_event_id": ODD[8]}],
    "subscriptions": [{"product": ODD[13], "started_at": OLD, "mrr": Money(149_000, "EUR")}],
    "payments": [
        {
            "amount": Money(-123_456_789, "EUR"),
            "currency": "EUR",
            "paid_at": SUMMER,
            "invoice_id": ODD[9],
            "metadata": '{"a":"=1"}',
        },
        {"amount": Money(1050, "JPY"), "currency": "JPY", "paid_at": WINTER},
        {"amount": Money(7, "KWD"), "currency": "KWD", "paid_at": OLD},
        {"amount": Money(0, "USD"), "currency": "USD"},
    ],
    "chat_events": [{"occurred_at": WINTER, "type": "chat.turn", "payload_json": f'{{"message":"{ODD[0]}"}}'}],
}


def write(desk):
    """Writes the rows, and one more event through the public door."""
    rows = []
    for tab, found in ROWS.items():
        for number, cells in enumerate(found):
            sent = {
                name: {"minor": cell.minor, "currency": cell.currency} if isinstance(cell, Money) else cell
                for name, cell in cells.items()
            }
            rows.append(
                {
                    "tab": f"TAB_{tab.upper()}",
                    "rowId": f"{tab}-{number}",
                    "version": "1",
                    "occurTime": f"2025-11-01T18:00:{len(rows):02}Z",
                    "cells": sent,
                }
            )
    request = {"requestId": "r", "rows": rows}
    answer = desk.call("sheets-writer", "frontdesk.sheets.v1.LedgerService/UpsertRows", request)
    assert answer["accepted"] == len(rows), answer
    desk.settled()
    event = {"type": "note", "id": "=not-an-id", "text": "x"}
    desk.post("/webhooks/ajd/chat-events", event, expected=400)
    event = {"type": "=cmd|' /C calc'!A0", "id": "evt-1", "session_id": "+1", "occurred_at": str(SUMMER)}
    desk.post("/webhooks/ajd/chat-events", event, expected=202)
    desk.settled()
    canonical = f'{{"id":"evt-1","occurred_at":"{SUMMER}","session_id":"+1","type":"{event["type"]}"}}'
    return {"id": "evt-1", "session_id": "+1", "occurred_at": SUMMER, "type": event["type"], "payload_json": canonical}


class Expected:
    """What the spreadsheet must hold, as each way of reading shows it."""

    def __init__(self, last_event):
        self.rows = {tab: [{"id": f"{tab}-{n}", **cells} for n, cells in enumerate(rows)] for tab, rows in ROWS.items()}
        self.rows["chat_events"].append(last_event)

    def table(self, tab, cell):
        """Header and rows; cells at the end of a line that hold nothing are left out, as by the API."""
        lines = [[*COLUMNS[tab]]]
        for row in self.rows[tab]:
            line = [cell(row[name]) if name in row else "" for name in COLUMNS[tab]]
            while line[-1] == "":
                line.pop()
            lines.append(line)
        return lines

    def unformatted(self, tab):
        return self.table(tab, lambda cell: cell if plain(cell) else cell.serial())

    def formatted(self, tab):
        return self.table(tab, lambda cell: general(cell) if plain(cell) else cell.shown())


def plain(cell):
    return not isinstance(cell, (Time, Money))


def general(cell):
    return cell if isinstance(cell, str) else f"{cell:.10g}"


def same(got, expected, what):
    """Values and their types; numbers to a hundredth of a second of a day."""
    assert len(got) == len(expected), f"{what}: {len(got)} lines, not {len(expected)}"
    for at, (line, wanted) in enumerate(zip(got, expected), 1):
        assert len(line) == len(wanted), f"{what}, line {at}: {len(line)} cells, not {len(wanted)}: {line!r:.300}"
        for column, (cell, want) in enumerate(zip(line, wanted), 1):
            place = f"{what}, line {at}, column {column}"
            if isinstance(want, str):
                assert isinstance(cell, str) and cell == want, f"{place}: {cell!r:.80} is not {want!r:.80}"
            else:
                number = type(cell) in (int, float)
                assert number and abs(cell - want) < 1e-7, f"{place}: {cell!r:.80} is not the number {want!r}"


# === Google's client ===


def read_with_google(base, expected):
    options = {"api_endpoint": f"{base}/sheets/"}
    service = build(
        "sheets",
        "v4",
        credentials=Credentials(ACCESS_TOKEN),
        client_options=options,
        static_discovery=True,
        cache_discovery=False,
    )
    sheets, book = service.spreadsheets(), {"spreadsheetId": SPREADSHEET_ID}
    counted = 0
    for option, table in [
        ("UNFORMATTED_VALUE", expected.unformatted),
        ("FORMATTED_VALUE", expected.formatted),
        ("FORMULA", expected.unformatted),
    ]:
        found = (
            sheets.values().batchGet(**book, ranges=list(COLUMNS), valueRenderOption=option).execute()["valueRanges"]
        )
        for tab, values in zip(COLUMNS, found, strict=True):
            same(values["values"], table(tab), f"google client, {option} of {tab}")
            counted += sum(map(len, values["values"]))
    alone = sheets.values().get(**book, range="payments!A1:Z900").execute()
    same(alone["values"], expected.formatted("payments"), "google client, payments alone")
    times = {
        "valueRenderOption": "UNFORMATTED_VALUE",
        "dateTimeRenderOption": "FORMATTED_STRING",
        "majorDimension": "COLUMNS",
    }
    column = sheets.values().get(**book, range="bookings!D2:D", **times).execute()["values"]
    same(column, [[SUMMER.shown()]], "google client, a time as text")
    typed(sheets, book, expected)
    marks = (
        sheets.developerMetadata()
        .search(**book, body={"dataFilters": [{"developerMetadataLookup": {"metadataKey": "fd"}}]})
        .execute()["matchedDeveloperMetadata"]
    )
    first = sheets.developerMetadata().get(**book, metadataId=1).execute()
    assert first in [mark["developerMetadata"] for mark in marks] and first["metadataValue"].endswith(":rows"), marks
    try:
        sheets.values().get(**book, range="nowhere!A1").execute()
    except HttpError as error:
        assert error.status_code == 400 and "Unable to parse range" in str(error), error
    else:
        raise AssertionError("google client: a range of no tab was read")
    return counted


def typed(sheets, book, expected):
    """The cells themselves: no formula anywhere, each value of its type, each number in its format."""
    found = sheets.get(**book, includeGridData=True).execute()["sheets"]
    tabs = {sheet["properties"]["title"]: sheet for sheet in found}
    for tab, columns in COLUMNS.items():
        assert tabs[tab]["properties"]["gridProperties"]["frozenRowCount"] == 1, f"{tab}: the header is not frozen"
        lines = [line.get("values", []) for line in tabs[tab]["data"][0]["rowData"]]
        for name, cell in zip(columns, lines[0]):
            assert cell["userEnteredValue"] == {"stringValue": name}, f"{tab}: header {cell}"
            assert cell["userEnteredFormat"]["textFormat"]["bold"], f"{tab}: header {name} is not bold"
        for row, line in zip(expected.rows[tab], lines[1:], strict=True):
            assert len(line) <= len(columns), f"google client, {row['id']}: {len(line)} cells"
            for name, cell in itertools.zip_longest(columns, line, fillvalue={}):
                check_cell(row.get(name, ""), cell, f"google client, cell {name} of {row['id']}")


def check_cell(want, cell, place):
    value, form = cell.get("userEnteredValue", {}), cell.get("userEnteredFormat", {}).get("numberFormat")
    assert "formulaValue" not in value, f"{place} is a formula"
    if want == "":
        assert value == {}, f"{place} is not empty: {value!r:.80}"
    elif isinstance(want, str) and plain(want):
        assert value == {"stringValue": want} and form is None, f"{place}: {value!r:.80} in {form}"
    elif plain(want):
        assert value == {"numberValue": want} and form is None, f"{place}: {value} in {form}"
    else:
        assert list(value) == ["numberValue"] and abs(value["numberValue"] - want.serial()) < 1e-7, f"{place}: {value}"
        assert form == want.format, f"{place}: {form} is not {want.format}"
        assert cell["formattedValue"] == want.shown(), f"{place}: {cell['formattedValue']} is not {want.shown()}"


# === gspread ===


class Redirect(HTTPAdapter):
    """Sends what is meant for Google to the stand-in, under its path."""

    def __init__(self, base):
        super().__init__()
        self.base = base

    def send(self, request, **options):
        parts = urllib.parse.urlsplit(request.url)
        request.url = f"{self.base}/sheets{parts.path}" + (f"?{parts.query}" if parts.query else "")
        request.headers["authorization"] = f"Bearer {ACCESS_TOKEN}"
        return super().send(request, **options)


def read_with_gspread(base, expected):
    session = requests.Session()
    session.mount("https://sheets.googleapis.com", Redirect(base))
    client = gspread.Client(auth=AnonymousCredentials(), session=session)
    book = client.open_by_key(SPREADSHEET_ID)
    tabs = {sheet.title: sheet for sheet in book.worksheets()}
    assert [title for title in tabs if title in COLUMNS] == list(COLUMNS), f"gspread: the tabs are {list(tabs)}"
    counted = 0
    for tab, columns in COLUMNS.items():
        sheet = tabs[tab]
        same(
            sheet.get(value_render_option="UNFORMATTED_VALUE"), expected.unformatted(tab), f"gspread, unformatted {tab}"
        )
        values = sheet.get_all_values()
        padded = [line + [""] * (len(columns) - len(line)) for line in expected.formatted(tab)]
        same(values, padded, f"gspread, all values of {tab}")
        records = sheet.get_all_records(value_render_option="UNFORMATTED_VALUE", numericise_ignore=["all"])
        same(
            [list(r.values()) for r in records],
            [line + [""] * (len(columns) - len(line)) for line in expected.unformatted(tab)[1:]],
            f"gspread, records of {tab}",
        )
        assert list(records[0]) == columns and sheet.frozen_row_count == 1, f"gspread: header of {tab}"
        assert sheet.col_values(1) == ["id", *(row["id"] for row in expected.rows[tab])], f"gspread: ids of {tab}"
        counted += len(values) * len(columns)
    engagements = tabs["engagements"]
    place = engagements.find("=1+1", in_column=6)
    assert (place.row, place.col) == (2, 6), f"gspread finds =1+1 at {place}"
    for option in ("FORMULA", "UNFORMATTED_VALUE", "FORMATTED_VALUE"):
        shown = engagements.acell("F2", value_render_option=option).value
        assert shown == "=1+1", f"gspread: a text like a formula is {shown!r} as {option}"
    try:
        book.worksheet("nowhere")
    except gspread.WorksheetNotFound:
        return counted
    raise AssertionError("gspread: a tab that is not there was found")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    assert BUF.exists(), f"{BUF} is missing"
    bins = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch, running(bins / "examples" / "alone", scratch) as stand_in:
        directory = pathlib.Path(scratch) / "desk"
        directory.mkdir()
        with frontdesk(bins, directory, stand_in.url, stand_in.url, SHEET_TIME_ZONE=str(ZONE)) as desk:
            expected = Expected(write(desk))
        counted = read_with_google(stand_in.url, expected)
        print(f"google-api-python-client: {counted} cells of {len(COLUMNS)} tabs read back as written, formulas inert")
        counted = read_with_gspread(stand_in.url, expected)
        print(
            f"gspread {gspread.__version__}: {counted} cells of {len(COLUMNS)} tabs read back as written, formulas inert"
        )


main()
