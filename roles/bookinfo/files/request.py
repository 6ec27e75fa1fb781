# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print the answers of a URL, each with its status in a last line. The page's image has Python, but no curl.

Arguments: how often, URL, and perhaps a form to send and the page from which it comes. Cookies are kept.
"""

import sys
import urllib.error
import urllib.request

times, url, form, page = (*sys.argv[1:], "", "")[:4]
# What is asked is in the cluster or goes through the sidecar, so it never goes through a proxy that the pod knows of.
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(), urllib.request.ProxyHandler({}))
request = urllib.request.Request(url, form.encode() or None, {"Referer": page} if page else {})
for _number in range(int(times)):
    try:
        answer = opener.open(request, timeout=10)
    except urllib.error.HTTPError as refusal:
        answer = refusal
    print(answer.read().decode(errors="replace"), answer.code, sep="\n", end="")
