//! The operations of services that are told apart by method and path.

use http::{HeaderMap, Method};

use super::wire;

/// Operations of a bucket that a name in the query selects, as the noun in `GetBucket...`, `PutBucket...`.
const BUCKET_PARTS: [(&str, &str); 14] = [
    ("accelerate", "BucketAccelerateConfiguration"),
    ("acl", "BucketAcl"),
    ("cors", "BucketCors"),
    ("encryption", "BucketEncryption"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("location", "BucketLocation"),
    ("logging", "BucketLogging"),
    ("notification", "BucketNotificationConfiguration"),
    ("object-lock", "ObjectLockConfiguration"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("policy", "BucketPolicy"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("replication", "BucketReplication"),
    ("tagging", "BucketTagging"),
];

/// The same for an object.
const OBJECT_PARTS: [(&str, &str); 5] = [
    ("acl", "ObjectAcl"),
    ("attributes", "ObjectAttributes"),
    ("legal-hold", "ObjectLegalHold"),
    ("retention", "ObjectRetention"),
    ("tagging", "ObjectTagging"),
];

/// An S3 call's operation, and `bucket` or `bucket/key`.
pub(super) fn s3(method: &Method, path: &str, query: &str, headers: &HeaderMap) -> (String, Option<String>) {
    let path = path.trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let verb = verb(method);
    let operation = match (bucket, key) {
        ("", _) => "ListBuckets".to_owned(),
        (_, "") => bucket_operation(method, verb, query),
        _ => object_operation(method, verb, query, headers),
    };
    let resource = wire::percent_decode(if key.is_empty() { bucket } else { path });
    (operation, Some(resource).filter(|resource| !resource.is_empty()))
}

fn verb(method: &Method) -> &'static str {
    match method.as_str() {
        "PUT" => "Put",
        "DELETE" => "Delete",
        _ => "Get",
    }
}

fn bucket_operation(method: &Method, verb: &str, query: &str) -> String {
    if let Some((_, noun)) = BUCKET_PARTS.iter().find(|(name, _)| wire::has(query, name)) {
        return format!("{verb}{noun}");
    }
    let has = |name| wire::has(query, name);
    match method.as_str() {
        _ if has("versioning") => format!("{verb}BucketVersioning"),
        "GET" if has("versions") => "ListObjectVersions".to_owned(),
        "GET" if has("uploads") => "ListMultipartUploads".to_owned(),
        "GET" if has("list-type") => "ListObjectsV2".to_owned(),
        "GET" => "ListObjects".to_owned(),
        "HEAD" => "HeadBucket".to_owned(),
        "PUT" => "CreateBucket".to_owned(),
        "DELETE" => "DeleteBucket".to_owned(),
        "POST" if has("delete") => "DeleteObjects".to_owned(),
        other => format!("{other} bucket"),
    }
}

fn object_operation(method: &Method, verb: &str, query: &str, headers: &HeaderMap) -> String {
    if let Some((_, noun)) = OBJECT_PARTS.iter().find(|(name, _)| wire::has(query, name)) {
        return format!("{verb}{noun}");
    }
    let has = |name| wire::has(query, name);
    let copies = headers.contains_key("x-amz-copy-source");
    let operation = match method.as_str() {
        "PUT" if has("partNumber") && copies => "UploadPartCopy",
        "PUT" if has("partNumber") => "UploadPart",
        "PUT" if copies => "CopyObject",
        "PUT" => "PutObject",
        "GET" if has("uploadId") => "ListParts",
        "GET" => "GetObject",
        "HEAD" => "HeadObject",
        "DELETE" if has("uploadId") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        "POST" if has("uploads") => "CreateMultipartUpload",
        "POST" if has("uploadId") => "CompleteMultipartUpload",
        "POST" if has("restore") => "RestoreObject",
        other => return format!("{other} object"),
    };
    operation.to_owned()
}

/// Routes of REST services: service, method, path, operation. `*` is any segment, and the last of them is the
/// call's object.
const REST: [(&str, &str, &str, &str); 46] = [
    ("lambda", "GET", "2015-03-31/functions", "ListFunctions"),
    ("lambda", "POST", "2015-03-31/functions", "CreateFunction"),
    ("lambda", "GET", "2015-03-31/functions/*", "GetFunction"),
    ("lambda", "DELETE", "2015-03-31/functions/*", "DeleteFunction"),
    ("lambda", "POST", "2015-03-31/functions/*/invocations", "Invoke"),
    ("lambda", "PUT", "2015-03-31/functions/*/code", "UpdateFunctionCode"),
    ("lambda", "GET", "2015-03-31/functions/*/configuration", "GetFunctionConfiguration"),
    ("lambda", "PUT", "2015-03-31/functions/*/configuration", "UpdateFunctionConfiguration"),
    ("lambda", "POST", "2015-03-31/functions/*/versions", "PublishVersion"),
    ("lambda", "GET", "2015-03-31/functions/*/policy", "GetPolicy"),
    ("lambda", "POST", "2015-03-31/functions/*/policy", "AddPermission"),
    ("lambda", "DELETE", "2015-03-31/functions/*/policy/*", "RemovePermission"),
    ("lambda", "PUT", "2017-10-31/functions/*/concurrency", "PutFunctionConcurrency"),
    ("lambda", "GET", "2019-09-30/functions/*/concurrency", "GetFunctionConcurrency"),
    ("lambda", "PUT", "2019-09-25/functions/*/event-invoke-config", "PutFunctionEventInvokeConfig"),
    ("lambda", "GET", "2019-09-25/functions/*/event-invoke-config", "GetFunctionEventInvokeConfig"),
    ("lambda", "POST", "2015-03-31/event-source-mappings", "CreateEventSourceMapping"),
    ("lambda", "POST", "2017-03-31/tags/*", "TagResource"),
    ("scheduler", "GET", "schedules", "ListSchedules"),
    ("scheduler", "GET", "schedules/*", "GetSchedule"),
    ("scheduler", "POST", "schedules/*", "CreateSchedule"),
    ("scheduler", "PUT", "schedules/*", "UpdateSchedule"),
    ("scheduler", "DELETE", "schedules/*", "DeleteSchedule"),
    ("scheduler", "POST", "schedule-groups/*", "CreateScheduleGroup"),
    ("eks", "GET", "clusters", "ListClusters"),
    ("eks", "POST", "clusters", "CreateCluster"),
    ("eks", "GET", "clusters/*", "DescribeCluster"),
    ("eks", "DELETE", "clusters/*", "DeleteCluster"),
    ("eks", "POST", "clusters/*/update-config", "UpdateClusterConfig"),
    ("eks", "POST", "clusters/*/updates", "UpdateClusterVersion"),
    ("eks", "GET", "clusters/*/updates", "ListUpdates"),
    ("eks", "GET", "clusters/*/updates/*", "DescribeUpdate"),
    ("eks", "GET", "clusters/*/node-groups", "ListNodegroups"),
    ("eks", "POST", "clusters/*/node-groups", "CreateNodegroup"),
    ("eks", "GET", "clusters/*/node-groups/*", "DescribeNodegroup"),
    ("eks", "DELETE", "clusters/*/node-groups/*", "DeleteNodegroup"),
    ("eks", "POST", "clusters/*/node-groups/*/update-config", "UpdateNodegroupConfig"),
    ("eks", "POST", "clusters/*/node-groups/*/update-version", "UpdateNodegroupVersion"),
    ("eks", "GET", "clusters/*/access-entries", "ListAccessEntries"),
    ("eks", "POST", "clusters/*/access-entries", "CreateAccessEntry"),
    ("eks", "GET", "clusters/*/access-entries/*", "DescribeAccessEntry"),
    ("eks", "POST", "clusters/*/access-entries/*", "UpdateAccessEntry"),
    ("eks", "DELETE", "clusters/*/access-entries/*", "DeleteAccessEntry"),
    ("eks", "GET", "clusters/*/addons", "ListAddons"),
    ("eks", "POST", "clusters/*/addons", "CreateAddon"),
    ("eks", "GET", "clusters/*/addons/*", "DescribeAddon"),
];

/// A REST call's operation and object.
pub(super) fn rest(service: &str, method: &Method, path: &str) -> (String, Option<String>) {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut routes = REST.iter().filter(|(of, verb, ..)| *of == service && *verb == method.as_str());
    let found = routes.find_map(|(_, _, template, operation)| Some((*operation, matched(template, &segments)?)));
    found.map_or_else(|| (format!("{method} {path}"), None), |(operation, resource)| (operation.to_owned(), resource))
}

/// Whether the segments fit the template, and then the last that met a `*`.
fn matched(template: &str, segments: &[&str]) -> Option<Option<String>> {
    let wanted: Vec<&str> = template.split('/').collect();
    let fits = wanted.len() == segments.len();
    let fits = fits && wanted.iter().zip(segments).all(|(wanted, found)| *wanted == "*" || wanted == found);
    let mut from_the_end = wanted.iter().zip(segments).rev().filter(|(wanted, _)| **wanted == "*");
    fits.then(|| from_the_end.next().map(|(_, found)| wire::percent_decode(found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_operations_follow_from_method_path_and_query() {
        let rows = [
            ("GET", "/", "", "ListBuckets", None),
            ("PUT", "/b", "", "CreateBucket", Some("b")),
            ("PUT", "/b/", "versioning", "PutBucketVersioning", Some("b")),
            ("GET", "/b", "versioning", "GetBucketVersioning", Some("b")),
            ("GET", "/b", "versions&prefix=a", "ListObjectVersions", Some("b")),
            ("GET", "/b", "location", "GetBucketLocation", Some("b")),
            ("GET", "/b", "list-type=2&prefix=a%2F", "ListObjectsV2", Some("b")),
            ("GET", "/b", "prefix=a", "ListObjects", Some("b")),
            ("PUT", "/b", "lifecycle", "PutBucketLifecycleConfiguration", Some("b")),
            ("DELETE", "/b", "policy", "DeleteBucketPolicy", Some("b")),
            ("POST", "/b", "delete", "DeleteObjects", Some("b")),
            ("HEAD", "/b", "", "HeadBucket", Some("b")),
            ("PUT", "/b/k", "x-id=PutObject", "PutObject", Some("b/k")),
            ("GET", "/b/a/k", "", "GetObject", Some("b/a/k")),
            ("HEAD", "/b/k", "", "HeadObject", Some("b/k")),
            ("GET", "/b/k", "versionId=1", "GetObject", Some("b/k")),
            ("PUT", "/b/k", "partNumber=1&uploadId=u", "UploadPart", Some("b/k")),
            ("POST", "/b/k", "uploads", "CreateMultipartUpload", Some("b/k")),
            ("POST", "/b/k", "uploadId=u", "CompleteMultipartUpload", Some("b/k")),
            ("DELETE", "/b/k", "uploadId=u", "AbortMultipartUpload", Some("b/k")),
            ("PUT", "/b/k", "tagging", "PutObjectTagging", Some("b/k")),
            ("PATCH", "/b/k", "", "PATCH object", Some("b/k")),
        ];
        for (method, path, query, operation, resource) in rows {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let found = s3(&method, path, query, &HeaderMap::new());
            assert_eq!((&*found.0, found.1.as_deref()), (operation, resource), "{method} {path}?{query}");
        }
    }

    #[test]
    fn a_put_with_a_copy_source_is_a_copy() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-copy-source", "b/other".parse().unwrap());
        assert_eq!(s3(&Method::PUT, "/b/k", "", &headers).0, "CopyObject");
        assert_eq!(s3(&Method::PUT, "/b/k", "partNumber=2&uploadId=u", &headers).0, "UploadPartCopy");
    }

    #[test]
    fn a_rest_calls_object_is_the_last_name_in_its_path() {
        let found = rest("eks", &Method::POST, "/clusters/main/node-groups/gpu%2Da/update-config");
        assert_eq!(found, ("UpdateNodegroupConfig".to_owned(), Some("gpu-a".to_owned())));
        let found = rest("scheduler", &Method::GET, "/schedules");
        assert_eq!(found, ("ListSchedules".to_owned(), None));
    }

    #[test]
    fn an_unknown_route_keeps_its_method_and_path() {
        assert_eq!(rest("eks", &Method::GET, "/future").0, "GET /future");
        assert_eq!(rest("lambda", &Method::POST, "/clusters").0, "POST /clusters");
    }
}
