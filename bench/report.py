#!/usr/bin/env python3
"""Shows what bench.py has measured: a table in Markdown, and a plot in SVG.

    bench/report.py RESULT.json ... [--markdown FILE] [--svg FILE]

Several files are joined; of what they all have, the last one counts. Without options the table goes to standard
output. The best peer is the quickest whose answers are right; a ratio above 1 says that jitc is quicker than it.
"""

import argparse
import json
import math
import sys

TITLES = {
    "jitc": "jitc", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "litert": "LiteRT", "tensorflow": "TensorFlow",
    "mlp": "MLP", "mobilenet_v2": "MobileNetV2", "efficientnet_b0": "EfficientNet-B0", "densenet121": "DenseNet-121",
    "resnet50": "ResNet-50", "inception_v3": "Inception-v3", "bert_base": "BERT-base (128)", "lstm": "LSTM",
    "vit_small": "ViT-S/16", "unet": "U-Net",
    "jitc-nhwc": "all NHWC", "jitc-nchw": "all NCHW", "jitc-blocked": "all blocked",
}
WRONG = 1e-2


def title(name):
    return TITLES.get(name, name)


def usable(row):
    return "failed" not in row and row["error"] <= WRONG


def join(results):
    """One result of several: (about, {(threads, batch): {model: {peer: row}}})."""
    about, groups = {"versions": {}}, {}
    for r in results:
        about |= {k: v for k, v in r.items() if k not in ("results", "versions")}
        about["versions"] |= r["versions"]
        for row in r["results"]:
            groups.setdefault((row["batch"], row["threads"]), {}).setdefault(row["model"], {})[row["peer"]] = row
    return about, groups


def best_peer(rows):
    peers = [r for p, r in rows.items() if p != "jitc" and usable(r)]
    return min(peers, key=lambda r: r["median_ms"], default=None)


def ratio(rows):
    best, own = best_peer(rows), rows.get("jitc")
    return best["median_ms"] / own["median_ms"] if best and own and usable(own) else None


def mean(models):
    logs = [math.log(r) for r in map(ratio, models.values()) if r]
    return math.exp(sum(logs) / len(logs)) if logs else None


def peers_of(groups):
    found = {p for models in groups.values() for rows in models.values() for p in rows}
    return [p for p in ("jitc", *SHAPES) if p in found]


def ms(value):
    return f"{value:.{max(0, 2 - math.floor(math.log10(max(value, 1e-3))))}f}" if value < 100 else f"{value:.0f}"


def heading(batch, threads):
    return f"{threads} thread{'s' if threads > 1 else ''}, batch {batch}"


def machine(about):
    said = [about["cpu"], about.get("isa"), f"{about['cpus']} CPUs" if "cpus" in about else None]
    if about.get("limit"):
        said.append(f"only what {about['limit']} has is used")
    return ", ".join(s for s in said if s)


def versions(about):
    return "; ".join(v if p in v else f"{title(p)} {v}" for p, v in about["versions"].items())


def markdown(about, groups):
    peers = peers_of(groups)
    lines = [f"{machine(about)}. {versions(about)}.", "Median milliseconds of one run (of the best round), float32."]
    for note in about.get("notes", []):
        lines.append(note)
    for (batch, threads), models in sorted(groups.items()):
        lines += ["", f"**{heading(batch, threads)}**", ""]
        lines.append("| model | " + " | ".join(map(title, peers)) + " | best peer / jitc |")
        lines.append("|---|" + "---:|" * (len(peers) + 1))
        failed = []
        for model, rows in models.items():
            best, cells = best_peer(rows), []
            for p in peers:
                row = rows.get(p)
                if row and "failed" in row:
                    failed.append(f"{title(model)}: {title(p)}: {row['failed']}")
                text = "–" if not row or "failed" in row else ms(row["median_ms"]) if usable(row) else "wrong"
                cells.append(f"**{text}**" if row is best and best else text)
            r = ratio(rows)
            lines.append(f"| {title(model)} | {' | '.join(cells)} | {f'{r:.2f}' if r else '–'} |")
        m = mean(models)
        if m and len(models) > 1:
            lines.append(f"| geometric mean |{' |' * len(peers)} {m:.2f} |")
        lines += [""] * bool(failed) + [f"{f}  " for f in failed]
    return "\n".join(lines) + "\n"


# -- The plot: a row per model, a mark per runtime at its time relative to jitc's -----------------------------------

