use super::*;

const ACCOUNT: &str = "123456789012";
const PLATFORM_FILE: &str = include_str!("../../../automation/platform.yaml");
const COST_CHECK: &str = include_str!("../../../automation/cost-check.yaml");

/// Reads the real files with some text of one replaced.
fn read_with(name: &str, replacements: &[(&str, &str)]) -> Result<Automation, AutomationError> {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [(PLATFORM, PLATFORM_FILE), ("cost-check.yaml", COST_CHECK)] {
        let mut text = text.to_owned();
        if file == name {
            for (from, to) in replacements {
                assert_eq!(text.matches(from).count(), 1, "{from:?} must occur once in {file}");
                text = text.replacen(from, to, 1);
            }
        }
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    Automation::read(folder.path(), ACCOUNT, "us-east-1")
}

fn problems(replacements: &[(&str, &str)]) -> Vec<String> {
    match read_with("cost-check.yaml", replacements) {
        Err(AutomationError::Invalid(problems)) => problems
            .iter()
            .map(|problem| {
                assert!(problem.file.ends_with("cost-check.yaml"), "{problem}");
                format!("{}:{} {}: {}", problem.line, problem.column, problem.field, problem.message)
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_real_description_is_read() {
    let automation = read_with("", &[]).unwrap();
    assert_eq!(automation.platform.state_bucket, "openwebui-state-123456789012-us-east-1");
    let function = &automation.functions["cost-check"];
    assert_eq!(function.memory_mb, 256);
    assert_eq!(function.environment["STATE_BUCKET"], "openwebui-state-123456789012-us-east-1");
    assert_eq!(function.environment["NOTICE_TOPIC_ARN"], "arn:aws:sns:us-east-1:123456789012:operations");
    assert_eq!(function.environment["TENANT_BUDGETS_USD"], "");
    let schedules: Vec<_> = function.schedules().map(|schedule| function.rule_name(schedule)).collect();
    assert_eq!(schedules, ["cost-check-hourly"]);
    assert_eq!(function.failure_queues(), ["cost-check-failed"]);
    assert!(function.statements.iter().all(|statement| statement.actions.len() == 1));
}

#[test]
fn what_is_wrong_in_shape_is_named_with_line_column_and_field() {
    for (replacement, expected) in [
        (
            ("memory_mb: 256", "memory_mb: 256\nmemory_gb: 1"),
            "3:1 memory_gb: unknown field `memory_gb`, expected one of description, memory_mb, timeout_seconds, ",
        ),
        (
            ("      name: hourly", "      nmae: hourly"),
            "26:7 triggers[0].schedule.nmae: unknown field `nmae`, expected",
        ),
        (("  - schedule:", "  - alarm:"), "25:5 triggers[0]: unknown variant `alarm`, expected one of schedule"),
        (("timeout_seconds: 60\n", ""), "35:1 .: missing field `timeout_seconds`"),
        (("      retries: 10\n", ""), "29:7 triggers[0].schedule: missing field `retries`"),
        (("memory_mb: 256", "memory_mb: much"), "2:12 memory_mb: invalid u32"),
        (("memory_mb: 256", "memory_mb: [1]"), "2:12 memory_mb: expected string scalar"),
        // Terraform would take it for a number.
        (("\"1000\"", "1000"), "12:24 environment.DAILY_THRESHOLD_USD: value requires quoting"),
        (("outside_vpc", "inside"), "5:10 network: unknown variant `inside`, expected one of outside_vpc"),
        (
            ("  retries: 2\n", "  retries: 2\n  retries: 1\n"),
            "21:3 asynchronous: duplicate mapping key `retries` is not allowed here",
        ),
    ] {
        let found = problems(&[replacement]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(expected), "\nfound    {}\nexpected {expected}", found[0]);
    }
}

#[test]
fn a_bad_placeholder_is_named_with_its_line() {
    assert_eq!(
        problems(&[("${state_bucket}\n  NOTICE", "${bucket}\n  NOTICE")]),
        ["10:17 ${bucket}: unknown placeholder; known are account, notice_topic_arn, region, state_bucket"]
    );
}

#[test]
fn values_that_aws_or_this_project_refuses_are_named() {
    for (replacement, expected) in [
        (("memory_mb: 256", "memory_mb: 127"), "memory_mb: must be 128 to 10240, not 127"),
        (("timeout_seconds: 60\n", "timeout_seconds: 901\n"), "timeout_seconds: must be 1 to 900, not 901"),
        (("  retries: 2\n", "  retries: 3\n"), "asynchronous.retries: must be 0 to 2, not 3"),
        (
            ("maximum_event_age_seconds: 3600 #", "maximum_event_age_seconds: 59 #"),
            "asynchronous.maximum_event_age_seconds: must be 60 to 21600, not 59",
        ),
        (("retries: 10", "retries: 186"), "triggers[0].schedule.retries: must be 0 to 185, not 186"),
        (("rate(1 hour)", "rate(1 hours)"), "triggers[0].schedule.expression: must be rate(1 minute|hour|day)"),
        (("rate(1 hour)", "cron(0 * * * *)"), "triggers[0].schedule.expression: must be rate("),
        (("\"s3:GetObject\"", "\"s3:Get*\""), "statements[2].actions[0]: must be one exact action"),
        (("\"s3:GetObject\"", "\"*\""), "statements[2].actions[0]: must be one exact action"),
        (("[\"arn:aws:s3:::${state_bucket}\"]", "[\"arn:aws:s3:::*\"]"), "statements[4].resources[0]: must be an ARN"),
        (
            (
                "    why: The bill by day, service and tenant. Cost Explorer has no resource level for an account's own bill.\n",
                "",
            ),
            "statements[0].why: a statement on every resource (\"*\") must say why",
        ),
        (
            ("    why: Alerts that open, rise and end.\n", ""),
            "statements[5].why: must say what the function needs it for",
        ),
        (("sid: WriteState", "sid: ReadState"), "statements[3].sid: names two statements"),
        (("TENANT_TAG_KEY", "AWS_TAG"), "environment.AWS_TAG: names that start with AWS_"),
        (("[operations]", "[operation]"), "publishes_to[0]: is no topic of platform.yaml; known is operations"),
        (("\"sns:Publish\"", "\"sns:Subscribe\""), "publishes_to[0]: no statement allows sns:Publish on it"),
        (
            ("[operations]", "[]"),
            "statements[5].resources: allows sns:Publish on a topic that publishes_to does not name",
        ),
        (
            ("on_failure_queue: cost-check-failed", "on_failure_queue: failed"),
            "statements: Lambda needs sqs:SendMessage on arn:aws:sqs:us-east-1:123456789012:failed in the name of the role",
        ),
        (
            ("\"logs:PutLogEvents\"", "\"logs:GetLogEvents\""),
            "statements: Lambda needs logs:PutLogEvents on arn:aws:logs",
        ),
    ] {
        let found = problems(&[replacement]);
        assert!(found.iter().any(|line| line.contains(expected)), "\nfound    {found:?}\nexpected {expected}");
    }
}

#[test]
fn everything_that_is_wrong_is_reported_at_once_in_the_order_of_the_file() {
    let found = problems(&[
        ("retries: 10", "retries: 1000"),
        ("memory_mb: 256", "memory_mb: 1"),
        ("\"ce:GetCostForecast\"", "\"ce:*\""),
    ]);
    let fields: Vec<_> = found.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(fields, ["2:12 memory_mb", "28:16 triggers[0].schedule.retries", "43:15 statements[1].actions[0]"]);
}

#[test]
fn problems_of_the_platform_file_are_named() {
    let error = read_with(PLATFORM, &[("openwebui-state", "OpenWebUI"), ("retention_days: 30", "retention_days: 31")]);
    let text = error.unwrap_err().to_string();
    assert!(text.contains("platform.yaml:5:9: state_bucket.name: must be 3 to 63"), "{text}");
    assert!(text.contains("logs.retention_days: is not a retention that CloudWatch Logs takes"), "{text}");
}

#[test]
fn a_missing_folder_and_an_empty_one_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Automation::read(folder.path(), ACCOUNT, "us-east-1"), Err(AutomationError::Read { .. })));
    std::fs::write(folder.path().join(PLATFORM), PLATFORM_FILE).unwrap();
    assert!(matches!(Automation::read(folder.path(), ACCOUNT, "us-east-1"), Err(AutomationError::Empty { .. })));
}
