"""Colour and redraw on a terminal only; plain lines in a log; an interrupt is no fault."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from ternary_engine.cli import screen

COLOUR = re.compile(rb"\x1b\[[0-9;]*3[0-9]")
COMMAND = [sys.executable, "-m", "ternary_engine"]


def heed_interrupts() -> None:
    """Undo what a shell does to programs in its background, which ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _on_a_terminal(*arguments: str, **environment: str) -> bytes:
    """Run the command with its stderr on a pseudo-terminal."""
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    subprocess.run(
        [*COMMAND, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env=clean | {"TERM": "xterm"} | environment,
    )
    os.close(follower)
    try:
        return os.read(leader, 100_000)
    finally:
        os.close(leader)


def test_colour_on_a_terminal() -> None:
    assert COLOUR.search(_on_a_terminal("nonsense"))


def test_no_color_is_honoured() -> None:
    shown = _on_a_terminal("nonsense", NO_COLOR="1")
    assert b"error:" in shown
    assert not COLOUR.search(shown)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send")
def test_interrupt_gives_130() -> None:
    arguments = ["bench", "mlp_ternary", "--seconds", "60"]
    with subprocess.Popen(
        [*COMMAND, *arguments], stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    ) as running:
        assert running.stderr
        assert any("timing" in line for line in iter(running.stderr.readline, ""))
        running.send_signal(signal.SIGINT)
        told = running.stderr.read()
    assert running.returncode == 130
    assert told.endswith("interrupted\n")
    assert "Traceback" not in told


def test_a_log_gets_plain_lines_after_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(screen, "PATIENCE", 0.02)
    monkeypatch.setattr(screen, "REMINDER", 0.02)
    with screen.patience("counting [red]"):
        time.sleep(0.15)
    told = capsys.readouterr()
    assert told.out == ""
    assert re.match(r"counting \[red\]: .* so far\n", told.err)
    assert "\x1b" not in told.err


def test_what_is_quick_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.patience("counting"):
        pass
    assert capsys.readouterr() == ("", "")


def test_json_refuses_what_json_lacks() -> None:
    with pytest.raises(ValueError, match="JSON"):
        screen.emit_json({"x": float("nan")})
