"""rq's own client, of any version, against a bridge: python rq_client.py PORT [COUNT]. With COUNT, that many jobs are enqueued and waited for."""
import subprocess
import sys
import time

import rq
from redis import Redis
from rq import Queue

PORT, QUEUE, FUNCTION = int(sys.argv[1]), "ralph_ext_pdf", "inkpy_jinja.pdf"
redis = Redis(port=PORT)
is_old = rq.__version__ if hasattr(rq, "__version__") else rq.VERSION
is_old = str(is_old).startswith("1.0")


def enqueue(queue, kwargs, **options):
    return queue.enqueue_call(FUNCTION, kwargs=kwargs, **options)


def until(what, reached):
    end = time.time() + 60
    while not reached():
        assert time.time() < end, what
        time.sleep(0.02)


def wait(job, status):
    until("job is %s, not %s" % (status, job.get_status()), lambda: job.get_status() == status)
    job.refresh()


def result(job):
    # Ralph asks for `result`.
    return job.result if is_old else job.return_value()


def failure(job):
    return job.exc_info if is_old else job.latest_result().exc_string


def one_by_one():
    queue = Queue(QUEUE, connection=redis)
    good = enqueue(queue, {"template": b"PK\0", "data": {"id": 4711}}, result_ttl=60)
    wait(good, "finished")
    assert result(good) == b'done {"template":{"base64":"UEsA"},"data":{"id":4711}}', result(good)
    bad = enqueue(queue, {"fail": True})
    wait(bad, "failed")
    assert "exit status 3" in failure(bad), failure(bad)
    assert bad.id in queue.failed_job_registry.get_job_ids()
    slow = enqueue(queue, {"sleep": True}, timeout=1)
    wait(slow, "failed")
    assert "maximum timeout" in failure(slow), failure(slow)
    queue.failed_job_registry.requeue(bad)
    wait(bad, "failed")

    redis.set("rq:suspended", 1)
    time.sleep(2.5)
    cancelled = enqueue(queue, {"n": 1})
    cancelled.cancel()
    redis.delete("rq:suspended")
    last = enqueue(queue, {"n": 2})
    wait(last, "finished")
    assert result(cancelled) is None and not queue.job_ids
    if not is_old:
        from rq.command import send_stop_job_command
        long = enqueue(queue, {"sleep": True})
        wait(long, "started")
        send_stop_job_command(redis, long.id)
        wait(long, "stopped")
        json_queue = Queue(QUEUE, connection=redis, serializer="json")
        text = enqueue(json_queue, {"n": [1, "b"]})
        wait(text, "finished")
        assert list(result(text)) == ["base64"], result(text)
        first = enqueue(queue, {"n": 1})
        second = enqueue(queue, {"n": 2}, depends_on=first)
        wait(second, "finished")
    # A worker of rq's own would not be at home here; what it shows is read from Redis.
    shown = subprocess.check_output([sys.exec_prefix + "/bin/rq",
                                     "info", "--url", "redis://127.0.0.1:%d" % PORT, "--raw"]).decode()
    assert "ralphext." in shown and QUEUE in shown, shown
    print("well with rq %s" % getattr(rq, "__version__", rq.VERSION))


def many(count):
    queue = Queue(QUEUE, connection=redis)
    ids = [enqueue(queue, {"n": n}, result_ttl=3600).id for n in range(count)]
    redis.set("enqueued", 1)
    left = set(ids)
    end = time.time() + 1500
    while left:
        assert time.time() < end, "%d of %d are not done" % (len(left), count)
        pipe = redis.pipeline()
        waiting = sorted(left)
        for job in waiting:
            pipe.hget("rq:job:" + job, "status")
        left -= {job for job, status in zip(waiting, pipe.execute()) if status == b"finished"}
        time.sleep(1)
    until("nothing is under way", lambda: not redis.zcard("rq:wip:" + QUEUE))
    assert not redis.llen("rq:queue:" + QUEUE) and not redis.llen("rq:queue:" + QUEUE + ":intermediate")
    print("all %d are done" % count)


many(int(sys.argv[2])) if len(sys.argv) > 2 else one_by_one()
