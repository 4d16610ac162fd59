"""What page.c makes pages of: programs that never ran. scenes.py DIR writes NAME.scene."""

import os
import sys

KINDS = "start read write compute build serve connect name answer refused closed receive lock disk swap paused idle"
TOKEN = "hf_abcdefghijklmnopqrstuvwx"
LONG = "/srv/" + "aVeryLongNameWithoutABlank" * 11
CHINESE = "/模型/语音合成/" + "没有空格的权重文件" * 13


def stage(kind, seconds, what="", read=0.0, rss=1e8, gpu="-", connections=0, cores=0.5):
    return f"{kind} {seconds} {read} {rss} {gpu} {connections} {cores} {what}"


def scene(title, *stages, outcome="ended with status 0"):
    return "\n".join([f"title {title}", f"outcome {outcome}", *stages]) + "\n"


def lasting(seconds):
    return scene("python app.py", stage("start", 0.2), stage("compute", seconds - 0.2))


SCENES = {
    "nothing": scene("true"),
    "no-title": scene(""),
    "start": scene(
        "python webui.py --model_dir checkpoints --port 7860",
        stage("start", 0.25, gpu=0),
        stage("read", 14, "programs and libraries", 3e7, 3e8, 0),
        stage("read", 41, "/srv/index-tts/checkpoints/gpt.pth", 8.5e7, 3.9e9, 4e9),
        stage("build", 88, "nvcc", 1e6, 4.2e9, 4e9, cores=2),
        stage("connect", 130, "3.164.110.12:443", 0, 4.2e9, 4e9, 1, 0),
        stage("compute", 6, "", 0, 6.5e9, 7.1e9),
        stage("serve", 60, "port 7860", 0, 6.4e9, 7.1e9, cores=0),
    ),
    # each beside one of five minutes
    "tenths": scene(
        "python app.py",
        *[stage(k, 0.1, f"x{i}", 1e6) for i, k in enumerate("start compute read build".split())],
        stage("read", 300, "/m/gpt.pth", 1e7, 3e9),
        stage("compute", 0.1),
        stage("read", 0.1, "/m/b.pt", 5e8),
        outcome="ended with status 137",
    ),
    "forty": scene(
        "python app.py",
        *[
            stage("read compute answer write disk".split()[i % 5], 7.5,
                  f"/srv/models/part-{i:02}-of-40.safetensors", 2e7 * (i % 7), 1e8 * i, 5e7 * i, i % 3)
            for i in range(40)
        ],
        outcome="it was still running",
    ),
    "thousands": scene("python app.py", *[stage("read" if i % 2 else "compute", 1, f"/m/{i}.pt") for i in range(1500)]),
    "long-names": scene(
        f"python {LONG} --x {LONG}",
        stage("read", 30, LONG + "/model.safetensors", 2e7, 1e9, 1e9),
        stage("read", 30, CHINESE + ".pth", 2e7, 2e9, 2e9),
        stage("lock", 60, CHINESE + ".lock", 0, 2e9, 2e9),
        outcome="ended with status 1",
    ),
    "every-kind": scene("every kind", *[stage(k, 40, "thing", 1e6, 2e8, 1e9, 1) for k in KINDS.split()]),
    "hosts": scene(
        "python app.py",
        *[
            stage("answer" if i % 2 else "connect", 35, f"[2001:db8:85a3:{i:x}::8a2e:370:7334]:443",
                  connections=i + 1, cores=0)
            for i in range(12)
        ],
        outcome="ended with status 143",
    ),
    "hostile": scene(
        "python '<script>document.title=\"HACKED\"</script>' '&amp; ]]> <!-- --></title></style></pre>'"
        " %01%02%1b[31mred%e2%80%aegpj%ff%fe",
        stage("read", 10, "/m/<script>document.title='HACKED'</script>.pth", 1e7),
        stage("read", 5, '/m/"><img src=x onerror="document.title=\'HACKED\'">&quot;]]>\'.pt', 1e6),
        stage("read", 5, "/m/%1b[2J%07%7f%c2%9b%ff%fe%e2%80%ae%e2%80%a8 moc.pth", 1e6),
        stage("connect", 40, "<b>h</b>:443", 0, 1e8, "-", 1, 0),
        outcome="<b>ended</b>",
    ),
    "secret": scene(
        f"env HF_TOKEN={TOKEN} python a.py --password 'SECRET one' --api-key=SECRET2 --auth me:SECRET3"
        " 'DB_PASSWORD=SECRET 4' https://me:SECRET5@hub/x?sig=SECRET6 -H 'Authorization: Bearer SECRET7'"
        " '{\"token\": \"SECRET8\"}'",
        stage("read", 10, f"/m/{TOKEN}/a.pt?token=SECRET9&x", 1e6),
        stage("lock", 40, "/m/https://me:SECRET@host/a.lock"),
    ),
    **{f"of-{s}": lasting(s) for s in (0.3, 0.5, 2.4, 9.9, 59, 61, 119, 3599, 3601, 43000, 400000)},
}

for name, text in SCENES.items():
    with open(os.path.join(sys.argv[1], name + ".scene"), "w", encoding="utf-8") as f:
        f.write(text)
