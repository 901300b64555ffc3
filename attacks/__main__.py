"""`python -m attacks`: attack a server in every known way, and print the results."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from attacks.attack import Attack, Broken, Outcome, Settings
from attacks.cases import find_attacks
from attacks.targets import PEERS, ZEFNB, BenchError, System, prepare, running
from bench import machine


def carry_out(attack: Attack, system: System = ZEFNB, quick: bool = False) -> Outcome:
    """Attack a new server; repeat as often as the attack allows, and report the number of attempts."""
    attempt, outcome = 1, _once(attack, Settings(quick, system))
    while not outcome.ok and attempt < attack.attempts:
        attempt, outcome = attempt + 1, _once(attack, Settings(quick, system))
    attempts = f" (attempt {attempt} of at most {attack.attempts})" if attempt > 1 else ""
    return Outcome(outcome.figure + attempts, outcome.ok, outcome.details)


def _once(attack: Attack, settings: Settings) -> Outcome:
    try:
        with running(settings.system) as server:
            return attack.run(server, settings)
    except (Broken, BenchError, OSError, AssertionError) as error:
        return Outcome(f"BROKEN: {type(error).__name__}: {error}", ok=False)


def _arguments(argv: Sequence[str] | None, known: Sequence[Attack]) -> argparse.Namespace:
    names = ", ".join(attack.name for attack in known)
    parser = argparse.ArgumentParser(prog="python -m attacks", description=__doc__, epilog=f"attacks: {names}")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these attacks, or all whose names start with it")
    parser.add_argument("--quick", action="store_true", help="the short form of each, as in make test")
    parser.add_argument("--peers", action="store_true", help="also against websockets and picows")
    given = parser.parse_args(argv)
    if unknown := [name for name in given.names if not any(attack.name.startswith(name) for attack in known)]:
        parser.error(f"no attack is called {', '.join(unknown)}; the attacks are {names}")
    return given


def main(argv: Sequence[str] | None = None) -> int:
    known = find_attacks()
    given = _arguments(argv, known)
    prepare()
    chosen = [attack for attack in known if not given.names or attack.name.startswith(tuple(given.names))]
    if given.quick and not given.names:
        chosen = [attack for attack in chosen if attack.quick]
    console = Console(soft_wrap=True)
    console.print("\n".join(machine.describe()), style="dim", highlight=False)
    for warning in machine.warnings():
        console.print(f"note: {warning}", style="yellow", highlight=False)
    failed = [attack.name for attack in chosen if not _report(console, attack, given.quick, given.peers)]
    passed = len(chosen) - len(failed)
    console.print(f"\n{passed} of {len(chosen)} promises kept" + (f"; not: {', '.join(failed)}" if failed else ""))
    return int(bool(failed))


def _report(console: Console, attack: Attack, quick: bool, peers: bool) -> bool:
    started = time.monotonic()
    outcome = carry_out(attack, quick=quick)
    took = time.monotonic() - started
    mark, style = ("kept  ", "green") if outcome.ok else ("BROKEN", "bold red")
    console.print(f"{mark} {attack.name}: {outcome.figure}", style=style, highlight=False)
    console.print(f"       promise: {attack.promise} ({took:.0f} s)", style="dim", highlight=False)
    for peer in PEERS if peers and attack.peers else ():
        figure = carry_out(attack, peer, quick).figure
        console.print(f"       {peer.name}: {figure}", style="dim", highlight=False)
    return outcome.ok


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; all running servers have been ended")
