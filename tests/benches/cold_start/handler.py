"""The two calls of the guide's cost loop (8.2), as a Lambda function in Python would make them.

The client is made when the module is loaded, in Lambda's init phase, as AWS recommends.
"""

from datetime import datetime, timedelta

import boto3

cost_explorer = boto3.client("ce")


def handler(event, _context):
    today = datetime.fromisoformat(event["time"].replace("Z", "+00:00")).date()
    yesterday = {
        "TimePeriod": {"Start": str(today - timedelta(days=1)), "End": str(today)},
        "Granularity": "DAILY",
        "Metrics": ["BlendedCost"],
    }
    by_service = cost_explorer.get_cost_and_usage(GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}], **yesterday)
    total = cost_explorer.get_cost_and_usage(**yesterday)
    cost = float(total["ResultsByTime"][0]["Total"]["BlendedCost"]["Amount"])
    if cost > 1000:
        print(f"Daily cost exceeds $1000: {cost}")
    services = by_service["ResultsByTime"][0]["Groups"]
    return {"cost": cost, "services": [group["Keys"][0] for group in services]}
