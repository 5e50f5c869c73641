//! The parts and the gateway together, with the real SDK and real signatures.

#[cfg(test)]
mod world;

use std::process::Stdio;
use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::{Blob, ByteStream, DateTime};
use local_platform::gateway::{FaultAction, FaultRule, Nth};
use tokio::io::{AsyncBufReadExt, BufReader};
use world::{SOON, World, answer};

/// Set for the process that runs a platform in order to be killed.
const KILLED_PLATFORM: &str = "KILLED_PLATFORM";

#[tokio::test]
async fn conditional_writes_pass_with_their_signature() {
    let world = World::start().await;
    let s3 = world.user("writer", r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#).await.s3().await;
    s3.create_bucket().bucket("state").send().await.unwrap();
    let put = |body: &'static str| {
        s3.put_object().bucket("state").key("cost check/a+b.json").body(ByteStream::from_static(body.as_bytes()))
    };
    let created = put("1").if_none_match("*").send().await.unwrap();
    let again = put("2").if_none_match("*").send().await.unwrap_err();
    assert_eq!(again.code(), Some("PreconditionFailed"));
    put("3").if_match(created.e_tag().unwrap()).send().await.unwrap();
    let stale = put("4").if_match(created.e_tag().unwrap()).send().await.unwrap_err();
    assert_eq!(stale.code(), Some("PreconditionFailed"));
    let head = s3.head_object().bucket("state").key("cost check/a+b.json").send().await.unwrap();
    assert_eq!(head.content_length(), Some(1));

    let calls = world.gateway.calls();
    let puts: Vec<_> = calls.iter().filter(|call| call.operation == "PutObject").collect();
    let statuses: Vec<_> = puts.iter().map(|call| call.status).collect();
    assert_eq!(statuses, [200, 412, 200, 412].map(Some));
    assert_eq!(puts[0].resource.as_deref(), Some("state/cost check/a+b.json"));
    assert_eq!(puts[0].principal.as_deref(), Some("arn:aws:iam::123456789012:user/writer"));
    world.stop().await;
}

#[tokio::test]
async fn a_wrong_secret_is_refused_by_ministack_and_by_the_simulated_service() {
    let world = World::start().await;
    let allowed = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    let stranger = world.user("stranger", allowed).await.with_secret("wrong");
    let refused = stranger.s3().await.list_buckets().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("SignatureDoesNotMatch"));
    let refused = stranger.cost().await.unwrap_err();
    assert_eq!(refused.0, "InvalidSignatureException", "{}", refused.1);
    world.stop().await;
}

