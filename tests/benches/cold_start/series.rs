//! What was measured of one function, round by round.

use std::time::Duration;

use testkit::lambda::Measured;

/// A function in one setting.
pub struct Series {
    /// Its row in the table.
    pub name: &'static str,
    /// Size of its zip file, in bytes.
    pub zip: usize,
    /// What it called in its first answer.
    pub calls: String,
    /// One entry for each round.
    pub rounds: Vec<Measured>,
}

/// A value of each round.
pub type Value = fn(&Measured) -> Duration;

impl Series {
    /// The value that half of the rounds stay below.
    pub fn median(&self, value: Value) -> Duration {
        self.at(value, 50)
    }

    /// The value that nine tenths of the rounds stay below.
    pub fn p90(&self, value: Value) -> Duration {
        self.at(value, 90)
    }

    /// The largest peak of memory, in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.rounds.iter().map(|round| round.peak_kib).max().unwrap_or_default()
    }

    fn at(&self, value: Value, percent: usize) -> Duration {
        let mut all: Vec<Duration> = self.rounds.iter().map(value).collect();
        all.sort_unstable();
        let rank = (all.len() * percent).div_ceil(100);
        all.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

/// From spawning the process to its first answer.
pub fn whole(measured: &Measured) -> Duration {
    measured.start + measured.first_answer
}
