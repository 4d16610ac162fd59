"""What bad_options.py and bad_files.py share: the environment that the program is run in,
and what the disk looks like."""
import os


def environment(home):
    return {
        "PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C.UTF-8", "TERM": "dumb",
        "HF_HUB_OFFLINE": "1", "ASAN_OPTIONS": os.environ["ASAN_OPTIONS"],
        "UBSAN_OPTIONS": os.environ["UBSAN_OPTIONS"],
    }


def errors(stderr):
    return [t for t in stderr.split(b"\n") if t.startswith(b"itts-pack: ")]


def listing(directory):
    """Names, kinds, sizes; of files, when they were written."""
    seen = []
    for top, dirs, files in os.walk(directory):
        for name in dirs + files:
            st = os.lstat(os.path.join(top, name))
            seen.append((top, name, st.st_mode, 0 if name in dirs else st.st_size,
                         0 if name in dirs else st.st_mtime_ns))
    return sorted(seen)
