#!PYTHON
# Stands in for a function: prints the result line that every function prints, with the event and the environment in it.
import json, os, urllib.request

invocation = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"


def answer(request_id, kind, body):
    urllib.request.urlopen(urllib.request.Request(invocation + request_id + kind, json.dumps(body).encode())).read()


while True:
    with urllib.request.urlopen(invocation + "next") as got:
        request_id = got.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(got)
    failing = bool(event.get("detail", {}).get("fail"))
    result = {"event": event, "environment": dict(os.environ)}
    status = "failed" if failing else "done"
    line = {"result": result, "event_id": event.get("id"), "request_id": request_id, "status": status}
    print(json.dumps({"function": os.environ["AWS_LAMBDA_FUNCTION_NAME"], **line}), flush=True)
    if failing:
        answer(request_id, "/error", {"errorType": "Permanent", "errorMessage": "told to fail"})
    else:
        answer(request_id, "/response", {"status": status})
