"""hostile_commands.py PROGRAM DIR TABLE: every hostile bundle of hostile.py through every
command that takes one. The table tells what each command has to make of it:

    7 8 9 6   one error that names the file, with this status, and nothing else
    r9 r6 r1  a report on standard output that ends with this status
    ok        taken, and that is right: the attack is on what this command does not
              use, and it comes to the same as the honest bundle

Whatever it is: no crash, no control bytes, 20 s and 64 MiB at most, what was on the disk
before is unchanged, and nothing new has a final name that its bytes do not deserve.

DIR has good.tar, lock.json, store (a cache), key, allowed, first (where good.tar was
installed), state; bad (the hostile ones); for thin ones: the same in DIR/thin, site.json
and site (a cache with what they leave out)."""
import concurrent.futures
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading

import bad_run
import honest

PROGRAM, DIR, TABLE = sys.argv[1:4]
SANITIZED = "/asan/" in PROGRAM or "/tsan/" in PROGRAM
HUB = ("--cache", "hub")
SIGNERS = ("--allowed-signers", DIR + "/allowed")
VOLUME = 65536
# what a run may leave under names of its own
LEFT = (".itts-part", "CACHEDIR.TAG")


class Cell:
    """One command and one hostile file, in a directory of its own."""

    def __init__(self, kind, path, wanted, signed, thin):
        self.kind, self.path, self.wanted, self.thin = kind, path, wanted, thin
        self.signers = SIGNERS if signed else ()
        self.name = os.path.basename(path)
        self.top = DIR + "/work/%d" % threading.get_ident()
        self.home = DIR + "/thin" if thin else DIR
        self.wrong = []
        shutil.rmtree(self.top, ignore_errors=True)
        os.makedirs(self.top)
        shutil.copytree(DIR + "/state", self.top + "/state")
        if thin:
            self.cache(DIR + "/site")
        self.known = set()

    def cache(self, source):
        shutil.copytree(source, self.top + "/hub", symlinks=True)
        self.known = set(honest.problems(self.top + "/hub"))

    def copy(self, name):
        shutil.copy(self.path, os.path.join(self.top, name))
        return name

    def fail(self, why):
        self.wrong.append(why)

    # --- the disk --------------------------------------------------------------------
    def look(self):
        """Of all that is there: kind, size, time, where it leads."""
        seen = {}
        for top, dirs, files in os.walk(self.top):
            for name in dirs + files:
                path = os.path.join(top, name)
                st = os.lstat(path)
                link = os.readlink(path) if os.path.islink(path) else None
                plain = link is None and not os.path.isdir(path)
                seen[os.path.relpath(path, self.top)] = (
                    st.st_mode, st.st_size if plain else 0, st.st_mtime_ns if plain else 0, link)
        return seen

    def new(self, before):
        """Names that came; what went or changed is wrong."""
        after = self.look()
        for path, was in before.items():
            if after.get(path) != was and "/.locks/" not in path:
                self.fail("%s has changed" % path)
        return sorted(set(after) - set(before))

    def unharmed(self, before, may=()):
        for path in self.new(before):
            whole = os.path.join(self.top, path)
            if path in may or path.endswith(LEFT) or "/.locks/" in path + "/":
                continue
            if os.path.islink(whole):
                # a report may be of some that were right
                if self.wanted.isdigit():
                    self.fail("%s: a link" % path)
            elif os.path.isfile(whole) and "/blobs/" not in path:
                self.fail("%s: a final name" % path)
        for path, why in set(honest.problems(self.top + "/hub")) - self.known:
            self.fail("%s: %s" % (path, why))

    # --- running ---------------------------------------------------------------------
    def run(self, args, stdin=None):
        env = bad_run.environment(DIR + "/home")
        env["XDG_STATE_HOME"] = self.top + "/state"
        outputs = [open(DIR + "/out.%s.%d" % (n, threading.get_ident()), "w+b") for n in ("out", "err")]
        with outputs[0] as out, outputs[1] as err:
            p = subprocess.Popen(["timeout", "20", PROGRAM, *args, "--progress", "none"], cwd=self.top, env=env,
                                 stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=err)
            _, status, usage = os.wait4(p.pid, 0)
            p.returncode = os.waitstatus_to_exitcode(status)
            for f in outputs:
                f.seek(0)
            self.out, self.err, self.status = out.read(), err.read(), p.returncode
        if not SANITIZED and usage.ru_maxrss > 65536:
            self.fail("%d KiB of memory" % usage.ru_maxrss)
        for byte in set(self.out + self.err):
            if byte < 32 and byte != 10 or byte == 127:
                self.fail("prints byte %d" % byte)

    def judge(self, named):
        errors = bad_run.errors(self.err)
        wanted = {"ok": 0}.get(self.wanted, self.wanted.lstrip("r"))
        if self.status != int(wanted):
            self.fail("status %d, expected %s" % (self.status, wanted))
        if not self.wanted.isdigit():
            if errors or not self.out:
                self.fail("%d errors, %d bytes of a report" % (len(errors), len(self.out)))
            return
        if len(errors) != 1 or self.err.splitlines()[-1:] != errors:
            self.fail("%d errors, or one that is not last" % len(errors))
        elif named.encode() not in errors[0]:
            self.fail("does not name %s" % named)
        if self.out:
            self.fail("says something on standard output")

    def reader(self, args, named=None, compressed=False, piped=False, check=None, may=()):
        """Runs one of the commands, looks at what it said and what it did."""
        path = self.path
        if compressed:
            path = self.top + "/x.zst"
            subprocess.run(["zstd", "-q", "-1", self.path, "-o", path], check=True)
        before = self.look()
        with open(path, "rb") as stdin:
            self.run([("-" if piped else path) if a == "@" else a for a in args], stdin if piped else None)
        self.judge(named or ("standard input" if piped else os.path.basename(path)))
        if self.wanted == "ok" and check:
            check()
        else:
            self.unharmed(before, may)

    # --- what is right where it is taken -----------------------------------------------
    def cache_is_whole(self):
        """What the honest bundle gives, and nothing that is not honest."""
        for path, why in honest.problems(self.top + "/hub"):
            self.fail("%s: %s" % (path, why))
        for path, _, names in os.walk(self.home + "/first"):
            for name in names:
                want = os.path.relpath(os.path.join(path, name), self.home + "/first")
                if "/snapshots/" in want and not os.path.exists(os.path.join(self.top, "hub", want)):
                    self.fail("%s was not taken" % want)

    def same_output(self):
        with open(self.home + "/good.%s" % self.kind.split("|")[0], "rb") as f:
            if f.read() != self.out:
                self.fail("another output than of the honest bundle")

    def same_bundle(self):
        with open(self.home + "/good.for.tar", "rb") as a, open(self.top + "/o.tar", "rb") as b:
            if a.read() != b.read():
                self.fail("another bundle than for the honest one")

    def signed_alone(self):
        """Nothing but the slot of the signature has changed, and there is one now."""
        with open(self.path, "rb") as a, open(self.top + "/bad", "rb") as b:
            was, now = a.read(), b.read()
        at = 1024 + (int(was[124:135], 8) + 511) // 512 * 512
        if was[:at] != now[:at] or was[at + 16384:] != now[at + 16384:]:
            self.fail("more than the signature has changed")
        if b"-----BEGIN SSH SIGNATURE-----" not in now[at:at + 16384]:
            self.fail("no signature")

    # --- the commands ------------------------------------------------------------------
    def verify(self, **how):
        self.reader(["verify", "@", *self.signers], **how)

    def inspect(self, **how):
        self.reader(["inspect", "@"], **how)

    def sbom(self, **how):
        self.reader(["sbom", "@"], check=self.same_output, **how)

    def scan(self):
        self.reader(["scan", "@"])

    def repair(self):
        shutil.rmtree(self.top + "/hub", ignore_errors=True)
        self.cache(self.home + "/gone")
        # of thin ones, what is left out is there
        self.reader(["repair", "--from", "@", "--lock", self.home + "/lock.json", *HUB], check=self.cache_is_whole)

    def do_import(self, **how):
        self.reader(["import", "@", *HUB, *self.signers], check=self.cache_is_whole, **how)

    def some(self):
        self.reader(["import", "@", "acme/voice", *HUB, *self.signers], check=self.cache_is_whole)

    def pack_for(self):
        self.reader(["pack", "--offline", "--cache", self.home + "/store", "--lock", self.home + "/lock.json",
                     "-o", "o.tar", "--serial", "9", "--for", "@"], check=self.same_bundle)

    def export_for(self):
        self.reader(["export", "acme/voice", "--cache", self.home + "/store", "-o", "o.tar", "--for", "@"],
                    may=("o.tar",) if self.wanted == "ok" else ())

    def sign(self):
        self.copy("bad")
        before = self.look()
        self.run(["sign", "bad", "--key", DIR + "/key"])
        self.judge("bad")
        if self.wanted == "ok":
            self.signed_alone()
            del before["bad"]
        self.unharmed(before, ("bad",))

    def sign_detached(self):
        self.copy("bad")
        before = self.look()
        self.run(["sign", "bad", "--detached", "--key", DIR + "/key"])
        self.judge("bad")
        self.unharmed(before, ("bad.sig",) if self.wanted == "ok" else ())

    def adopt(self):
        """It is no file of the lock, also under the name of one."""
        os.mkdir(self.top + "/in")
        self.copy("in/a.bin")
        self.copy("in/x.tar")
        before = self.look()
        self.run(["adopt", "in", "--lock", self.home + "/lock.json", *HUB])
        self.judge("")
        if b"a.bin" not in self.out + self.err:
            self.fail("does not name a.bin")
        self.unharmed(before)

    def install(self, **how):
        self.reader(["install", "@", *HUB, "--model-dir", "m", *self.signers], **how)

    def dry_run(self):
        before = self.look()
        self.reader(["install", "@", *HUB, "--dry-run", *self.signers])
        if self.new(before):
            self.fail("a dry run leaves something")

    def plain(self):
        self.reader(["install", "--import", "@", *HUB])

    def cut(self):
        """Into volumes, as an attacker would: the card is right about them."""
        with open(self.path, "rb") as f:
            data = f.read()
        try:
            manifest = data[512:512 + int(data[124:135], 8)]
        except ValueError:
            manifest = b"{}"
        os.mkdir(self.top + "/v")
        card = {"format": "itts-volumes", "version": 1, "tool": "itts-pack", "name": "hostile",
                "set": hashlib.sha256(manifest).hexdigest(), "bytes": len(data), "volumes": []}
        for i, at in enumerate(range(0, len(data), VOLUME)):
            piece, name = data[at:at + VOLUME], "%s.%03d" % (self.name, i + 1)
            card["volumes"].append({"file": name, "offset": at, "size": len(piece),
                                    "sha256": hashlib.sha256(piece).hexdigest()})
            with open(self.top + "/v/" + name, "wb") as f:
                f.write(piece)
        with open(self.top + "/v/%s.volumes.json" % self.name, "w", encoding="utf-8") as f:
            json.dump(card, f)
        with open(self.top + "/v/%s.bundle.json" % self.name, "wb") as f:
            f.write(manifest)
        return "v"

    def volumes(self, command="install"):
        self.cut()
        before = self.look()
        more = [*HUB, *self.signers] if command == "install" else [*self.signers]
        self.run([command, "v", *more])
        self.judge("v")
        self.unharmed(before)


