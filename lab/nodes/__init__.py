# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's machines: systemd-nspawn over an overlay of one root a distribution, on a bridge of their own."""
