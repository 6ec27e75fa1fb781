# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The content of the image. All services share it, because nobody else publishes images with names to keep."""

from __future__ import annotations

from pathlib import Path

NAME = "docker.io/bare-mesh/bank-demo"
# Raise it with each change of FILES: a node that has an image of this tag does not pull it again.
TAG = "1.0.0"

# Files of this directory that are copied to DESTINATION, onto Bookinfo's root: it has python3, and curl for the role.
FILES = ["__init__.py", "__main__.py", "page.py"]
SOURCE = Path(__file__).parent
DESTINATION = "/opt/bank_demo"

WORKING_DIRECTORY = "/opt"
ENTRYPOINT = ["/usr/bin/python3", "-m", "bank_demo"]
USER = "1000"
