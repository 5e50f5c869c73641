//! The result as Markdown: every figure beside what it is compared with.

use std::fmt::Write as _;
use std::time::Duration;

use crate::python::output;
use crate::series::{Series, Value, whole};

/// What is compared.
pub struct Compared<'a> {
    /// The bare function.
    pub bare: &'a Series,
    /// cost-check with plain HTTP, and with TLS.
    pub cost_check: [&'a Series; 2],
    /// Python with plain HTTP, and with TLS.
    pub python: [&'a Series; 2],
}

const SLOWER_START: Duration = Duration::from_millis(10);
const ZIP_BYTES: usize = 4_000_000;
const PEAK_KIB: u64 = 32 * 1024;
const TIMES_SOONER: u32 = 10;

/// The whole page.
pub fn page(compared: &Compared<'_>, machine: &str) -> String {
    let Compared { bare, cost_check, python } = compared;
    let rounds = bare.rounds.len();
    let mut page = format!(
        "# Cold start\n\n\
         Written by `cargo bench -p platform-tests --bench cold_start -- --save`. {rounds} rounds in one run; each round \
         starts every function once, in an order that moves on by one from round to round.\n\n{machine}\n\n"
    );
    page.push_str(
        "- *start*: from spawning the process to its first `GET .../invocation/next`. *first answer*: from handing over \
         the first event to its answer. *CPU*: processor time of all its threads.\n\
         - *bare*: `tests/examples/bare`, an echo without log, configuration or AWS client. *cost-check*: the release \
         binary as it is deployed, on its first run ever (no state): it reads five weeks, raises an alert, stores and \
         publishes it. *python*: the guide's two calls (8.2) with boto3 under AWS's own runtime interface client, and \
         nothing else; its client is made in the init phase.\n\
         - AWS is three servers on the loopback (Cost Explorer, S3, SNS) that have every answer ready, with plain HTTP \
         and with TLS. With TLS, `SSL_CERT_FILE` names one file with the system's authorities and one made for the run. \
         Without it, cost-check finds the system's bundle and its folder by itself and reads most authorities twice: \
         its start is then the slower one.\n\
         - The zip of python is its handler only: the runtime brings boto3.\n\n",
    );
    page.push_str(
        "| function | start ms, median (p90) | start CPU ms | first answer ms, median (p90) | first answer CPU ms \
         | spawn to first answer ms, median (p90) | peak MiB, largest | zip MB | calls in the first answer |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for series in [*bare, cost_check[0], python[0], cost_check[1], python[1]] {
        row(&mut page, series);
    }
    page.push_str("\n## Targets\n\n| target | measured | |\n|---|---|---|\n");
    for (target, measured, reached) in targets(compared) {
        let verdict = if reached { "reached" } else { "**missed**" };
        // Writing to a text cannot fail.
        let _ = writeln!(page, "| {target} | {measured} | {verdict} |");
    }
    page.push_str(
        "\nFrom the event alone is the hard reading of the last target: there cost-check makes ten calls to three hosts, \
         Python two to one host, and Python's long start is left out.\n",
    );
    page
}

fn row(page: &mut String, series: &Series) {
    let both = |value: Value| format!("{} ({})", ms(series.median(value)), ms(series.p90(value)));
    let _ = writeln!(
        page,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        series.name,
        both(|m| m.start),
        ms(series.median(|m| m.start_cpu)),
        both(|m| m.first_answer),
        ms(series.median(|m| m.first_answer_cpu)),
        both(whole),
        mib(series.peak_kib()),
        megabytes(series.zip),
        series.calls,
    );
}

fn targets(compared: &Compared<'_>) -> Vec<(String, String, bool)> {
    let Compared { bare, cost_check, python } = compared;
    let [plain, tls] = cost_check;
    let start = |series: &Series| series.median(|m| m.start);
    let start_cpu = |series: &Series| series.median(|m| m.start_cpu);
    let later = |value: &dyn Fn(&Series) -> Duration| {
        let measured = format!("{} against {} ms", ms(value(plain)), ms(value(bare)));
        (measured, value(plain).saturating_sub(value(bare)) <= SLOWER_START)
    };
    let mut targets = Vec::new();
    let mut add = |target: String, (measured, reached): (String, bool)| targets.push((target, measured, reached));
    add("start at most 10 ms after bare".to_owned(), later(&start));
    add("the same in CPU time, which other work on the machine changes less".to_owned(), later(&start_cpu));
    add("zip at most 4 MB".to_owned(), (format!("{} MB", megabytes(plain.zip)), plain.zip <= ZIP_BYTES));
    let peak = plain.peak_kib().max(tls.peak_kib());
    add("peak memory at most 32 MiB".to_owned(), (format!("{} MiB", mib(peak)), peak <= PEAK_KIB));
    let settings = [("plain HTTP", plain, python[0]), ("TLS", tls, python[1])];
    for (setting, ours, theirs) in settings {
        let mut sooner = |what: &str, value: Value| {
            let (ours, theirs) = (ours.median(value), theirs.median(value));
            let times = theirs.as_micros() * 10 / ours.as_micros().max(1);
            let measured = format!("{} against {} ms: {}.{} times", ms(ours), ms(theirs), times / 10, times % 10);
            add(format!("{what} ten times sooner than Python, {setting}"), (measured, ours * TIMES_SOONER <= theirs));
        };
        sooner("first answer, from spawning the process,", whole);
        sooner("first answer, from the event,", |m| m.first_answer);
    }
    targets
}

/// Milliseconds with one decimal.
fn ms(time: Duration) -> String {
    let tenths = (time.as_micros() + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn mib(kib: u64) -> String {
    let tenths = (kib * 10).div_ceil(1024);
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn megabytes(bytes: usize) -> String {
    let thousandths = bytes.div_ceil(1000);
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

/// What the run was made on. `load` is what the kernel said of the minute before the run and of its last one.
pub fn machine(python: &str, load: [&str; 2]) -> Result<String, String> {
    let read = |path: &str| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let processors = read("/proc/cpuinfo")?;
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("an unnamed processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_err(|error| error.to_string())?;
    let memory = read("/proc/meminfo")?;
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    let kernel = read("/proc/sys/kernel/osrelease")?;
    let rustc = output(std::process::Command::new("rustc").arg("--version"))?;
    Ok(format!(
        "Machine: {model}, {cores} cores, {} GiB, Linux {}; {rustc}; {python}. Load average before and after: {} and {}.",
        kib.unwrap_or(0_u64) / 1024 / 1024,
        kernel.trim(),
        load[0],
        load[1],
    ))
}

/// The load of the last minute.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}
