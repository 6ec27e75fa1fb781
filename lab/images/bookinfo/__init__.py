# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand-ins for Bookinfo's images, which are not in any package registry.

They have the ports, paths, versions, JSON and page structure of the originals, so that the bookinfo role,
its routing scenarios and its tests work with them in the same way as with the official images.
Each service is this package, started by `python3 -m bookinfo` with SERVICE and VERSION set.
"""
