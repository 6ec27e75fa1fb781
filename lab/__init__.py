# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The local lab: machines, artifacts and a mirror to try the collection on. Not part of the built collection."""
