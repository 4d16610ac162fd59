#!/usr/bin/env bash
# docs/bundle-format.md is enough to write a bundle: by_the_page.py, which knows nothing
# else, writes the same bytes.
. "$(dirname "$0")/lib.sh"

need python3
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"name": "by-the-page", "repos": [
 {"id": "acme/voice", "commit": "1111111111111111111111111111111111111111", "refs": ["main", "refs/pr/1"],
  "hub_view": "hf_cache", "license": "MIT", "notice": "a \"note\"", "files": [
   {"path": "README.md", "text": "# Voice\n", "git": true},
   {"path": "config.yaml", "text": "a: 1\n", "git": true, "views": ["b.yaml", "config.yaml"]},
   {"path": "empty.txt", "size": 0, "git": true, "views": ["empty.txt"]}, {"path": "empty.bin", "size": 0},
   {"path": "one", "size": 1}, {"path": "s511", "size": 511}, {"path": "s512", "size": 512},
   {"path": "s4095", "size": 4095}, {"path": "s4096", "size": 4096}, {"path": "s4097", "size": 4097},
   {"path": "sub/run.py", "text": "print(1)\n", "git": true}, {"path": "x.safetensors.index.json", "text": "{}", "git": true},
   {"path": "LICENSE", "text": "MIT", "git": true}, {"path": "notes.json", "size": 70000, "git": true, "views": ["notes.json"]},
   {"path": "big.bin", "size": 3000001, "views": ["again/big.bin", "big.bin"]},
   {"path": "text encoder/a + b %41/文件 ü.bin", "size": 70000, "views": ["with space/文件 ü.bin"]},
   {"path": "a very long directory name that goes on and on/and another one below it which is also rather long/and a third, so that ustar cannot hold the whole of it any more/this is the file with the long name.safetensors", "size": 9000},
   {"path": "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789-more-than-100-in-one-component-of-the-path.bin", "size": 5000},
   {"path": "文件文件文件文件文件文件文件文件文件文件文件文件文件文件文件文件文件文件文件文件.bin", "size": 20}]},
 {"id": "acme/shared", "commit": "2222222222222222222222222222222222222222", "hub_view": "hf_cache", "files": [
   {"path": "copy.bin", "size": 3000001, "seed": "acme/voicebig.bin"}, {"path": "zeros.bin", "zeros": true, "size": 134217729},
   {"path": "exact.bin", "zeros": true, "size": 67108864}, {"path": "README.md", "text": "# Voice\n", "git": true}]},
 {"id": "acme/voice", "commit": "4444444444444444444444444444444444444444", "refs": [], "files": [
   {"path": "big.bin", "size": 3000001}, {"path": "braces.json", "text": "{}"}]},
 {"id": "acme/pinned", "type": "dataset", "refs": [], "commit": "3333333333333333333333333333333333333333",
  "files": [{"path": "a.bin", "size": 100}]},
 {"id": "acme/none", "commit": "5555555555555555555555555555555555555555", "files": []}]}
SPEC
same_by_the_page() { # OPTIONS
	pack_store "$T/store" "$T/lock.json" "$T/b.tar" "$@"
	python3 "$ROOT/tests/e2e/by_the_page.py" "$T/b.tar" "$T/store"
	expect 0 itts verify "$T/b.tar"
}
thin() { # large ones, some that need states, are left out
	itts inventory --cache "$T/store" >"$T/site.json"
	jq '.blobs |= map(select(.size != 67108864 and .size != 70000))' "$T/site.json" >"$T/some.json"
	same_by_the_page --for "$T/some.json"
	pack_store "$T/store" "$T/lock.json" "$T/b.tar" --for "$T/some.json" --json
	test "$(jq .left_out "$T/out")" -ge 2
}
dated() { SOURCE_DATE_EPOCH=1700000000 same_by_the_page; }
notices() { # a byte elsewhere: the comparison is one
	pack_store "$T/store" "$T/lock.json" "$T/b.tar"
	local at
	for at in 100 20000 400000; do
		cp "$T/b.tar" "$T/x.tar"
		flip "$T/x.tar" $at
		expect 1 python3 "$ROOT/tests/e2e/by_the_page.py" "$T/x.tar" "$T/store"
		test -s "$T/err"
	done
}

check "the same bytes by the page" same_by_the_page
check "with another time and a serial" dated
check "a thin one" thin
check "a flipped byte is noticed" notices
finish
