//! In-memory twins of the ports.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use domain::cost::{BillPage, BillQuery, PageToken};
use domain::ports::{Bill, NoticeTopic, Put, StateStore, Stored, Version};
use domain::{Failure, Notice, Usd, Window};

/// A state store in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Objects>>);

#[derive(Debug, Default)]
struct Objects {
    objects: BTreeMap<String, Stored>,
    writes: u64,
}

impl MemoryStore {
    /// The text of an object.
    pub fn text(&self, key: &str) -> Option<String> {
        let objects = self.0.lock().unwrap();
        objects.objects.get(key).map(|stored| String::from_utf8(stored.body.clone()).unwrap())
    }

    /// Everything in it: what two stores must agree on to be the same.
    pub fn contents(&self) -> BTreeMap<String, String> {
        let objects = self.0.lock().unwrap();
        objects
            .objects
            .iter()
            .map(|(key, stored)| (key.clone(), String::from_utf8(stored.body.clone()).unwrap()))
            .collect()
    }

    /// A copy that goes its own way.
    #[must_use]
    pub fn fork(&self) -> Self {
        let Objects { objects, writes } = &*self.0.lock().unwrap();
        Self(Arc::new(Mutex::new(Objects { objects: objects.clone(), writes: *writes })))
    }

    /// How often anything was written.
    pub fn writes(&self) -> u64 {
        self.0.lock().unwrap().writes
    }
}

impl StateStore for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Stored>, Failure> {
        Ok(self.0.lock().unwrap().objects.get(key).cloned())
    }

    async fn put(&self, key: &str, body: Vec<u8>, expected: Option<&Version>) -> Result<Put, Failure> {
        let mut objects = self.0.lock().unwrap();
        if objects.objects.get(key).map(|stored| &stored.version) != expected {
            return Ok(Put::Conflict);
        }
        objects.writes += 1;
        let version = Version(objects.writes.to_string());
        objects.objects.insert(key.to_owned(), Stored { body, version: version.clone() });
        Ok(Put::Done(version))
    }
}

/// A topic with one subscriber that keeps everything. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryTopic(Arc<Mutex<Vec<Notice>>>);

impl MemoryTopic {
    /// A copy that goes its own way.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.deliveries())))
    }

    /// Every delivery, repeated ones too.
    pub fn deliveries(&self) -> Vec<Notice> {
        self.0.lock().unwrap().clone()
    }

    /// What a subscriber that knows a repeated notice by its id has read.
    pub fn read(&self) -> Vec<Notice> {
        let mut seen = std::collections::BTreeSet::new();
        self.deliveries().into_iter().filter(|notice| seen.insert(notice.id.clone())).collect()
    }
}

impl NoticeTopic for MemoryTopic {
    async fn publish(&self, notice: &Notice) -> Result<(), Failure> {
        self.0.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

type PageSource = dyn Fn(&BillQuery, Option<&PageToken>) -> Result<BillPage, Failure> + Send + Sync;
type ForecastSource = dyn Fn(Window) -> Result<Usd, Failure> + Send + Sync;

/// A bill that is a function of the question.
#[derive(Clone)]
pub struct MemoryBill {
    pages: Arc<PageSource>,
    forecast: Arc<ForecastSource>,
}

impl MemoryBill {
    /// A bill that answers as told.
    pub fn new(
        pages: impl Fn(&BillQuery, Option<&PageToken>) -> Result<BillPage, Failure> + Send + Sync + 'static,
        forecast: impl Fn(Window) -> Result<Usd, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self { pages: Arc::new(pages), forecast: Arc::new(forecast) }
    }
}

impl Bill for MemoryBill {
    async fn page(&self, query: &BillQuery, token: Option<&PageToken>) -> Result<BillPage, Failure> {
        (self.pages)(query, token)
    }

    async fn forecast(&self, window: Window) -> Result<Usd, Failure> {
        (self.forecast)(window)
    }
}
