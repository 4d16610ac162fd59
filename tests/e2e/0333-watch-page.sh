#!/usr/bin/env bash
# The page that run and watch write, looked at in a browser without any network, 1280 and
# 390 pixels wide: nothing overlaps, nothing is cut off, nothing is fetched, no secret is
# in it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/watch.sh"

need python3 jq chromium
can_unshare || skip_all "no namespaces"

browser() { # PAGE OPTIONS...: the document as it is in the end
	local page=$1
	shift
	# (no sandbox of its own: root may not have one, and the page is ours)
	no_network timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
		--user-data-dir="$T/chromium" --hide-scrollbars "$@" "file://$page" 2>"$T/log/chromium"
}
look() { # PAGE: what is wrong with it
	python3 - "$1" "$ROOT/tests/e2e/overlap.html" >"$T/frame.html" <<'PYTHON'
import base64, sys
page = base64.b64encode(open(sys.argv[1], "rb").read()).decode()
print(open(sys.argv[2]).read().replace("PAGE", page))
PYTHON
	browser "$T/frame.html" --virtual-time-budget=10000 --dump-dom >"$T/dom"
	sed -n '/<pre>/,/<\/pre>/p' "$T/dom"
	grep -o '<title>[A-Z]*</title>' "$T/dom"
}

export HF_TOKEN=hf_abcdefghijklmnopqrstuvwx
truncate -s 300M "$T/gpt.pth"
LONG=$T/$(printf 'aVeryLongNameWithoutABlank%.0s' 1 2 3 4)
mkdir "$LONG"
cp "$T/gpt.pth" "$LONG/model.safetensors"
must expect 0 itts run --patience 1 --report "$T/page.html" -- python3 -c '
import sys, time
for name in sys.argv[3:]:
    f = open(name, "rb", buffering=0)
    while f.read(20 << 20): time.sleep(0.1)
    until = time.time() + 0.6
    while time.time() < until: pass
time.sleep(2.5)' --token hf_abcdefghijklmnopqrstuvwx \
	"$T/gpt.pth" "$LONG/model.safetensors"
fits() {
	same "$(look "$T/page.html" | tail -n 1)" "<title>RIGHT</title>"
	# it has seen something: texts in both widths, more lines in the narrow one
	grep -q '"1280": [1-9][0-9]' "$T/dom"
	grep -q "Stalled" "$T/page.html"
	! grep -q hf_abcdefghijklmnopqrstuvwx "$T/page.html"
	grep -q "hf_\*\*\*" "$T/page.html"
}
check "1280 and 390 pixels: nothing overlaps" fits
# the judge sees what is wrong
judge() {
	sed 's/<\/style>/li{height:1rem}<\/style>/' "$T/page.html" >"$T/bad.html"
	look "$T/bad.html" | grep -q overlap
	sed 's/overflow-wrap:anywhere//' "$T/page.html" >"$T/wide.html"
	look "$T/wide.html" | grep -qE "390: (the page is|cut off)"
}
check "the judge itself" judge
finish
