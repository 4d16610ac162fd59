#!/usr/bin/env bash
# What pickles would call: harmless ones of Python's own pickle module, in all
# protocols, and hostile ones made by hand. A canary shows that nothing runs.
. "$(dirname "$0")/lib.sh"

need python3 jq
mkdir -p good bad torn plain

make_pickles() {
	python3 - <<'PYTHON'
import collections, io, pickle, struct, zipfile, os, builtins, random

def write(path, data):
    with open(path, "wb") as f:
        f.write(data)

# --- what stays data -------------------------------------------------------
deep = {"a": [1, -5, 2**40, 2**200, 1.5, None, True, False, b"bytes" * 100, "ü" * 300, "x"],
        "t": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)), "s": "os", "g": "system",
        "o": collections.OrderedDict(a=1, b=[2])}
deep["self"] = deep["a"]
for proto in range(6):
    write(f"good/deep{proto}.pkl", pickle.dumps(deep, proto))
    write(f"good/many{proto}.bin", b"".join(pickle.dumps({"n": i}, proto) for i in (1,)))
for proto in (2, 3, 4, 5):
    write(f"good/set{proto}.pt", pickle.dumps([{1, 2}, frozenset("ab"), 3 + 4j], proto))
    write(f"good/two{proto}.pt", pickle.dumps(1, proto) + pickle.dumps([2], proto))
write("good/bytearray.pt", pickle.dumps(list(range(1000)), 4))

# numpy's arrays: of objects they are pickles behind a header, in any of its versions
def array(path, descr, data, version=1, count=1):
    text = ("{'descr': %s, 'fortran_order': False, 'shape': (%d,), }" % (descr, count)).encode() + b"\n"
    write(path, b"\x93NUMPY" + bytes([version, 0]) +
          struct.pack("<H" if version == 1 else "<I", len(text)) + text + data)
for version in (1, 2, 3):
    array(f"good/objects{version}.npy", "'|O'", pickle.dumps([{"a": 1}], 4), version)
    array(f"bad/objects{version}.npy", "'ob' 'ject'", pickle.dumps(os.system, version), version)
array("bad/old.npy", "'|O'", b"cos\nsystem\n(S'true'\ntR.")
array("plain/numbers.npy", "'<f4'", struct.pack("<1000f", *range(1000)), count=1000)
array("plain/bytes.npy", "'|u1'", b"\x80\x04" + bytes(500), count=502)
array("plain/empty.npy", "'<f4'", b"", count=0)
for version in (1, 2, 3):
    array(f"plain/record{version}.npy", "[('a', '<f4'), (('Title', 'b'), [('x', '|S3'), ('', '|V1')], (2,))]", b"N." * 6, version)
array("plain/several.npy", "'<f4'", struct.pack("<f", 1) + open("plain/numbers.npy", "rb").read()[:20000])
# numbers whose bytes would be a pickle are no pickle
array("plain/pickled.npy", "'|S%d'" % len(b"cos\nsystem\n)R."), b"cos\nsystem\n)R.")
array("bad/record.npy", "[('a', '<f4'), ('b', [('c', '|O')])]", pickle.dumps(os.system, 4))
array("bad/late.npy", "'<f4'", struct.pack("<f", 1) + open("bad/old.npy", "rb").read())
array("torn/follows.npy", "'<f4'", struct.pack("<f", 1) + b"cos\nsystem\n)R.")
array("torn/version.npy", "'<f4'", b"0000", 4)
array("torn/escape.npy", "'\\x4f'", b"0000")
array("torn/twice.npy", "'<f4', 'descr': '|O'", b"0000")
array("torn/joined.npy", "'<f' '4'", b"0000")
def npz(path, arrays, how=zipfile.ZIP_STORED):   # as numpy.savez() writes it
    with zipfile.ZipFile(path, "w", how, allowZip64=True) as z:
        for name in arrays:
            with open(name, "rb") as f, z.open(os.path.basename(name), "w", force_zip64=True) as m:
                m.write(f.read())
