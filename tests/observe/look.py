"""How values and series look: units, colours, ticks, the pieces of SVG. Colours and units by the names that Grafana gives them."""
import html
import math
import re

NAMED = {"green": "#73BF69", "red": "#F2495C", "orange": "#FF9830", "yellow": "#FADE2A", "blue": "#5794F2", "text": "#D8D9DA"}
PALETTE = ["#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#F2495C", "#5794F2", "#B877D9", "#37A6A0", "#FFB357", "#C4A7E7"]
PAGE, PANEL, BORDER, TEXT, FAINT, GRID = "#111217", "#181B1F", "#2A2D33", "#D8D9DA", "#8E9099", "#26292F"


def colour(name):
    """As SVG has it."""
    return NAMED.get(name, name)


def shown(value, unit, decimals=None):
    """A number in its unit."""
    if value is None or math.isnan(value):
        return "–"
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f}%"
    if unit == "s":
        for factor, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
            if abs(value) >= factor or name == "µs":
                return f"{value / factor:.3g} {name}" if value else "0 s"
    if unit == "bytes":
        for power, name in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
            if abs(value) >= 1024**power:
                return f"{value / 1024**power:.3g} {name}"
    tail = {"reqps": " req/s", "ops": " ops/s", "bytes": " B"}.get(unit, "")
    if decimals is not None:
        return f"{value:.{decimals}f}{tail}"
    return (f"{value / 1000:.3g} K" if abs(value) >= 10000 else f"{value:.3g}") + tail


def ticks(low, high, unit, whole=False):
    """Round values from low to high, some four of them; whole ones where nothing else is shown."""
    span = (high - low) or 1
    size = 10 ** math.floor(math.log10(span / 4))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if span / (size * factor) <= 5)
    if unit == "bytes":
        step = 2 ** math.ceil(math.log2(span / 5))
    if whole and unit != "percentunit":
        step = max(1, math.ceil(step))
    at, all_of_them = math.ceil(low / step - 1e-9) * step, []
    while at <= high * (1 + 1e-9):
        all_of_them.append(at)
        at += step
    return all_of_them


def text(x, y, content, size=12, fill=TEXT, anchor="start", weight=400):
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}">{html.escape(str(content))}</text>'


def box(x, y, w, h, fill, stroke="none", radius=3, opacity=1.0):
    """A rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 0):.1f}" height="{h:.1f}" rx="{radius}" fill="{fill}" stroke="{stroke}" fill-opacity="{opacity}"/>'


def line(x1, y1, x2, y2, stroke, width=1.0, dash=""):
    """A line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width}" stroke-dasharray="{dash}"/>'


def wide(content, size=12):
    """About how wide a text is."""
    return len(content) * size * 0.56


def overridden(panel, name, place):
    """What the panel says of a series: its defaults under `place` of fieldConfig, and the overrides that its name matches."""
    defaults = panel["fieldConfig"]["defaults"]
    settings = {**defaults.get("custom", {}), **{key: value for key, value in defaults.items() if key != "custom"}}
    for override in panel["fieldConfig"]["overrides"]:
        kind, wanted = override["matcher"]["id"], override["matcher"]["options"]
        if (kind == "byName" and wanted == name) or (kind == "byRegexp" and re.search(wanted.strip("/"), name)):
            settings.update({one["id"].removeprefix("custom."): one["value"] for one in override["properties"]})
    chosen = settings.get("color", {})
    settings["colour"] = colour(chosen["fixedColor"]) if chosen.get("mode") == "fixed" else PALETTE[place % len(PALETTE)]
    return settings


def threshold(settings, value):
    """The colour of the step that a value has reached."""
    steps = settings.get("thresholds", {}).get("steps", [])
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return colour(reached[-1]) if reached else TEXT


def mapped(settings, value):
    """(text, colour) where a mapping names the value."""
    for mapping in settings.get("mappings", []):
        found = mapping["options"].get(f"{value:g}")
        if found:
            return found["text"], colour(found["color"])
    return None
