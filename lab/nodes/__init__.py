# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's machines: systemd-nspawn containers with an overlay over one root per distribution, on their own bridge."""
