"""What huggingface_hub makes of glmv's cache and glmv of its, step by step. Usage: check.py GLMV FAKE_HUB."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

glmv, fake_hub = sys.argv[1:3]
home = Path(tempfile.mkdtemp(prefix="glmv-hub-compat-"))
hub = subprocess.Popen([fake_hub], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
os.environ.update(HF_HOME=str(home), HF_ENDPOINT=hub.stdout.readline().strip(),
                  HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_XET="1")
for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
    os.environ.pop(name, None)

import huggingface_hub as hf  # noqa: E402
from huggingface_hub.utils import WeakFileLock  # noqa: E402

NAME = "acme/tiny"
FOLDER = home / "hub/models--acme--tiny"
continues = int(hf.__version__.split(".")[0]) < 1  # ETAG.incomplete of an earlier try


def tell(line):
    hub.stdin.write(line + "\n")
    hub.stdin.flush()
    return json.loads(hub.stdout.readline())


def pull(*flags, check=True):
    return subprocess.run([glmv, "pull", NAME, *flags], check=check, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE).stdout.strip()


def contents(seen):
    """Requests for the bytes of the large file."""
    return [one for one in seen if one["method"] == "GET" and "/link/" in one["path"]]


def fresh():
    shutil.rmtree(home, ignore_errors=True)
    tell("delay 0")
    tell("seen")


def incomplete():
    return [path for path in FOLDER.glob("blobs/*.incomplete") if path.stat().st_size > 0]


def begin(command, bytes_wanted=2_000_000, how=signal.SIGINT):
    """Starts a download that is slow, and stops it when something of it is there."""
    tell("delay 10")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.time() + 60
    while time.time() < end and not any(p.stat().st_size > bytes_wanted for p in incomplete()):
        time.sleep(0.01)
    assert process.poll() is None, "it was done before it could be stopped"
    process.send_signal(how)
    process.wait()
    tell("delay 0")
    tell("seen")


def glmv_then_python():
    fresh()
    path = pull()
    assert hf.snapshot_download(NAME, local_files_only=True) == path
    tell("seen")
    assert hf.snapshot_download(NAME, allow_patterns=["*.json", "*.safetensors", "*.md"]) == path
    assert not contents(tell("seen")), "it fetched what was there"
    cache = hf.scan_cache_dir()
    assert not cache.warnings, cache.warnings
    (repo,) = cache.repos
    (revision,) = repo.revisions
    assert repo.repo_id == NAME and revision.refs == {"main"} and revision.nb_files == 4
    assert hf.try_to_load_from_cache(NAME, "config.json") == path + "/config.json"
    assert hf.try_to_load_from_cache(NAME, "chat_template.jinja") is hf._CACHED_NO_EXIST
    expected = (FOLDER / "snapshots" / revision.commit_hash / "model.safetensors").read_bytes()
    return expected


def python_then_glmv(expected):
    fresh()
    path = hf.snapshot_download(NAME)
    tell("seen")
    assert pull() == path
    assert not contents(tell("seen")), "it fetched what was there"
    assert Path(path, "model.safetensors").read_bytes() == expected


def interrupted_glmv_then_python(expected):
    fresh()
    begin([glmv, "pull", NAME])
    (part,) = incomplete()
    size = part.stat().st_size
    assert part.read_bytes() == expected[:size], "not the beginning of the file"
    path = hf.snapshot_download(NAME)
    assert Path(path, "model.safetensors").read_bytes() == expected
    ranges = [one["range"] for one in contents(tell("seen"))]
    assert not continues or ranges == [f"bytes={size}-"], ranges
    assert pull() == path


def interrupted_python_then_glmv(expected):
    fresh()
    code = f"import huggingface_hub; huggingface_hub.snapshot_download('{NAME}')"
    begin([sys.executable, "-c", code], bytes_wanted=200_000, how=signal.SIGKILL)
    (part,) = incomplete()
    size = part.stat().st_size
    path = pull()
    assert Path(path, "model.safetensors").read_bytes() == expected
    ranges = [one["range"] for one in contents(tell("seen"))]
    assert not continues or any(one.startswith(f"bytes={size}-") for one in ranges), ranges
    assert hf.snapshot_download(NAME, local_files_only=True) == path


def both_at_once(expected):
    fresh()
    tell("delay 1")
    paths = []
    thread = threading.Thread(target=lambda: paths.append(hf.snapshot_download(NAME)))
    thread.start()
    path = pull()
    thread.join()
    assert paths == [path]
    assert Path(path, "model.safetensors").read_bytes() == expected
    assert sum(one["range"] == "" or one["range"].startswith("bytes=0-") for one in contents(tell("seen"))) == 1


def locks_are_the_same():
    fresh()
    etag = Path(os.readlink(Path(pull()) / "model.safetensors")).name
    (FOLDER / "blobs" / etag).unlink()
    lock = home / "hub/.locks/models--acme--tiny" / f"{etag}.lock"
    with WeakFileLock(lock):
        process = subprocess.Popen([glmv, "pull", NAME], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        time.sleep(1.5)
        assert process.poll() is None, "it did not wait"
    assert "another program" in process.communicate()[1] and process.returncode == 0


def removing(expected):
    fresh()
    first = pull()
    tell("commit " + "f" * 40)
    tell('config {"model_type":"glm_ocr"}')
    second = pull()
    assert first != second and hf.snapshot_download(NAME, local_files_only=True) == second
    subprocess.run([glmv, "rm", f"{NAME}@{Path(first).name}", "--yes"], check=True, stdout=subprocess.DEVNULL)
    cache = hf.scan_cache_dir()
    assert not cache.warnings and [r.commit_hash for r in next(iter(cache.repos)).revisions] == ["f" * 40]
    assert Path(second, "model.safetensors").read_bytes() == expected
    cache.delete_revisions("f" * 40).execute()
    listed = subprocess.run([glmv, "list", "--names"], check=True, text=True, stdout=subprocess.PIPE).stdout
    assert listed == "", listed


try:
    expected = glmv_then_python()
    for step in (python_then_glmv, interrupted_glmv_then_python, interrupted_python_then_glmv, both_at_once,
                 lambda _: locks_are_the_same(), removing):
        step(expected)
    print(f"huggingface_hub {hf.__version__}: 7 steps, all well")
finally:
    hub.stdin.close()
    hub.wait()
    shutil.rmtree(home, ignore_errors=True)
