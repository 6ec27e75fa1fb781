# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand-ins for Bookinfo's images, which no package registry has.

They keep the original's ports, paths, versions, JSON and page structure, so that the bookinfo role,
its routing scenarios and its tests run against them as they run against the official images.
Each service is this package, started by `python3 -m bookinfo` with SERVICE and VERSION set.
"""
