"""Where the project's checkout lies; the package itself does not know."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
