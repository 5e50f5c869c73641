//! The program `platform`, as a person at a terminal meets it.
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use local_platform::parts::PythonEnvironment;
use local_platform::platform::workspace;
use platform_tests::built;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(120);

/// A user's cache of its own, in which nothing runs. The Python environment is the one that is there already.
async fn cache() -> TempDir {
    let real = PythonEnvironment::prepare(&|_: &str| {}).await.unwrap().interpreter();
    let environment = real.parent().and_then(Path::parent).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let ours = cache.path().join("openwebui-saas");
    fs::create_dir(&ours).unwrap();
    std::os::unix::fs::symlink(environment, ours.join(environment.file_name().unwrap())).unwrap();
    cache
}

async fn platform(cache: &TempDir, arguments: &[&str]) -> Command {
    let binary: PathBuf = built("platform").await;
    let mut command = Command::new(binary);
    command.args(arguments).current_dir(workspace()).env("XDG_CACHE_HOME", cache.path());
    command.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(cache: &TempDir, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output: Output = timeout(PATIENCE, platform(cache, arguments).await.output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A program that keeps running, from the first line that contains `sign` on.
async fn running(cache: &TempDir, arguments: &[&str], sign: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = platform(cache, arguments).await.stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let found = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(sign) {
                return;
            }
        }
        panic!("{arguments:?} ended without {sign:?}");
    };
    timeout(PATIENCE, found).await.unwrap();
    (child, lines)
}

/// Ctrl-C. The processes below it, itself included, must be gone afterwards; its exit status.
async fn interrupt(mut child: Child, at_least: usize) -> Option<i32> {
    let id = child.id().unwrap();
    let family = family(id);
    assert!(family.len() >= at_least, "{family:?}");
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {id}")]).status().await.unwrap();
    assert!(sent.success());
    let status = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    let left = async { while family.iter().any(|(id, name)| name_of(*id).as_ref() == Some(name)) {} };
    // What was killed may take the system a moment to clear away.
    assert!(timeout(Duration::from_secs(5), tokio::task::unconstrained(left)).await.is_ok(), "{family:?}");
    status.code()
}

/// A process and all below it, with their names.
fn family(root: u32) -> Vec<(u32, String)> {
    let processes =
        || fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut family = vec![root];
    let mut seen = 0;
    while seen < family.len() {
        let parent = family[seen];
        family.extend(processes().filter(|id| parent_of(*id) == Some(parent)));
        seen += 1;
    }
    family.into_iter().filter_map(|id| Some((id, name_of(id)?))).collect()
}

fn stat(id: u32) -> Option<(String, Vec<String>)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (name, rest) = stat.rsplit_once(") ")?;
    Some((name.to_owned(), rest.split(' ').map(str::to_owned).collect()))
}

fn parent_of(id: u32) -> Option<u32> {
    stat(id)?.1[1].parse().ok()
}

/// The name of a process that lives; a zombie does not.
fn name_of(id: u32) -> Option<String> {
    stat(id).filter(|(_, fields)| fields[0] != "Z").map(|(name, _)| name)
}

#[tokio::test]
async fn an_unknown_scenario_is_answered_with_those_there_are() {
    let cache = cache().await;
    let (status, _, said) = run(&cache, &["play", "gpu-lef-on"]).await;
    assert_eq!(status, Some(2));
    assert_eq!(said, "error: no scenario `gpu-lef-on`: give the path of a file, or one of gpu-left-on, bad-day\n");
}

#[tokio::test]
async fn a_scenario_with_an_unknown_field_is_refused_by_its_name() {
    let cache = cache().await;
    let file = cache.path().join("day.yaml");
    fs::write(&file, "title: A day\nstorey: none\n").unwrap();
    let (status, _, said) = run(&cache, &["play", file.to_str().unwrap()]).await;
    assert_eq!(status, Some(2));
    assert!(said.contains("storey") && said.contains("line 2"), "{said}");
}