#[tokio::test]
async fn a_simulated_service_asks_the_callers_real_policies() {
    let world = World::start().await;
    let allowed = r#"{"Effect":"Allow","Action":"ce:GetCostAndUsage","Resource":"*"}"#;
    world.user("reader", allowed).await.cost().await.unwrap();
    let refused = world.user("other", r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#).await.cost().await;
    let (code, message) = refused.unwrap_err();
    assert_eq!(code, "AccessDeniedException");
    let denial = "User: arn:aws:iam::123456789012:user/other is not authorized to perform: ce:GetCostAndUsage";
    assert!(message.starts_with(denial), "{message}");
    let calls = world.gateway.calls().into_iter().filter(|call| call.service == "ce");
    assert_eq!(
        calls.map(|call| (call.simulated, call.status)).collect::<Vec<_>>(),
        [(true, Some(200)), (true, Some(400))]
    );
    world.stop().await;
}

#[tokio::test]
async fn a_missing_key_is_forbidden_to_those_who_may_not_list_the_bucket() {
    let world = World::start().await;
    world.root().s3().await.create_bucket().bucket("state").send().await.unwrap();
    let get = r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#;
    let list = r#",{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::state"}"#;
    for (name, statements, code) in
        [("blind", get.to_owned(), "AccessDenied"), ("lister", format!("{get}{list}"), "NoSuchKey")]
    {
        let s3 = world.user(name, &statements).await.s3().await;
        let refused = s3.get_object().bucket("state").key("missing").send().await.unwrap_err();
        assert_eq!(refused.code(), Some(code), "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_sdk_retries_a_throttle_and_each_attempt_is_recorded() {
    let world = World::start().await;
    world.root().s3().await.create_bucket().bucket("state").send().await.unwrap();
    let topic = world.root().sns().await.create_topic().name("alerts").send().await.unwrap().topic_arn.unwrap();
    let sequence = world.gateway.calls().len() as u64;
    world.gateway.inject(FaultRule::new(FaultAction::Throttle).operation("PutObject").nth(Nth::First(1)));
    world.gateway.inject(FaultRule::new(FaultAction::Throttle).operation("Publish").nth(Nth::First(1)));
    world.gateway.inject(FaultRule::new(FaultAction::ServerError(500)).operation("GetObject").nth(Nth::First(1)));
    let put = world.root().s3().await.put_object().bucket("state").key("a").body(ByteStream::from_static(b"{}"));
    put.send().await.unwrap();
    world.root().sns().await.publish().topic_arn(&topic).message("hello").send().await.unwrap();
    world.root().s3().await.get_object().bucket("state").key("a").send().await.unwrap();
    let calls = world.gateway.calls_since(sequence);
    let found: Vec<_> = calls.iter().map(|call| (&*call.operation, call.status)).collect();
    let expected = [
        ("PutObject", 503),
        ("PutObject", 200),
        ("Publish", 400),
        ("Publish", 200),
        ("GetObject", 500),
        ("GetObject", 200),
    ];
    assert_eq!(found, expected.map(|(operation, status)| (operation, Some(status))));
    assert_eq!(calls[2].resource.as_ref(), Some(&topic));
    world.stop().await;
}

#[tokio::test]
async fn the_sdk_knows_the_throttle_of_each_protocol() {
    let world = World::start().await;
    for operation in ["ListFunctions", "ListRules", "ListUsers"] {
        world.gateway.inject(FaultRule::new(FaultAction::Throttle).operation(operation).nth(Nth::First(2)));
    }
    world.root().lambda().await.list_functions().send().await.unwrap();
    world.root().events().await.list_rules().send().await.unwrap();
    world.root().iam().await.list_users().send().await.unwrap();
    let statuses: Vec<_> = world.gateway.calls().iter().map(|call| call.status.unwrap()).collect();
    assert_eq!(statuses, [429, 429, 200, 400, 400, 200, 400, 400, 200]);
    world.stop().await;
}

#[tokio::test]
async fn a_lost_reply_leaves_the_effect_in_place() {
    let world = World::start().await;
    let s3 = world.root().s3().await;
    s3.create_bucket().bucket("state").send().await.unwrap();
    world.gateway.inject(FaultRule::new(FaultAction::LostReply).operation("PutObject").nth(Nth::Nth(1)));
    let put = s3.put_object().bucket("state").key("a").if_none_match("*").body(ByteStream::from_static(b"{}"));
    // The SDK tries again, and meets what its own first attempt wrote.
    assert_eq!(put.send().await.unwrap_err().code(), Some("PreconditionFailed"));
    s3.head_object().bucket("state").key("a").send().await.unwrap();
    world.stop().await;
}

/// Not a fact of its own: the platform that the next test kills. Alone it does nothing.
#[tokio::test]
async fn helper_platform_that_is_killed() {
    if std::env::var_os(KILLED_PLATFORM).is_none() {
        return;
    }
    let world = World::start().await;
    let output = world.writer().await.invoke().function_name("writer").payload(Blob::new("{}")).send().await.unwrap();
    let function = answer(&output)["pid"].as_u64().unwrap();
    println!("pids {} {function}", world.ministack.process_id().unwrap());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_platform_leaves_no_process_behind() {
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "helper_platform_that_is_killed", "--nocapture"]).env(KILLED_PLATFORM, "1");
    let mut platform = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(platform.stdout.take().unwrap()).lines();
    let pids: Vec<u64> = loop {
        let line = lines.next_line().await.unwrap().expect("the platform must say which processes it runs");
        if let Some((_, pids)) = line.split_once("pids ") {
            break pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
        }
    };
    assert!(pids.len() == 2 && pids.iter().all(|pid| world::is_alive(*pid)), "{pids:?}");
    platform.kill().await.unwrap();
    for pid in pids {
        assert!(world::ends(pid, SOON).await, "{pid}");
    }
}

#[tokio::test]
async fn a_function_runs_as_its_role_and_can_be_killed_after_its_effect() {
    let world = World::start().await;
    world.root().s3().await.create_bucket().bucket("state").send().await.unwrap();
    let lambda = world.writer().await;
    let invoke = |key: &str| {
        let event = format!(r#"{{"key":"{key}"}}"#);
        lambda.invoke().function_name("writer").payload(Blob::new(event)).send()
    };

    let first = invoke("first").await.unwrap();
    assert_eq!(first.function_error(), None, "{}", answer(&first));
    let environment = answer(&first)["environment"].to_string();
    assert!(environment.contains("AWS_LAMBDA_LOG_GROUP_NAME"), "{environment}");
    assert!(!environment.contains("SECRET\"") && !environment.contains("MINISTACK"), "{environment}");
    let put = world.gateway.wait_for(|call| call.operation == "PutObject", SOON).await.unwrap();
    assert_eq!((put.role.as_deref(), put.status), (Some("writer"), Some(200)));
    let principal = "arn:aws:sts::123456789012:assumed-role/writer/writer";
    assert_eq!(put.principal.as_deref(), Some(principal));

    let kill = FaultRule::new(FaultAction::KillBefore).role("writer").resource_contains("never");
    let kill = world.gateway.inject(kill);
    assert_eq!(invoke("never").await.unwrap().function_error(), Some("Unhandled"));
    assert_eq!((kill.fired(), kill.problem()), (1, None));
    assert!(world.root().s3().await.head_object().bucket("state").key("never").send().await.is_err());

    let pid = answer(&invoke("again").await.unwrap())["pid"].as_u64().unwrap();
    let kill = world.gateway.inject(
        FaultRule::new(FaultAction::KillAfter).role("writer").operation("PutObject").resource_contains("second"),
    );
    let killed = invoke("second").await.unwrap();
    assert_eq!((kill.fired(), kill.problem()), (1, None));
    assert_eq!(killed.function_error(), Some("Unhandled"));
    world.root().s3().await.head_object().bucket("state").key("second").send().await.unwrap();
    assert!(!world::is_alive(pid));

    let again = answer(&invoke("third").await.unwrap())["pid"].as_u64().unwrap();
    assert_ne!(again, pid, "a killed environment is replaced");
    assert!(world::is_alive(again));
    world.stop().await;
    assert!(world::ends(again, SOON).await, "functions end with the platform");
}

#[tokio::test]
async fn a_played_event_keeps_its_source_and_its_time() {
    let world = World::start().await;
    let queue = world.queue("events").await;
    let events = world.root().events().await;
    events.put_rule().name("spot").event_pattern(r#"{"source":["aws.ec2"]}"#).send().await.unwrap();
    let target = aws_sdk_eventbridge::types::Target::builder().id("q").arn(&queue.arn).build().unwrap();
    events.put_targets().rule("spot").targets(target).send().await.unwrap();
    let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
        .source("aws.ec2")
        .detail_type("EC2 Spot Instance Interruption Warning")
        .detail(r#"{"instance-action":"terminate"}"#)
        .time(DateTime::from_secs(1_772_600_400))
        .build();
    let put = events.put_events().entries(entry.clone()).send().await.unwrap();
    assert_eq!(put.failed_entry_count(), 0);
    let event = queue.receive().await;
    assert_eq!((&event["source"], &event["time"]), (&"aws.ec2".into(), &"2026-03-04T05:00:00Z".into()));

    let allowed = r#"{"Effect":"Allow","Action":"events:*","Resource":"*"}"#;
    let refused =
        world.user("function", allowed).await.events().await.put_events().entries(entry).send().await.unwrap();
    assert_eq!(refused.entries()[0].error_code(), Some("NotAuthorizedForSourceException"));
    world.stop().await;
}

#[tokio::test]
async fn an_alarm_notification_has_the_shape_of_aws() {
    let world = World::start().await;
    let queue = world.queue("alarms").await;
    let sns = world.root().sns().await;
    let topic = sns.create_topic().name("alarms").send().await.unwrap().topic_arn.unwrap();
    sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(&queue.arn).send().await.unwrap();
    world
        .python(&format!(
            "import botocore.session
c = botocore.session.get_session().create_client('cloudwatch')
c.put_metric_alarm(AlarmName='gpu-idle', MetricName='Idle', Namespace='Gpu', Statistic='Maximum', Period=60,
    EvaluationPeriods=1, Threshold=90, ComparisonOperator='GreaterThanThreshold', AlarmActions=['{topic}'],
    Dimensions=[{{'Name': 'InstanceId', 'Value': 'i-1'}}])
c.set_alarm_state(AlarmName='gpu-idle', StateValue='ALARM', StateReason='played')"
        ))
        .await;
    let envelope = queue.receive().await;
    let alarm: serde_json::Value = serde_json::from_str(envelope["Message"].as_str().unwrap()).unwrap();
    assert_eq!(alarm["AlarmArn"], "arn:aws:cloudwatch:us-east-1:123456789012:alarm:gpu-idle");
    assert_eq!((&alarm["NewStateValue"], &alarm["Region"]), (&"ALARM".into(), &"US East (N. Virginia)".into()));
    let dimensions = serde_json::json!([{ "name": "InstanceId", "value": "i-1" }]);
    assert_eq!((&alarm["Trigger"]["Dimensions"], &alarm["Trigger"]["Statistic"]), (&dimensions, &"MAXIMUM".into()));
    assert!(alarm["StateChangeTime"].as_str().unwrap().ends_with("+0000"));
    let call = world.gateway.wait_for(|call| call.operation == "SetAlarmState", Duration::ZERO).await.unwrap();
    assert_eq!(call.service, "monitoring");
    world.stop().await;
}

#[tokio::test]
async fn a_dropped_ministack_is_gone() {
    let world = World::start().await;
    let log = std::fs::read_to_string(world.ministack.log_file()).unwrap();
    assert!(log.contains("Ready"), "{log}");
    let endpoint = world.ministack.endpoint();
    drop(world);
    let address = endpoint.strip_prefix("http://").unwrap().to_owned();
    let refused = async { while tokio::net::TcpStream::connect(&address).await.is_ok() {} };
    tokio::time::timeout(SOON, refused).await.unwrap();
}