# Each column of the table, and what is run for it.
RUNS = {
    "verify": (("verify", Cell.verify), ("verify|", lambda c: c.verify(piped=True))),
    "inspect": (("inspect", Cell.inspect), ("inspect|", lambda c: c.inspect(piped=True))),
    "sbom": (("sbom", Cell.sbom), ("sbom|", lambda c: c.sbom(piped=True))),
    "scan": (("scan", Cell.scan),),
    "repair": (("repair --from", Cell.repair),),
    "import": (("import", Cell.do_import),),
    "import|": (("import|", lambda c: c.do_import(piped=True)),),
    "some": (("import acme/voice", Cell.some),),
    "for": (("pack --for", Cell.pack_for), ("export --for", Cell.export_for)),
    "sign": (("sign", Cell.sign), ("sign --detached", Cell.sign_detached)),
    "adopt": (("adopt", Cell.adopt),),
    "install": (("install", Cell.install), ("install|", lambda c: c.install(piped=True))),
    "zst": (("install zst", lambda c: c.install(compressed=True)),
            ("install zst|", lambda c: c.install(compressed=True, piped=True))),
    "izst": (("import zst", lambda c: c.do_import(compressed=True)),),
    "dry": (("install --dry-run", Cell.dry_run),),
    "plain": (("install --import", Cell.plain),),
    "volumes": (("install volumes", Cell.volumes),),
    "vverify": (("verify volumes", lambda c: c.volumes("verify")),),
}


