"""Take screenshots of every widget into shots/."""

import browser
from step import ROOT, run

if __name__ == "__main__":
    run(*browser.command("shots"), cwd=ROOT / "ui-tests", env=browser.environment())
    print(f"Screenshots are in {(ROOT / 'shots').relative_to(ROOT)}/.")
