#!/usr/bin/env bash
# run and watch as programs around a program: what it is called, with secrets and strange
# names in it; signals, statuses and terminals go through; time that is over ends all.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/watch.sh"

need python3 jq

# --- words of the command line -------------------------------------------------
SECRET=zq9SECRETzq9
# In each row one word or two, with the secret where a person puts it.
words() {
	printf '%s\0' --token "$SECRET" --token="$SECRET" "HF_TOKEN=$SECRET" "--hf-token=ab\"c$SECRET" \
		"HF_TOKEN=ab'c $SECRET" "password=ab;c&d,e)f$SECRET" $'password=ab\n'"$SECRET" \
		-H "Authorization: Bearer $SECRET" -H "Authorization: token $SECRET" -H "X-Api-Key: $SECRET" \
		-H "Cookie: a=$SECRET; b=$SECRET" --password "a b$SECRET" --api-key "$SECRET" -u "me:$SECRET" \
		--auth "me:$SECRET" "https://me:$SECRET@host/x" "https://host/x?sig=$SECRET&y=1" \
		"AWS_SECRET_ACCESS_KEY=$SECRET" "{\"hf_token\": \"$SECRET\"}" "hf_${SECRET}abcdefgh" \
		"ghp_${SECRET}abcdefgh" "sh -c 'x --token $SECRET'"
}
WORDS=()
while IFS= read -r -d '' word; do WORDS+=("$word"); done < <(words)
# The texts, the page and what was printed: no secret, no control byte, sound JSON and UTF-8.
clean() {
	local f
	for f in "$T"/r.html "$T"/r.json "$T"/r.txt "$T/out" "$T/err"; do
		! grep -a "$SECRET" "$f"
		! LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f]' "$f"
		python3 -c 'import sys; open(sys.argv[1], encoding="utf-8").read()' "$f"
	done
	python3 -m json.tool "$T/r.json" >/dev/null
}
REPORTS=(--report "$T/r.html" --report "$T/r.json" --report "$T/r.txt")
secrets_run() {
	expect 0 itts run "${REPORTS[@]}" --json -- sh -c 'sleep 0.6' sh "${WORDS[@]}" model=gpt.pth --tokenizer bpe.model
	python3 -m json.tool "$T/out" >/dev/null
	clean
	jq -e '.title | contains("model=gpt.pth --tokenizer bpe.model") and contains("--auth")' "$T/r.json"
}
secrets_watch() {
	python3 -c 'import time; time.sleep(600)' x "${WORDS[@]}" model=gpt.pth &
	PIDS="$PIDS $!"
	expect 0 timeout --preserve-status -s INT 2 "$PROGRAM" watch $! "${REPORTS[@]}" --json
	python3 -m json.tool "$T/out" >/dev/null
	clean
	jq -e '.title | contains("model=gpt.pth")' "$T/r.json"
}
# what a file is called, is said without harm, and a name that is cut keeps its end
cat >"$T/slow.py" <<'PYTHON'
import os, sys, time
for part in sys.argv[1].split("/")[:-1]:
    os.makedirs(part, exist_ok=True)
    os.chdir(part)
f = open(sys.argv[1].split("/")[-1], "wb+", buffering=0)
f.truncate(50 << 20)
for i in range(20):
    f.read(1 << 20)
    time.sleep(0.1)
PYTHON
name() { # FILE ENDS: its name in the report
	expect 0 itts run "${REPORTS[@]}" -- python3 "$T/slow.py" "$1"
	clean
	jq -e --arg tail "$2" '[.spans[] | select(.kind == "read") | .what] | any(endswith($tail))' "$T/r.json"
	[ "$(wc -l <"$T/r.txt")" -eq "$(($(jq '.spans | length' "$T/r.json") + 2))" ]
}
deep=$(printf '深%.0s' {1..80})
check "a command line with secrets: run" secrets_run
check "a command line with secrets: watch" secrets_watch
check "a name with a newline and control bytes" name $'a\nb\e[31m\x07.pth' "a?b?[31m?.pth"
check "a name that is no UTF-8" name $'a\xff\xfe.pth' "a??.pth"
check "a name in Chinese" name "模型—測試.pth" "模型—測試.pth"
check "a name with marks of HTML and shells" name "a'\"<b>&amp;\$x.pth" "a'\"<b>&amp;\$x.pth"
check "a path of 3800 bytes" name "$(printf "$deep/%.0s" {1..15})gpt.pth" "$deep/gpt.pth"
finish
