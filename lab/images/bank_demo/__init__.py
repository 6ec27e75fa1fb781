# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bank demo: the page of a financial product, made of four services.

productpage asks details and addedvalues. addedvalues has three versions: v1 has the offers, v2 adds an analysis of the
risk, and v3 adds the styles of styletransfer, for which it also calls a host outside of the mesh.
All services are this package in one image, started by `python3 -m bank_demo` with SERVICE and VERSION set.
"""
