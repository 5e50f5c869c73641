"""Starts ministack the way the local platform needs it.

The installed package is never edited: what must differ is replaced at run time, each piece with its reason beside it.
The Rust side (src/parts/ministack.rs) starts this file in its own process group, with a clean environment, a pipe as
stdin and the log file as stderr. It reads one JSON line, ``{"port": N}``, from stdout: N already accepts connections.

Environment: AWS_ENDPOINT_URL is the gateway, which functions are told to call; PLATFORM_SECRET opens the internal
routes. Both are required. Everything else is ministack's own (AUTH, MINISTACK_ACCOUNT_ID, SFN_WAIT_SCALE, ...).
"""

import asyncio
import contextvars
import datetime
import hmac
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.parse

# After SIGTERM, ministack is given this long to end by itself; then the whole process group is killed.
GRACE_SECONDS = 5.0

SECRET_HEADER = b"x-platform-secret"
AUTHORIZE_HEADER = b"x-platform-authorize"  # "<iam action> <resource arn>": may the signer of this request do this?
IDENTITY_HEADER = b"x-platform-identity"  # "<access key id>": whose key is this?


def bind():
    """A listening socket on a port that the operating system chose, so that two platforms never meet."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    return listener


def die_with_parent():
    """Ends this process and its bootstraps when the platform is gone, however it went.

    The platform holds the other end of stdin. PR_SET_PDEATHSIG would fire when the *thread* that started us ends,
    which for a Tokio blocking thread is long before the process does.
    """

    def watch():
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def end_bootstraps():
    """Ends the function processes, which share our group: without a Runtime API they would go only when they next poll."""
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)


def answer_runtime_api_at_once():
    """Sends each answer of the emulated Lambda Runtime API as one segment, without Nagle's delay.

    Unbuffered, http.server sends head and body apart; with delayed acknowledgements a warm invoke then takes 55 ms.
    """
    from ministack.core.lambda_runtime import ProvidedWorker

    build = ProvidedWorker._build_handler_class

    def build_handler_class(self, generation, pending):
        handler = build(self, generation, pending)
        return type("PromptHandler", (handler,), {"disable_nagle_algorithm": True, "wbufsize": 1 << 16})

    ProvidedWorker._build_handler_class = build_handler_class


def keep_what_was_printed_before_the_answer():
    """Gives an invocation every line that its bootstrap printed before it answered.

    ministack gives its reading thread 50 ms to be scheduled. On a busy machine lines were missing then, and came with
    the next invocation. What was printed before the answer is in the pipe when the answer arrives: read it then.
    """
    import select
    import weakref

    from ministack.core.lambda_runtime import ProvidedWorker

    class Pipe:
        def __init__(self, stream):
            self.descriptor, self.lock, self.rest, self.ended = stream.fileno(), threading.Lock(), b"", False

        def readable(self, timeout):
            poll = select.poll()  # one each: two threads may not wait on the same
            poll.register(self.descriptor, select.POLLIN)
            return poll.poll(timeout)

        def read(self, lines):
            """Reads what is there, under the lock."""
            while not self.ended and self.readable(0):
                part = os.read(self.descriptor, 1 << 16)
                self.ended = not part
                *whole, self.rest = (self.rest + (part or b"\n" * bool(self.rest))).split(b"\n")
                for line in whole:
                    if lines.full():  # the oldest goes, as in ministack; two readers never meet here
                        lines.get_nowait()
                    lines.put_nowait(line.decode("utf-8", errors="replace").rstrip("\r"))

    pipes, pipes_lock = weakref.WeakKeyDictionary(), threading.Lock()

    def pipe_of(stream):
        with pipes_lock:
            if stream not in pipes:
                pipes[stream] = Pipe(stream)
            return pipes[stream]

    def pump_output(self, stream, lines):
        pipe = pipe_of(stream)
        while not pipe.ended:
            pipe.readable(None)
            with pipe.lock:
                pipe.read(lines)
        with pipe.lock:
            stream.close()

    def drain(self, *_waits, **_named_waits):
        process = self._proc
        if process is not None and not process.stdout.closed:
            pipe = pipe_of(process.stdout)
            with pipe.lock:
                pipe.read(self._stderr_queue)
        return self._drain_stderr()

    ProvidedWorker._pump_output, ProvidedWorker._drain_stderr_bounded = pump_output, drain


def give_functions_a_lambda_environment(own_names):
    """Gives bootstraps what Lambda gives them, without ministack's own settings, and with the log group's name."""
    from ministack.services import lambda_svc

    build = lambda_svc._provided_worker_env
    passed_on = {"PATH", "LANG", "LC_ALL", "TZ", "AWS_ENDPOINT_URL"}

    def provided_worker_env(config, code_dir, port):
        environment = build(config, code_dir, port)
        given = lambda_svc._runtime_env_vars(config)
        for name in own_names - passed_on:
            if name not in given and not name.startswith("AWS_"):
                environment.pop(name, None)
        environment.setdefault("AWS_LAMBDA_LOG_GROUP_NAME", f"/aws/lambda/{config.get('FunctionName', 'unknown')}")
        return environment

    lambda_svc._provided_worker_env = provided_worker_env


def report_peak_memory():
    """Reports the peak memory of the bootstrap that answered; ministack reports that of all that have ended."""
    from ministack.core.lambda_runtime import ProvidedWorker
    from ministack.services import lambda_svc

    invoke, peaks = ProvidedWorker.invoke, {}

    def peak_mb(process):
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
            return -(-kib // 1024)
        except (AttributeError, OSError, StopIteration):
            return 0  # it has ended, or this is not Linux: as AWS does when nothing was measured

    def measured_invoke(self, *args, **kwargs):
        result = invoke(self, *args, **kwargs)
        peaks[self.func_name] = peak_mb(self._proc)
        return result

    ProvidedWorker.invoke = measured_invoke
    lambda_svc._probe_peak_memory_mb = lambda func: peaks.get((func.get("config") or func).get("FunctionName"), 0)


def play_events():
    """Lets the account's root put ``aws.*`` events, and keeps the time that an entry names.

    AWS refuses these sources from everybody, and so does this for every caller but root: a function that tried would
    fail here as there. ministack drops ``Time``, but a played event's time says which day it is for.
    """
    from ministack.core.iam_evaluator import caller_arn
    from ministack.services import eventbridge

    put_events, now = eventbridge._put_events, eventbridge._now_ts
    played = contextvars.ContextVar("played_time", default=None)
    eventbridge._now_ts = lambda: now() if played.get() is None else played.get()

    def put_played_events(data, allow_aws_source=False):
        entries = data.get("Entries", [])
        allowed = allow_aws_source or caller_arn().endswith(":root")
        if not 0 < len(entries) <= 10:
            return put_events(data, allow_aws_source=allowed)
        failed, results, answer = 0, [], None
        for entry in entries:
            token = played.set(seconds(entry.get("Time")))
            try:
                answer = put_events({**data, "Entries": [entry]}, allow_aws_source=allowed)
            finally:
                played.reset(token)
            body = json.loads(answer[2])
            failed += body["FailedEntryCount"]
            results += body["Entries"]
        body = {"FailedEntryCount": failed, "Entries": results}
        return (answer[0], answer[1], json.dumps(body).encode())

    eventbridge._put_events = put_played_events


def sweep_schedules_each_second():
    """Fires schedules within a second of their time; ministack looks for due ones every ten."""
    from ministack.services import eventbridge, scheduler

    eventbridge._SCHEDULER_TICK_INTERVAL = scheduler._SCHEDULE_TICK_INTERVAL = 1


def seconds(moment):
    """Epoch seconds of a wire timestamp (a number, or RFC 3339), None when there is none."""
    if isinstance(moment, (int, float)):
        return moment
    if isinstance(moment, str) and moment:
        return datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
    return None


def shape_alarm_messages():
    """Sends alarm notifications in the shape that CloudWatch sends (events/gpu-scaler/alarm-sns-2025.json)."""
    from ministack.core.responses import get_account_id, get_region, new_uuid
    from ministack.services import cloudwatch, sns

    fields = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}

    def dispatch(alarm, old_state, new_state, reason):
        if not alarm.get("ActionsEnabled", True):
            return
        topics = [arn for arn in alarm.get(fields.get(new_state, ""), None) or [] if cloudwatch._is_sns_action_arn(arn)]
        if not topics:
            return
        message = alarm_message(alarm, old_state, new_state, reason, get_account_id(), get_region())
        subject = f'{new_state}: "{alarm.get("AlarmName", "")}" in {message["Region"]}'[:100]
        for topic in topics:
            try:
                sns._fanout(topic, new_uuid(), json.dumps(message), subject)
            except Exception as error:  # one broken subscription must not silence the others
                print(f"alarm notification to {topic} failed: {error!r}", file=sys.stderr)

    cloudwatch._dispatch_alarm_actions = dispatch


def alarm_message(alarm, old_state, new_state, reason, account, region):
    """The body of one notification."""
    message = {
        "AlarmName": alarm.get("AlarmName", ""),
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": timestamp(alarm.get("AlarmConfigurationUpdatedTimestamp") or time.time()),
        "NewStateValue": new_state,
        "NewStateReason": reason,
        "StateChangeTime": timestamp(time.time()),
        "Region": display_name(region),
        "AlarmArn": alarm.get("AlarmArn", ""),
        "OldStateValue": old_state,
        "OKActions": alarm.get("OKActions") or [],
        "AlarmActions": alarm.get("AlarmActions") or [],
        "InsufficientDataActions": alarm.get("InsufficientDataActions") or [],
    }
    if "AlarmRule" in alarm:  # composite: a rule instead of a trigger
        return {**message, "AlarmRule": alarm["AlarmRule"], "TriggeringChildren": []}
    trigger = {
        "MetricName": alarm.get("MetricName"),
        "Namespace": alarm.get("Namespace"),
        "StatisticType": "Statistic",
        "Statistic": (alarm.get("Statistic") or "Average").upper(),
    }
    if alarm.get("ExtendedStatistic"):
        trigger |= {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": alarm["ExtendedStatistic"]}
        del trigger["Statistic"]
    trigger |= {
        "Unit": alarm.get("Unit"),
        "Dimensions": [{"value": d.get("Value"), "name": d.get("Name")} for d in alarm.get("Dimensions") or []],
        "Period": alarm.get("Period", 60),
        "EvaluationPeriods": alarm.get("EvaluationPeriods", 1),
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods", 1),
        "ComparisonOperator": alarm.get("ComparisonOperator"),
        "Threshold": float(alarm.get("Threshold") or 0),
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    return {**message, "Trigger": trigger}


def timestamp(epoch):
    """CloudWatch's way of writing a time: milliseconds and ``+0000``."""
    moment = datetime.datetime.fromtimestamp(epoch, tz=datetime.timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def display_name(region):
    """The name CloudWatch puts into "Region": "US East (Ohio)", "EU (Ireland)"; the code of a region it does not know."""
    import botocore.loaders

    for partition in botocore.loaders.create_loader().load_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return partition["regions"][region].get("description", region).replace("Europe (", "EU (")
    return region


def internal_routes(app, secret):
    """Wraps the ASGI application with what only the gateway may ask: who is this, and may they do that?"""

    async def entry(scope, receive, send):
        asked = {}
        if scope["type"] == "http":
            asked = {name.lower(): value for name, value in scope["headers"] if name.lower().startswith(b"x-platform-")}
        if not asked:
            return await app(scope, receive, send)
        if not hmac.compare_digest(asked.get(SECRET_HEADER, b""), secret):
            return await reply(send, 403, {"message": "internal route"})
        if IDENTITY_HEADER in asked:
            return await reply(send, 200, {"arn": principal(asked[IDENTITY_HEADER].decode("latin-1"))})
        headers = [(name, value) for name, value in scope["headers"] if not name.lower().startswith(b"x-platform-")]
        action, _, resource = asked.get(AUTHORIZE_HEADER, b"").decode("latin-1").partition(" ")
        answer = authorize({**scope, "headers": headers}, await body_of(receive), action, resource or "*")
        return await reply(send, 200, answer)

    return entry


def enter_account(access_key):
    """Sets the account that ministack's lookups work in, as its own entry point does."""
    from ministack.app import _request_account_scope
    from ministack.core.responses import set_request_account_id

    set_request_account_id(_request_account_scope(access_key))


def principal(access_key):
    """The ARN behind an access key id, None for a key that nobody has."""
    from ministack.core.iam_evaluator import resolve_caller_identity

    enter_account(access_key)
    identity = resolve_caller_identity(access_key)
    return identity["userArn"] if identity else None


def authorize(scope, body, action, resource):
    """Checks the request's signature, then the signer's policies, with ministack's own code; runs nothing."""
    from ministack.core import iam_evaluator
    from ministack.core.iam_actions import _auth_failure, identity_denial_message
    from ministack.core.responses import set_request_region
    from ministack.core.router import extract_access_key_id, extract_region
    from ministack.core.sigv4 import decode_header_value

    query = urllib.parse.parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    headers = {name.decode("latin-1").lower(): decode_header_value(value) for name, value in scope["headers"]}
    access_key = extract_access_key_id(headers, query)
    if access_key:
        enter_account(access_key)
    region = extract_region(headers, query)
    set_request_region(region)
    raw_path = scope.get("raw_path") or urllib.parse.quote(scope["path"]).encode()
    iam_evaluator.pin_request_origin(scope["client"][0], False)
    iam_evaluator.pin_signed_request(scope["method"], raw_path.decode("latin-1"), query, scope["headers"])
    iam_evaluator.pin_signed_body(body)
    iam_evaluator.pin_request_caller(headers, query)
    denied = iam_evaluator.enforce(access_key, action, action.partition(":")[0], region, resource_arn=resource)
    if denied is None:
        return {"arn": iam_evaluator.caller_arn(), "decision": "Allow"}
    if isinstance(denied, iam_evaluator.AuthError):
        # The same failure has another code in each protocol.
        code, _, message = _auth_failure(action.partition(":")[0], denied.code, denied.message, headers)
        return {"arn": None, "decision": "Deny", "code": code, "message": message}
    message = identity_denial_message(action, denied.principal_arn, resource, denied.decision == "Deny")
    return {"arn": denied.principal_arn, "decision": "Deny", "code": "AccessDeniedException", "message": message}


async def body_of(receive):
    """The whole body of a request, as it was sent."""
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def reply(send, status, value):
    """One JSON answer."""
    body = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main():
    secret = os.environ.pop("PLATFORM_SECRET").encode()  # functions inherit the environment: they must not see it
    own_names = set(os.environ)
    gateway = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    # ministack builds URLs (queues, function code) from these at import: they must lead to the gateway.
    os.environ["MINISTACK_HOST"], os.environ["GATEWAY_PORT"] = gateway.hostname, str(gateway.port)
    own_names |= {"MINISTACK_HOST", "GATEWAY_PORT"}
    die_with_parent()
    listener = bind()

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    answer_runtime_api_at_once()
    keep_what_was_printed_before_the_answer()
    give_functions_a_lambda_environment(own_names)
    report_peak_memory()
    play_events()
    sweep_schedules_each_second()
    shape_alarm_messages()

    config = Config()
    port = listener.getsockname()[1]
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1.0
    config.loglevel = os.environ.get("LOG_LEVEL", "INFO")
    print(json.dumps({"port": port}), flush=True)
    os.dup2(2, 1)  # the rest of stdout belongs to the log
    try:
        asyncio.run(serve(internal_routes(app, secret), config))
    finally:
        end_bootstraps()


if __name__ == "__main__":
    main()
