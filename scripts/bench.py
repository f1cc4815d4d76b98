"""Run every benchmark, one after the other."""

import browser
from step import PYTHON, ROOT, run

if __name__ == "__main__":
    for program in sorted((ROOT / "benchmarks").glob("[a-z]*.py")):
        print(f"\n── {program.stem} ──", flush=True)
        # As modules, since some have what they measure with in a file of its own.
        run(PYTHON, "-m", f"benchmarks.{program.stem}")
    print("\n── in the browser ──", flush=True)
    run(*browser.command("bench"), cwd=ROOT / "ui-tests", env=browser.environment())
