"""Reports of the site, a month on paper: which months there are, the one that is made when a month is over, its way to people by mail."""

import logging
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from datastore.ports import Records
from datastore.store import Store
from plant.errors import Conflict, Invalid, NotFound
from plant.model import HOUR, Window
from plant.timeline import day_of, month_window
from services import exports, studies
from services.config import Config
from services.exports import Export, Report
from services.notification_channels import Undelivered, send_mail
from services.notification_texts import Message

log = logging.getLogger(__name__)

NOBODY = ""
"""Owner of what is made by plan."""
SETTLED = 6 * HOUR
"""So long after a month's end its report is made by plan: late readings have come, the last hours are judged."""
EARLIEST = 2000
STUDY = "monthly report"
"""Under this name stands which reports were made by plan."""


def month_of(text: str, store: Store) -> Window:
    """The month `2026-10` of the site. Raises Invalid for what is none, or lies ahead."""
    year, _, month = text.partition("-")
    is_month = len(text) == 7 and (year + month).isascii() and (year + month).isdigit() and int(year) >= EARLIEST and 1 <= int(month) <= 12
    if not is_month or month_window(int(year), int(month), store.zone).start > store.clock():
        raise Invalid(f"'{text[:20]}' is no month such as 2026-10 from {EARLIEST}-01 up to now", month=text[:20])
    return month_window(int(year), int(month), store.zone)


def name_of(report: Report) -> str:
    """`2026-10`."""
    return f"{day_of(report.start, ZoneInfo(report.zone)):%Y-%m}"


def file_name(export: Export, site_id: str) -> str:
    """`site_report_2026-10_en.pdf`."""
    asked = export.query
    assert isinstance(asked, Report)
    return f"{site_id}_report_{name_of(asked)}_{asked.lang}.{asked.form}"


def before(now: int, store: Store) -> Window:
    """The last month of the site that is over at `now` [epoch ms]."""
    here = day_of(now, store.zone)
    year, month = (here.year, here.month - 1) if here.month > 1 else (here.year - 1, 12)
    return month_window(year, month, store.zone)


def submit(store: Store, owner: str, window: Window, lang: str, charts: bool) -> Export:
    """Ask for one. Raises Conflict when this person has too many waiting."""
    return exports.submit(store.records, owner, Report(window.start, window.end, store.zone.key, lang, charts), store.clock())


def plan(store: Store, languages: Sequence[str]) -> list[Export]:
    """Ask for last month's report in each language, once, when that month is over and told anything; what was asked for now. Several
    processes may do so at once: the id is made of month and language."""
    now = store.clock()
    month = before(now, store)
    if now < month.end + SETTLED or not languages or not has_readings(store, month):
        return []
    asked = []
    for lang in languages:
        report = Report(month.start, month.end, store.zone.key, lang, planned=True)
        id = f"report-{name_of(report)}-{lang}"
        if studies.result(store.records, STUDY, id) is not None:
            continue  # made before, and perhaps removed by somebody since
        try:
            asked.append(exports.keep(store.records, Export(id, NOBODY, "queued", now, report)))
        except Conflict:  # another process did it this very moment
            continue
        studies.keep_result(store.records, STUDY, id, now, {})
    return asked


def has_readings(store: Store, window: Window) -> bool:
    """Whether any device told anything in the window."""
    found = (store.telemetry.extent(device.device_id, device.kind) for device in store.records.devices())
    return any(extent.first < window.end and extent.last >= window.start for extent in found if extent is not None)


def post(config: Config, export: Export, file: Path, subject: str, text: str, now: int) -> str:
    """Mail a finished report to REPORT_TO; what came of it, in a sentence ("" when nobody is named). What went wrong is said, not raised:
    the report itself is made."""
    if not config.report_to:
        return ""
    message = Message(export.id, subject, text, {})
    try:
        attached = [(file_name(export, config.site_id), file.read_bytes())]
        return send_mail(config.smtp, config.report_to, message, config.site_name, now, attached=attached)
    except Undelivered as error:
        log.warning("report %s was not mailed: %s", export.id, error.reason)
        return f"not mailed: {error.reason}"


def find(records: Records, export_id: str) -> Export:
    """Raises NotFound, for a file of series too."""
    export = exports.find(records, export_id)
    if not isinstance(export.query, Report):
        raise NotFound(f"There is no report '{export_id[:40]}'", report_id=export_id[:40])
    return export
