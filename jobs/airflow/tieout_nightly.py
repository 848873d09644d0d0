"""The nightly reconciliation as an Airflow 3 DAG: wait for the inputs, run every job, tell what needs people.

    ready (one sensor per job) >> run (one task per job, failures on their own) >> report

Environment of the workers: TIEOUT (the program), TIEOUT_JOBS (job files, separated by colons), and the stores'
credentials. A run started by hand takes the business date from the parameter `date`; a scheduled one reconciles
the day before it starts, because an Airflow 3 schedule calls the day it starts `ds`. Days stand on each other: after a night
that was missed, run it by hand first, and every night since in order; until then `run` is tried again with 20.

What the exit codes mean here: 0 and 10 are published runs (10 needs people, and the report says so); 20, 30, 40, 41
and 42 are tried again, which is always safe; everything else fails at once, because trying again would not help.
"""

import datetime
import json
import os
import subprocess

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.providers.standard.sensors.bash import BashSensor
from airflow.sdk import Param, dag, task

TIEOUT = os.environ.get("TIEOUT", "tieout")
JOBS = [job for job in os.environ.get("TIEOUT_JOBS", "").split(":") if job]
DATE = "{{ params.date or macros.ds_add(ds, -1) }}"
PUBLISHED = {0, 10}
TRY_AGAIN = {20, 30, 40, 41, 42}


@dag(
    dag_id="tieout_nightly",
    schedule="30 2 * * *",  # 10:30 in Beijing: the providers have published yesterday's bills
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
    catchup=False,
    max_active_runs=1,  # days stand on each other; a second run at the same time would be harmless, and useless
    params={"date": Param(None, type=["null", "string"], format="date", description="the business date")},
    default_args={"retries": 6, "retry_delay": datetime.timedelta(minutes=20)},
    tags=["finance", "reconciliation"],
)
def tieout_nightly():
    ready = BashSensor.partial(
        task_id="ready",
        retry_exit_code=75,
        poke_interval=600,
        timeout=6 * 3600,
        mode="reschedule",
    ).expand(bash_command=[f"'{TIEOUT}' ready '{job}' --date {DATE}" for job in JOBS])

    @task(trigger_rule="all_done")  # a job whose inputs never came still says so in its own run
    def run(job: str, date: str) -> dict:
        done = subprocess.run([TIEOUT, "run", job, "--date", date, "--json"], stdout=subprocess.PIPE, text=True)
        told = done.stdout.strip().splitlines()
        summary = json.loads(told[-1]) if told else {"job": job, "date": date, "exit_code": done.returncode}
        print(json.dumps(summary, ensure_ascii=False, indent=1))
        if done.returncode in PUBLISHED:
            return summary
        what = f"{job} on {date}: exit code {done.returncode}: {summary.get('error') or summary.get('standing')}"
        raise (AirflowException if done.returncode in TRY_AGAIN else AirflowFailException)(what)

    @task
    def report(summaries: list) -> list:
        summaries = list(summaries)
        for one in summaries:
            needs = "needs people" if one["exit_code"] == 10 else "needs nobody"
            print(f"{one['job']} {one['date']}: {one['standing']}, {one['differences']} differences, {needs}")
            if one.get("withheld"):
                print(f"  nothing about its records is issued: {one['withheld']}")
        return [one["published_to"] for one in summaries]

    runs = run.partial(date=DATE).expand(job=JOBS)
    ready >> runs
    report(runs)


tieout_nightly()
