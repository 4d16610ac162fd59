# What the scripts of poor_places.py share: $T/scene, $hub, and sweep NAME.

A=1111111111111111111111111111111111111111
repo "$T/repos" acme/voice $A config.json=300 d/model.safetensors=300000
start_hub hub "$T/repos"
mkdir -p "$T/scene/home"
make_scene() {
	cd "$T/scene" || return 1
	expect 0 itts fetch acme/voice --lock l.json --endpoint "$hub" --cache hub
	expect 0 itts pack --offline --cache hub --lock l.json -o b.tar
	expect 0 itts install b.tar --cache "$T/other" --model-dir m
	expect 0 itts export acme/voice --cache hub -o exp.tar
	head -c 200000 b.tar >cut.tar
	cp -a hub hurt
	rm hurt/models--acme--voice/blobs/*
	ssh-keygen -q -t ed25519 -N "" -f key
}
must make_scene
sweep() { python3 "$ROOT/tests/e2e/poor_places.py" "$PROGRAM" "$T/scene" "$hub" "$1"; }
