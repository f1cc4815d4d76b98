"""Make the two kernels of the browser tests: .venv's own ipykernel, and 6.30 put before it."""

from __future__ import annotations

import json

from step import CACHE, PYTHON, Stamp, run

SPECS = CACHE / "kernels" / "kernels"
OLD = CACHE / "ipykernel-6.30"
# nest-asyncio is the one thing 6.30 needs that .venv has not.
OLD_PACKAGES = ("ipykernel==6.30.*", "nest-asyncio")


def main() -> None:
    """Write both kernelspecs and install the old ipykernel where it is missing."""
    stamp = Stamp(OLD / ".dl-lab", repr((OLD_PACKAGES, str(PYTHON))))
    if not stamp.fresh:
        print("Installing ipykernel 6.30 beside .venv.", flush=True)
        target = ["-qq", "--no-deps", "--upgrade", "--target", OLD]
        run(PYTHON, "-m", "pip", "install", *target, *OLD_PACKAGES)
    write_spec("ipykernel-7.4", {})
    write_spec("ipykernel-6.30", {"PYTHONPATH": str(OLD)})
    stamp.write()


def write_spec(name: str, env: dict[str, str]) -> None:
    """Write one kernelspec into a folder that JUPYTER_PATH can name."""
    spec = {
        "argv": [str(PYTHON), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": name,
        "language": "python",
        "env": env,
        "metadata": {"debugger": False},
    }
    folder = SPECS / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec, indent=2))


if __name__ == "__main__":
    main()
