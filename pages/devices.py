"""Every device of the register: what it is, whether it speaks, what it said last."""

from dashboard.figures.sheet import sheet
from dashboard.loads import devices
from dashboard.page import Control, Page, Panel

PAGE = Page(
    path="/devices",
    title="page.devices",
    order=80,
    icon="hdd-network",
    controls=(Control("device", "devices.kind", devices.kind_options, all_="devices.brief"),),
    panels=(
        Panel("devices-fleet", "panel.devices", devices.device_table, sheet, devices.device_frame, span=12, height=480, is_current=True),
    ),
)
