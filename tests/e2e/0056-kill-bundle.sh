#!/usr/bin/env bash
# kill -9 of pack and install at random instants; ITTS_KILLS says how often.
. "$(dirname "$0")/lib.sh"

need python3
python3 - >"$T/spec.json" <<'PYTHON'
import json
files = [{"path": "part/%02d.bin" % i, "size": 300000 + 7 * i, "views": ["m/%02d.bin" % i]} for i in range(20)]
files += [{"path": "big.bin", "size": 6000000, "views": ["big.bin"]}, {"path": "two.bin", "size": 3000000}]
files += [{"path": "c%02d.json" % i, "text": '{"n": %d}' % i, "git": True, "views": ["c%02d.json" % i]} for i in range(10)]
print(json.dumps({"name": "kill", "repos": [{"id": "acme/voice", "hub_view": "hf_cache", "files": files}]}))
PYTHON
make_store "$T/store" "$T/lock.json" <"$T/spec.json"
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"

kills() {
	mkdir "$T/work"
	python3 "$ROOT/tests/e2e/kill_bundle.py" "$PROGRAM" "$T/store" "$T/lock.json" "$T/b.tar" \
		"$T/work" "${ITTS_KILLS:-40}"
}
still_right() {
	cache_is_honest "$T/work/cache" "$T/work/models/hf_cache"
	expect 0 itts verify --cache "$T/work/cache" --model-dir "$T/work/models"
	expect 0 itts verify "$T/work/out/b.tar"
}

check "kill -9 at random instants" kills
check "everything is right afterwards" still_right
finish
