# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The local lab: machines, artifacts and a mirror to test the collection. Not part of the built collection."""
