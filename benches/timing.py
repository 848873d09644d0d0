"""How long a program takes and how much memory it has at most, children included."""
import pathlib
import subprocess
import threading
import time


def memory_of(pid):
    """Resident bytes of a process and all below it."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            status = pathlib.Path(f"/proc/{one}/status").read_text()
            waiting += [int(child) for child in pathlib.Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except OSError:
            continue
        resident = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        total += int(resident[0].split()[1]) * 1024 if resident else 0
    return total


def timed(command):
    """Wall seconds, peak memory in MB, the last line of standard output."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak, ended = [0], threading.Event()

    def watch():
        while not ended.wait(0.02):
            peak[0] = max(peak[0], memory_of(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    text, errors = process.communicate()
    ended.set()
    watcher.join()
    assert process.returncode == 0, (command, process.returncode, errors[-2000:])
    return time.monotonic() - begin, peak[0] / 1e6, (text.splitlines() or [""])[-1]
