#!/usr/bin/env bash
# doctor on the Python packages, read from their *.dist-info: no Python is run.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"

need python3 jq
PINS="torch=2.8.0+cu128 torchaudio=2.8.0+cu128 transformers=4.52.1 tokenizers=0.21.0 modelscope=1.27.0
	accelerate=1.8.1 safetensors=0.5.2 numpy=2.2.6 numba=0.63.0 librosa=0.10.2.post1
	descript-audiotools=0.7.2 gradio=5.45.0 opencv-python=4.9.0.80 pandas=2.3.2 sentencepiece=0.2.1
	omegaconf=2.3.0 huggingface-hub=0.35.0 WeTextProcessing=1.0.4.1"

venv() { # DIR [NAME=VERSION ...]: the pinned ones, some replaced
	local dir=$1 pin all=
	shift
	for pin in $PINS; do
		case " $* " in *" ${pin%%=*}="*) ;; *) all="$all $pin" ;; esac
	done
	rm -rf "$dir"
	# shellcheck disable=SC2086
	python3 "$ROOT/tests/e2e/model_tree.py" --venv "$dir" $all "$@"
}
must tree new
healthy() {
	copy new
	venv .venv
	doctor
	quiet
	jq -e '.facts[] | select(.topic == "packages") | .text | contains("transformers 4.52.1")' "$T/out"
	mkdir -p .venv/bin && ln -s /bin/true .venv/bin/python3
	cd /
	doctor --model-dir "$T/case/checkpoints" --python "$T/case/.venv/bin/python3"
	quiet
	VIRTUAL_ENV=$T/case/.venv doctor --model-dir "$T/case/checkpoints"
	quiet
}
check "the pinned versions: quiet; found by .venv, VIRTUAL_ENV, --python" healthy

