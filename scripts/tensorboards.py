"""Install TensorBoard 2.19 beside .venv's own: what it shows has to be as safe."""

from __future__ import annotations

from step import CACHE, PYTHON, Stamp, run

OLD = CACHE / "tensorboard-2.19"
# pkg_resources, which 2.19 needs, has left setuptools since.
PACKAGES = ("tensorboard==2.19.*", "setuptools<81")


def main() -> None:
    """Install it where it is missing."""
    stamp = Stamp(OLD / ".dl-lab", repr((PACKAGES, str(PYTHON))))
    if not stamp.fresh:
        print("Installing TensorBoard 2.19 beside .venv.", flush=True)
        target = ["-qq", "--no-deps", "--upgrade", "--target", OLD]
        run(PYTHON, "-m", "pip", "install", *target, *PACKAGES)
        stamp.write()


if __name__ == "__main__":
    main()
