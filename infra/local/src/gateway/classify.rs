//! Which call is this? Told from the request alone.

use http::{HeaderMap, Method, Uri, header};

use super::{routes, wire};

/// The wire protocol of a call, which decides how its errors look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `X-Amz-Target` and a JSON body (Cost Explorer, EventBridge, SQS, Logs).
    AwsJson,
    /// Paths and JSON (Lambda, EKS, Scheduler).
    RestJson,
    /// `Action=` in a form, XML answers (SNS, STS, IAM).
    Query,
    /// The same with EC2's error document.
    Ec2,
    /// S3's paths and XML.
    S3,
    /// Smithy RPC v2 CBOR (CloudWatch from the Rust SDK).
    Cbor,
}

/// What a request asks, of whom and for what, as far as the request itself tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service of the signature's scope (`s3`, `ce`, `monitoring`); `unsigned` without a signature.
    pub service: String,
    /// The API's name for the operation; method and path where a REST operation is not known to us.
    pub operation: String,
    /// The region of the signature's scope, empty without a signature.
    pub region: String,
    /// The object of the call: `bucket/key`, a topic ARN, a queue URL, a function's name.
    pub resource: Option<String>,
    /// How the call and its answer are written.
    pub protocol: Protocol,
    /// The key it is signed with. It is used to find the principal and goes into no record.
    pub(super) access_key: Option<String>,
}

/// The names under which query and JSON services carry the object of a call, the most telling first.
const RESOURCE_NAMES: [&str; 25] = [
    "TopicArn",
    "TargetArn",
    "QueueUrl",
    "QueueName",
    "FunctionName",
    "SecretId",
    "logGroupName",
    "RoleArn",
    "RoleName",
    "UserName",
    "PolicyArn",
    "PolicyName",
    "stateMachineArn",
    "executionArn",
    "TableName",
    "DBSnapshotIdentifier",
    "DBInstanceIdentifier",
    "AutoScalingGroupName",
    "AlarmName",
    "SubscriptionArn",
    "Rule",
    "ResourceArn",
    "ResourceARN",
    "Name",
    "name",
];

/// Tells which call a request is. Never fails: what it does not know stays coarse.
#[must_use]
pub fn classify(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Call {
    let query = uri.query().unwrap_or_default();
    let scope = scope(headers, query).unwrap_or_default();
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let (protocol, operation, resource) = if headers.get("smithy-protocol").is_some_and(|value| value == "rpc-v2-cbor")
    {
        (Protocol::Cbor, last(uri.path(), '/').to_owned(), None)
    } else if let Some(target) = target {
        (Protocol::AwsJson, last(target, '.').to_owned(), json_resource(body))
    } else if scope.service == "s3" {
        let (operation, resource) = routes::s3(method, uri.path(), query, headers);
        (Protocol::S3, operation, resource)
    } else if let Some((action, fields)) = query_action(query, text(header::CONTENT_TYPE), body) {
        let protocol = if scope.service == "ec2" { Protocol::Ec2 } else { Protocol::Query };
        (protocol, action, named(|name| wire::value(&fields, name).filter(|value| !value.is_empty())))
    } else {
        let (operation, resource) = routes::rest(&scope.service, method, uri.path());
        (Protocol::RestJson, operation, resource)
    };
    let service = if scope.service.is_empty() { "unsigned".to_owned() } else { scope.service };
    Call { service, operation, region: scope.region, resource, protocol, access_key: scope.access_key }
}

#[derive(Default)]
struct Scope {
    access_key: Option<String>,
    region: String,
    service: String,
}

/// `AKID/20260101/us-east-1/s3/aws4_request`, from the header, else from a presigned query.
fn scope(headers: &HeaderMap, query: &str) -> Option<Scope> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = match authorization.split_once("Credential=") {
        Some((_, rest)) => rest.split([',', ' ']).next().unwrap_or_default().to_owned(),
        None => wire::value(query, "X-Amz-Credential")?,
    };
    let mut parts = credential.rsplit('/');
    let (_terminator, service, region, _date) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let access_key = parts.next().filter(|key| !key.is_empty()).map(str::to_owned);
    Some(Scope { access_key, region: region.to_owned(), service: service.to_owned() })
}

/// The action of a query-protocol call and the fields it came with.
fn query_action(query: &str, content_type: &str, body: &[u8]) -> Option<(String, String)> {
    if let Some(action) = wire::value(query, "Action") {
        return Some((action, query.to_owned()));
    }
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    let fields = std::str::from_utf8(body).ok()?;
    wire::value(fields, "Action").map(|action| (action, fields.to_owned()))
}

fn json_resource(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    named(|name| value.get(name)?.as_str().map(str::to_owned))
}

