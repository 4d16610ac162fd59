#!/usr/bin/env bash
# The page that run and watch write, looked at in a browser without any network, 1280 and
# 390 pixels wide, by day and in the dark: nothing overlaps, nothing is cut off, all can be
# read, nothing is fetched, no secret is in it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/watch.sh"

need python3 cc chromium
can_unshare || skip_all "no namespaces"

browser() { # PAGE OPTIONS...: the document as it is in the end
	local page=$1
	shift
	# (no sandbox of its own: root may not have one, and the page is ours)
	no_network timeout 100 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
		--user-data-dir="$T/chromium" --hide-scrollbars "$@" "file://$page" 2>"$T/log/chromium"
}
DARK=--blink-settings=preferredColorScheme=0
look() { # PAGE OPTIONS...: what is wrong with it
	python3 - "$1" "$ROOT/tests/e2e/overlap.html" >"$T/frame.html" <<'PYTHON'
import base64, sys
page = base64.b64encode(open(sys.argv[1], "rb").read()).decode()
print(open(sys.argv[2]).read().replace("PAGE", page))
PYTHON
	browser "$T/frame.html" --virtual-time-budget=10000 --dump-dom "${@:2}" >"$T/dom"
	sed -n '/<pre>/,/<\/pre>/p' "$T/dom"
	grep -o '<title>[A-Z]*</title>' "$T/dom"
}
is_right() { # PAGE OPTIONS...
	look "$@" | tee "$T/look"
	same "$(tail -n 1 "$T/look")" "<title>RIGHT</title>"
	# it has seen something, in both widths
	grep -q '"1280": [1-9]' "$T/dom"
	grep -q '"390": [1-9]' "$T/dom"
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
	is_right "$T/page.html"
	grep -q "Stalled" "$T/page.html"
	not grep -q hf_abcdefghijklmnopqrstuvwx "$T/page.html"
	grep -qF -e "--token ***" "$T/page.html"
}
check "1280 and 390 pixels: nothing overlaps" fits

# Secrets where a process has them: its words, its variables, URLs, names of files.
secrets() {
	local pid
	mkdir -p "$T/lib" "$T/hf_abcdefghijklmnopqrstuvwx"
	truncate -s 50M "$T/hf_abcdefghijklmnopqrstuvwx/token=SECRET1"
	cc -shared -fPIC -o "$T/lib/libnvidia-ml.so.1" "$ROOT/tests/e2e/nvml_stub.c"
	HF_ENDPOINT=http://me:SECRET2@127.0.0.1:1 https_proxy=http://me:SECRET3@127.0.0.1:1 MY_PASSWORD=SECRET4 \
		python3 -c 'import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
c = socket.create_connection(s.getsockname()); s.close()
f = open(sys.argv[1], "rb", buffering=0)
while f.read(1 << 20): time.sleep(0.05)
time.sleep(600)' "$T/hf_abcdefghijklmnopqrstuvwx/token=SECRET1" --token SECRET5 --api-key=SECRET6 \
		'https://me:SECRET7@hub/?X-Amz-Signature=SECRET8' 'Authorization: Bearer SECRET9' <&- &
	pid=$!
	PIDS="$PIDS $pid"
	: >"$T/err"
	LD_LIBRARY_PATH=$T/lib STUB_USERS="$pid:500" "$PROGRAM" watch "$pid" --patience 1 --progress=json --report "$T/s.html" \
		--report "$T/s.json" --report "$T/s.txt" >"$T/s.out" 2>"$T/err" &
	pid="$pid $!"
	await grep -q "nothing moves" "$T/err"
	# shellcheck disable=SC2086
	kill -9 ${pid% *}
	wait "${pid#* }"
	not grep -o "SECRET.\|hf_abc" "$T"/s.{html,json,txt,out} "$T/err"
	grep -qF "hf_***" "$T/s.html"
	# the card's memory, and that it was killed
	grep -q "GPU memory at most</dt><dd>500.00 MiB" "$T/s.html"
	grep -q "it has ended" "$T/s.html"
	is_right "$T/s.html"
}
check "no secret of a process" secrets

