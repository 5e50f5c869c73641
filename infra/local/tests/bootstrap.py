#!{python}
# A Lambda function in the least code: it puts an object for each event, as the role it runs as.
import http.client, json, os, botocore.session

s3 = botocore.session.get_session().create_client("s3")
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    request, event = answer.getheader("Lambda-Runtime-Aws-Request-Id"), json.loads(answer.read())
    print("event", request, flush=True)
    try:
        if "key" in event:
            s3.put_object(Bucket="state", Key=event["key"], Body=b"{}")
        kind, result = "response", {"pid": os.getpid(), "environment": sorted(os.environ)}
    except Exception as error:
        kind, result = "error", {"errorMessage": str(error), "errorType": type(error).__name__}
    api.request("POST", f"/2018-06-01/runtime/invocation/{request}/{kind}", json.dumps(result))
    api.getresponse().read()