fn named(get: impl Fn(&str) -> Option<String>) -> Option<String> {
    RESOURCE_NAMES.iter().find_map(|name| get(name))
}

fn last(text: &str, separator: char) -> &str {
    text.rsplit(separator).next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=ASIAKEY/20260304/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=ab"
        )
    }

    fn call(method: Method, uri: &str, headers: &[(&'static str, &str)], body: &str) -> Call {
        let headers = headers.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), header::HeaderValue::from_str(value).unwrap())
        });
        classify(&method, &uri.parse().unwrap(), &headers.collect(), body.as_bytes())
    }

    #[test]
    fn a_json_call_is_named_by_its_target() {
        let headers = [("authorization", &*signed("ce")), ("x-amz-target", "AWSInsightsIndexService.GetCostAndUsage")];
        let call = call(Method::POST, "/", &headers, r#"{"Granularity":"DAILY"}"#);
        assert_eq!((&*call.service, &*call.operation, &*call.region), ("ce", "GetCostAndUsage", "eu-west-1"));
        assert_eq!((call.protocol, call.resource), (Protocol::AwsJson, None));
        assert_eq!(call.access_key.as_deref(), Some("ASIAKEY"));
    }

    #[test]
    fn a_json_calls_object_is_its_most_telling_field() {
        let headers = [("authorization", &*signed("sqs")), ("x-amz-target", "AmazonSQS.SendMessage")];
        let call = call(Method::POST, "/", &headers, r#"{"MessageBody":"x","QueueUrl":"http://q/1/a"}"#);
        assert_eq!((&*call.operation, call.resource.as_deref()), ("SendMessage", Some("http://q/1/a")));
    }

    #[test]
    fn a_query_call_is_named_by_its_action_in_body_or_query() {
        let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let body = "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A1%3Aalerts&Message=a+b";
        let publish = call(Method::POST, "/", &[("authorization", &signed("sns")), form], body);
        assert_eq!((&*publish.operation, publish.protocol), ("Publish", Protocol::Query));
        assert_eq!(publish.resource.as_deref(), Some("arn:aws:sns:eu-west-1:1:alerts"));

        let uri = "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential=AK%2F20260304%2Fus-east-2%2Fsts%2Faws4_request";
        let identity = call(Method::GET, uri, &[], "");
        assert_eq!(
            (&*identity.service, &*identity.operation, &*identity.region),
            ("sts", "GetCallerIdentity", "us-east-2")
        );
        assert_eq!(identity.access_key.as_deref(), Some("AK"));

        let ec2 = call(Method::POST, "/", &[("authorization", &signed("ec2")), form], "Action=DescribeInstances");
        assert_eq!(ec2.protocol, Protocol::Ec2);
    }

    #[test]
    fn a_cbor_call_is_named_by_its_path() {
        let headers = [("authorization", &*signed("monitoring")), ("smithy-protocol", "rpc-v2-cbor")];
        let call = call(Method::POST, "/service/GraniteServiceVersion20100801/operation/PutMetricData", &headers, "");
        assert_eq!((&*call.service, &*call.operation, call.protocol), ("monitoring", "PutMetricData", Protocol::Cbor));
    }

    #[test]
    fn an_object_call_is_named_by_method_path_and_query() {
        let headers = [("authorization", &*signed("s3"))];
        let call = call(Method::PUT, "/state/cost%20check/a.json?x-id=PutObject", &headers, "");
        assert_eq!((&*call.operation, call.resource.as_deref()), ("PutObject", Some("state/cost check/a.json")));
        assert_eq!(call.protocol, Protocol::S3);
    }

    #[test]
    fn a_rest_call_is_named_by_its_route() {
        let headers = [("authorization", &*signed("lambda"))];
        let call = call(Method::POST, "/2015-03-31/functions/cost-check/invocations?Qualifier=1", &headers, "{}");
        assert_eq!((&*call.operation, call.resource.as_deref()), ("Invoke", Some("cost-check")));
        assert_eq!(call.protocol, Protocol::RestJson);
    }

    #[test]
    fn a_call_without_a_signature_says_so() {
        let call = call(Method::GET, "/_ministack/health", &[], "");
        assert_eq!((&*call.service, &*call.operation), ("unsigned", "GET /_ministack/health"));
        assert_eq!(call.access_key, None);
    }

    #[test]
    fn a_broken_signature_is_no_signature() {
        for broken in ["AWS4-HMAC-SHA256 Credential=", "Bearer x", "AWS4-HMAC-SHA256 Credential=a/b/c"] {
            assert_eq!(call(Method::GET, "/", &[("authorization", broken)], "").service, "unsigned", "{broken}");
        }
    }
}
