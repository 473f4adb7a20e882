"""A program on a terminal of our own, and what the terminal shows as SVG."""

import codecs
import html
import os
import pty
import select
import signal
import struct
import termios
import fcntl
import time
import unicodedata

COLOURS = {30: "#2e3440", 31: "#bf616a", 32: "#a3be8c", 33: "#ebcb8b", 34: "#81a1c1", 35: "#b48ead",
           36: "#88c0d0", 37: "#e5e9f0", 90: "#7b88a1"}
PLAIN = "#d8dee9"


def width_of(char):
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Screen:
    """As much of a terminal as our programs use; lines are kept when they scroll away."""

    def __init__(self, columns):
        self.columns = columns
        self.lines = [[]]
        self.row = self.column = 0
        self.style = ()
        self.pending = ""

    def put(self, text):
        text, self.pending = self.pending + text, ""
        at = 0
        while at < len(text):
            char = text[at]
            if char == "\033":
                end = at + 1
                if text[end:end + 1] == "[":
                    end += 1
                    while end < len(text) and not "@" <= text[end] <= "~":
                        end += 1
                elif text[end:end + 1] == "]":
                    while end < len(text) and text[end] != "\007":
                        end += 1
                if end >= len(text):
                    self.pending = text[at:]
                    return
                self.control(text[at:end + 1])
                at = end + 1
                continue
            at += 1
            if char == "\r":
                self.column = 0
            elif char == "\n":
                self.go(self.row + 1)
            elif char == "\b":
                self.column = max(0, self.column - 1)
            elif char >= " ":
                self.write(char)

    def go(self, row):
        self.row = max(0, row)
        while len(self.lines) <= self.row:
            self.lines.append([])

    def write(self, char):
        if self.column + width_of(char) > self.columns:
            self.column = 0
            self.go(self.row + 1)
        line = self.lines[self.row]
        while len(line) < self.column + width_of(char):
            line.append((" ", ()))
        line[self.column] = (char, self.style)
        if width_of(char) == 2:
            line[self.column + 1] = ("", self.style)
        self.column += width_of(char)

    def control(self, sequence):
        final, inner = sequence[-1], sequence[2:-1]
        if not sequence.startswith("\033[") or inner[:1] in "?>=<" and inner:
            return
        numbers = [int(n) if n.isdigit() else 0 for n in inner.split(";")] if inner else []
        first = numbers[0] if numbers else 0
        line = self.lines[self.row]
        if final == "m":
            self.set_style(numbers or [0])
        elif final == "K":
            if first == 0:
                del line[self.column:]
            elif first == 2:
                line.clear()
        elif final == "J":
            del line[self.column:]
            del self.lines[self.row + 1:]
        elif final == "A":
            self.go(self.row - max(1, first))
        elif final == "B":
            self.go(self.row + max(1, first))
        elif final == "C":
            self.column += max(1, first)
        elif final == "D":
            self.column = max(0, self.column - max(1, first))
        elif final == "G":
            self.column = max(1, first) - 1

    def set_style(self, numbers):
        style = dict(self.style)
        for n in numbers:
            if n == 0:
                style = {}
            elif n == 1:
                style["bold"] = True
            elif n == 2:
                style["dim"] = True
            elif n == 3:
                style["italic"] = True
            elif n in (22, 23):
                for key in ("bold", "dim") if n == 22 else ("italic",):
                    style.pop(key, None)
            elif n == 39:
                style.pop("colour", None)
            elif n in COLOURS:
                style["colour"] = n
        self.style = tuple(sorted(style.items()))


def svg(screen, title):
    """The screen as an SVG file with text that can be copied."""
    lines = list(screen.lines)
    while lines and not "".join(c for c, _ in lines[-1]).strip():
        lines.pop()
    cell, height, edge, head = 8.4, 19, 14, 30
    wide = max([len(line) for line in lines] + [48])
    size = (round(wide * cell + 2 * edge), len(lines) * height + 2 * edge + head)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
           f'viewBox="0 0 {size[0]} {size[1]}" role="img" aria-label="{html.escape(title)}">',
           f'<rect width="{size[0]}" height="{size[1]}" rx="8" fill="#242933"/>',
           *(f'<circle cx="{edge + 6 + 18 * i}" cy="16" r="5" fill="#4c566a"/>' for i in range(3)),
           '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">']
    for number, line in enumerate(lines):
        y = head + edge + number * height + 10
        at = 0
        while at < len(line):
            end = at
            while end < len(line) and line[end][1] == line[at][1]:
                end += 1
            text = "".join(c for c, _ in line[at:end])
            style = dict(line[at][1])
            if text.strip():
                extra = ' font-weight="bold"' if style.get("bold") else ""
                extra += ' font-style="italic"' if style.get("italic") else ""
                extra += ' opacity="0.6"' if style.get("dim") else ""
                # On each text: browsers do not inherit it from the group.
                out.append(f'<text xml:space="preserve" x="{edge + at * cell:.1f}" y="{y}" '
                           f'fill="{COLOURS.get(style.get("colour"), PLAIN)}"{extra}>'
                           f'{html.escape(text.rstrip())}</text>')
            at = end
    return "\n".join(out + ["</g>", "</svg>", ""])


def play(screen, command, keys=(), environment=None, seconds=60):
    """Runs a command. keys: pairs of what is waited for in the output, and what is typed then."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm-256color", "LANG": "C.UTF-8", **(environment or {})})
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, screen.columns, 0, 0))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    waiting, seen, end = list(keys), "", time.monotonic() + seconds
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if ready:
            try:
                got = os.read(terminal, 65536)
            except OSError:
                break
            if not got:
                break
            text = decoder.decode(got)
            seen += text
            screen.put(text)
        elif waiting and waiting[0][0] in seen:
            os.write(terminal, waiting[0][1].encode())
            seen = ""
            waiting.pop(0)
    else:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
