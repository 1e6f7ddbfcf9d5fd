"""Draws the Grafana dashboard from its own JSON: each panel's queries are asked of a real Prometheus, the answers become SVG.

Not Grafana: it knows the panel types, options and overrides that this dashboard uses, and refuses others. Rows that repeat
over a variable are repeated, `$__rate_interval` is what Grafana makes of it, annotations are vertical lines.
"""
import json
import re
import time

import look
from expressions import DASHBOARD
from look import box, line, text

WIDTH, CELL, GAP, HEAD = 1600, 38, 8, 60


class Picture:
    """One drawing of the dashboard over a stretch of time. `empty` lists the panels that no query had an answer for."""

    def __init__(self, prometheus, start, end):
        self.prometheus, self.start, self.end = prometheus, start, end
        self.dashboard = json.loads(DASHBOARD.read_text())
        self.step = max(prometheus.interval, (end - start) / 300)
        self.rate = max(self.step + prometheus.interval, 4 * prometheus.interval)
        self.empty, self.notes = [], self.annotations()

    def filled(self, query, variables):
        """A query with its variables' values."""
        query = query.replace("$__rate_interval", f"{self.rate:.0f}s").replace("$namespace", ".*")
        for name, value in variables.items():
            query = query.replace("$" + name, value)
        return query

    def annotations(self):
        """[(time, colour)]"""
        found = set()
        for note in self.dashboard["annotations"]["list"]:
            series = self.prometheus.over(self.filled(note["expr"], {}), self.start, self.end, self.step)
            last = None
            for at, value in (point for _, points in series for point in points):
                at = value / 1000 if note.get("useValueForTime") else at
                # A rejection shows for as long as the rate looks back: its first moment is what counts.
                if self.start < at < self.end and (note.get("useValueForTime") or last is None or at - last > self.rate):
                    found.add((at, note["iconColor"]))
                last = at
        return sorted(found)

    def rows(self, only=None):
        """(row or None, its panels, variables), repeated ones as often as their variable has values."""
        groups = []
        for panel in self.dashboard["panels"]:
            if panel["type"] == "row":
                groups.append((panel, []))
            else:
                groups[-1][1].append(panel)
        for row, panels in groups:
            if only and row["title"] not in only:
                continue
            if "repeat" not in row:
                yield row, panels, {}
                continue
            variable = next(one for one in self.dashboard["templating"]["list"] if one["name"] == row["repeat"])
            query, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            for value in sorted({labels[label] for labels, _ in self.prometheus.now(self.filled(query, {}), self.end)}):
                yield row, panels, {row["repeat"]: value}

    def svg(self, only=None):
        """The whole picture, or the rows with these titles."""
        out, y = [], HEAD
        for row, panels, variables in self.rows(only):
            out.append(text(GAP + 4, y + 22, self.filled(row["title"], variables), 15, weight=600))
            top, y = row["gridPos"]["y"] + 1, y + CELL - 6
            for panel in panels:
                place = panel["gridPos"]
                column = (WIDTH - GAP) / 24
                area = (GAP + place["x"] * column, y + (place["y"] - top) * CELL, place["w"] * column - GAP, place["h"] * CELL - GAP)
                out.append(self.panel(panel, variables, *area))
            y += max(panel["gridPos"]["y"] + panel["gridPos"]["h"] - top for panel in panels) * CELL
        head = [text(GAP + 4, 36, self.dashboard["title"], 22, weight=600), text(
            WIDTH - GAP - 4, 36, f"{time.strftime('%H:%M:%S', time.gmtime(self.start))} to {time.strftime('%H:%M:%S', time.gmtime(self.end))} UTC",
            13, look.FAINT, "end")]
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0f}" width="{WIDTH}" height="{y:.0f}" '
                f'font-family="DejaVu Sans, Helvetica, Arial, sans-serif">{box(0, 0, WIDTH, y, look.PAGE, radius=0)}' + "\n".join(head + out) + "</svg>\n")

    def panel(self, panel, variables, x, y, w, h):
        """One panel with its frame."""
        draw = {"stat": self.stat, "timeseries": self.lines, "table": self.table, "state-timeline": self.states}[panel["type"]]
        body = draw(panel, variables, x + 12, y + 32, w - 24, h - 42)
        if body is None:
            self.empty.append(panel["title"])
            body = text(x + w / 2, y + h / 2, "No data", 13, look.FAINT, "middle")
        return box(x, y, w, h, look.PANEL, look.BORDER) + text(x + 12, y + 21, self.filled(panel["title"], variables), 13, weight=600) + body

    def series(self, panel, variables):
        """[(name, points)] of all targets, named by their legends."""
        found = []
        for target in panel["targets"]:
            for labels, points in self.prometheus.over(self.filled(target["expr"], variables), self.start, self.end, self.step):
                name = re.sub(r"\{\{(\w+)\}\}", lambda m, labels=labels: labels.get(m[1], ""), target["legendFormat"])
                found.append((name, [(at, value) for at, value in points if value == value]))
        return [(name, points) for name, points in found if points]

    def across(self, at, x, w):
        return x + (at - self.start) / (self.end - self.start) * w

    def marks(self, x, y, w, h):
        """The annotations."""
        return "".join(line(self.across(at, x, w), y, self.across(at, x, w), y + h, colour, 1.2, "4 3") for at, colour in self.notes)

    def clock(self, x, y, w):
        """The time axis: a label each round minute, or half of one."""
        out, every = [], 30 if self.end - self.start < 400 else 120
        at = (self.start // every + 1) * every
        while self.across(at, x, w) < x + w - 28:
            out.append(text(self.across(at, x, w), y, time.strftime("%H:%M:%S" if every < 60 else "%H:%M", time.gmtime(at)), 10.5, look.FAINT, "middle"))
            at += every * (1 if w > 500 else 2)
        return "".join(out)

    def stat(self, panel, variables, x, y, w, h):
        """The last value, large, over its own course."""
        found = self.series(panel, variables)
        if not found:
            return None
        settings, points = look.overridden(panel, panel["title"], 0), found[0][1]
        value = points[-1][1]
        shown, colour = look.mapped(settings, value) or (look.shown(value, settings["unit"], settings.get("decimals")), look.threshold(settings, value))
        out = ""
        if panel["options"]["graphMode"] == "area":
            high = max(v for _, v in points) or 1
            path = " ".join(f"{self.across(at, x, w):.1f},{y + h - v / high * h * 0.45:.1f}" for at, v in points)
            out = f'<polygon points="{self.across(points[0][0], x, w):.1f},{y + h} {path} {x + w:.1f},{y + h}" fill="{colour}" fill-opacity="0.18"/>'
        return out + text(x + w / 2, y + h * 0.5 + 12, shown, 30, colour, "middle", 600)

    def table(self, panel, variables, x, y, w, h):
        """Rows by their labels, a column a target, as the transformations merge and name them."""
        merged, hidden = {}, {"Time", "__name__"}
        for target in panel["targets"]:
            for labels, value in self.prometheus.now(self.filled(target["expr"], variables), self.end):
                key = tuple(sorted((k, v) for k, v in labels.items() if k not in hidden))
                merged.setdefault(key, dict(labels))[f"Value #{target['refId']}"] = value
        if not merged:
            return None
        organize = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
        columns = sorted(organize["indexByName"], key=organize["indexByName"].get)
        words = [name for name in columns if not name.startswith("Value")]
        edge = [x + w * 0.24 * place / max(len(words) - 1, 1) * (len(words) > 1) for place in range(len(words))]
        share = w * (0.4 if len(words) > 1 else 0.22)
        edge += [x + share + (w - share) * (place + 1) / (len(columns) - len(words)) - 6 for place in range(len(columns) - len(words))]
        out = []
        for column, at in zip(columns, edge):
            out.append(text(at, y + 12, organize["renameByName"].get(column, column), 12, "#6E9FFF", "start" if column in words else "end", 600))
        for place, row in enumerate(sorted(merged.values(), key=lambda row: [row.get(name, "") for name in words])):
            top = y + 24 + place * 27
            if top + 22 > y + h:
                break
            out.append(line(x, top, x + w, top, look.BORDER))
            for column, at in zip(columns, edge):
                if column in words:
                    out.append(text(at, top + 18, row.get(column, ""), 12.5))
                    continue
                settings = look.overridden(panel, organize["renameByName"].get(column, column), 0)
                value = row.get(column)
                colour = look.threshold(settings, value) if settings.get("cellOptions", {}).get("type") == "color-text" and value == value and value is not None else look.TEXT
                out.append(text(at, top + 18, look.shown(value, settings.get("unit", "short"), settings.get("decimals")), 12.5, colour, "end"))
        return "".join(out)

    def states(self, panel, variables, x, y, w, h):
        """A bar a series, a piece a state."""
        found = self.series(panel, variables)
        if not found:
            return None
        left, height, out = x + 150, min(40, (h - 24) / len(found) - 6), []
        for place, (name, points) in enumerate(found):
            top, settings = y + 8 + place * (height + 6), look.overridden(panel, name, place)
            out.append(text(x, top + height / 2 + 4, name, 12))
            begun = 0
            for at in range(1, len(points) + 1):
                if at == len(points) or points[at][1] != points[begun][1]:
                    until = self.end if at == len(points) else points[at][0]
                    shown, colour = look.mapped(settings, points[begun][1]) or (f"{points[begun][1]:g}", look.FAINT)
                    a, b = self.across(points[begun][0], left, w - 150), self.across(until, left, w - 150)
                    out.append(box(a, top, b - a, height, colour, radius=0, opacity=0.7))
                    if b - a > look.wide(shown):
                        out.append(text(a + 8, top + height / 2 + 4, shown, 12, "#fff", weight=600))
                    begun = at
        return "".join(out) + self.marks(left, y + 4, w - 150, h - 26) + self.clock(left, y + h, w - 150)

    def lines(self, panel, variables, x, y, w, h):
        """Series over time."""
        found = self.series(panel, variables)
        if not found:
            return None
        found.sort(key=lambda one: one[0])
        custom, defaults = panel["fieldConfig"]["defaults"]["custom"], panel["fieldConfig"]["defaults"]
        if custom["stacking"]["mode"] == "normal":
            below, stacked = {}, []
            for name, points in found:
                stacked.append((name, [(at, value + below.get(at, 0), below.get(at, 0)) for at, value in points]))
                below.update({at: total for at, total, _ in stacked[-1][1]})
        else:
            stacked = [(name, [(at, value, 0) for at, value in points]) for name, points in found]
        low = defaults.get("min", 0)
        high = defaults.get("max") or max(max(value for _, points in stacked for _, value, _ in points) * 1.08, custom.get("axisSoftMax", 0)) or 1
        unit, decimals = defaults["unit"], defaults.get("decimals")
        marks = [(value, look.shown(value, unit, decimals)) for value in look.ticks(low, high, unit, decimals == 0)]
        left = x + max(look.wide(label, 10.5) for _, label in marks) + 10
        legends, row, at = [], 0, x
        for place, (name, _) in enumerate(stacked):
            if at + look.wide(name, 11) + 34 > x + w and at > x:
                row, at = row + 1, x
            legends.append((name, place, at, row))
            at += look.wide(name, 11) + 34
        bottom = y + h - 18 * (row + 1) - 20
        width = x + w - left
        up = lambda value: bottom - (min(max(value, low), high) - low) / (high - low) * (bottom - y)
        out = [line(left, up(value), x + w, up(value), look.GRID) + text(left - 8, up(value) + 4, label, 10.5, look.FAINT, "end") for value, label in marks]
        out += [self.clock(left, bottom + 16, width), self.marks(left, y, width, bottom - y)]
        for name, place, at, row in legends:
            settings = look.overridden(panel, name, place)
            dash = " ".join(map(str, settings["lineStyle"].get("dash", []))) if settings["lineStyle"]["fill"] == "dash" else ""
            base = y + h - 18 * (legends[-1][3] - row) - 2
            out.append(line(at, base - 4, at + 16, base - 4, settings["colour"], 3, dash) + text(at + 22, base, name, 11))
            out.append(self.course(dict(stacked)[name], settings, dash, left, width, up))
        return "".join(out)

    def course(self, points, settings, dash, left, width, up):
        """One series: a line broken where points are missing, with what is filled below it."""
        pieces, out = [[]], []
        for point in points:
            if pieces[-1] and point[0] - pieces[-1][-1][0] > self.step * 1.5:
                pieces.append([])
            pieces[-1].append(point)
        for piece in pieces:
            path, base = [], []
            for at, value, below in piece:
                across = self.across(at, left, width)
                if settings["lineInterpolation"] == "stepAfter" and path:
                    path.append((across, path[-1][1]))
                path.append((across, up(value)))
                base.append((across, up(below)))
            joined = " ".join(f"{a:.1f},{b:.1f}" for a, b in path)
            if settings["fillOpacity"]:
                back = " ".join(f"{a:.1f},{b:.1f}" for a, b in reversed(base))
                out.append(f'<polygon points="{joined} {back}" fill="{settings["colour"]}" fill-opacity="{settings["fillOpacity"] / 100}"/>')
            out.append(f'<polyline points="{joined}" fill="none" stroke="{settings["colour"]}" stroke-width="{settings["lineWidth"]}" stroke-dasharray="{dash}"/>')
        return "".join(out)
