"""The bar chart of CPU a request: SVG written here, PNG by rsvg-convert."""
import statistics
import subprocess
from html import escape

import report

# Colours that stay apart for colour-blind eyes, on light and on dark.
COLOURS = {"gateway": ("#0072b2", "#56b4e9"), "nginx": ("#009e73", "#2fbf94"), "haproxy": ("#e69f00", "#f0b429"), "envoy": ("#9aa0a6", "#80868b")}
WIDTH, LEFT, RIGHT = 960, 150, 90
BAR, GAP, GROUP = 11, 2, 16
LIGHT = {"ground": "#ffffff", "text": "#1f2328", "faint": "#59636e", "line": "#d1d9e0"}
DARK = {"ground": "#0d1117", "text": "#f0f6fc", "faint": "#9198a1", "line": "#3d444d"}


def draw(results, folder):
    """chart.svg and chart.png in the folder."""
    svg = folder / "chart.svg"
    svg.write_text(picture(results))
    subprocess.run(["rsvg-convert", "--zoom", "2", "-o", folder / "chart.png", svg], check=True)
    print(f"drawn: {svg} and {folder / 'chart.png'}")


def style():
    def rules(colours, shade):
        lines = [f".ground {{ fill: {colours['ground']} }} text {{ fill: {colours['text']} }} .faint {{ fill: {colours['faint']} }}",
                 f".grid {{ stroke: {colours['line']} }} .spread {{ stroke: {colours['text']}; stroke-opacity: 0.55 }}"]
        return " ".join(lines + [f".{name} {{ fill: {both[shade]} }}" for name, both in COLOURS.items()])
    return ("<style>text { font: 12px system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif } .title { font-size: 18px; font-weight: 600 } "
            f".name {{ font-weight: 600 }} .value {{ font-size: 10px }} {rules(LIGHT, 0)} "
            f"@media (prefers-color-scheme: dark) {{ {rules(DARK, 1)} }}</style>")


def panels(scenarios):
    """(names, end of their axis): a scenario that costs several times what others do has an axis of its own, or nothing of them were seen."""
    costs = {name: [report.cpu(kept, proxy)[0] for proxy in kept["proxies"]] for name, kept in scenarios.items() if kept["proxies"]}
    # The dearest of a scenario's proxies may be cut, the second dearest not.
    second = {name: sorted(each)[-2:][0] for name, each in costs.items()}
    middle = statistics.median(second.values()) if second else 0
    small = [name for name in costs if second[name] <= 4 * middle]
    both = [part for part in (small, [name for name in costs if name not in small]) if part]
    return [(part, ending(max(second[name] for name in part), [max(costs[name]) for name in part])) for part in both]


def ending(wanted, dearest):
    """An axis ends at what has to be seen, or somewhat later where that shows more."""
    return 1.08 * max(wanted, *(one for one in dearest if one <= 1.6 * wanted), 0.1)


def step_of(most):
    """A round number of µs between grid lines, for about six of them."""
    return next(digit * 10**power for power in range(12) for digit in (1, 2, 5) if most / (digit * 10**power) <= 7)


def picture(results):
    """The whole SVG."""
    parts, y = [], 92
    shown = [name for name in report.LABELS if any(name in kept["proxies"] for kept in results["scenarios"].values())]
    for names, end in panels(results["scenarios"]):
        drawn, y = panel({name: results["scenarios"][name] for name in names}, end, y)
        parts += drawn
    legend = [f'<rect class="{name}" x="{LEFT + 110 * i}" y="60" width="12" height="12" rx="2"/>'
              f'<text x="{LEFT + 110 * i + 18}" y="70">{report.LABELS[name]}</text>' for i, name in enumerate(shown)]
    measured = results.get("measured", {"day": "-", "machine": "-", "cores": 0})
    foot = f"{measured['day']}, {measured['machine']}, {measured['cores']} cores; one worker on one core; median of the rounds, a line from the least to the most"
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 34}" viewBox="0 0 {WIDTH} {y + 34}" role="img" '
                      'aria-label="CPU a request of the gateway, nginx, HAProxy and Envoy by scenario">', style(),
                      f'<rect class="ground" width="{WIDTH}" height="{y + 34}" rx="8"/>',
                      f'<text class="title" x="{LEFT}" y="32">CPU a request, µs (less is better)</text>',
                      f'<text class="faint" x="{LEFT}" y="50">user and system time of the proxy, the same two-upstream split everywhere</text>',
                      *legend, *parts, f'<text class="faint value" x="{LEFT}" y="{y + 18}">{escape(foot)}</text>', "</svg>\n"])


def panel(scenarios, most, top):
    """Groups of bars over one axis from `top`; what it drew, and where it ended."""
    scale, y, bars = (WIDTH - LEFT - RIGHT) / most, top + 8, []
    for name, kept in scenarios.items():
        proxies = [proxy for proxy in report.LABELS if proxy in kept["proxies"]]
        bars.append(f'<text class="name" x="{LEFT - 10}" y="{y + len(proxies) * (BAR + GAP) / 2 + 3}" text-anchor="end">{escape(name)}</text>')
        for proxy in proxies:
            bars += bar(proxy, report.cpu(kept, proxy), most, scale, y)
            y += BAR + GAP
        y += GROUP
    grid, step = [], step_of(most)
    for value in range(0, int(most) + 1, step):
        x = LEFT + value * scale
        grid.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{y - GROUP + 6}"/>'
                    f'<text class="faint value" x="{x:.1f}" y="{y + 4}" text-anchor="middle">{value:,}{" µs" if value == 0 else ""}</text>')
    return grid + bars, y + 22


def bar(proxy, figures, most, scale, y):
    """A bar with its value; one that is longer than the axis is cut, and its value says so."""
    middle, least, greatest = figures
    end = LEFT + min(middle, most) * scale
    drawn = [f'<rect class="{proxy}" x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" height="{BAR}" rx="2"/>']
    if middle > most:
        drawn.append(f'<path class="ground" d="M{end - 16:.1f} {y + BAR} l4 -{BAR} h4 l-4 {BAR} z"/>')
    low, high = (LEFT + min(value, most) * scale for value in (least, greatest))
    if middle <= most:
        drawn.append(f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{y + BAR / 2}" y2="{y + BAR / 2}"/>')
        end = max(end, high)
    return [*drawn, f'<text class="value" x="{end + 5:.1f}" y="{y + BAR - 2}">{middle:,.1f}</text>']