npz("plain/arrays.npz", ["plain/numbers.npy", "plain/bytes.npy", "plain/empty.npy", "plain/record2.npy"])
npz("good/objects.npz", ["plain/numbers.npy", "good/objects1.npy"])
npz("bad/objects.npz", ["plain/numbers.npy", "bad/objects2.npy"])
npz("bad/record.npz", ["bad/record.npy"])
npz("torn/header.npz", ["torn/escape.npy"])
npz("torn/savez_compressed.npz", ["bad/objects2.npy"], zipfile.ZIP_DEFLATED)
# and as numpy.savez_compressed() does: of numbers, the header says that they are
array("plain/many.npy", "'|u1'", bytes(8 << 20), count=8 << 20)
array("plain/long.npy", "'<f4'" + " " * 60000, b"0000", 2)
for how in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
    npz(f"plain/packed{how}.npz", [f"plain/{n}.npy" for n in ("numbers", "bytes", "empty", "many", "long", "record1", "record2")], how)
npz("torn/packed_header.npz", ["torn/escape.npy"], zipfile.ZIP_DEFLATED)
npz("torn/packed_version.npz", ["torn/version.npy"], zipfile.ZIP_DEFLATED)
npz("torn/packed_more.npz", ["plain/several.npy"], zipfile.ZIP_DEFLATED)
npz("torn/packed_record.npz", ["plain/numbers.npy", "bad/record.npy"], zipfile.ZIP_DEFLATED)
npz("torn/packed_list.npz", ["good/objects1.npy"], zipfile.ZIP_DEFLATED)
with zipfile.ZipFile("torn/packed_text.npz", "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("readme", "\x93NUM" * 100)
with open("plain/packed8.npz", "rb") as f:
    z = f.read()
at = 30 + struct.unpack_from("<H", z, 26)[0] + struct.unpack_from("<H", z, 28)[0]
write("torn/packed_damaged.npz", z[:at] + b"\xff" + z[at + 1:])
with zipfile.ZipFile("torn/unnamed.npz", "w", zipfile.ZIP_DEFLATED) as z:
    z.write("bad/objects2.npy", "readme")
with zipfile.ZipFile("torn/named.zip", "w", zipfile.ZIP_DEFLATED) as z:
    z.write("bad/objects2.npy", "a/b.npy")
with zipfile.ZipFile("bad/storage.pth", "w") as z:   # under a name of torch's storages
    z.write("bad/objects2.npy", "m/data/0")

# a state_dict as torch.save() writes it
def tensor(key):
    return (b"ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03"
            b"ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x00" + key + b"X\x03\x00\x00\x00cpu"
            b"K\x04tq\x05QK\x00K\x02K\x02\x86K\x02K\x01\x86\x89ccollections\nOrderedDict\n)Rtq\x06R")
state = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(X\x01\x00\x00\x00w" + tensor(b"0") + b"u}X\x09\x00\x00\x00_metadatah\x01sb."

def archive(path, pkl, extra=(), compress=zipfile.ZIP_STORED, head=b"", tail=b"", names=("m/data.pkl",)):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", compress) as z:
        for n in names:
            z.writestr(n, pkl)
        for n, d in (("m/byteorder", b"little"), ("m/data/0", b"\x80\x02" * 8), ("m/version", b"3\n")) + tuple(extra):
            z.writestr(n, d)
    write(path, head + raw.getvalue() + tail)
    return raw.getvalue()

z = archive("good/state.pth", state)
class Unseekable(io.RawIOBase):      # data descriptors, as torch's own writer has them
    def __init__(self): self.b = b""
    def writable(self): return True
    def write(self, d): self.b += bytes(d); return len(d)
u = Unseekable()
with zipfile.ZipFile(u, "w") as f:
    f.writestr("m/data.pkl", state)
    f.writestr("m/data/0", b"0" * 16)
write("good/described.pth", u.b)
u = Unseekable()
with zipfile.ZipFile(u, "w", zipfile.ZIP_DEFLATED) as f:
    f.write("plain/numbers.npy")
write("plain/described.npz", u.b)
b = io.BytesIO()
with zipfile.ZipFile(b, "w") as f:
    with f.open("m/data.pkl", "w", force_zip64=True) as m:
        m.write(state)
write("good/wide.pth", b.getvalue())
legacy = (pickle.dumps(0x1950a86a20f9469cfc6c, 2) + pickle.dumps(1001, 2) +
          pickle.dumps({"little_endian": True}, 2) + state + pickle.dumps(["0"], 2))
write("good/legacy.pth", legacy + struct.pack("<q", 4) + os.urandom(16))

# --- what calls --------------------------------------------------------------
class Call:
    def __init__(self, f, *a): self.f, self.a = f, a
    def __reduce__(self): return self.f, self.a
canary = "touch " + os.path.abspath("canary")
for proto in range(6):
    write(f"bad/system{proto}.bin", pickle.dumps(Call(os.system, canary), proto))
    write(f"bad/eval{proto}.pkl", pickle.dumps({"x": [Call(builtins.eval, "1")]}, proto))
short = canary.encode()
sb = bytes([len(short)]) + short
bad = {
    "global": b"cos\nsystem\n(S'" + short + b"'\ntR.",
    "inst": b"(S'" + short + b"'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'" + short + b"'\no.",
    "newobj": b"\x80\x02cos\nsystem\nU" + sb + b"\x85\x81.",
    "newobj_ex": b"\x80\x04cos\nsystem\n\x8c" + sb + b"\x85}\x92.",
    "stack": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c" + sb + b"\x85R.",
    "memo": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x9400h\x00h\x01\x93\x8c" + sb + b"\x85R.",
    "memo_far": b"\x80\x02U\x02osr\xff\xff\xff\xffU\x06systemq\x0700j\xff\xff\xff\xffh\x07\x93U" + sb + b"\x85R.",
    "dup": b"\x80\x04\x8c\x02os2\x8c\x06system\x93\x8c" + sb + b"\x85R.",
    "pop_mark": b"\x80\x04\x8c\x02os\x8c\x06system((NN11\x93\x8c" + sb + b"\x85R.",
    "bytes_name": b"\x80\x04C\x02os\x8c\x06system\x93\x8c" + sb + b"\x85R.",
    "made_name": b"\x80\x04ccollections\nOrderedDict\n)R\x8c\x06system\x93.",
    "long_name": b"c" + b"a" * 300 + b"\nb\n.",
    "dotted": b"\x80\x04\x8c\x05torch\x8c\x0ffloat32.__new__\x93.",
    "ext1": b"\x80\x02\x82\x01.", "ext2": b"\x80\x02\x83\x01\x01.", "ext4": b"\x80\x02\x84\x01\x01\x01\x01.",
    "persid": b"Pan id\n.", "binpersid": b"\x80\x02U\x03abcQ.",
    "persid_module": b"\x80\x02(U\x06modulectorch\nFloatStorage\ntQ.",
    "build_global": b"\x80\x02ccollections\nOrderedDict\n}U\x01aK\x01sb.",
    "build_dict": b"\x80\x02}}b.", "append_global": b"\x80\x02ccollections\nOrderedDict\nK\x01a.",
    "set_global": b"\x80\x02ctorch\nfloat32\nK\x01K\x01s.", "set_list": b"\x80\x02]K\x01K\x01s.",
    "call_made": b"\x80\x02ccollections\nOrderedDict\n)R)R.", "call_type": b"\x80\x02ctorch\nfloat32\n)R.",
    "encode": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x86R.",
    "buffer": b"\x80\x05\x97.", "nested": b"\x80\x02c_pickle\nloads\nU" + sb + b"\x85R.",
    "sub": b"\x80\x02ctorch.hub\nload\n)R.", "late": b"\x80\x02}.\x80\x02cos\nsystem\n)R.",
    "front": b"ccollections\nOrderedDict\n0cos\nsystem\n)R.",
}
for name, data in bad.items():
    write(f"bad/{name}.bin", data)
archive("bad/state.pth", b"\x80\x02cos\nsystem\n)R.")
archive("bad/second.pth", state, extra=(("m/other.pkl", b"\x80\x02cos\nsystem\n)R."),))
archive("bad/unnamed.pth", state, extra=(("m/readme", b"\x80\x02cos\nsystem\n)R."),))
archive("bad/version.pth", state, extra=(("m/version2", b"\x80\x02cos\nsystem\n)R."),))
archive("bad/script.pt", state, extra=(("m/code/__torch__.py", b"pass"),))
write("bad/legacy.pth", legacy.replace(b"collections\nOrderedDict\nq\x00", b"os\nsystem\nq\x00"))
write("bad/tar.pth", b"storages".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0"))

# --- what cannot be read without doubt ------------------------------------------
archive("torn/before.pth", state, head=b"#!/bin/sh\n")
archive("torn/behind.pth", state, tail=b"x")
archive("torn/compressed.pth", state * 20, compress=zipfile.ZIP_DEFLATED)
import warnings
warnings.simplefilter("ignore")
archive("torn/twice.pth", state, names=("m/data.pkl", "m/data.pkl"))
central = z.index(b"PK\1\2")
def patch(name, at, new):
    write(f"torn/{name}.pth", z[:at] + new + z[at + len(new):])
patch("name", central + 46, b"x")                     # another name in the directory
patch("local_name", 30, b"x")
patch("size", central + 20, struct.pack("<I", 5))
patch("local_size", 18, struct.pack("<I", 5))
patch("crc", 14, b"\0\0\0\0")
patch("encrypted", central + 8, b"\1\0")
patch("method", central + 10, b"\x08\0")
patch("offset", central + 42, b"\1")
patch("count", len(z) - 12, struct.pack("<HH", 3, 3))
patch("dir", len(z) - 6, struct.pack("<I", central - 1))
write("torn/gap.pth", z[:central] + b"PAD" + z[central:-6] + struct.pack("<I", central + 3) + z[-2:])
write("torn/cut.pth", z[:-30])
write("torn/calls_first.bin", bad["global"][:-1])   # runs, then fails
write("torn/proto.pkl", b"\x80\x02}")
write("torn/opcode.pkl", b"\x80\x02\xff.")
write("torn/behind.pkl", b"\x80\x02}.garbage")
write("torn/number.bin", b"Np+1\ncos\nsystem\n.")     # Python reads this number
# frames: the reader in C drops what is left of one and goes on at other bytes; so these
# are harmless to whoever reads on, and call os.system for pickle.load(BytesIO)
def framed(bytes_in, data): return b"\x95" + struct.pack("<Q", bytes_in) + data
hidden = b"CN" + (b"cos\nsystem\nU" + sb + b"\x85R").ljust(78, b"N") + b"}."
cut_frame = b"\x80\x04" + framed(2, b"M\x01\0" + hidden)
class Seen(pickle.Unpickler):
    def find_class(self, module, name): seen.append(name); return str
seen = []
Seen(io.BytesIO(cut_frame)).load()
assert seen == ["system"], seen
write("torn/frame_cut.pkl", cut_frame)
archive("torn/frame_cut.pth", cut_frame)
write("torn/frame_line.pkl", b"\x80\x04" + framed(2, b"I1\n}."))
write("torn/frame_nested.pkl", b"\x80\x04" + framed(12, b"N" + framed(6, b"NN}}}}.")))
write("torn/frame_behind.pkl", b"\x80\x04" + framed(6, b"}.\x80\x04}."))
write("torn/frame_long.pkl", b"\x80\x04" + framed(3, b"}."))
write("good/frames.pkl", b"\x80\x04" + framed(4, b"]\x94(N") + framed(0, b"") + b"N" + framed(2, b"e."))
write("torn/gzip.joblib", b"\x1f\x8b\x08" + bytes(20))
import bz2, gzip, lzma, zlib
for name, packed in {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
                     "lzma": lambda d: lzma.compress(d, lzma.FORMAT_ALONE), "zlib": zlib.compress,
                     "zlib1": lambda d: zlib.compress(d, 1), "zlib9": lambda d: zlib.compress(d, 9),
                     "lz4": lambda d: b"\x04\x22\x4d\x18" + d, "zf": lambda d: b"ZF0x2a" + d}.items():
    write(f"torn/{name}.pkl", packed(bad["global"]))
write("torn/deep.pkl", b"\x80\x02" + b"N" * (1 << 21) + b".")
write("torn/empty_stack.pkl", b"\x80\x02.")
write("torn/length.pkl", b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.")

# --- what holds none -------------------------------------------------------------
write("plain/model.safetensors", struct.pack("<Q", 2) + b"{}")
write("plain/config.json", b"{}")
write("plain/words.txt", b"cat os\nsystem\n(tR.")
write("plain/empty.bin", b"")
r = random.Random(1)
write("plain/raw.bin", b"\xff" + r.randbytes(5000))
PYTHON
}
word() { # FILE: its word
	jq -r --arg f "$1" '.files[] | select(.file == $f) | .word' "$T/out"
}
all_are() { # DIR WORD STATUS
	local f
	expect "$3" itts scan "$1" --json --verbose
	same "$(jq '.files | length' "$T/out")" "$(find "$1" -type f | wc -l)"
	for f in "$1"/*; do
		[ "$(word "$f")" = "$2" ] || fail "$f is \"$(word "$f")\", not \"$2\""
	done
	test ! -e canary
}
notes() {
	expect 1 itts scan bad/system0.bin
	prints "needs code" "posix.system" "byte 0"
	expect 1 itts scan bad/memo.bin
	prints "os.system"
	expect 1 itts scan bad/second.pth
	prints "m/other.pkl" "os.system"
	# the offset is that of the opcode in the file
	at=$(sed -n 's/.*m\/other.pkl byte \([0-9]*\):.*/\1/p' "$T/out")
	same "$(tail -c +$((at + 1)) bad/second.pth | head -c 10)" "$(printf 'cos\nsystem')"
	expect 1 itts scan torn/local_name.pth
	prints "local header"
	expect 1 itts scan torn/compressed.pth
	prints "m/data.pkl byte" "a compressed pickle"
	expect 1 itts scan bad/record.npz
	prints "needs code" "record.npy byte" "posix.system"
	expect 1 itts scan torn/savez_compressed.npz
	prints "objects2.npy byte" "a compressed array"
	expect 1 itts scan torn/packed_list.npz
	prints "objects1.npy byte" "a compressed array of objects"
	expect 1 itts scan torn/packed_more.npz
	prints "several.npy byte" "another size than its header says"
	expect 1 itts scan torn/packed_header.npz
	prints "a compressed array whose header is not as numpy writes it"
	expect 1 itts scan torn/packed_text.npz
	prints "readme byte" "a compressed member that is no array"
	expect 1 itts scan torn/escape.npy
	prints "byte 0: an array whose header is not as numpy writes it"
	expect 0 itts scan good/state.pth
	prints allow-listed
	expect 6 itts scan nowhere
	expect 2 itts scan
}
flipped() { # a flip is malformed, or another pickle; it never crashes
	python3 - <<'PYTHON'
import os, subprocess
z = open("good/state.pth", "rb").read()
os.makedirs("flips", exist_ok=True)
for at in range(0, len(z), 2):
    with open(f"flips/{at:05}.pth", "wb") as f:
        f.write(z[:at] + bytes([z[at] ^ 0x41]) + z[at + 1:])
PYTHON
	expect 1 itts scan flips --json
}
bundle() {
	mkdir -p "$T/top/models/acme/m/main"
	cp good/state.pth bad/system2.bin plain/config.json "$T/top/models/acme/m/main"
	start_hub hub "$T/top"
	expect 0 itts pack acme/m --endpoint "$hub" --cache "$T/store" -o b.tar
	expect 1 itts scan b.tar --json
	same "$(word "acme/m state.pth")" allow-listed
	same "$(word "acme/m system2.bin")" "needs code"
	expect 1 itts scan "$T/store" --json
	same "$(jq -r '.allow_listed, .needs_code' "$T/out" | paste -sd,)" 1,1
}
closed() { # what is not looked into is not said to be without pickles
	local f
	repo "$T/top" acme/m main big.data=70000
	start_hub hub "$T/top"
	mkdir z zc
	expect 0 itts pack acme/m --endpoint "$hub" --cache "$T/store" -o z/b.tar --volume-size 4096
	tar -cf zc/cache.tar -C "$T/store" .
	for f in gzip zstd xz bzip2; do $f -c b.tar >zc/b.$f; done
	(cd "$T/store" && python3 -m zipfile -c ../zc/cache.zip models--acme--m)
	for f in zc/*; do
		expect 7 itts scan "$f"
		one_error
		says "$f: " "which is not looked into" "unpack it"
	done
	cp b.tar zc
	expect 0 itts scan zc
	for f in zc/*; do says "warning: $f: "; done
	# volumes are one bundle, and what is in a volume that is elsewhere is said
	for f in z z/b.volumes.json z/b.tar.001; do
		expect 1 itts scan $f --json
		same "$(word "acme/m system2.bin")" "needs code"
	done
	cp -r z zz
	find zz -name 'b.tar.*' ! -name b.tar.001 -delete
	expect 6 itts scan zz
	says "volumes that are not here"
	expect 0 itts pack acme/m --endpoint "$hub" --cache "$T/store" -o thin.tar --for z
	expect 1 itts scan thin.tar
	says "warning: thin.tar: a thin bundle: not looked into: 1 file that"
}

must make_pickles
check "what Python's pickle and torch write for data" all_are good allow-listed 0
check "whatever would call something else" all_are bad "needs code" 1
check "what cannot be read without doubt" all_are torn malformed 1
check "files without pickles" all_are plain "no pickle" 0
check "names, members and offsets" notes
check "flipped bytes" flipped
check "bundles and caches" bundle
check "archives, compressed files, volumes" closed
finish
