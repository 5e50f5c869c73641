//! What must have been told, worked out from the bill alone and in integers: no code of the function is used.

use std::collections::{BTreeMap, BTreeSet};

use domain::Day;
use jiff::Timestamp;

use crate::generated::{Micros, ShownDay};

const LIMITS: [(&str, Micros); 3] =
    [("account", 1_000_000_000), ("tenant/acme", 500_000_000), ("tenant/globex", 300_000_000)];
const DAY: i64 = 86_400;

#[derive(Clone, Copy, Default)]
struct Standing {
    open: bool,
    level: i64,
    episode: u32,
}

/// Follows the readings that took effect.
#[derive(Default)]
pub struct Oracle {
    standing: BTreeMap<(&'static str, Day), Standing>,
    unknown: BTreeMap<Day, Standing>,
    since: Option<Timestamp>,
    judged: Option<Timestamp>,
    newest: Option<Day>,
    /// Ids of all notices that must have been told by now.
    pub told: BTreeSet<String>,
}

impl Oracle {
    /// A run as of `as_of` came to a decision; the last reading before it was at `taken_at` and showed `bill`.
    pub fn decided(&mut self, as_of: Timestamp, taken_at: Option<Timestamp>, bill: impl Fn(Day) -> Option<ShownDay>) {
        let since = *self.since.get_or_insert(as_of);
        let mut view = since;
        if let Some(taken_at) = taken_at {
            let today = Day::of(taken_at);
            // A reading is judged once: the next run on it finds nothing new.
            let new = self.judged.replace(taken_at) != Some(taken_at);
            let days = (1..=35).rev().map(|back| today.plus(-back)).filter(|_| new);
            if new {
                self.newest = None;
            }
            for (day, shown) in days.filter_map(|day| Some((day, bill(day)?))) {
                self.newest = Some(day);
                if day >= Day::of(since).plus(-1) {
                    self.judge(day, &shown);
                }
            }
            let lagging = self.newest.map_or(since.as_second(), |day| day.end().as_second() + DAY);
            view = Timestamp::from_second(taken_at.as_second().min(lagging)).unwrap();
        }
        self.darkness(as_of.as_second() - view.as_second() >= DAY, Day::of(view));
    }

    fn judge(&mut self, day: Day, shown: &ShownDay) {
        for (scope, limit) in LIMITS {
            let value = scope.strip_prefix("tenant/").map_or_else(|| shown.total(), |tenant| shown.of_tenant(tenant));
            let level = [200, 150, 120, 100].into_iter().find(|level| value * 100 > limit * level);
            let before = self.standing.get(&(scope, day)).copied().unwrap_or_default();
            let after = match level {
                Some(level) if !before.open => Standing { open: true, level, episode: before.episode + 1 },
                Some(level) if level > before.level => Standing { level, ..before },
                None if before.open => Standing { open: false, ..before },
                _ => continue,
            };
            self.standing.insert((scope, day), after);
            let what = if after.open { after.level.to_string() } else { "resolved".to_owned() };
            self.tell(&format!("cost/{scope}/{day}/{what}"), after.episode);
        }
    }

    fn darkness(&mut self, dark: bool, last_seen: Day) {
        let open = self.unknown.iter().find(|(_, standing)| standing.open).map(|(day, standing)| (*day, *standing));
        match (open, dark) {
            (None, true) => {
                let episode = self.unknown.get(&last_seen).map_or(1, |before| before.episode + 1);
                self.unknown.insert(last_seen, Standing { open: true, level: 0, episode });
                self.tell(&format!("unknown/account/{last_seen}/open"), episode);
            }
            (Some((day, standing)), false) => {
                self.unknown.insert(day, Standing { open: false, ..standing });
                self.tell(&format!("unknown/account/{day}/resolved"), standing.episode);
            }
            _ => {}
        }
    }

    fn tell(&mut self, id: &str, episode: u32) {
        let again = if episode > 1 { format!("/{episode}") } else { String::new() };
        assert!(self.told.insert(format!("{id}{again}")), "{id} twice");
    }
}