#[tokio::test]
async fn without_a_running_platform_one_is_told_how_to_start_it() {
    let cache = cache().await;
    let event = "events/cost-check/hourly-schedule.json";
    for arguments in [&["send", event][..], &["logs", "cost-check"]] {
        let (status, _, said) = run(&cache, arguments).await;
        assert_eq!(
            (status, said.as_str()),
            (Some(2), "error: no platform is running; start one with `cargo run -- up`\n")
        );
    }
    let (status, said, _) = run(&cache, &["status"]).await;
    assert_eq!((status, said.as_str()), (Some(0), "no platform is running; start one with `cargo run -- up`\n"));
}

#[tokio::test]
async fn an_event_file_that_is_wrong_is_named() {
    let cache = cache().await;
    let (status, _, said) = run(&cache, &["send", "events/cost-check/hourly-shedule.json"]).await;
    assert_eq!(status, Some(2));
    assert!(said.starts_with("error: cannot read events/cost-check/hourly-shedule.json: "), "{said}");
    let (status, _, said) = run(&cache, &["send", "Cargo.toml"]).await;
    assert_eq!(status, Some(2));
    assert!(said.starts_with("error: Cargo.toml is not JSON: "), "{said}");
}

#[tokio::test]
async fn a_running_platform_is_talked_to_and_leaves_nothing_behind() {
    let cache = cache().await;
    let (up, lines) = running(&cache, &["up"], "Ctrl-C stops it.").await;

    let (status, said, problem) = run(&cache, &["send", "events/cost-check/hourly-schedule.json"]).await;
    assert_eq!(status, Some(0), "{said}{problem}");
    assert!(said.starts_with("cost-check: done\ncost-check as of 2026-11-24T16:00:00Z\n"), "{said}");
    assert!(said.contains("sent cost/account/2026-11-23/100"), "{said}");

    let (status, said, _) =
        run(&cache, &["send", "--function", "cost-check", "events/gpu-scaler/alarm-sns.json"]).await;
    assert_eq!(status, Some(0));
    assert!(said.starts_with("cost-check: ignored\n"), "{said}");
    for arguments in [["send", "events/gpu-scaler/alarm-sns.json"], ["logs", "gpu-scaler"]] {
        let (status, _, said) = run(&cache, &arguments).await;
        assert_eq!(status, Some(2));
        assert!(said.starts_with("error: `gpu-scaler` is not a function") && said.contains("cost-check"), "{said}");
    }

    let (status, said, _) = run(&cache, &["status"]).await;
    assert_eq!(status, Some(0));
    assert!(said.contains("cost-check: 2 invocations, 0 failed"), "{said}");
    assert!(said.contains(&format!("(process {})", up.id().unwrap())), "{said}");
    let (status, said, _) = run(&cache, &["logs", "cost-check"]).await;
    assert_eq!(status, Some(0));
    assert!(said.contains("\"status\":\"done\"") && said.contains("\"status\":\"ignored\""), "{said}");
    let (status, _, said) = run(&cache, &["clean"]).await;
    assert_eq!(status, Some(2), "a cache in use is not removed");
    assert!(said.contains("stop it first"), "{said}");

    // The program, ministack and the function.
    assert_eq!(interrupt(up, 3).await, Some(130));
    drop(lines);
    let (_, said, _) = run(&cache, &["status"]).await;
    assert_eq!(said, "no platform is running; start one with `cargo run -- up`\n");
}

#[tokio::test]
async fn an_interrupted_day_leaves_nothing_behind() {
    let cache = cache().await;
    let (play, lines) = running(&cache, &["play"], "01:00  cost-check").await;
    assert_eq!(interrupt(play, 3).await, Some(130));
    drop(lines);
    assert_eq!(fs::read_dir(cache.path().join("openwebui-saas/running")).unwrap().count(), 0);
}