# What is read otherwise when something is left out.
THIN = ("verify", "repair", "import|", "some", "for", "install", "dry", "volumes")


def rows(file):
    """Of the table: (name, {column: wanted})"""
    with open(file, encoding="utf-8") as f:
        lines = [line.split() for line in f if line.strip() and not line.startswith("#")]
    for words in lines[1:]:
        assert len(words) == len(lines[0]), words
        yield words[0], dict(zip(lines[0][1:], words[1:]))


def one(job):
    label, run, path, wanted, signed, thin = job
    cell = Cell(label, path, wanted, signed, thin)
    run(cell)
    if not cell.wrong:
        return None
    return "%s%s, %s: %s\n    %s" % ("thin " if thin else "", cell.name, label, "; ".join(cell.wrong[:4]),
                                     (cell.err[-400:] + cell.out[-200:]).decode(errors="replace").replace("\n", "\n    "))


def main():
    thin = len(sys.argv) > 4
    bad = DIR + ("/thin/bad/" if thin else "/bad/")
    jobs, seen = [], set()
    for name, cells in rows(TABLE):
        seen.add(name)
        for column, wanted in cells.items():
            if not thin or column in THIN and not name.startswith("import-"):
                jobs += [(label, run, bad + name, wanted, name == "another-signature", thin)
                         for label, run in RUNS[column]]
    # a new attack needs a row of its own
    missing = set(os.listdir(bad)) - seen - {"strange"}
    before = [e for e in bad_run.listing(DIR) if not e[0].startswith(DIR + "/work")]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        found = [text for text in pool.map(one, jobs) if text]
    shutil.rmtree(DIR + "/work")
    for e in os.listdir(DIR):
        if e.startswith("out."):
            os.unlink(DIR + "/" + e)
    if [e for e in bad_run.listing(DIR) if not e[0].startswith(DIR + "/work")] != before:
        found.append("something outside was changed: %s" % set(bad_run.listing(DIR)).symmetric_difference(before))
    print("\n".join(found))
    print(len(jobs), "cells,", len(found), "wrong; no row:", missing or "none")
    sys.exit(bool(found or missing))


main()