STYLE = """
svg { --ink: #24292f; --faint: #6e7781; --line: #d0d7de; --band: #f3f5f7; --ground: #ffffff;
      --jitc: #d1242f; --openvino: #0969da; --onnxruntime: #1a7f37; --litert: #9a6700; --tensorflow: #8250df;
      --jitc-nhwc: var(--openvino); --jitc-nchw: var(--onnxruntime); --jitc-blocked: var(--litert); }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e6edf3; --faint: #9198a1; --line: #3d444d; --band: #161b22; --ground: #0d1117;
        --jitc: #ff7b72; --openvino: #58a6ff; --onnxruntime: #56d364; --litert: #e3b341; --tensorflow: #bc8cff; } }
text { font: 13px system-ui, sans-serif; fill: var(--ink); } .faint { fill: var(--faint); font-size: 12px; }
.head { font-weight: 600; font-size: 14px; } .end { text-anchor: end; } .mid { text-anchor: middle; }
"""
LEFT, PLOT, RIGHT, ROW, LOW, HIGH = 210, 500, 80, 26, 0.5, 10.0
SHAPES = {  # centred on 0,0: told apart without colours too
    "openvino": "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0Z", "onnxruntime": "M-4.5-4.5H4.5V4.5H-4.5Z",
    "litert": "M0-6L5.5 4.5H-5.5Z", "tensorflow": "M0-6L6 0L0 6L-6 0Z",
}
for layout, peer in (("nhwc", "openvino"), ("nchw", "onnxruntime"), ("blocked", "litert")):
    SHAPES[f"jitc-{layout}"] = SHAPES[peer]


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text_at(x, y, text, cls=""):
    return f'<text x="{x:g}" y="{y:g}"{f""" class="{cls}" """.rstrip() if cls else ""}>{escape(text)}</text>'


def mark(peer, x, y, more=""):
    return f'<path d="{SHAPES[peer]}" transform="translate({x:.1f} {y:g})" fill="var(--{peer})">{more}</path>'


def place(value):
    """Where a ratio lies, and whether it lies beyond the plot's end."""
    share = math.log(min(max(value, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
    return LEFT + share * PLOT, value > HIGH


def panel(models, batch, threads, y):
    out = [text_at(16, y + 16, heading(batch, threads), "head")]
    m = mean(models)
    if m:
        out.append(text_at(LEFT + PLOT + RIGHT - 16, y + 16, f"best peer / jitc, geometric mean {m:.2f}", "end head"))
    top, rows = y + 30, [(k, v) for k, v in models.items() if "jitc" in v and "failed" not in v["jitc"]]
    bottom = top + ROW * len(rows)
    for i in range(0, len(rows), 2):
        out.append(f'<rect x="8" y="{top + ROW * i}" width="{LEFT + PLOT + RIGHT - 16}" height="{ROW}" fill="var(--band)"/>')
    for tick in (0.5, 1, 2, 5, 10):
        x, _ = place(tick)
        wide = ' stroke-width="2"' if tick == 1 else ""
        out.append(f'<path d="M{x:.1f} {top}V{bottom}" stroke="var(--{"jitc" if tick == 1 else "line"})"{wide}/>')
        out.append(text_at(round(x, 1), bottom + 16, f"{tick:g}×", "mid faint"))
    for i, (model, peers) in enumerate(rows):
        mid, own = top + ROW * i + ROW / 2, peers["jitc"]["median_ms"]
        out.append(text_at(16, mid + 4, title(model)))
        out.append(text_at(LEFT - 16, mid + 4, f"{ms(own)} ms", "end faint"))
        for p, row in peers.items():
            if p == "jitc" or not usable(row):
                continue
            x, beyond = place(row["median_ms"] / own)
            tip = f"{title(model)}, {title(p)}: {ms(row['median_ms'])} ms, {row['median_ms'] / own:.2f} times jitc's {ms(own)} ms"
            out.append(mark(p, x, mid, f"<title>{escape(tip)}</title>"))
            if beyond:
                out.append(text_at(x + 10, mid + 4, f"{row['median_ms'] / own:.0f}×", "faint"))
    return out, bottom + 30


def svg(about, groups):
    out, y, x = [], 34, 16
    out.append(text_at(16, 22, "Time of a run, relative to jitc's (red line): further right is slower", "head"))
    for p in peers_of(groups):
        if p == "jitc":
            continue
        out += [mark(p, x + 6, y + 8), text_at(x + 18, y + 12, title(p))]
        x += 40 + 8 * len(title(p))
    y += 34
    for (batch, threads), models in sorted(groups.items()):
        more, y = panel(models, batch, threads, y)
        out += more
        y += 10
    width = LEFT + PLOT + RIGHT
    words, line = f"{machine(about)}. {versions(about)}.".split(), ""
    for w in words + [None]:
        if w is None or len(line) + len(w) > 115:
            out.append(text_at(16, y + 8, line.strip(), "faint"))
            y, line = y + 16, ""
        line += f"{w} "
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 8:g}" width="{width}" height="{y + 8:g}" role="img">'
            f"<title>jitc beside other runtimes</title><style>{STYLE}</style>"
            f'<rect width="100%" height="100%" fill="var(--ground)"/>')
    return "\n".join([head, *out, "</svg>", ""])


def write(results, markdown_file=None, svg_file=None):
    about, groups = join(results)
    for name, make in ((markdown_file, markdown), (svg_file, svg)):
        if name:
            with open(name, "w", encoding="utf-8") as f:
                f.write(make(about, groups))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("results", nargs="+", metavar="RESULT.json")
    ap.add_argument("--markdown", metavar="FILE")
    ap.add_argument("--svg", metavar="FILE")
    o = ap.parse_args()
    results = []
    for name in o.results:
        with open(name, encoding="utf-8") as f:
            results.append(json.load(f))
    if not o.markdown and not o.svg:
        sys.stdout.write(markdown(*join(results)))
    write(results, o.markdown, o.svg)


if __name__ == "__main__":
    main()
