"""Run every benchmark, one after the other."""

from step import PYTHON, ROOT, run

if __name__ == "__main__":
    for program in sorted((ROOT / "benchmarks").glob("[a-z]*.py")):
        print(f"\n── {program.stem} ──", flush=True)
        run(PYTHON, program)
