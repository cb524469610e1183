//! The inventory as it is seen at a moment, and how far it can be trusted. It must not know where it comes from.

use std::sync::Arc;

use tokio::sync::watch;

use super::inventory::Inventory;
use crate::model::UnixMs;

/// How far an inventory can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is none yet.
    Missing,
    /// It lacks objects that could not be read, nobody knows which.
    Incomplete,
    /// It was not confirmed for longer than `identity.max_age`.
    Stale,
    /// It has what Ralph has.
    Fresh,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Missing, Self::Incomplete, Self::Stale, Self::Fresh];

    /// The word for it in the descriptor and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Incomplete => "incomplete",
            Self::Stale => "stale",
            Self::Fresh => "fresh",
        }
    }
}

/// An inventory and its age. One pass looks at one view.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The objects; none while nothing was ever read.
    pub inventory: Option<Arc<Inventory>>,
    /// Another number for other content.
    pub generation: u64,
    /// When all of it was read last, unix ms; 0: never.
    pub read_at: UnixMs,
    /// When it was confirmed last, be it by a look at what is new, unix ms; 0: never.
    pub checked_at: UnixMs,
    /// Nothing is missing but what stands in its holes.
    pub is_complete: bool,
    /// What went wrong with the last try, in one line; none when it was well.
    pub problem: Option<String>,
    /// Tries so far.
    pub tries: u64,
    /// Those that failed.
    pub failures: u64,
    /// How long it is fresh, in ms; none: for ever.
    pub max_age_ms: Option<u64>,
}

impl View {
    /// How far it can be trusted at `now`.
    pub fn standing(&self, now: UnixMs) -> Standing {
        if self.inventory.is_none() {
            Standing::Missing
        } else if !self.is_complete {
            Standing::Incomplete
        } else if self.max_age_ms.is_some_and(|age| now.saturating_sub(self.checked_at) > age) {
            Standing::Stale
        } else {
            Standing::Fresh
        }
    }
}

/// The looking end: whoever resolves holds one.
#[derive(Debug, Clone)]
pub struct Handle(pub(super) watch::Receiver<Arc<View>>);

impl Handle {
    /// A view that never changes.
    pub fn fixed(view: View) -> Self {
        Self(watch::channel(Arc::new(view)).1)
    }

    /// What is known now.
    pub fn view(&self) -> Arc<View> {
        self.0.borrow().clone()
    }

    /// Waits until the first try to read the inventory has ended, or there is one out of the cache.
    pub async fn tried(&self) {
        // Without anybody who tries there is nothing to wait for.
        let _ = self.0.clone().wait_for(|view| view.tries > 0 || view.inventory.is_some()).await;
    }

    /// Waits until what is known is of another generation than `generation`; for ever without anybody who reads it.
    pub async fn is_other_than(&self, generation: u64) {
        if self.0.clone().wait_for(|view| view.generation != generation).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Hands what is known to `tell`, now and whenever somebody looked again; ends with whoever reads the inventory.
    pub async fn follow(mut self, tell: impl Fn(&View)) {
        loop {
            let view = self.0.borrow_and_update().clone();
            tell(&view);
            if self.0.changed().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_confirmed_grows_stale() {
        let mut view = View { is_complete: true, max_age_ms: Some(1000), checked_at: 5000, ..View::default() };
        assert_eq!(view.standing(5000), Standing::Missing);
        view.inventory = Some(Arc::default());
        assert_eq!(
            [view.standing(4000), view.standing(6000), view.standing(6001)],
            [Standing::Fresh, Standing::Fresh, Standing::Stale]
        );
        view.max_age_ms = None;
        assert_eq!(view.standing(u64::MAX), Standing::Fresh);
        view.is_complete = false;
        assert_eq!(view.standing(6000), Standing::Incomplete);
    }
}
