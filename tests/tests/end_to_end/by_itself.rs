//! The schedule itself, without anybody who plays it.

use std::collections::BTreeMap;
use std::time::Duration;

use local_platform::wiring::WiringOptions;
use platform_tests::{FUNCTION, World, scenario};
use serde_json::Value;

/// The next full minute, and what a busy machine needs.
const SOON: Duration = Duration::from_secs(120);

#[tokio::test]
async fn the_schedule_fires_by_itself_and_the_function_reads_the_bill() {
    let options = WiringOptions {
        schedule_expressions: BTreeMap::from([("cost-check-hourly".to_owned(), "cron(* * * * ? *)".to_owned())]),
        ..WiringOptions::default()
    };
    // Cost Explorer's clock is not set: like the schedule it goes by the wall clock.
    let world = World::start(&scenario("gpu-left-on"), &options).await;
    let found = world.platform.wiring.wait_for_line(FUNCTION, "stored the bill", SOON).await.unwrap();
    let line: Value = serde_json::from_str(&found.message).unwrap();
    assert_eq!((&line["function"], &line["status"]), (&FUNCTION.into(), &"done".into()), "{line}");
    assert_eq!(line["event_id"].as_str().map(str::len), Some(36), "EventBridge gives each event an id: {line}");
    assert_ne!(line["event_id"], line["request_id"]);
    world.stop().await;
}
