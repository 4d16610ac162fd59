#!/usr/bin/env bash
# 50,000 files: memory stays. ITTS_LONG=1: every command.
. "$(dirname "$0")/lib.sh"

need python3
X=$T/many
mkdir "$X"
if [ "$(id -u)" -eq 0 ]; then # nothing to wait for
	mount -t tmpfs -o size=2g,nr_inodes=1m many "$X"
	MOUNTS=$X
fi

many() { # 50,000 files
	python3 - >"$T/many.spec" <<'PYTHON'
import json
print(json.dumps({"name": "many", "repos": [{"id": "acme/many", "files": [
    {"path": "d%03d/file-%05d.json" % (i // 100, i), "text": "%d" % i, "git": i % 2 == 0} for i in range(50000)]}]}))
PYTHON
	make_store "$X/store" "$T/many.json" <"$T/many.spec"
	within 0 "$PROGRAM" pack --offline --cache "$X/store" --lock "$T/many.json" -o "$X/b.tar"
	within 0 "$PROGRAM" inspect "$X/b.tar"
	[ -z "${ITTS_LONG:-}" ] || within 0 "$PROGRAM" verify "$X/b.tar"
	within 0 "$PROGRAM" install "$X/b.tar" --cache "$X/hub"
	within 0 "$PROGRAM" verify --cache "$X/hub" --lock "$T/many.json"
	[ -z "${ITTS_LONG:-}" ] || within 0 "$PROGRAM" verify --cache "$X/hub"
}
check "50,000 files" many
finish