# uv in small: what it is told to install is there then; sync makes all of the pins.
mkdir "$T/bin"
cat >"$T/bin/uv" <<'UV'
#!/usr/bin/env bash
set -eu
echo "uv $*" >>"$T/uv.log"
add() { python3 "$ROOT/tests/e2e/model_tree.py" --venv "$@"; }
case "$1 ${2:-}" in
"sync ") test -e pyproject.toml && rm -rf .venv && add .venv $PINS ;;
"venv --python") add "$4" ;;
"pip install")
	[ "$3" = --python ]
	venv=$4
	shift 4
	for spec; do
		name=${spec%%[=<>]*}
		version=$(echo "$spec" | grep -oE '[0-9][0-9.]*' | head -n 1)
		case $spec in *"==2.8.*") version=2.8.0 ;; *"<4.56") version=4.52.1 ;; *"<6"*) version=5.0 ;; esac
		rm -rf "$venv"/lib/python3.11/site-packages/"${name//-/_}"-*.dist-info "$venv"/lib/python3.11/site-packages/"$name"-*.dist-info
		site=$venv/lib/python3.11/site-packages/${name//-/_}-$version.dist-info
		mkdir "$site" && printf 'Name: %s\nVersion: %s\n\n' "$name" "$version" >"$site/METADATA"
	done ;;
*) exit 9 ;;
esac
UV
chmod 755 "$T/bin/uv"
export ROOT PINS
mends() { # ID: the command that is told, as it stands, makes doctor quiet
	local remedy
	remedy=$(jq -r --arg id "$1" '[.findings[] | select(.id == $id)][0].remedy' "$T/out")
	echo "$1: $remedy"
	PATH=$T/bin:$PATH bash -ec "$remedy"
	doctor
	quiet
}
sick() { # SEVERITY ID WORDS NAME=VERSION...
	local severity=$1 id=$2 words=$3
	shift 3
	copy new
	venv .venv "$@"
	doctor
	finds "$severity" "$id" "$words"
	# an environment that somebody has made in his way, and that of uv beside the source
	mends "$id"
	grep -F "uv pip install --python $T/case/.venv" "$T/uv.log"
	rm "$T/uv.log"
	echo >pyproject.toml
	venv .venv "$@"
	doctor
	finds "$severity" "$id" "carry the environment over"
	mends "$id"
	same "$(cat "$T/uv.log")" "uv sync"
}
# index-tts#281 #508, Wan2GP#1803
check "transformers 4.57" sick error packages.version QuantizedCacheConfig transformers=4.57.1
check "transformers 5" sick error packages.version OffloadedCache transformers=5.0.0rc1
check "safetensors 0.8" sick error packages.version torch_load_file safetensors=0.8.0
check "huggingface-hub 1.x" sick error packages.version "normal functioning" huggingface-hub=1.29.0
check "tokenizers 0.22" sick error packages.version "tokenizers>=0.21,<0.22" tokenizers=0.22.1
# CosyVoice#1492
check "wetext before 0.1.0" sick warning packages.version "ModelScope" wetext=0.0.9
twin() {
	copy new
	venv .venv wetext=0.1.0 safetensors=0.5.2
	doctor
	quiet
}
check "its twin: wetext 0.1.0" twin
check "others differ: a note" sick note packages.drift "pandas 2.1.0" pandas=2.1.0
missing() {
	copy new
	venv .venv
	rm -r .venv/lib/python3.11/site-packages/omegaconf-* .venv/lib/python3.11/site-packages/torch-*
	doctor
	finds error packages.missing "omegaconf" "ModuleNotFoundError"
	mends packages.missing
	doctor --venv /nonexistent
	finds error packages.no-venv "site-packages"
	same "$(jq -r '.findings[0].remedy' "$T/out")" \
		"itts-pack doctor --venv $T/case/.venv --model-dir $T/case/checkpoints"
	mv .venv "env 'x"
	doctor --venv /nonexistent
	finds error packages.no-venv "lists the directories"
	jq -r '.findings[0].remedy' "$T/out" | sed "s|find /|find $T|" >"$T/command"
	same "$(bash "$T/command" | grep -F "$T/case")" "$T/case/env 'x"
	expect 3 itts doctor --python /nonexistent/python
}
check "packages, or all of them, are missing" missing
python() {
	copy new
	venv .venv
	sed -i 's/3.11.13/3.13.2/' .venv/pyvenv.cfg
	doctor
	finds warning packages.python "3.13.2" ">=3.10,<3.12"
	echo >pyproject.toml
	doctor
	mends packages.python
	test -e .venv.old/pyvenv.cfg
}
check "another Python" python
conda() { # no pyvenv.cfg, and lib/python3.1 leads to lib/python3.11
	copy new
	venv env
	rm env/pyvenv.cfg
	ln -s python3.11 env/lib/python3.1
	mkdir -p env/bin && ln -s /bin/true env/bin/python
	doctor --venv env
	quiet
	doctor --python env/bin/python
	quiet
}
check "conda: quiet" conda
upgraded() { # an older Python left its directory there; a system that has lib64
	copy new
	venv .venv
	mkdir -p .venv/lib/python3.9/site-packages/old-1.dist-info .venv/lib/python3.13/site-packages
	doctor
	quiet
	rm -r .venv/lib/python3.9 .venv/lib/python3.13
	mv .venv/lib .venv/lib64
	doctor
	quiet
	ln -s lib64 .venv/lib
	doctor
	quiet
}
check "several Pythons, lib64: quiet" upgraded
layered() { # packages of the system count where pyvenv.cfg says so
	copy new
	venv "$T/base"
	mkdir -p "$T/base/bin"
	venv .venv
	rm -r .venv/lib/python3.11/site-packages/torch*
	doctor
	finds error packages.missing "torch"
	printf 'home = %s\ninclude-system-site-packages = true\nversion = 3.11.13\n' "$T/base/bin" >.venv/pyvenv.cfg
	doctor
	quiet
	mv "$T/base/lib" "$T/base/local" && mkdir "$T/base/lib" && mv "$T/base/local" "$T/base/lib.new" &&
		mkdir "$T/base/local" && mv "$T/base/lib.new" "$T/base/local/lib"
	mv "$T/base/local/lib/python3.11/site-packages" "$T/base/local/lib/python3.11/dist-packages"
	doctor
	quiet
}
check "packages of the system below, Debian's too: quiet" layered
headless() {
	copy new
	venv .venv opencv-python-headless=4.9.0.80
	rm -r .venv/lib/python3.11/site-packages/opencv_python-*
	doctor
	quiet
}
check "OpenCV without windows: quiet" headless
strange() { # names that are not as they should be
	local site=.venv/lib/python3.11/site-packages
	copy new
	venv .venv
	mkdir "$site/-.dist-info" "$site/x.dist-info" "$site/a-b-c-.dist-info" "$site/~umpy-2.0.dist-info"
	mkdir "$site/setup.egg-info"
	printf 'Name: setup\nVersion: 1\n' >"$site/setup.egg-info/PKG-INFO"
	head -c 200000 /dev/urandom >"$site/x.dist-info/METADATA"
	doctor
	quiet
}
check "broken directories are passed over" strange

finish