# programs that never ran: hours, a thousand stages, names that no file system has
make_pages() {
	local scene
	(cd "$ROOT" && cc -std=gnu11 -D_GNU_SOURCE -DITTS_VERSION='"0"' -Wall -Wextra -Werror -I. -o "$T/page" \
		tests/e2e/page.c doctor/{timeline,timeline_html,watch,redact}.c \
		base/{human,mem,str,utf8,json_writer,path,error}.c)
	mkdir "$T/pages"
	python3 "$ROOT/tests/e2e/scenes.py" "$T/pages"
	for scene in "$T/pages"/*.scene; do "$T/page" <"$scene" >"${scene%.scene}.html"; done
}
must make_pages
every() {
	local page pages=0
	for page in "$T/pages"/*.html; do
		echo "--- ${page##*/}"
		is_right "$page"
		pages=$((pages + 1))
	done
	test "$pages" -gt 15
}
check "pages of every kind" every
dark() {
	local page
	for page in every-kind start hostile; do
		is_right "$T/pages/$page.html" "$DARK"
		grep -q '"dark": true' "$T/dom"
	done
}
check "in the dark" dark
no_secret() {
	not grep -o ".\{30\}SECRET.\{9\}\|hf_abc[a-z]*" "$T/pages/secret.html"
	same "$(grep -o '\*\*\*' "$T/pages/secret.html" | wc -l | sed 's/^[1-9][0-9]$/many/')" many
}
check "no secret, in whatever form" no_secret
nothing_else() { # nothing from elsewhere, nothing that runs, and the browser is told so
	not grep -liE '<script|src=|href=|url\(|@import' "$T/page.html" "$T/pages"/[!h]*.html
	grep -q "default-src 'none'" "$T/page.html"
	not grep -lP '[\x00-\x08\x0b-\x1f\x7f]' "$T/pages"/*.html
	iconv -f utf-8 -t utf-8 "$T/pages/hostile.html" >"$T/out"
}
check "it needs nothing else" nothing_else
on_paper() {
	browser "$T/pages/every-kind.html" "$DARK" --print-to-pdf="$T/page.pdf"
	pdftotext -layout "$T/page.pdf" "$T/page.txt"
	grep -q "One after the other" "$T/page.txt"
	grep -q "runs no script" "$T/page.txt"
	# ink on white, whatever the screen is like
	pdftoppm -r 20 -png -singlefile "$T/page.pdf" "$T/paper"
	pdftoppm -r 20 -singlefile -gray "$T/page.pdf" "$T/paper"
	python3 - "$T/paper.pgm" <<'PYTHON'
import sys
data = open(sys.argv[1], "rb").read()[-20000:]
light = sum(byte > 200 for byte in data) / len(data)
print("light:", light)
sys.exit(light < 0.5)
PYTHON
}
if command -v pdftotext >/dev/null; then check "printed" on_paper; else skip_one "printed" "no pdftotext (poppler-utils)"; fi

# the judge sees what is wrong
spoil() { # SAYS SED: the page, spoilt so
	sed "$2" "$T/pages/start.html" >"$T/bad.html"
	look "$T/bad.html" | tee "$T/look"
	grep -qE "$1" "$T/look"
}
judge() {
	spoil overlap 's/<\/style>/li{height:1rem}<\/style>/'
	spoil "too thin" 's/<\/svg>/<rect width=".2" height="9"\/><\/svg>/'
	spoil "hard to read" 's/--dim:#57606a/--dim:#999/'
	spoil "hard to see" 's/fill="#2f7dd1"/fill="#fff"/'
	# texts in a picture: on one another, and over its edge
	spoil "overlap: one / two" 's/<\/svg>/<text x="9" y="30">one<\/text><text x="12" y="30">two<\/text><\/svg>/'
	spoil "text leaves its picture" 's/<\/svg>/<text x="990" y="30">longer than that<\/text><\/svg>/'
	spoil "text leaves its picture" 's/<\/svg>/<text x="9" y="2">above<\/text><\/svg>/'
	sed 's/overflow-wrap:anywhere//' "$T/pages/long-names.html" >"$T/wide.html"
	look "$T/wide.html" | tee "$T/look"
	grep -qE "390: (the page is|cut off)" "$T/look"
}
check "the judge itself" judge
finish
