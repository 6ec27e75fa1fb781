# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The contents of the images."""

from __future__ import annotations

from pathlib import Path

# Image name (below docker.io/istio/) -> environment of its process.
IMAGES: dict[str, dict[str, str]] = {
    "examples-bookinfo-productpage-v1": {"SERVICE": "productpage", "VERSION": "v1"},
    "examples-bookinfo-details-v1": {"SERVICE": "details", "VERSION": "v1"},
    "examples-bookinfo-ratings-v1": {"SERVICE": "ratings", "VERSION": "v1"},
    "examples-bookinfo-reviews-v1": {"SERVICE": "reviews", "VERSION": "v1"},
    "examples-bookinfo-reviews-v2": {"SERVICE": "reviews", "VERSION": "v2"},
    "examples-bookinfo-reviews-v3": {"SERVICE": "reviews", "VERSION": "v3"},
}

# Debian packages of the images' root. The role requests the page with curl in the ratings pod.
PACKAGES = ["python3", "curl"]
# Files of this directory that are copied to DESTINATION.
FILES = ["__init__.py", "__main__.py", "page.py"]
SOURCE = Path(__file__).parent
DESTINATION = "/opt/bookinfo"

WORKING_DIRECTORY = "/opt"
ENTRYPOINT = ["/usr/bin/python3", "-m", "bookinfo"]
USER = "1000"
PORT = 9080
