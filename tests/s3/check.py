"""Runs the sample job from and to an S3 server on this machine, and holds it against the same job on files.

Usage: check.py TIEOUT, from the project's root. Starts the server, and stops it by its own pid.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import boto3

TIEOUT, DATE, BUCKET = sys.argv[1], "2026-11-18", "tieout-check"
PROJECT = pathlib.Path.cwd()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, seconds=60):
    for _ in range(seconds * 10):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the server does not answer")


def command(job):
    return [TIEOUT, "run", str(job), "--date", DATE]


def run(job, environment, expected=0):
    done = subprocess.run(command(job), env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == expected, (done.returncode, done.stdout, done.stderr)
    return done


def on_s3(folder):
    """The sample job with every place in the bucket; places of its policy stay where they are."""
    shutil.copytree(PROJECT / "jobs", folder / "jobs")
    job = folder / "jobs" / "shop.toml"
    text = job.read_text()
    text = text.replace("../sample_data/", f"s3://{BUCKET}/in/").replace('"../out"', f'"s3://{BUCKET}/out"')
    job.write_text(text)
    return job


def main():
    port = free_port()
    server = subprocess.Popen([sys.executable, PROJECT / "tests/s3/server.py", str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        check(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(timeout=20)


def check(endpoint):
    keys = {"AWS_ACCESS_KEY_ID": "check", "AWS_SECRET_ACCESS_KEY": "check-secret", "AWS_REGION": "us-east-1"}
    environment = {**os.environ, **keys, "AWS_ENDPOINT_URL": endpoint}
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"], aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )
    s3.create_bucket(Bucket=BUCKET)
    for path in sorted((PROJECT / "sample_data").rglob("*")):
        if path.is_file():
            s3.put_object(Bucket=BUCKET, Key=f"in/{path.relative_to(PROJECT / 'sample_data')}", Body=path.read_bytes())

    def get(key):
        return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def listed(prefix):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        job = on_s3(folder / "remote")

        # Eight at once: all end well, one commit.
        runs = [subprocess.Popen(command(job), env=environment, stdout=subprocess.DEVNULL) for _ in range(8)]
        assert [one.wait(timeout=120) for one in runs] == [0] * 8
        dated = f"out/shop/dt={DATE}"
        commits = listed(f"{dated}/_commits/")
        assert len(commits) == 1, commits
        again = run(job, environment)
        assert "already published" in again.stderr, again.stderr

        # The same tables as from files.
        shutil.copytree(PROJECT / "jobs", folder / "local" / "jobs")
        shutil.copytree(PROJECT / "sample_data", folder / "local" / "sample_data")
        run(folder / "local" / "jobs" / "shop.toml", environment)
        local = next((folder / "local" / "out" / "shop" / f"dt={DATE}").glob("run=*"))
        manifest = json.loads(get(commits[0]))["manifest"]
        remote = f"{dated}/{manifest.rsplit('/', 1)[0]}"
        for table in ["differences", "matches", "rejects", "findings", "summary"]:
            for form in ["parquet", "csv"]:
                assert get(f"{remote}/{table}.{form}") == (local / f"{table}.{form}").read_bytes(), (table, form)

        # What cannot be reached says so, with its own exit code, and no secret in it.
        closed = {**environment, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", "AWS_MAX_RETRIES": "0"}
        failed = run(job, closed, expected=40)
        assert "check-secret" not in failed.stdout + failed.stderr
        print(f"S3: {len(listed(remote))} objects in one commit, equal to the run on files")


main()
